use futures_util::StreamExt as _;
use nix::sys::signal::Signal;

use crate::harness::{client, guest, start};

#[tokio::test]
async fn a_request_in_flight_is_finished_after_sigterm() {
    let host = start();
    let response = host.get("drip?count=5&gap_ms=100").await;
    host.signal(Signal::SIGTERM);
    host.log_line("stopping").await;
    assert_eq!(
        response.text().await.expect("a whole body"),
        "0\n1\n2\n3\n4\n"
    );
    assert_eq!(host.wait().0, Some(0));
}

#[tokio::test]
async fn no_new_connection_is_taken_after_sigint() {
    let host = start();
    let response = host.get("drip?count=10&gap_ms=100").await;
    host.signal(Signal::SIGINT);
    host.log_line("stopping").await;
    let refused = client()
        .get(format!("{}/guest/hello", host.url))
        .send()
        .await;
    assert!(refused.is_err());
    drop(response);
}

#[tokio::test]
async fn a_stream_without_end_is_cut_when_the_grace_is_over() {
    let host = guest("")
        .argument("--shutdown-grace-ms")
        .argument("200")
        .start();
    let mut body = host
        .get("drip?count=1000000&gap_ms=10")
        .await
        .bytes_stream();
    body.next().await.expect("a piece").expect("a whole piece");
    host.signal(Signal::SIGTERM);
    while let Some(Ok(_)) = body.next().await {}
    assert_eq!(host.wait().0, Some(0));
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let host = guest("")
        .argument("--shutdown-grace-ms")
        .argument("60000")
        .start();
    let keeping = reqwest::Client::new();
    let response = keeping
        .get(format!("{}/guest/hello", host.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.text().await.expect("a body"), "hello");
    host.signal(Signal::SIGTERM);
    assert_eq!(host.wait().0, Some(0));
}

#[tokio::test]
async fn a_second_sigint_ends_it_at_once() {
    let host = guest("")
        .argument("--shutdown-grace-ms")
        .argument("600000")
        .start();
    let _endless = host.get("drip?count=1000000&gap_ms=10").await;
    host.signal(Signal::SIGINT);
    host.log_line("stopping").await;
    host.signal(Signal::SIGINT);
    assert_eq!(host.wait().0, Some(130));
}
