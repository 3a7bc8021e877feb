use futures_util::future::join_all;
use serde_json::Value;

use crate::harness::{Host, guest, start};

async fn fails(host: &Host, path: &str) -> String {
    let response = host.get(path).await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.headers()["content-type"], "application/json");
    let id = response.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"]["code"], "component_failed");
    assert_eq!(body["error"]["request_id"], Value::String(id.clone()));
    host.log_line_with(&["component `guest` failed", &id]).await;
    body["error"]["message"].as_str().expect("a message").into()
}

#[tokio::test]
async fn a_trap_costs_its_own_request() {
    let host = start();
    let message = fails(&host, "trap").await;
    assert!(
        message.contains("component `guest` failed: it trapped"),
        "{message}"
    );
    host.log_line("the component panics as it was told").await;
    assert_eq!(host.ok("hello").await, "hello");
}

#[tokio::test]
async fn a_loop_costs_its_own_request() {
    let host = guest("")
        .argument("--cpu-limit-ms")
        .argument("1000")
        .start();
    // More loops than the machine may have threads: each must yield to the others.
    let loops = join_all((0..16).map(|_| host.get("loop")));
    let others = async {
        for _ in 0..20 {
            assert_eq!(host.ok("hello").await, "hello");
        }
    };
    let (loops, ()) = tokio::join!(loops, others);
    assert!(loops.iter().all(|response| response.status() == 500));
    let message = fails(&host, "loop").await;
    assert!(
        message.ends_with("it used more than 1000 ms of processor time without waiting"),
        "{message}"
    );
}

#[tokio::test]
async fn a_long_stream_outlives_the_processor_limit_by_waiting() {
    let host = guest("")
        .argument("--cpu-limit-ms")
        .argument("1000")
        .start();
    let text = host.ok("busy?count=20&work_ms=100").await;
    assert!(text.ends_with("19\n"), "{text}");
}

#[tokio::test]
async fn too_much_memory_costs_its_own_request() {
    let host = guest("")
        .argument("--memory-limit-mib")
        .argument("64")
        .start();
    assert_eq!(host.ok("eat?mib=48").await, "ate 48 MiB");
    let message = fails(&host, "eat?mib=80").await;
    assert!(
        message.ends_with("it needed more than 64 MiB of memory"),
        "{message}"
    );
    assert_eq!(host.ok("eat?mib=48").await, "ate 48 MiB");
}

#[tokio::test]
async fn a_component_without_an_answer_is_an_error() {
    let message = fails(&start(), "nothing").await;
    assert!(
        message.ends_with("it ended without a response"),
        "{message}"
    );
}

#[tokio::test]
async fn requests_beyond_the_slots_wait_their_turn() {
    let host = guest("").argument("--max-instances").argument("2").start();
    let answers = join_all((0..10).map(|_| host.ok("drip?count=1&gap_ms=50"))).await;
    assert!(answers.iter().all(|answer| answer == "0\n"));
}

#[tokio::test]
async fn what_one_request_leaves_in_memory_the_next_does_not_see() {
    let host = start();
    let answers = join_all((0..50).map(|_| host.ok("visits"))).await;
    assert!(answers.iter().all(|answer| answer == "0"), "{answers:?}");
}
