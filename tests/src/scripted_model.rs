//! A language model that says what the test tells it to, over OpenAI's chat completions API.
//!
//! [`Answer`] says what it answers once, well-behaved or not; [`ScriptedModel::saying`] plays answers
//! one after the other, [`ScriptedModel::deciding`] chooses by the request. It checks requests as
//! OpenAI does, and OpenAI's own Python client works against it (`it/openai.rs`). It knows no tools,
//! images or other endpoints than completions and the list of models.

mod answer;
mod wire;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use answer::Answer;

use crate::process::run_to_end;

/// A request that the model got.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its JSON document.
    pub body: Value,
    /// Its `Authorization` header; empty without one.
    pub key: String,
    /// Its path.
    pub path: String,
}

impl Asked {
    /// Whether any message holds this text.
    pub fn says(&self, text: &str) -> bool {
        self.contents().any(|content| content.contains(text))
    }

    /// The last message.
    pub fn last(&self) -> &str {
        self.contents().last().unwrap_or_default()
    }

    fn contents(&self) -> impl Iterator<Item = &str> {
        let messages = self.body["messages"].as_array().into_iter().flatten();
        messages.filter_map(|message| message["content"].as_str())
    }
}

type Decide = Box<dyn FnMut(&Asked) -> Answer + Send>;

/// A running model. It ends with the test.
pub struct ScriptedModel {
    /// Its origin, such as `http://127.0.0.1:4567`.
    pub address: String,
    script: Arc<Script>,
    server: JoinHandle<()>,
}

struct Script {
    decide: Mutex<Decide>,
    asked: Mutex<Vec<Asked>>,
    wanted_key: Mutex<Option<String>>,
    left: Arc<AtomicUsize>,
}

impl ScriptedModel {
    /// The key that a [`crate::Conductor`] with this model sends.
    pub const KEY: &'static str = "sk-e2e-do-not-show-this-key";

    /// Where its API is, as with OpenAI, Groq and Gemini.
    const BASES: [&'static str; 3] = ["/v1", "/openai/v1", "/v1beta/openai"];

    /// Starts a model that will answer so, one after the other.
    pub async fn saying(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        Self::deciding(move |_| {
            let message = "the script has ended: the model was asked more often than it says";
            let ended = Answer::refusal(400, message);
            answers.pop_front().unwrap_or(ended)
        })
        .await
    }

    /// Starts a model that decides by the request.
    pub async fn deciding(decide: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let script = Arc::new(Script {
            decide: Mutex::new(Box::new(decide)),
            asked: Mutex::default(),
            wanted_key: Mutex::default(),
            left: Arc::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let mut routes = Router::new();
        for base in Self::BASES {
            routes = routes
                .route(&format!("{base}/models"), get(models))
                .route(&format!("{base}/chat/completions"), post(complete));
        }
        let routes = routes.fallback(any(unknown)).with_state(script.clone());
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

    /// Refuses every other key than this from now on.
    pub fn wants_key(&self, key: &str) {
        *self.script.wanted_key.lock().expect("no holder panics") = Some(key.to_owned());
    }

    /// Runs a client to its end: whether that was a good one, and all that the client wrote.
    pub async fn run(&self, client: std::process::Command) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        run_to_end(client, folder.path()).await
    }

    /// The requests it got, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.asked().into_iter().map(|asked| asked.body).collect()
    }

    /// The `Authorization` headers it got.
    pub fn keys(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.key).collect()
    }

    /// The paths that were asked.
    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// How many answers were left by the client before their end.
    pub fn left(&self) -> usize {
        self.script.left.load(Ordering::SeqCst)
    }

    fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().expect("no holder panics").clone()
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn models() -> Response {
    let model =
        json!({"id": "scripted", "object": "model", "created": 1_700_000_000, "owned_by": "tests"});
    Json(json!({"object": "list", "data": [model]})).into_response()
}

async fn unknown(request: Request) -> Response {
    let message = format!(
        "Invalid URL ({} {})",
        request.method(),
        request.uri().path()
    );
    refuse(404, &message, "invalid_request_error", None)
}

async fn complete(State(script): State<Arc<Script>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let key = request.headers().get("authorization").cloned();
    let key = key.map(|key| key.to_str().expect("keys are ASCII").to_owned());
    let body = axum::body::to_bytes(request.into_body(), usize::MAX)
        .await
        .expect("a body");
    let asked = Asked {
        body: serde_json::from_slice(&body).unwrap_or_default(),
        key: key.unwrap_or_default(),
        path,
    };
    let answer = {
        let mut requests = script.asked.lock().expect("no holder panics");
        requests.push(asked.clone());
        let wanted = script.wanted_key.lock().expect("no holder panics").clone();
        if let Some(refusal) = checked(&asked, wanted.as_deref()) {
            return refusal;
        }
        (script.decide.lock().expect("no holder panics"))(&asked)
    };
    wire::respond(answer, &asked, script.left.clone()).await
}

/// What OpenAI refuses before any model is asked.
fn checked(asked: &Asked, wanted_key: Option<&str>) -> Option<Response> {
    let invalid = |message: &str, param: &str| {
        Some(refuse(400, message, "invalid_request_error", Some(param)))
    };
    if let Some(key) = wanted_key
        && asked.key != format!("Bearer {key}")
    {
        let shown: String = asked.key.chars().skip(7).take(8).collect();
        let message = format!("Incorrect API key provided: {shown}***********.");
        let mut error = error(&message, "invalid_request_error", None);
        error["error"]["code"] = json!("invalid_api_key");
        return Some((StatusCode::UNAUTHORIZED, Json(error)).into_response());
    }
    if !asked.body["model"].is_string() {
        return invalid("you must provide a model parameter", "model");
    }
    let messages = asked.body["messages"].as_array();
    if messages.is_none_or(Vec::is_empty) {
        return invalid("Missing required parameter: 'messages'.", "messages");
    }
    if !asked.body["stream_options"].is_null() && asked.body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return invalid(message, "stream_options");
    }
    None
}

fn refuse(status: u16, message: &str, kind: &str, param: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, Json(error(message, kind, param))).into_response()
}

/// OpenAI's form of an error.
fn error(message: &str, kind: &str, param: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": param, "code": null}})
}
