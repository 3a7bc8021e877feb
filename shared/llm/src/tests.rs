//! The client with a network and a clock that follow a script.

mod asking;
mod continuing;
mod reading;
mod retrying;

use std::time::Duration;

use futures::executor::block_on;
use model::ports::{Fakes, Outside as _, ScriptedHttp, Timer as _};
use serde_json::{Value, json};

use super::*;

const KEY: &str = "sk-secret-0123456789";

fn config() -> LlmConfig {
    LlmConfig::read(|name| {
        match name {
            "openai_api_key" => KEY,
            "openai_base_url" => "http://127.0.0.1:9/v1/",
            "openai_model" => "small",
            "llm_max_retries" => "2",
            "llm_operation_timeout_seconds" => "30",
            "llm_total_timeout_seconds" => "100",
            _ => "",
        }
        .to_owned()
    })
    .expect("an address of one's own is a model")
}

/// What came of asking a model that follows a script.
struct Asked {
    answer: Result<Completion, LlmError>,
    /// What was told of the answer, step by step.
    heard: Vec<String>,
    requests: Vec<Value>,
    /// How long it took on the clock that only waiting moves.
    took: Duration,
}

fn ask_for(chat: &Chat, script: impl FnOnce(ScriptedHttp) -> ScriptedHttp) -> Asked {
    let fakes = Fakes {
        http: script(ScriptedHttp::default()),
        ..Fakes::default()
    };
    let config = config();
    let mut heard = Vec::new();
    let client = Client {
        outside: &fakes,
        config: &config,
    };
    let answer = block_on(client.complete(chat, async |step: Step<'_>| {
        heard.push(match step {
            Step::Delta(text) => text.to_owned(),
            Step::Anew => "(anew)".to_owned(),
            Step::Waiting => "(waiting)".to_owned(),
            Step::Retrying { .. } => "(again)".to_owned(),
            Step::Continuing(_) => "(on)".to_owned(),
        });
        Ok(())
    }));
    let text = format!("{answer:?}{heard:?}{config:?}");
    assert!(!text.contains(KEY), "{text}");
    let requests = fakes.http.requests.borrow();
    for request in requests.iter() {
        assert_eq!(request.uri(), "http://127.0.0.1:9/v1/chat/completions");
        assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    }
    let body = |request: &http::Request<Vec<u8>>| {
        serde_json::from_slice(request.body()).expect("requests are JSON")
    };
    Asked {
        answer,
        heard,
        requests: requests.iter().map(body).collect(),
        took: fakes.timer().elapsed(),
    }
}

fn ask(script: impl FnOnce(ScriptedHttp) -> ScriptedHttp) -> Asked {
    ask_for(&Chat::of(vec![Message::user("hi")]), script)
}

/// An event with a piece of text.
fn delta(text: &str) -> String {
    let chunk = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

/// An event with a reason to end.
fn finish(reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n"
    )
}

const DONE: &str = "data: [DONE]\n\n";

fn stream(text: &str) -> String {
    format!("{}{}{DONE}", delta(text), finish("stop"))
}

fn text_of(asked: &Asked) -> &str {
    let answer = asked.answer.as_ref();
    &answer.unwrap_or_else(|error| panic!("{error}")).text
}

#[track_caller]
fn error_of(asked: Asked, words: &[&str]) -> LlmError {
    let error = asked.answer.expect_err("it fails");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    error
}
