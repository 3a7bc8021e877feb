//! Parts of files: a log is read from its end, and then as it grows.

use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderName, RANGE};
use model::ports::{Http, Timer, read_all};
use model::session::SandboxRef;

use super::reply::accepted;
use super::{Client, ENVD_PORT, SandboxError};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// So many bytes before the end.
    End(u64),
    /// At this byte; the file has it, unless it was cut.
    Byte(u64),
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The place of the first.
    pub start: u64,
}

impl<H: Http, T: Timer> Client<'_, H, T> {
    /// Reads at most `limit` bytes of a file; `None` if there is no file, or nothing at that place.
    pub async fn read_part(
        &self,
        sandbox: &SandboxRef,
        path: &str,
        from: From,
        limit: u64,
    ) -> Result<Option<FilePart>, SandboxError> {
        let range = match from {
            From::End(bytes) => format!("bytes=-{}", bytes.clamp(1, limit)),
            From::Byte(first) => format!("bytes={first}-{}", first + limit - 1),
        };
        let what = "read a file";
        // Our own paths only: nothing in them needs an escape.
        let path = format!("/files?path={path}");
        let headers: [(HeaderName, String); 1] = [(RANGE, range)];
        let response = self.get(sandbox, ENVD_PORT, &path, &headers).await?;
        if matches!(
            response.status(),
            StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE
        ) {
            return Ok(None);
        }
        let mut response = accepted(what, sandbox, response).await?;
        // `bytes 7-9/10`; without it this is the whole file.
        let start = response
            .headers()
            .get(CONTENT_RANGE)
            .and_then(|value| {
                value
                    .to_str()
                    .ok()?
                    .strip_prefix("bytes ")?
                    .split('-')
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        let limit = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let bytes = read_all(response.body_mut(), limit).await;
        let bytes = bytes.map_err(|error| SandboxError::Broken {
            what,
            reason: error.to_string(),
        })?;
        Ok(Some(FilePart { bytes, start }))
    }
}
