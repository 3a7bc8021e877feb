use std::time::Instant;

use futures_util::StreamExt as _;
use reqwest::Body;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::harness::{DEADLINE, Host, client, guest, start};

/// Reads the first pieces of a body that has no end: they are not held back until it comes, nor
/// until there are many.
async fn first_pieces_come(host: &Host, path: &str) {
    let mut body = host.get(path).await.bytes_stream();
    let mut text = String::new();
    while !text.contains("2\n") {
        let piece = body.next().await.expect("the body goes on");
        text += &String::from_utf8_lossy(&piece.expect("a whole piece"));
    }
    assert!(text.starts_with("0\n1\n2\n"), "{text}");
}

#[tokio::test]
async fn pieces_reach_the_client_as_they_are_written() {
    let host = start();
    first_pieces_come(&host, "drip?count=1000000&gap_ms=300").await;
}

#[tokio::test]
async fn pieces_of_an_outbound_answer_are_relayed_as_they_come() {
    let upstream = start();
    let host = guest(r#"allowed_outbound_hosts = ["http://127.0.0.1:*"]"#).start();
    let drip = format!("{}/guest/drip?count=1000000;gap_ms=300", upstream.url);
    first_pieces_come(&host, &format!("relay?url={drip}")).await;
}

#[tokio::test]
async fn a_request_body_streams_in_while_the_answer_streams_out() {
    let host = start();
    let (pieces, body) = mpsc::channel::<Result<String, std::io::Error>>(1);
    let request = client()
        .post(format!("{}/guest/echo", host.url))
        .timeout(DEADLINE)
        .body(Body::wrap_stream(ReceiverStream::new(body)));
    let response = tokio::spawn(request.send());
    pieces
        .send(Ok("first".into()))
        .await
        .expect("the request is under way");
    let mut answer = response
        .await
        .expect("no panic")
        .expect("an answer")
        .bytes_stream();
    assert_eq!(
        answer
            .next()
            .await
            .expect("a piece")
            .expect("a whole piece"),
        "first"
    );
    pieces
        .send(Ok("second".into()))
        .await
        .expect("the request is under way");
    assert_eq!(
        answer
            .next()
            .await
            .expect("a piece")
            .expect("a whole piece"),
        "second"
    );
    drop(pieces);
    assert!(answer.next().await.is_none());
}

#[tokio::test]
async fn a_large_body_arrives_unchanged() {
    let host = start();
    let sent: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
    let request = client()
        .post(format!("{}/guest/echo", host.url))
        .timeout(DEADLINE)
        .body(sent.clone());
    let received = request
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("a whole body");
    assert!(received == sent);
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_is_still_sending() {
    let host = start();
    let request = client()
        .post(format!("{}/guest/hello", host.url))
        .timeout(DEADLINE)
        .body(vec![7; 32 * 1024 * 1024]);
    let answer = request.send().await.expect("an answer, not a reset");
    assert_eq!(answer.text().await.expect("a body"), "hello");
}

#[tokio::test]
async fn a_stream_whose_component_breaks_down_is_cut_off() {
    let host = start();
    let response = host.get("half").await;
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    assert_eq!(
        body.next().await.expect("a piece").expect("a whole piece"),
        "the first half"
    );
    assert!(
        body.next().await.expect("something follows").is_err(),
        "the stream looks finished"
    );
    host.log_line("component `guest` failed").await;
}

#[tokio::test]
async fn a_component_may_finish_its_work_after_the_client_has_gone() {
    let host = guest(r#"key_value_stores = ["default"]"#).start();
    drop(host.get("late?key=streamed").await);
    until_noted(&host, "streamed", "done").await;

    let unanswered = client().get(format!("{}/guest/slow?ms=1000&key=unanswered", host.url));
    tokio::select! {
        answer = unanswered.send() => panic!("the answer came too early: {answer:?}"),
        () = until_noted(&host, "unanswered", "begun") => {}
    }
    until_noted(&host, "unanswered", "done").await;
}

async fn until_noted(host: &Host, key: &str, note: &str) {
    let begin = Instant::now();
    while host.ok(&format!("store/get?key={key}")).await != note {
        assert!(begin.elapsed() < DEADLINE, "{key} was never {note}");
    }
}
