//! A component that tries what the host promises: each path does one thing, well or badly.
//!
//! It is not an example of a function: it takes no care of errors, because every failure must
//! reach the test. Begin with [`handle`].

mod store;

use std::sync::atomic::{AtomicU32, Ordering};

use futures::{SinkExt, StreamExt};
use spin_sdk::http::{
    Headers, IncomingRequest, IncomingResponse, Method, OutgoingResponse, Request,
    ResponseOutparam, send,
};
use spin_sdk::http_component;
use wasi::clocks::monotonic_clock;

/// Would count requests, if instances were used again.
static VISITS: AtomicU32 = AtomicU32::new(0);

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = Query(query.to_owned());
    match path.trim_start_matches('/').trim_start_matches("guest/") {
        "hello" => answer(out, 200, "hello").await,
        "headers" => answer(out, 200, &headers(&request)).await,
        "echo" => echo(request, out).await,
        "drip" => drip(&query, out).await,
        "busy" => busy(&query, out).await,
        "half" => half(out).await,
        "late" => late(&query, out).await,
        "nothing" => {}
        "slow" => slow(&query, out).await,
        "visits" => {
            answer(
                out,
                200,
                &VISITS.fetch_add(1, Ordering::Relaxed).to_string(),
            )
            .await
        }
        "loop" => spin_until(u64::MAX),
        "trap" => panic!("the component panics as it was told"),
        "eat" => eat(&query, out).await,
        "print" => print(out).await,
        "variable" => variable(&query, out).await,
        "environment" => {
            answer(
                out,
                200,
                &format!("{:?}", std::env::vars().collect::<Vec<_>>()),
            )
            .await
        }
        "read" => read(&query, out).await,
        "write" => write(&query, out).await,
        "fetch" => fetch(&query, out).await,
        "relay" => relay(&query, out).await,
        "connect" => connect(&query, out).await,
        other => match other.strip_prefix("store/") {
            Some(operation) => {
                let (status, text) = store::run(operation, &query);
                answer(out, status, &text).await;
            }
            None => answer(out, 404, "the guest knows no such path").await,
        },
    }
}

/// `a=1&b=2`, without escapes; in a URL that is a value, `;` stands for `&`.
struct Query(String);

impl Query {
    fn get(&self, name: &str) -> &str {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value)
    }

    fn url(&self) -> String {
        self.get("url").replace(';', "&")
    }

    fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap_or_default()
    }
}

fn begin(status: u16) -> OutgoingResponse {
    let response = OutgoingResponse::new(Headers::new());
    response
        .set_status_code(status)
        .expect("the status is valid");
    response
}

async fn answer(out: ResponseOutparam, status: u16, text: &str) {
    let response = begin(status);
    let mut body = response.take_body();
    out.set(response);
    _ = body.send(text.as_bytes().to_vec()).await;
}

fn headers(request: &IncomingRequest) -> String {
    let mut lines: Vec<String> = request
        .headers()
        .entries()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value)))
        .collect();
    lines.sort();
    lines.concat()
}

/// Sends each piece of the request's body back as it comes.
async fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let response = begin(200);
    let mut body = response.take_body();
    out.set(response);
    let mut incoming = request.into_body_stream();
    while let Some(Ok(piece)) = incoming.next().await {
        if body.send(piece).await.is_err() {
            return;
        }
    }
}

/// `count` pieces, `gap_ms` apart.
async fn drip(query: &Query, out: ResponseOutparam) {
    let response = begin(200);
    let mut body = response.take_body();
    out.set(response);
    for piece in 0..query.number("count") {
        sleep_ms(query.number("gap_ms"));
        if body.send(format!("{piece}\n").into_bytes()).await.is_err() {
            return;
        }
    }
}

/// Works for `work_ms` between each of `count` pieces, and rests for a moment after each.
async fn busy(query: &Query, out: ResponseOutparam) {
    let response = begin(200);
    let mut body = response.take_body();
    out.set(response);
    for piece in 0..query.number("count") {
        spin_until(monotonic_clock::now() + query.number("work_ms") * 1_000_000);
        sleep_ms(1);
        _ = body.send(format!("{piece}\n").into_bytes()).await;
    }
}

/// Begins an answer and breaks down in the middle of it.
async fn half(out: ResponseOutparam) {
    let response = begin(200);
    let mut body = response.take_body();
    out.set(response);
    _ = body.send(b"the first half".to_vec()).await;
    sleep_ms(50);
    panic!("the component panics in the middle of its answer");
}

/// Streams until the client has gone, then notes `key` in the store.
async fn late(query: &Query, out: ResponseOutparam) {
    let response = begin(200);
    let mut body = response.take_body();
    out.set(response);
    while body.send(b"more\n".to_vec()).await.is_ok() {
        sleep_ms(10);
    }
    drop(body);
    store::run(
        "set",
        &Query(format!("key={}&value=done", query.get("key"))),
    );
}

/// Notes in the store that `key` has begun, works for `ms`, notes that it is done, and only then
/// answers.
async fn slow(query: &Query, out: ResponseOutparam) {
    let note = |value: &str| {
        let entry = format!("key={}&value={value}", query.get("key"));
        store::run("set", &Query(entry))
    };
    note("begun");
    sleep_ms(query.number("ms"));
    let (status, text) = note("done");
    answer(out, status, &text).await;
}

fn spin_until(end: u64) {
    while monotonic_clock::now() < end {
        std::hint::spin_loop();
    }
}

fn sleep_ms(milliseconds: u64) {
    monotonic_clock::subscribe_duration(milliseconds * 1_000_000).block();
}

async fn eat(query: &Query, out: ResponseOutparam) {
    let mut eaten = Vec::new();
    for _ in 0..query.number("mib") {
        eaten.push(vec![1_u8; 1024 * 1024]);
    }
    answer(out, 200, &format!("ate {} MiB", eaten.len())).await;
}

async fn print(out: ResponseOutparam) {
    println!("a line on standard output");
    eprintln!("a line on standard error");
    answer(out, 200, "printed").await;
}

async fn variable(query: &Query, out: ResponseOutparam) {
    match spin_sdk::variables::get(query.get("name")) {
        Ok(value) => answer(out, 200, &value).await,
        Err(error) => answer(out, 500, &format!("{error:?}")).await,
    }
}

async fn read(query: &Query, out: ResponseOutparam) {
    match std::fs::read_to_string(query.get("path")) {
        Ok(text) => answer(out, 200, &text).await,
        Err(error) => answer(out, 500, &error.to_string()).await,
    }
}

async fn write(query: &Query, out: ResponseOutparam) {
    match std::fs::write(query.get("path"), "written") {
        Ok(()) => answer(out, 200, "written").await,
        Err(error) => answer(out, 500, &error.to_string()).await,
    }
}

/// Fetches `url` whole.
async fn fetch(query: &Query, out: ResponseOutparam) {
    let request = Request::builder()
        .method(Method::Get)
        .uri(query.url())
        .build();
    match send::<_, spin_sdk::http::Response>(request).await {
        Ok(response) => {
            let body = String::from_utf8_lossy(response.body()).into_owned();
            answer(out, 200, &format!("{} {body}", response.status())).await;
        }
        Err(error) => answer(out, 502, &format!("{error:?}")).await,
    }
}

/// Passes the pieces of `url`'s answer on as they come.
async fn relay(query: &Query, out: ResponseOutparam) {
    let request = Request::builder()
        .method(Method::Get)
        .uri(query.url())
        .build();
    let upstream: IncomingResponse = send(request).await.expect("the upstream answers");
    let response = begin(upstream.status());
    let mut body = response.take_body();
    out.set(response);
    let mut incoming = upstream.take_body_stream();
    while let Some(Ok(piece)) = incoming.next().await {
        if body.send(piece).await.is_err() {
            return;
        }
    }
}

/// Tries a plain TCP connection, which no manifest can grant here.
async fn connect(query: &Query, out: ResponseOutparam) {
    match std::net::TcpStream::connect(query.get("address")) {
        Ok(_) => answer(out, 200, "connected").await,
        Err(error) => answer(out, 500, &error.to_string()).await,
    }
}
