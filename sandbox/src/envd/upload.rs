//! `POST /files`: files come in.
//!
//! A new file is written under its name, and removed if its upload breaks off. One that is there
//! keeps its content until the upload is complete and there is room for it; then it is overwritten
//! in place, so that it remains the same file: with its permissions, its links, and the watches that
//! expect a WRITE.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::Arc;

use axum::extract::{FromRequest, Multipart, Query, Request};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::compression;
use super::file_content::{Target, open};
use super::file_error::FileError;
use crate::file_metadata;
use crate::protocol::{Access, Request as InitRequest};
use crate::sandbox::Sandbox;

/// An upload up to this size waits in memory until it is complete, a longer one in a nameless file.
const IN_MEMORY: usize = 256 << 10;
const METADATA: &str = "x-metadata-";
const DRAIN_AT_MOST: usize = 256 << 20;
/// The directory of nameless files; on the same disk as all that sandboxes write.
const SCRATCH: &str = "/tmp";

type Metadata = BTreeMap<String, Vec<u8>>;

/// Writes one file from the body, or several from the parts of a form.
pub async fn write(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    Query(target): Query<Target>,
    request: Request,
) -> Result<Response, FileError> {
    let path = target.path.filter(|path| !path.is_empty());
    let metadata = metadata(request.headers());
    file_metadata::check(&metadata)?;
    let request = unpacked(request)?;
    let kind = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("")
        .to_owned();
    if kind.starts_with("application/octet-stream") {
        let path = path.ok_or(FileError::NoPath)?;
        let content = request
            .into_body()
            .into_data_stream()
            .map_err(io::Error::other);
        let written = store(&sandbox, &path, content, &metadata).await?;
        return Ok(Json([written]).into_response());
    }
    if !kind.starts_with("multipart/form-data") {
        return Err(FileError::Upload(format!(
            "its content type is '{}'",
            kind.escape_debug()
        )));
    }
    let upload =
        |error: axum::extract::multipart::MultipartError| FileError::Upload(error.body_text());
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|error| FileError::Upload(error.body_text()))?;
    let (mut written, mut paths) = (Vec::new(), BTreeSet::new());
    while let Some(field) = form.next_field().await.map_err(upload)? {
        if field.name() != Some("file") {
            continue;
        }
        let path = path
            .clone()
            .or_else(|| field.file_name().map(str::to_owned))
            .ok_or(FileError::NoPath)?;
        if !paths.insert(sandbox.shown(&path)) {
            return Err(FileError::Twice(path));
        }
        let content = field.map_err(|error| io::Error::other(error.body_text()));
        written.push(store(&sandbox, &path, content, &metadata).await?);
    }
    if written.is_empty() {
        return Err(FileError::Upload("the form has no field 'file'".to_owned()));
    }
    Ok(Json(written).into_response())
}

/// What the headers attach to every file of the upload.
fn metadata(headers: &HeaderMap) -> Metadata {
    let mut metadata = Metadata::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(METADATA) {
            metadata
                .entry(key.to_owned())
                .or_insert_with(|| value.as_bytes().to_vec());
        }
    }
    metadata
}

/// The request with its body as it was before `Content-Encoding`.
fn unpacked(mut request: Request) -> Result<Request, FileError> {
    match request.headers_mut().remove(CONTENT_ENCODING) {
        None => Ok(request),
        Some(encoding) if encoding == "identity" => Ok(request),
        Some(encoding) if encoding == "gzip" => Ok(request.map(|body| {
            axum::body::Body::from_stream(compression::unpack(
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
    metadata: &Metadata,
) -> Result<Value, FileError> {
    let mut content = std::pin::pin!(content);
    let stored = match open(sandbox, path, Access::Create).await {
        Ok(file) => create(sandbox, path, file, content.as_mut(), metadata).await,
        Err(FileError::Exists(_)) => replace(sandbox, path, content.as_mut(), metadata).await,
        Err(error) => Err(error),
    };
    if let Err(FileError::NoSpace { .. }) = &stored {
        drain(content).await;
    }
    stored.map_err(|error| error.named(sandbox))?;
    let shown = sandbox.shown(path);
    let name = shown.file_name().unwrap_or_default().to_string_lossy();
    let mut view = json!({ "name": name, "path": shown, "type": "file" });
    if !metadata.is_empty() {
        view["metadata"] = metadata
            .iter()
            .map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into()))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    Ok(view)
}

/// Half a file is worse than none. Dropped with the upload, too, when its client goes away.
struct HalfFile<'a> {
    sandbox: &'a Sandbox,
    path: &'a str,
    complete: bool,
}

impl Drop for HalfFile<'_> {
    fn drop(&mut self) {
        if let (false, Some(path)) = (self.complete, self.sandbox.path_of(self.path)) {
            self.sandbox.files.notify(&InitRequest::Remove { path });
        }
    }
}

/// Who is cut off while sending sees a broken connection and not the answer: the rest is let in,
/// within bounds.
async fn drain(mut content: impl Stream<Item = io::Result<Bytes>> + Unpin) {
    let mut left = DRAIN_AT_MOST;
    while let Some(Ok(chunk)) = content.next().await
        && left > chunk.len()
    {
        left -= chunk.len();
    }
}

async fn create(
    sandbox: &Sandbox,
    path: &str,
    file: File,
    mut content: impl Stream<Item = io::Result<Bytes>> + Unpin,
    metadata: &Metadata,
) -> Result<(), FileError> {
    let mut half = HalfFile {
        sandbox,
        path,
        complete: false,
    };
    let mut file = attach(path, file, metadata).await?;
    let failed = |error: io::Error| FileError::of_io(path, &error);
    while let Some(chunk) = content.next().await {
        file.write_all(&chunk.map_err(failed)?)
            .await
            .map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    half.complete = true;
    Ok(())
}

async fn replace(
    sandbox: &Sandbox,
    path: &str,
    content: impl Stream<Item = io::Result<Bytes>> + Unpin,
    metadata: &Metadata,
) -> Result<(), FileError> {
    // Opened first: what may not be written is told before anything is sent.
    let target = open(sandbox, path, Access::Overwrite).await?;
    let complete = collect(sandbox, path, content).await?;
    let target = attach(path, target, metadata).await?.into_std().await;
    let overwritten = tokio::task::spawn_blocking(move || overwrite(target, complete));
    overwritten
        .await
        .map_err(io::Error::other)
        .and_then(|outcome| outcome)
        .map_err(|error| FileError::of_io(path, &error))
}

/// An upload that has arrived whole.
enum Complete {
    Bytes(BytesMut),
    File(std::fs::File),
}

async fn collect(
    sandbox: &Sandbox,
    path: &str,
    mut content: impl Stream<Item = io::Result<Bytes>> + Unpin,
) -> Result<Complete, FileError> {
    let failed = |error: io::Error| FileError::of_io(path, &error);
    let (mut bytes, mut scratch) = (BytesMut::new(), None);
    while let Some(chunk) = content.next().await {
        bytes.extend_from_slice(&chunk.map_err(failed)?);
        if bytes.len() > IN_MEMORY {
            let file = match &mut scratch {
                Some(file) => file,
                none => none.insert(open(sandbox, SCRATCH, Access::Scratch).await?),
            };
            file.write_all(&bytes).await.map_err(failed)?;
            bytes.clear();
        }
    }
    let Some(mut file) = scratch else {
        return Ok(Complete::Bytes(bytes));
    };
    file.write_all(&bytes).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    file.seek(SeekFrom::Start(0)).await.map_err(failed)?;
    Ok(Complete::File(file.into_std().await))
}

/// Takes the room first: what does not fit must not cost what is there.
fn overwrite(mut target: std::fs::File, complete: Complete) -> io::Result<()> {
    let length = match &complete {
        Complete::Bytes(bytes) => bytes.len() as u64,
        Complete::File(file) => file.metadata()?.len(),
    };
    if length > 0 {
        match fallocate(&target, FallocateFlags::KEEP_SIZE, 0, length) {
            // Not every file system can; then the first write says whether there is room.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    target.seek(SeekFrom::Start(0))?;
    match complete {
        Complete::Bytes(bytes) => target.write_all(&bytes)?,
        Complete::File(mut file) => {
            io::copy(&mut file, &mut target)?;
        }
    }
    target.set_len(length)
}

/// Attaches metadata in place of all there was.
async fn attach(path: &str, file: File, metadata: &Metadata) -> Result<File, FileError> {
    let (file, wanted) = (file.into_std().await, metadata.clone());
    let attached =
        tokio::task::spawn_blocking(move || file_metadata::replace(&file, &wanted).map(|()| file));
    let attached = attached.await.map_err(io::Error::other);
    match attached.and_then(|outcome| outcome) {
        Ok(file) => Ok(File::from_std(file)),
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            Err(FileError::NoMetadata(path.to_owned()))
        }
        Err(error) => Err(FileError::of_io(path, &error)),
    }
}
