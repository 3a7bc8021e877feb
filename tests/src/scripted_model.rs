//! A language model that says what the test tells it to, over OpenAI's API.
//!
//! It answers chat completions in one piece; streams come with the issue that asks for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it answers once.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A completion with this text.
    Text(String),
    /// A completion that ended at its length limit.
    CutOff(String),
    /// Another status, with OpenAI's form of an error.
    Refusal(u16, String),
    /// A good status, and a body that is no completion.
    Garbage(String),
    /// Nothing, ever.
    Silence,
}

/// A running model. It ends with the test.
pub struct ScriptedModel {
    /// Its origin, such as `http://127.0.0.1:4567`.
    pub address: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    requests: Vec<Value>,
    keys: Vec<String>,
}

impl ScriptedModel {
    /// The key that a [`crate::Conductor`] with this model sends.
    pub const KEY: &'static str = "sk-e2e-do-not-show-this-key";

    /// Starts a model that will answer so, one after the other.
    pub async fn saying(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Script {
            answers: answers.into_iter().collect(),
            ..Script::default()
        };
        let script = Arc::new(Mutex::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let routes = Router::new()
            .route(
                "/v1/models",
                get(async || Json(json!({"data": [{"id": "scripted"}]}))),
            )
            .route("/v1/chat/completions", post(complete))
            .with_state(script.clone());
        let server = tokio::spawn(async {
            axum::serve(listener, routes)
                .await
                .expect("it serves until it is ended");
        });
        Self {
            address: format!("http://{address}"),
            script,
            server,
        }
    }

    /// The requests it got, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.script
            .lock()
            .expect("no holder panics")
            .requests
            .clone()
    }

    /// The `Authorization` headers it got.
    pub fn keys(&self) -> Vec<String> {
        self.script.lock().expect("no holder panics").keys.clone()
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn complete(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let key = request.headers().get("authorization").cloned();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX)
        .await
        .expect("a body");
    let answer = {
        let mut script = script.lock().expect("no holder panics");
        script
            .requests
            .push(serde_json::from_slice(&body).expect("a JSON request"));
        let key = key.map(|key| key.to_str().expect("keys are ASCII").to_owned());
        script.keys.push(key.unwrap_or_default());
        script.answers.pop_front()
    };
    match answer.expect("the model was asked more often than its script says") {
        Answer::Text(text) => completion(&text, "stop"),
        Answer::CutOff(text) => completion(&text, "length"),
        Answer::Refusal(status, message) => {
            let status = axum::http::StatusCode::from_u16(status).expect("a status");
            (status, Json(json!({"error": {"message": message}}))).into_response()
        }
        Answer::Garbage(body) => body.into_response(),
        Answer::Silence => std::future::pending().await,
    }
}

fn completion(text: &str, finish_reason: &str) -> Response {
    let message = json!({"role": "assistant", "content": text});
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165},
    }))
    .into_response()
}
