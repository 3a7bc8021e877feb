//! `WatchDir`, as a stream; `CreateWatcher`, `GetWatcherEvents` and `RemoveWatcher`, for callers who
//! come back and ask.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use super::connect_rpc::{self, ClientGone, Messages, Outgoing, RpcError};
use super::filesystem::{Message, view};
use super::watch::Watch;
use crate::protocol::{Change, FileEvent};
use crate::sandbox::Sandbox;

/// Tells what happens in a directory, as it happens.
pub async fn stream(
    sandbox: Arc<Sandbox>,
    mut body: Messages,
    headers: &HeaderMap,
) -> Result<Response, RpcError> {
    let message: Message = body.first().await?;
    let watch = begin(&sandbox, &message).await?;
    let (outgoing, response) = Outgoing::open();
    let directory = sandbox.shown(&message.path);
    let (deadline, ping) = (
        connect_rpc::deadline(headers),
        connect_rpc::ping_interval(headers),
    );
    tokio::spawn(async move {
        let end = tokio::select! {
            end = tell(watch, directory, &outgoing, ping) => end,
            () = connect_rpc::pass(deadline) => Ok(Some(RpcError::deadline_exceeded(
                "the watch ended at the timeout of the request",
            ))),
        };
        if let Ok(error) = end {
            outgoing.end(error).await;
        }
    });
    Ok(response)
}

/// To the end of the watch, and what is wrong with that.
async fn tell(
    mut watch: Watch,
    directory: PathBuf,
    outgoing: &Outgoing,
    ping: Duration,
) -> Result<Option<RpcError>, ClientGone> {
    outgoing.send(&json!({ "start": {} })).await?;
    loop {
        let change = tokio::select! {
            change = watch.next() => change,
            () = outgoing.gone() => return Err(ClientGone),
            () = tokio::time::sleep(ping) => {
                outgoing.send(&json!({ "keepalive": {} })).await?;
                continue;
            }
        };
        match change {
            Ok(Change::Over) => return Ok(None),
            Ok(Change::Lost(reason)) => return Ok(Some(RpcError::resource_exhausted(reason))),
            Ok(change) => {
                if let Some(event) = event(&change, &directory) {
                    outgoing.send(&json!({ "filesystem": event })).await?;
                }
            }
            Err(_) => {
                return Ok(Some(RpcError::unavailable(
                    "the sandbox has ended, and the watch with it",
                )));
            }
        }
    }
}

/// Begins to collect what happens in a directory.
pub async fn create(sandbox: &Sandbox, message: &Message) -> Result<Value, RpcError> {
    let watch = begin(sandbox, message).await?;
    let id = sandbox
        .watchers
        .keep(watch, sandbox.shown(&message.path))
        .map_err(|error| RpcError::internal(format!("cannot make an id: {error}")))?;
    Ok(json!({ "watcherId": id }))
}

/// What has happened since the last call.
pub async fn events(sandbox: &Sandbox, id: &str) -> Result<Value, RpcError> {
    let kept = sandbox.watchers.get(id).ok_or_else(|| unknown(id))?;
    let changes = kept.take().await?;
    let events: Vec<_> = changes
        .iter()
        .filter_map(|change| event(change, &kept.directory))
        .collect();
    Ok(json!({ "events": events }))
}

/// Ends the collection.
pub fn remove(sandbox: &Sandbox, id: &str) -> Result<Value, RpcError> {
    match sandbox.watchers.remove(id) {
        true => Ok(json!({})),
        false => Err(unknown(id)),
    }
}

async fn begin(sandbox: &Sandbox, message: &Message) -> Result<Watch, RpcError> {
    Watch::begin(
        sandbox,
        &message.path,
        message.recursive,
        message.include_entry,
    )
    .await
}

fn unknown(id: &str) -> RpcError {
    RpcError::not_found(format!("watcher with id {id} not found"))
}

/// `FilesystemEvent` of E2B's protocol.
fn event(change: &Change, directory: &Path) -> Option<Value> {
    let Change::Entry { name, event, entry } = change else {
        return None;
    };
    let kind = match event {
        FileEvent::Create => "EVENT_TYPE_CREATE",
        FileEvent::Write => "EVENT_TYPE_WRITE",
        FileEvent::Remove => "EVENT_TYPE_REMOVE",
        FileEvent::Rename => "EVENT_TYPE_RENAME",
        FileEvent::Chmod => "EVENT_TYPE_CHMOD",
    };
    let mut told = json!({ "name": name, "type": kind });
    if let Some(entry) = entry {
        let path = match name.as_str() {
            "." => directory.to_owned(),
            name => directory.join(name),
        };
        told["entry"] = view(entry, &path);
    }
    Some(told)
}
