//! How much later a token arrives that a function passes on.
//!
//! One server streams tokens at a steady pace and notes when it sent each. It is read directly and
//! through `POST /generate-code/`, as text and as events, in turns.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, header};
use axum::routing::post;
use axum::{Router, body::Bytes};
use futures_util::{StreamExt as _, stream};
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::net::TcpListener;

use super::super::samples::median;
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::Conductor;

/// How many tokens an answer has.
const TOKENS: usize = 100;
/// As fast as a quick model writes.
const PACE: Duration = Duration::from_millis(10);

/// When each token of the answer under way was sent.
type Sent = Arc<Mutex<Vec<Instant>>>;

pub(super) async fn measure(effort: Effort) -> Report {
    let sent = Sent::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let model = format!("http://{}", listener.local_addr().expect("it listens"));
    let routes = Router::new().route("/v1/chat/completions", post(complete));
    let routes = routes.with_state(sent.clone());
    let server = tokio::spawn(async {
        let served = axum::serve(listener, routes);
        served.await.expect("it serves until it is ended");
    });
    let conductor = Conductor::start()
        .with_variable("openai_base_url", &model)
        .with_variable("openai_origin", &model)
        .without_sandbox()
        .await;

    let client = Client::builder().no_proxy().build();
    let client = client.expect("the client needs nothing of the machine");
    let function = || {
        let request = client.post(conductor.url("/generate-code/"));
        request.json(&json!({"prompt": "a square"}))
    };
    let new = || Samples::new(Unit::Milliseconds);
    let (mut directly, mut text, mut events) = (new(), new(), new());
    let (mut added_to_text, mut added_to_events, mut worst) = (new(), new(), new());
    for round in effort.rounds() {
        let request = client.post(format!("{model}/v1/chat/completions"));
        let read = delays(request.json(&json!({})), &sent).await;
        let as_text = delays(function(), &sent).await;
        let as_events = function().header(header::ACCEPT, "text/event-stream");
        let as_events = delays(as_events, &sent).await;
        let alone = median(&read);
        directly.note(round, alone);
        text.note(round, median(&as_text));
        events.note(round, median(&as_events));
        added_to_text.note(round, median(&as_text) - alone);
        added_to_events.note(round, median(&as_events) - alone);
        let slowest = as_text.iter().chain(&as_events).copied();
        worst.note(round, slowest.fold(0.0, f64::max));
    }
    server.abort();

    let mut report = Report::default();
    report.line(Comparison::of("added to a token, as text", &added_to_text).must(Bar::AtMost(2.0)));
    report.line(
        Comparison::of("added to a token, as events", &added_to_events).must(Bar::AtMost(2.0)),
    );
    report.stage("sent until read, directly", &directly);
    report.stage("sent until read, as text", &text);
    report.stage("sent until read, as events", &events);
    report.stage("the slowest of two hundred", &worst);
    report.notes.push(format!(
        "medians of {TOKENS} tokens each, one every {} ms",
        PACE.as_millis()
    ));
    report
}

/// An answer whose tokens are their own numbers.
async fn complete(State(sent): State<Sent>) -> Response<Body> {
    sent.lock().expect("no holder panics").clear();
    let tokens = stream::iter(0..TOKENS).then(move |number| {
        let sent = sent.clone();
        async move {
            tokio::time::sleep(PACE).await;
            let delta = json!({"content": marker(number)});
            let chunk = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]});
            sent.lock().expect("no holder panics").push(Instant::now());
            Bytes::from(format!("data: {chunk}\n\n"))
        }
    });
    let end = stream::iter([Bytes::from_static(b"data: [DONE]\n\n")]);
    let events = tokens.chain(end).map(Ok::<_, Infallible>);
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(events))
        .expect("a header and a body make a response")
}

/// It needs no escape in JSON, and no other token begins like it.
fn marker(number: usize) -> String {
    format!("<{number}> ")
}

/// How many milliseconds after it was sent each token was read.
async fn delays(request: RequestBuilder, sent: &Sent) -> Vec<f64> {
    let response = request.send().await.expect("the server answers");
    assert!(response.status().is_success(), "{}", response.status());
    let mut chunks = response.bytes_stream();
    let (mut read, mut text) = (Vec::new(), String::new());
    while read.len() < TOKENS {
        let chunk = chunks.next().await.expect("the answer goes on");
        let now = Instant::now();
        text.push_str(&String::from_utf8_lossy(&chunk.expect("it goes well")));
        while let Some(at) = text.find(&marker(read.len())) {
            text.drain(..at);
            read.push(now);
        }
    }
    // To its end, or the next turn would begin with a connection that is still closing.
    while chunks.next().await.is_some() {}
    let sent = sent.lock().expect("no holder panics");
    let pairs = sent.iter().zip(read);
    pairs
        .map(|(sent, read)| read.duration_since(*sent).as_secs_f64() * 1000.0)
        .collect()
}
