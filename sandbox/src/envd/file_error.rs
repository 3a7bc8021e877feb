//! Why the bytes of a file were not read or written, as an answer.

use std::io;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use thiserror::Error;

use crate::file_metadata::MetadataError;
use crate::link::LinkError;
use crate::sandbox::Sandbox;

/// Why a file was not read or written.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("the query lacks 'path'")]
    NoPath,
    #[error("path '{0}' does not exist")]
    Missing(String),
    #[error("path '{0}' already exists")]
    Exists(String),
    #[error("path '{0}' is a directory")]
    Directory(String),
    #[error("path '{0}' is not a regular file")]
    NotRegular(String),
    #[error("'{path}' cannot be a path: {reason}")]
    NotAPath { path: String, reason: String },
    #[error("permission denied: '{0}'")]
    Denied(String),
    #[error(
        "the upload cannot be read: {0}; send multipart/form-data with a field 'file', or application/octet-stream with the query 'path'"
    )]
    Upload(String),
    #[error(
        "the upload has two files for '{0}', and only the first was written; give each a path of its own"
    )]
    Twice(String),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(
        "the file system of '{0}' keeps no metadata; leave the X-Metadata headers out, or write below /home/user"
    )]
    NoMetadata(String),
    #[error("{limit}: '{path}' was not written; remove files and try again")]
    NoSpace { path: String, limit: String },
    #[error("the range '{0}' lies outside the file")]
    Range(String),
    #[error("Accept-Encoding '{0}' allows neither the file as it is nor gzip; allow one of them")]
    Encoding(String),
    #[error("the sandbox was not found")]
    Gone,
    #[error("cannot access '{path}': {reason}")]
    Other { path: String, reason: String },
}

impl FileError {
    /// What the sandbox's init, or the system inside, said about a path.
    pub fn of_link(path: &str, error: &LinkError) -> Self {
        match error {
            LinkError::Gone => Self::Gone,
            _ => Self::of_number(path, error.errno().unwrap_or(0), error.to_string()),
        }
    }

    /// What the system said while a file was read or written, or the stream of the upload.
    pub fn of_io(path: &str, error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(number) => Self::of_number(path, number, error.to_string()),
            // Not the disk's: the client's stream, or its compression.
            None => Self::Upload(error.to_string()),
        }
    }

    fn of_number(path: &str, number: i32, reason: String) -> Self {
        let path = path.to_owned();
        match number {
            libc::ENOENT => Self::Missing(path),
            libc::EEXIST => Self::Exists(path),
            libc::EISDIR => Self::Directory(path),
            // A named pipe that nobody reads, a socket, a file used as a directory.
            libc::ENXIO | libc::ENOTDIR | libc::ELOOP => Self::NotRegular(path),
            libc::EINVAL | libc::ENAMETOOLONG => Self::NotAPath { path, reason },
            libc::EACCES | libc::EPERM | libc::EROFS | libc::ETXTBSY => Self::Denied(path),
            libc::ENOSPC | libc::EDQUOT => Self::NoSpace {
                path,
                limit: "disk full".to_owned(),
            },
            _ => Self::Other { path, reason },
        }
    }

    /// With the limit's name, if it is one that was hit.
    pub fn named(self, sandbox: &Sandbox) -> Self {
        match self {
            Self::NoSpace { path, .. } => Self::NoSpace {
                path,
                limit: sandbox.disk_full(),
            },
            other => other,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoPath
            | Self::Directory(_)
            | Self::NotRegular(_)
            | Self::NotAPath { .. }
            | Self::Upload(_)
            | Self::Twice(_)
            | Self::Metadata(_)
            | Self::NoMetadata(_) => StatusCode::BAD_REQUEST,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Exists(_) => StatusCode::CONFLICT,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::NoSpace { .. } => StatusCode::INSUFFICIENT_STORAGE,
            Self::Range(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Encoding(_) => StatusCode::NOT_ACCEPTABLE,
            Self::Gone => StatusCode::BAD_GATEWAY,
            Self::Other { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for FileError {
    fn into_response(self) -> Response {
        let status = self.status();
        (
            status,
            Json(json!({ "code": status.as_u16(), "message": self.to_string() })),
        )
            .into_response()
    }
}
