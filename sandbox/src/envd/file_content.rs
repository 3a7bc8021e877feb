//! `GET` and `POST /files`: the bytes of a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, RANGE, VARY,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use super::compression;
use crate::link::LinkError;
use crate::protocol::Request as InitRequest;
use crate::sandbox::Sandbox;

const CHUNK: usize = 64 << 10;
/// proc's magic number, from linux/magic.h.
const PROC: libc::__fsword_t = 0x9fa0;

/// The query of a call.
#[derive(Deserialize)]
pub struct Target {
    path: Option<String>,
}

/// Why a file was not read or written.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("the query lacks 'path'")]
    NoPath,
    #[error("path '{0}' does not exist")]
    Missing(String),
    #[error("path '{0}' is a directory")]
    Directory(String),
    #[error("path '{0}' is not a regular file")]
    NotRegular(String),
    #[error("permission denied: '{0}'")]
    Denied(String),
    #[error(
        "the upload cannot be read: {0}; send multipart/form-data with a field 'file', or application/octet-stream with the query 'path'"
    )]
    Upload(String),
    #[error("{limit}: '{path}' was not written; remove files and try again")]
    NoSpace { path: String, limit: String },
    #[error("the range '{0}' lies outside the file")]
    Range(String),
    #[error("the sandbox was not found")]
    Gone,
    #[error("cannot access '{path}': {reason}")]
    Other { path: String, reason: String },
}

impl FileError {
    fn of_link(path: &str, error: &LinkError) -> Self {
        let path = path.to_owned();
        match (error, error.errno()) {
            (LinkError::Gone, _) => Self::Gone,
            (_, Some(libc::ENOENT)) => Self::Missing(path),
            (_, Some(libc::EISDIR)) => Self::Directory(path),
            // A named pipe that nobody reads, a socket, a file used as a directory.
            (_, Some(libc::ENXIO | libc::ENOTDIR | libc::ELOOP)) => Self::NotRegular(path),
            (_, Some(libc::EACCES | libc::EPERM | libc::EROFS)) => Self::Denied(path),
            (_, Some(libc::ENOSPC | libc::EDQUOT)) => Self::no_space(path),
            _ => Self::Other {
                path,
                reason: error.to_string(),
            },
        }
    }

    fn of_io(path: &str, error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Self::no_space(path.to_owned()),
            Some(_) => Self::Other {
                path: path.to_owned(),
                reason: error.to_string(),
            },
            // Not the disk's: the client's stream, or its compression.
            None => Self::Upload(error.to_string()),
        }
    }

    fn no_space(path: String) -> Self {
        let limit = "disk full".to_owned();
        Self::NoSpace { path, limit }
    }

    /// With the limit's name, if it is one that was hit.
    fn named(self, sandbox: &Sandbox) -> Self {
        match self {
            Self::NoSpace { path, .. } => Self::NoSpace {
                path,
                limit: sandbox.disk_full(),
            },
            other => other,
        }
    }
}

impl IntoResponse for FileError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoPath | Self::Directory(_) | Self::NotRegular(_) | Self::Upload(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::NoSpace { .. } => StatusCode::INSUFFICIENT_STORAGE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Gone => StatusCode::BAD_GATEWAY,
            Self::Other { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (
            status,
            Json(json!({ "code": status.as_u16(), "message": self.to_string() })),
        )
            .into_response()
    }
}

/// Sends a file, or the part of it that `Range` asks for.
pub async fn read(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    Query(target): Query<Target>,
    headers: HeaderMap,
) -> Result<Response, FileError> {
    let path = target
        .path
        .filter(|path| !path.is_empty())
        .ok_or(FileError::NoPath)?;
    let mut file = open(&sandbox, &path, false).await?;
    let length = file
        .metadata()
        .await
        .map_err(|error| FileError::of_io(&path, &error))?
        .len();
    let name = Path::new(&path)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .replace(|c: char| !c.is_ascii_graphic() || c == '"', "_");
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_DISPOSITION, format!("inline; filename=\"{name}\""))
        .header(VARY, "Accept-Encoding")
        .header(ACCEPT_RANGES, "bytes");
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let response = match header(RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .filter(|range| !range.contains(','))
    {
        Some(range) => {
            let (first, last) =
                parse_range(range, length).ok_or_else(|| FileError::Range(range.to_owned()))?;
            file.seek(io::SeekFrom::Start(first))
                .await
                .map_err(|error| FileError::of_io(&path, &error))?;
            let part = last + 1 - first;
            response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(CONTENT_LENGTH, part)
                .header(CONTENT_RANGE, format!("bytes {first}-{last}/{length}"))
                .body(Body::from_stream(ReaderStream::with_capacity(
                    file.take(part),
                    CHUNK,
                )))
        }
        // Every HTTP library accepts gzip among others; only who wants nothing else gets it.
        None if header(ACCEPT_ENCODING) == Some("gzip") => response
            .header(CONTENT_ENCODING, "gzip")
            .body(Body::from_stream(compression::pack(
                ReaderStream::with_capacity(file, CHUNK),
            ))),
        // Without a length: a program inside may be writing to the file just now, and proc's
        // files claim to be empty.
        None => response.body(Body::from_stream(ReaderStream::with_capacity(file, CHUNK))),
    };
    response.map_err(|error| FileError::Other {
        path,
        reason: error.to_string(),
    })
}

/// First and last byte of `0-99`, `100-` or `-100`.
fn parse_range(range: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = range.split_once('-')?;
    let (first, last) = match (first, last) {
        ("", suffix) => (
            length.checked_sub(suffix.parse::<u64>().ok()?.min(length))?,
            length.checked_sub(1)?,
        ),
        (first, "") => (first.parse().ok()?, length.checked_sub(1)?),
        (first, last) => (
            first.parse().ok()?,
            last.parse::<u64>().ok()?.min(length.checked_sub(1)?),
        ),
    };
    (first <= last && first < length).then_some((first, last))
}

/// Writes one file from the body, or several from the parts of a form.
pub async fn write(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    Query(target): Query<Target>,
    request: Request,
) -> Result<Response, FileError> {
    let path = target.path.filter(|path| !path.is_empty());
    let request = unpacked(request)?;
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("")
        .to_owned();
    let mut written = Vec::new();
    if kind.starts_with("multipart/form-data") {
        let upload =
            |error: axum::extract::multipart::MultipartError| FileError::Upload(error.body_text());
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|error| FileError::Upload(error.body_text()))?;
        while let Some(field) = form.next_field().await.map_err(upload)? {
            if field.name() != Some("file") {
                continue;
            }
            let path = path
                .clone()
                .or_else(|| field.file_name().map(str::to_owned))
                .ok_or(FileError::NoPath)?;
            let content = field.map_err(|error| io::Error::other(error.body_text()));
            written.push(store(&sandbox, &path, content).await?);
        }
        if written.is_empty() {
            return Err(FileError::Upload("the form has no field 'file'".to_owned()));
        }
    } else if kind.starts_with("application/octet-stream") {
        let path = path.ok_or(FileError::NoPath)?;
        let content = request
            .into_body()
            .into_data_stream()
            .map_err(io::Error::other);
        written.push(store(&sandbox, &path, content).await?);
    } else {
        return Err(FileError::Upload(format!(
            "its content type is '{}'",
            kind.escape_debug()
        )));
    }
    Ok(Json(written).into_response())
}

/// The request with its body as it was before `Content-Encoding`.
fn unpacked(mut request: Request) -> Result<Request, FileError> {
    match request.headers_mut().remove(CONTENT_ENCODING) {
        None => Ok(request),
        Some(encoding) if encoding == "identity" => Ok(request),
        Some(encoding) if encoding == "gzip" => Ok(request.map(|body| {
            Body::from_stream(compression::unpack(
                body.into_data_stream().map_err(io::Error::other),
            ))
        })),
        Some(encoding) => Err(FileError::Upload(format!(
            "its encoding {encoding:?} is not gzip"
        ))),
    }
}

async fn store(
    sandbox: &Sandbox,
    path: &str,
    content: impl Stream<Item = io::Result<Bytes>>,
) -> Result<Value, FileError> {
    let written = store_in(sandbox, path, content).await;
    written.map_err(|error| error.named(sandbox))
}

async fn store_in(
    sandbox: &Sandbox,
    path: &str,
    content: impl Stream<Item = io::Result<Bytes>>,
) -> Result<Value, FileError> {
    let mut file = open(sandbox, path, true).await?;
    let mut content = std::pin::pin!(content);
    let failed = |error: io::Error| FileError::of_io(path, &error);
    while let Some(chunk) = content.next().await {
        file.write_all(&chunk.map_err(failed)?)
            .await
            .map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    let shown = sandbox.shown(path);
    let name = shown.file_name().unwrap_or_default().to_string_lossy();
    Ok(json!({ "name": name, "path": shown, "type": "file" }))
}

/// Opens a file through the sandbox's init, and makes sure that it is one.
async fn open(sandbox: &Sandbox, path: &str, write: bool) -> Result<File, FileError> {
    let inside: PathBuf = sandbox
        .path_of(path)
        .ok_or_else(|| FileError::Missing(path.to_owned()))?;
    let answer = sandbox
        .files
        .request(&InitRequest::Open {
            path: inside,
            write,
        })
        .await
        .map_err(|error| FileError::of_link(path, &error))?;
    let descriptor = answer
        .descriptors
        .into_iter()
        .next()
        .ok_or(FileError::Gone)?;
    let file = std::fs::File::from(descriptor);
    let metadata = file
        .metadata()
        .map_err(|error| FileError::of_io(path, &error))?;
    if metadata.is_dir() {
        return Err(FileError::Directory(path.to_owned()));
    }
    // The kernel judges some writes to proc by who writes, and that is this service.
    let in_proc = || rustix::fs::fstatfs(&file).is_ok_and(|filesystem| filesystem.f_type == PROC);
    if !metadata.is_file() || (write && in_proc()) {
        return Err(FileError::NotRegular(path.to_owned()));
    }
    Ok(File::from_std(file))
}
