//! Models that are silent, far away or not there, and where they are looked for.

use std::time::Duration;

use e2e::{Answer, Conductor, ScriptedModel};

use super::{clock, fails};

#[tokio::test]
async fn a_silent_model_is_given_up_in_time() {
    fails(
        Answer::silence(),
        504,
        "model_timeout",
        &["2 s", "llm_operation_timeout_seconds"],
    )
    .await;
    fails(
        Answer::text("import x").without_streaming().stalls_after(3),
        504,
        "model_timeout",
        &["llm_operation_timeout_seconds"],
    )
    .await;
    // Each token comes in time, and all together do not.
    let slow = Answer::tokens(vec!["word "; 1_000]).pausing(Duration::from_millis(500));
    fails(
        slow,
        504,
        "model_timeout",
        &["6 s", "llm_total_timeout_seconds"],
    )
    .await;
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_with_the_variable() {
    for (url, origin, words) in [
        (
            "http://127.0.0.1:2/v1",
            "http://127.0.0.1:2",
            ["cannot be reached", "OPENAI_BASE_URL"],
        ),
        (
            "http://127.0.0.1:2/v1",
            "http://127.0.0.2:1",
            ["not among the allowed", "openai_origin"],
        ),
        (
            "127.0.0.1:1/v1",
            "http://127.0.0.1:1",
            ["no http address", "OPENAI_BASE_URL"],
        ),
    ] {
        let conductor = Conductor::start()
            .without_sandbox()
            .with_variable("openai_base_url", url)
            .with_variable("openai_origin", origin)
            .with_variable("llm_max_retries", "1")
            .await;
        let reply = conductor.post("/generate_ui/", &clock()).await;
        let message = reply.error(502, "model_unreachable");
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }
}

/// Sockets that take no connection: the queue of those who wait is full.
#[tokio::test]
async fn a_server_that_takes_no_connection_is_given_up_long_before_the_answer_would_be() {
    let listener = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    listener.bind(any).expect("a free port");
    let listener = listener.listen(1).expect("it listens");
    let address = listener.local_addr().expect("it listens");
    let mut waiting = Vec::new();
    let connect = || {
        tokio::time::timeout(
            Duration::from_millis(500),
            tokio::net::TcpStream::connect(address),
        )
    };
    while let Ok(Ok(stream)) = connect().await {
        waiting.push(stream);
    }
    let conductor = Conductor::start()
        .without_sandbox()
        .with_variable("openai_base_url", &format!("http://{address}"))
        .with_variable("openai_origin", &format!("http://{address}"))
        .with_variable("llm_max_retries", "0")
        .with_variable("llm_operation_timeout_seconds", "50")
        .await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let message = reply.error(502, "model_unreachable");
    assert!(message.contains("cannot be reached"), "{message}");
}

#[tokio::test]
async fn base_addresses_are_taken_as_people_write_them_and_a_local_model_needs_no_key() {
    for path in ["", "/", "/v1", "/v1/", "/v1/chat/completions"] {
        let nothing = Answer::text("nothing");
        let model = ScriptedModel::saying([nothing.clone(), nothing]).await;
        let url = format!("{}{path}", model.address);
        let conductor = Conductor::start()
            .with_model(&model)
            .with_variable("openai_base_url", &url)
            .with_variable("openai_api_key", "")
            .without_sandbox()
            .await;
        let health = conductor.get("/health").await.json();
        assert_eq!(health["model"]["status"], "up", "{path}: {health}");
        let reply = conductor.post("/generate_ui/", &clock()).await;
        reply.error(502, "model_unusable");
        assert_eq!(model.keys(), ["", ""], "{path}");
    }
}
