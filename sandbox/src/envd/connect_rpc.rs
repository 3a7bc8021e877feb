//! The Connect protocol with its JSON codec, as far as E2B's clients speak it.
//!
//! A unary call is JSON in a POST. A stream is a sequence of envelopes: one byte of flags, four of
//! length (big endian), JSON; the answer ends with an envelope of flags 2 that may hold an error.
//! Source: connectrpc.com, "Connect Protocol Reference".

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::link::LinkError;

const STREAM_TYPE: &str = "application/connect+json";
const END_OF_STREAM: u8 = 2;
const LONGEST_MESSAGE: usize = 64 << 20;

/// An error of a call: Connect's code, and a text.
#[derive(Debug)]
pub struct RpcError {
    code: &'static str,
    status: StatusCode,
    message: String,
}

macro_rules! codes {
    ($($name:ident $status:ident),* $(,)?) => {
        impl RpcError {
            $(
                #[doc = concat!("Code `", stringify!($name), "`.")]
                pub fn $name(message: impl Into<String>) -> Self {
                    Self { code: stringify!($name), status: StatusCode::$status, message: message.into() }
                }
            )*
        }
    };
}

codes! {
    invalid_argument BAD_REQUEST,
    failed_precondition BAD_REQUEST,
    not_found NOT_FOUND,
    already_exists CONFLICT,
    permission_denied FORBIDDEN,
    resource_exhausted TOO_MANY_REQUESTS,
    unimplemented NOT_IMPLEMENTED,
    unavailable SERVICE_UNAVAILABLE,
    deadline_exceeded GATEWAY_TIMEOUT,
    internal INTERNAL_SERVER_ERROR,
}

impl RpcError {
    /// What the system refused, with the code that E2B's clients expect for it.
    pub fn of_link(error: &LinkError, what: &str) -> Self {
        let message = format!("{what}: {error}");
        match (error, error.errno()) {
            (LinkError::Gone, _) => Self::unavailable(message),
            (LinkError::Unsendable(_), _) => Self::invalid_argument(message),
            (_, Some(libc::ENOENT)) => Self::not_found(message),
            (_, Some(libc::EEXIST)) => Self::already_exists(message),
            (_, Some(libc::EACCES | libc::EPERM | libc::EROFS)) => Self::permission_denied(message),
            (_, Some(libc::ELOOP)) => Self::failed_precondition(message),
            (_, Some(libc::ENOSPC | libc::EDQUOT | libc::EMFILE | libc::ETOOMANYREFS)) => {
                Self::resource_exhausted(message)
            }
            (
                _,
                Some(
                    libc::ENOTDIR
                    | libc::EISDIR
                    | libc::EINVAL
                    | libc::ENAMETOOLONG
                    | libc::ENOTEMPTY
                    | libc::EXDEV
                    | libc::E2BIG,
                ),
            ) => Self::invalid_argument(message),
            _ => Self::internal(message),
        }
    }

    fn body(&self) -> Value {
        json!({ "code": self.code, "message": self.message })
    }
}

impl IntoResponse for RpcError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

/// Whether a request opens a stream.
pub fn is_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(STREAM_TYPE.as_bytes()))
}

/// An error as answer, in the form the request asks for.
pub fn refuse(request: &Request, error: RpcError) -> Response {
    if !is_stream(request.headers()) {
        return error.into_response();
    }
    in_stream(Body::from(end(Some(&error))))
}

/// The message of a unary call.
pub async fn message<T: DeserializeOwned>(body: Body) -> Result<T, RpcError> {
    let bytes = to_bytes(body, LONGEST_MESSAGE)
        .await
        .map_err(|error| RpcError::invalid_argument(format!("the body cannot be read: {error}")))?;
    parse(if bytes.is_empty() { b"{}" } else { &bytes })
}

/// The answer to a unary call.
pub fn reply(message: &impl Serialize) -> Response {
    Json(message).into_response()
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, RpcError> {
    serde_json::from_slice(json).map_err(|error| {
        RpcError::invalid_argument(format!("the message is not what this call takes: {error}"))
    })
}

/// The messages of a client's stream.
pub struct Messages {
    body: BodyDataStream,
    buffer: BytesMut,
}

impl Messages {
    /// Reads the envelopes of a body.
    pub fn new(body: Body) -> Self {
        Self {
            body: body.into_data_stream(),
            buffer: BytesMut::new(),
        }
    }

    /// The message that a stream begins with.
    pub async fn first<T: DeserializeOwned>(&mut self) -> Result<T, RpcError> {
        let message = self.next().await?;
        message.ok_or_else(|| RpcError::invalid_argument("the stream has no message"))
    }

    /// The next message; `None` at the end.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RpcError> {
        loop {
            if let Some((flags, message)) = self.take_envelope()? {
                match flags {
                    0 => return parse(&message).map(Some),
                    END_OF_STREAM => return Ok(None),
                    flags => {
                        return Err(RpcError::unimplemented(format!(
                            "envelope flags {flags} (compression) are not supported; send plain JSON"
                        )));
                    }
                }
            }
            match self.body.next().await {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => {
                    return Err(RpcError::invalid_argument(format!(
                        "the stream broke off: {error}"
                    )));
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => {
                    return Err(RpcError::invalid_argument(
                        "the stream ends within an envelope",
                    ));
                }
            }
        }
    }

    fn take_envelope(&mut self) -> Result<Option<(u8, Bytes)>, RpcError> {
        let Some([flags, length @ ..]) = self.buffer.first_chunk::<5>() else {
            return Ok(None);
        };
        let (flags, length) = (*flags, u32::from_be_bytes(*length) as usize);
        if length > LONGEST_MESSAGE {
            return Err(RpcError::resource_exhausted(format!(
                "a message of {length} bytes is longer than {LONGEST_MESSAGE}"
            )));
        }
        if self.buffer.len() < 5 + length {
            return Ok(None);
        }
        self.buffer.advance(5);
        Ok(Some((flags, self.buffer.split_to(length).freeze())))
    }
}

/// The server's side of a stream; the client sees what is sent as it is sent.
pub struct Outgoing(mpsc::Sender<Result<Bytes, Infallible>>);

/// The client has gone away.
#[derive(Debug)]
pub struct ClientGone;

impl Outgoing {
    /// A stream, and the response that carries it.
    pub fn open() -> (Self, Response) {
        let (sender, receiver) = mpsc::channel(16);
        (
            Self(sender),
            in_stream(Body::from_stream(ReceiverStream::new(receiver))),
        )
    }

    /// Sends a message; waits while the client reads slower than this.
    pub async fn send(&self, message: &impl Serialize) -> Result<(), ClientGone> {
        let json = serde_json::to_vec(message).map_err(|_| ClientGone)?;
        self.0
            .send(Ok(envelope(0, &json)))
            .await
            .map_err(|_| ClientGone)
    }

    /// Sends the end, after which nothing comes.
    pub async fn end(self, error: Option<RpcError>) {
        // If the client is gone, nobody misses the end.
        let _ = self.0.send(Ok(end(error.as_ref()))).await;
    }

    /// Resolves when the client has gone away.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

/// Answers a client's stream with one message.
pub fn reply_in_stream(outcome: Result<Value, RpcError>) -> Response {
    let mut bytes = BytesMut::new();
    if let Ok(message) = &outcome {
        bytes.extend_from_slice(&envelope(0, message.to_string().as_bytes()));
    }
    bytes.extend_from_slice(&end(outcome.err().as_ref()));
    in_stream(Body::from(bytes.freeze()))
}

fn in_stream(body: Body) -> Response {
    ([(CONTENT_TYPE, STREAM_TYPE)], body).into_response()
}

fn end(error: Option<&RpcError>) -> Bytes {
    let body = error.map_or_else(|| json!({}), |error| json!({ "error": error.body() }));
    envelope(END_OF_STREAM, body.to_string().as_bytes())
}

fn envelope(flags: u8, json: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(5 + json.len());
    bytes.push(flags);
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(json);
    bytes.into()
}

/// The time a client gives a call.
pub fn deadline(headers: &HeaderMap) -> Option<Duration> {
    number(headers, "connect-timeout-ms")
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
}

/// Resolves at a deadline, if there is one.
pub async fn pass(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline).await,
        None => std::future::pending().await,
    }
}

/// How often a client wants to hear something on a silent stream.
pub fn ping_interval(headers: &HeaderMap) -> Duration {
    Duration::from_secs(
        number(headers, "keepalive-ping-interval")
            .filter(|seconds| *seconds > 0)
            .unwrap_or(90),
    )
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// All messages of a body that arrives in pieces, and the error at which reading stops.
    fn read(bytes: &[u8], pieces: &[usize]) -> (Vec<Value>, Option<RpcError>) {
        let (mut chunks, mut rest) = (Vec::new(), bytes);
        for &piece in pieces.iter().cycle().take(bytes.len()) {
            let (chunk, left) = rest.split_at(piece.min(rest.len()));
            chunks.push(Ok::<_, Infallible>(Bytes::copy_from_slice(chunk)));
            rest = left;
        }
        let mut messages = Messages::new(Body::from_stream(stream::iter(chunks)));
        let mut read = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            loop {
                match messages.next().await {
                    Ok(Some(message)) => read.push(message),
                    Ok(None) => return (read, None),
                    Err(error) => return (read, Some(error)),
                }
            }
        })
    }

    proptest! {
        #[test]
        fn messages_are_the_same_in_pieces_of_any_size(
            texts in vec(".{0,40}", 0..6),
            pieces in vec(1..20_usize, 1..5),
            ended: bool,
            cut in 1..5_usize,
        ) {
            let sent: Vec<Value> = texts.iter().map(|text| json!({ "text": text })).collect();
            let mut bytes: Vec<u8> = sent
                .iter()
                .flat_map(|message| envelope(0, message.to_string().as_bytes()))
                .collect();
            if ended {
                bytes.extend(end(None));
            }
            let (read_whole, error) = read(&bytes, &pieces);
            prop_assert_eq!(&read_whole, &sent);
            prop_assert!(error.is_none(), "{:?}", error);
            // One that breaks off in the middle of a message says so.
            if !ended && !sent.is_empty() {
                let (read_cut, error) = read(&bytes[..bytes.len() - cut], &pieces);
                prop_assert_eq!(&read_cut[..], &sent[..sent.len() - 1]);
                prop_assert_eq!(error.map(|error| error.code), Some("invalid_argument"));
            }
        }

        #[test]
        fn any_bytes_are_read_to_an_end(
            bytes in vec(any::<u8>(), 0..200),
            pieces in vec(1..50_usize, 1..5),
        ) {
            let (messages, _) = read(&bytes, &pieces);
            prop_assert!(messages.len() <= bytes.len() / 5);
        }
    }

    #[test]
    fn a_length_alone_takes_no_memory() {
        let (messages, error) = read(&[0, 0xff, 0xff, 0xff, 0xff], &[5]);
        assert!(messages.is_empty());
        assert_eq!(error.map(|error| error.code), Some("resource_exhausted"));
    }
}
