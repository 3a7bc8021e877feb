//! `filesystem.Filesystem`: what is where, and moving it about.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path as Route, Request as HttpRequest};
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connect_rpc::{self, Messages, RpcError};
use super::watch_service;
use crate::clock::rfc3339;
use crate::link::LinkError;
use crate::protocol::{Entry, EntryKind, Reply, Request};
use crate::sandbox::Sandbox;

/// All messages of this service in one: absent fields have their default, as in proto3's JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Message {
    pub path: String,
    pub source: String,
    pub destination: String,
    pub depth: u32,
    pub recursive: bool,
    #[serde(rename = "includeEntry", alias = "include_entry")]
    pub include_entry: bool,
    #[serde(rename = "watcherId", alias = "watcher_id")]
    pub watcher_id: String,
}

/// One call.
pub async fn call(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    Route(method): Route<String>,
    request: HttpRequest,
) -> Response {
    match (method.as_str(), connect_rpc::is_stream(request.headers())) {
        ("WatchDir", true) => {
            let headers = request.headers().clone();
            watch_service::stream(sandbox, Messages::new(request.into_body()), &headers)
                .await
                .unwrap_or_else(|error| connect_rpc::reply_in_stream(Err(error)))
        }
        (_, true) => connect_rpc::refuse(
            &request,
            RpcError::unimplemented(format!("there is no stream filesystem.Filesystem/{method}")),
        ),
        (_, false) => match answer(&sandbox, &method, request).await {
            Ok(message) => connect_rpc::reply(&message),
            Err(error) => error.into_response(),
        },
    }
}

async fn answer(sandbox: &Sandbox, method: &str, request: HttpRequest) -> Result<Value, RpcError> {
    let message: Message = connect_rpc::message(request.into_body()).await?;
    match method {
        "Stat" => stat(sandbox, &message.path).await,
        "ListDir" => list(sandbox, &message.path, message.depth).await,
        "MakeDir" => {
            let path = resolve(sandbox, &message.path)?;
            change(sandbox, Request::MakeDir { path }, &message.path).await?;
            stat(sandbox, &message.path).await
        }
        "Move" => {
            let (from, to) = (
                resolve(sandbox, &message.source)?,
                resolve(sandbox, &message.destination)?,
            );
            change(sandbox, Request::Rename { from, to }, &message.source).await?;
            stat(sandbox, &message.destination).await
        }
        "Remove" => {
            let path = resolve(sandbox, &message.path)?;
            change(sandbox, Request::Remove { path }, &message.path).await?;
            Ok(json!({}))
        }
        "CreateWatcher" => watch_service::create(sandbox, &message).await,
        "GetWatcherEvents" => watch_service::events(sandbox, &message.watcher_id).await,
        "RemoveWatcher" => watch_service::remove(sandbox, &message.watcher_id),
        method => Err(RpcError::unimplemented(format!(
            "there is no unary filesystem.Filesystem/{method}"
        ))),
    }
}

async fn stat(sandbox: &Sandbox, path: &str) -> Result<Value, RpcError> {
    let request = Request::Stat {
        path: resolve(sandbox, path)?,
    };
    let answer = sandbox
        .files
        .request(&request)
        .await
        .map_err(|error| failed(path, &error))?;
    let Reply::Entry(entry) = answer.reply else {
        return Err(failed(path, &LinkError::Mismatch));
    };
    Ok(json!({ "entry": view(&entry, &sandbox.shown(path)) }))
}

async fn list(sandbox: &Sandbox, path: &str, depth: u32) -> Result<Value, RpcError> {
    let request = Request::List {
        path: resolve(sandbox, path)?,
        depth: depth.max(1),
    };
    let answer = sandbox
        .files
        .request(&request)
        .await
        .map_err(|error| failed(path, &error))?;
    let Reply::Entries(entries) = answer.reply else {
        return Err(failed(path, &LinkError::Mismatch));
    };
    let directory = sandbox.shown(path);
    let entries: Vec<_> = entries
        .iter()
        .map(|entry| view(entry, &directory.join(&entry.name)))
        .collect();
    Ok(json!({ "entries": entries }))
}

async fn change(sandbox: &Sandbox, request: Request, path: &str) -> Result<(), RpcError> {
    sandbox
        .files
        .request(&request)
        .await
        .map(drop)
        .map_err(|error| failed(path, &error))
}

pub fn resolve(sandbox: &Sandbox, path: &str) -> Result<PathBuf, RpcError> {
    sandbox.path_of(path).ok_or_else(|| {
        RpcError::invalid_argument(format!(
            "'{path}' is another user's home; sandboxes here have only the user 'user'"
        ))
    })
}

pub fn failed(path: &str, error: &LinkError) -> RpcError {
    RpcError::of_link(error, &format!("path '{path}'"))
}

/// `EntryInfo` of E2B's protocol.
pub fn view(entry: &Entry, path: &Path) -> Value {
    let kind = match entry.kind {
        EntryKind::File => "FILE_TYPE_FILE",
        EntryKind::Directory => "FILE_TYPE_DIRECTORY",
        EntryKind::BrokenLink => "FILE_TYPE_SYMLINK",
        EntryKind::Other => "FILE_TYPE_UNSPECIFIED",
    };
    let owner = if entry.own { "user" } else { "root" };
    let mut view = json!({
        "name": path.file_name().unwrap_or_default().to_string_lossy(),
        "type": kind,
        "path": path.to_string_lossy(),
        // proto3's JSON writes 64-bit numbers as text.
        "size": entry.size.to_string(),
        "mode": entry.mode,
        "permissions": permissions(entry.raw_mode),
        "owner": owner,
        "group": owner,
        "modifiedTime": rfc3339(DateTime::from_timestamp_nanos(entry.modified_ns)),
    });
    if !entry.metadata.is_empty() {
        view["metadata"] = json!(entry.metadata);
    }
    if let Some(target) = &entry.symlink_target {
        view["symlinkTarget"] = target.as_str().into();
    }
    view
}

/// As Go writes them: `drwxr-xr-x`, and a link begins with `L`.
fn permissions(mode: u32) -> String {
    let kind = match mode & libc::S_IFMT {
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'L',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 'S',
        libc::S_IFBLK | libc::S_IFCHR => 'D',
        _ => '-',
    };
    let bits = "rwxrwxrwx".chars().enumerate().map(|(index, letter)| {
        if mode & (0o400 >> index) == 0 {
            '-'
        } else {
            letter
        }
    });
    std::iter::once(kind).chain(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_read_as_go_writes_them() {
        assert_eq!(permissions(libc::S_IFREG | 0o644), "-rw-r--r--");
        assert_eq!(permissions(libc::S_IFDIR | 0o755), "drwxr-xr-x");
        assert_eq!(permissions(libc::S_IFLNK | 0o777), "Lrwxrwxrwx");
    }
}
