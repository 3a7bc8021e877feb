//! `GET /health` and `GET /docs`: what is up, and how to ask.

use std::time::Duration;

use edge::{Call, Edge, HttpError, Reply, Reporter, variable};
use llm::LlmConfig;
use model::ports::{Http as _, KeyValue as _, Outside as _, Timer as _};
use serde_json::{Value, json};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

/// The routes, as the page shows them.
const PAGE: &str = include_str!("docs.html");
/// How long a part may take to say that it is up.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is known from before.
const NOTE: &str = "v1/health";
/// How long a model that was up counts as up; one that is down is asked each time.
const MODEL_CACHED_MS: u64 = 30_000;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, _: &mut Reporter) -> Result<Reply, HttpError> {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET" | "HEAD", ["docs"]) => Ok(Reply::bytes(
            200,
            "text/html; charset=utf-8",
            PAGE.as_bytes().to_vec(),
        )),
        ("GET" | "HEAD", ["health"]) => Ok(health(edge).await),
        (_, ["docs" | "health"]) => Err(HttpError::method_not_allowed("GET")),
        _ => Err(HttpError::no_route()),
    }
}

/// 200 if everything that is configured is up, else 503; each part says its own state.
async fn health(edge: &Edge) -> Reply {
    let (store, noted) = match edge.store().get(NOTE).await {
        Ok(note) => (json!({"status": "up"}), note),
        Err(error) => (down(error), None),
    };
    let sandbox = answers(
        edge,
        &format!("{}/health", edge.sandbox_config().api_url),
        None,
    )
    .await;
    let model = match LlmConfig::read(variable) {
        None => json!({"status": "built-in planner", "hint": "set OPENAI_API_KEY to use a model"}),
        Some(config) => model(edge, &config, noted.as_deref()).await,
    };
    let parts = [&store, &sandbox, &model];
    let is_up = parts.iter().all(|part| part["status"] != "down");
    let status = if is_up { "up" } else { "down" };
    let document = json!({"status": status, "store": store, "sandbox": sandbox, "model": model});
    Reply::json_with(if is_up { 200 } else { 503 }, &document)
}

/// Asks the model's server, unless it was up a moment ago.
async fn model(edge: &Edge, config: &LlmConfig, noted: Option<&[u8]>) -> Value {
    // Without its query, which may hold a key.
    let shown = config.shown_url();
    let now = edge.timer().now().unix_millis();
    let note: Option<Value> = noted.and_then(|note| serde_json::from_slice(note).ok());
    let was_up = note.is_some_and(|note| {
        let then = note["model_was_up_at"].as_u64().unwrap_or_default();
        note["model_url"] == shown && (then..then + MODEL_CACHED_MS).contains(&now)
    });
    if was_up {
        return json!({"status": "up"});
    }
    let answer = answers(edge, &config.endpoint("models"), config.authorization()).await;
    if answer["status"] == "up" {
        let note = json!({"model_url": shown, "model_was_up_at": now}).to_string();
        // Without it the next call asks again.
        let _ = edge.store().set(NOTE, note.as_bytes()).await;
    }
    answer
}

async fn answers(edge: &Edge, url: &str, authorization: Option<String>) -> Value {
    let mut request = http::Request::get(url);
    if let Some(authorization) = authorization {
        request = request.header(http::header::AUTHORIZATION, authorization);
    }
    let request = match request.body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return down(error),
    };
    match edge
        .timer()
        .within(PATIENCE, edge.http().send(request))
        .await
    {
        None => down(format!("no answer within {} s", PATIENCE.as_secs())),
        Some(Err(error)) => down(error),
        Some(Ok(response)) if response.status().is_success() => json!({"status": "up"}),
        Some(Ok(response)) => down(format!("it answers {}", response.status())),
    }
}

fn down(reason: impl std::fmt::Display) -> Value {
    json!({"status": "down", "reason": reason.to_string()})
}
