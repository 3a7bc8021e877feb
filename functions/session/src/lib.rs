//! `/session/…`: one session, the caller's list, its revisions, what runs in it, and its end.

use std::str::FromStr;

use edge::{Call, Edge, HttpError, Reply, Reporter};
use model::SessionId;
use model::ports::{Outside as _, Timer as _};
use model::revision::Revision;
use model::session::{self, SessionError, SessionView, index};
use serde::Deserialize;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

mod running;

const PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("GET", ["session"]) => list(call, edge).await,
        ("GET", ["session", id]) => show(edge, id.parse()?).await,
        ("GET", ["session", id, "revisions", number]) => revision(edge, id.parse()?, number).await,
        ("GET", ["session", id, "logs"]) => running::logs(call, edge, events, id.parse()?).await,
        ("POST", ["session", id, "interrupt"]) => running::interrupt(edge, id.parse()?).await,
        ("POST", ["session", id, "restart"]) => {
            let id = id.parse()?;
            running::restart(call, edge, events, id).await
        }
        ("PATCH", ["session", id]) => {
            let id = id.parse()?;
            change(call, edge, id).await
        }
        ("DELETE", ["session", id]) => delete(call, edge, id.parse()?).await,
        (_, ["session"]) => Err(HttpError::method_not_allowed("GET")),
        (_, ["session", _, "logs"]) => Err(HttpError::method_not_allowed("GET")),
        (_, ["session", _, "interrupt" | "restart"]) => Err(HttpError::method_not_allowed("POST")),
        (_, ["session", _]) => Err(HttpError::method_not_allowed("GET, PATCH, DELETE")),
        _ => Err(HttpError::no_route()),
    }
}

/// One store read; calls and writes nothing.
async fn show(edge: &Edge, id: SessionId) -> Result<Reply, HttpError> {
    Ok(Reply::json(&view(edge, id).await?))
}

async fn view(edge: &Edge, id: SessionId) -> Result<SessionView, SessionError> {
    Ok(session::load(edge, id)
        .await?
        .view(edge.timer().now(), edge.lifetimes()))
}

async fn list(call: &Call, edge: &Edge) -> Result<Reply, HttpError> {
    let limit = number(call, "limit")?.unwrap_or(PAGE);
    let limit = limit.clamp(1, LARGEST_PAGE);
    let offset = number(call, "offset")?.unwrap_or(0);
    let ids = match edge::owner::of(call) {
        Some(owner) => index::list(edge, &owner).await?,
        None => Vec::new(),
    };
    let mut sessions = Vec::new();
    for id in ids.iter().skip(offset).take(limit) {
        match view(edge, *id).await {
            Ok(view) => sessions.push(view),
            // It was deleted or purged by somebody else.
            Err(SessionError::Unknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let next = Some(offset.saturating_add(limit)).filter(|next| *next < ids.len());
    let page = json!({"sessions": sessions, "total": ids.len(), "next_offset": next});
    Ok(edge::owner::welcome(call, edge, Reply::json(&page)))
}

/// A query parameter that is a whole number.
fn number<T: FromStr>(call: &Call, name: &str) -> Result<Option<T>, HttpError> {
    let read = |text: String| {
        let wrong =
            || HttpError::bad_request(format!("`{name}` is `{text}`: it is a whole number"));
        text.parse().map_err(|_| wrong())
    };
    call.parameter(name).map(read).transpose()
}

async fn revision(edge: &Edge, id: SessionId, number: &str) -> Result<Reply, HttpError> {
    let unknown = || HttpError::not_found(format!("session {id} has no revision {number}"));
    let number: u32 = number.parse().map_err(|_| unknown())?;
    let revision: Option<Revision> =
        model::record::load(edge.store(), &Revision::key(id, number)).await?;
    Ok(Reply::json(&revision.ok_or_else(unknown)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    title: Option<String>,
    #[serde(default)]
    extend: bool,
}

async fn change(call: &mut Call, edge: &Edge, id: SessionId) -> Result<Reply, HttpError> {
    let change: Change = call.json().await?;
    let now = edge.timer().now();
    if change.extend
        && let Some(sandbox) = session::load(edge, id).await?.sandbox
    {
        let config = edge.sandbox_config();
        edge.executor(&config).extend(&sandbox).await?;
    }
    let changed = session::update(edge, id, |session| {
        if let Some(title) = &change.title {
            session.title = title.chars().take(200).collect();
        }
        if change.extend {
            session.active_at = now;
        }
    });
    Ok(Reply::json(&changed.await?.view(now, edge.lifetimes())))
}

async fn delete(call: &Call, edge: &Edge, id: SessionId) -> Result<Reply, HttpError> {
    let session = session::load(edge, id).await?;
    if let Some(sandbox) = &session.sandbox {
        let config = edge.sandbox_config();
        // The records go even if the service is down: the sandbox then ends by its own timeout.
        if let Err(error) = edge.executor(&config).kill(sandbox).await {
            eprintln!(
                "sandbox.id={} of session.id={id} lives on: {error}",
                sandbox.id
            );
        }
    }
    session::delete(edge, &session).await?;
    if let Some(owner) = edge::owner::of(call) {
        index::remove(edge, &owner, id).await?;
    }
    Ok(Reply::no_content())
}
