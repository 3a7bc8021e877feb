//! What runs in a session: its log, its interrupt, and its new beginning.

use edge::{Call, Edge, HttpError, Reply, Reporter};
use execution::logs;
use model::SessionId;
use model::session;
use serde::Deserialize;
use serde_json::json;

use crate::number;

/// What a caller is told who interrupts nothing.
const NOTHING_RAN: &str = "nothing was running in this session";
/// More than the body of a restart needs.
const BODY_LIMIT: usize = 4 * 1024;

/// `GET /session/{id}/logs`: once, or as events as long as the app is live.
pub(crate) async fn logs(
    call: &Call,
    edge: &Edge,
    events: &mut Reporter,
    id: SessionId,
) -> Result<Reply, HttpError> {
    let tail = number(call, "tail")?.unwrap_or(logs::USUAL).min(logs::MOST);
    let revision = number(call, "revision")?;
    let config = edge.sandbox_config();
    let executor = edge.executor(&config);
    let logs = if events.streams() {
        executor.follow_logs(id, revision, tail, events).await?
    } else {
        executor.logs(id, revision, tail).await?
    };
    Ok(Reply::json(&logs))
}

/// `POST /session/{id}/interrupt`: stops what runs or waits, whoever started it.
pub(crate) async fn interrupt(edge: &Edge, id: SessionId) -> Result<Reply, HttpError> {
    let config = edge.sandbox_config();
    let interrupted = edge.executor(&config).interrupt(id).await?;
    let notices: &[&str] = if interrupted { &[] } else { &[NOTHING_RAN] };
    Ok(Reply::json(
        &json!({"session_id": id, "interrupted": interrupted, "notices": notices}),
    ))
}

/// What begins again.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    Kernel,
    App,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestartRequest {
    target: Option<Target>,
}

/// `POST /session/{id}/restart`: the app if the session has one, else the kernel; or what is said.
pub(crate) async fn restart(
    call: &mut Call,
    edge: &Edge,
    events: &mut Reporter,
    id: SessionId,
) -> Result<Reply, HttpError> {
    let body = call.bytes(BODY_LIMIT).await?;
    let request = if body.is_empty() {
        RestartRequest::default()
    } else {
        serde_json::from_slice(&body)?
    };
    let has_app = session::load(edge, id).await?.app.is_some();
    let usual = if has_app { Target::App } else { Target::Kernel };
    let config = edge.sandbox_config();
    let executor = edge.executor(&config);
    let reply = match request.target.unwrap_or(usual) {
        Target::App => executor.restart_app(id, events).await?,
        Target::Kernel => executor.restart_kernel(id, events).await?,
    };
    Ok(Reply::json(&reply))
}
