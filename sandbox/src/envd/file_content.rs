//! `GET /files`: the bytes of a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Query;
use axum::response::Response;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, RANGE, VARY,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use url::form_urlencoded;

use super::accept_encoding::{self, Encoding};
use super::compression;
use super::file_error::FileError;
use crate::protocol::{Access, Request as InitRequest};
use crate::sandbox::Sandbox;

const CHUNK: usize = 64 << 10;
/// proc's magic number, from linux/magic.h.
const PROC: libc::__fsword_t = 0x9fa0;

/// The query of a call.
#[derive(Deserialize)]
pub struct Target {
    pub path: Option<String>,
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
    let mut file = open(&sandbox, &path, Access::Read).await?;
    let length = file
        .metadata()
        .await
        .map_err(|error| FileError::of_io(&path, &error))?
        .len();
    let response = Response::builder()
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_DISPOSITION, disposition(&path))
        .header(VARY, "Accept-Encoding")
        .header(ACCEPT_RANGES, "bytes");
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let range = header(RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .filter(|range| !range.contains(','));
    let encoding = header(ACCEPT_ENCODING);
    let encoding = accept_encoding::choose(encoding, range.is_some())
        .ok_or_else(|| FileError::Encoding(encoding.unwrap_or_default().to_owned()))?;
    let response = match (range, encoding) {
        (Some(range), _) => {
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
        (None, Encoding::Gzip) => {
            response
                .header(CONTENT_ENCODING, "gzip")
                .body(Body::from_stream(compression::pack(
                    ReaderStream::with_capacity(file, CHUNK),
                )))
        }
        // Without a length: a program inside may be writing to the file just now, and proc's
        // files claim to be empty.
        (None, Encoding::Identity) => {
            response.body(Body::from_stream(ReaderStream::with_capacity(file, CHUNK)))
        }
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

/// Shown, not saved, under its own name; RFC 6266 has two ways to write that.
fn disposition(path: &str) -> String {
    let name = Path::new(path)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let plain = name.replace(
        |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '\\'),
        "_",
    );
    if plain == name {
        return format!("inline; filename=\"{plain}\"");
    }
    let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    format!("inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Opens a file through the sandbox's init, and makes sure that it is one.
pub async fn open(sandbox: &Sandbox, path: &str, access: Access) -> Result<File, FileError> {
    let inside: PathBuf = sandbox
        .path_of(path)
        .ok_or_else(|| FileError::Missing(path.to_owned()))?;
    let answer = sandbox
        .files
        .request(&InitRequest::Open {
            path: inside,
            access,
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
    if !metadata.is_file() || (access != Access::Read && in_proc()) {
        return Err(FileError::NotRegular(path.to_owned()));
    }
    Ok(File::from_std(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_under_its_own_name() {
        assert_eq!(
            disposition("/home/user/a.csv"),
            "inline; filename=\"a.csv\""
        );
        assert_eq!(
            disposition("größe 1\".csv"),
            "inline; filename=\"gr__e_1_.csv\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%201%22.csv"
        );
    }

    #[test]
    fn a_range_lies_in_the_file_or_is_none() {
        assert_eq!(parse_range("0-99", 10), Some((0, 9)));
        assert_eq!(parse_range("-3", 10), Some((7, 9)));
        for outside in ["10-", "5-2", "-", "x-y", "-0", "--1"] {
            assert_eq!(parse_range(outside, 10), None, "{outside}");
        }
        assert_eq!(parse_range("0-", 0), None);
    }
}
