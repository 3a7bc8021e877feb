//! A byte stream, cut into Connect envelopes: the frame of envd's streaming calls.
//!
//! Source: the Connect protocol, "Streaming": one byte of flags, four bytes of big-endian length,
//! then that many bytes; flag 0x02 marks the end of the stream.

use http::StatusCode;
use model::json;
use model::ports::{Body, BrokenBody};
use serde_json::Value;

use super::SandboxError;
use super::reply::excerpt;

/// The most bytes that we accept in one envelope.
const LIMIT: usize = 16 * 1024 * 1024;
const END_OF_STREAM: u8 = 0x02;

/// One envelope of a stream.
#[derive(Debug, PartialEq)]
pub(crate) enum Envelope {
    /// A message, as JSON.
    Message(Vec<u8>),
    /// The end, with an error or none, as JSON.
    End(Vec<u8>),
}

/// Wraps one request message.
pub(crate) fn wrap(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("our requests have less than 4 GiB");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// Reads a body envelope by envelope, whatever chunks it comes in.
#[derive(Debug)]
pub(crate) struct Envelopes<B> {
    body: B,
    pending: Vec<u8>,
}

impl<B: Body> Envelopes<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            pending: Vec::new(),
        }
    }

    /// The next envelope; `None` if the body ended without an end-of-stream envelope.
    pub(crate) async fn envelope(&mut self) -> Option<Result<Envelope, BrokenBody>> {
        loop {
            match self.buffered() {
                Ok(Some(envelope)) => return Some(Ok(envelope)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            match self.body.chunk().await? {
                Ok(chunk) => self.pending.extend_from_slice(&chunk),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next message; `None` at the end of the stream, be it in good order or not.
    pub(crate) async fn message(
        &mut self,
        what: &'static str,
    ) -> Option<Result<Value, SandboxError>> {
        let broken = |reason| SandboxError::Broken { what, reason };
        let message = match self.envelope().await? {
            Ok(Envelope::Message(message)) => message,
            Ok(Envelope::End(trailer)) => {
                let trailer = json::read(&trailer).unwrap_or_default();
                return Some(Err(refusal(what, trailer.get("error")?)));
            }
            Err(error) => return Some(Err(broken(error.to_string()))),
        };
        let read = json::read(&message);
        Some(read.map_err(|_| broken(format!("`{}` is no event", excerpt(&message)))))
    }

    fn buffered(&mut self) -> Result<Option<Envelope>, BrokenBody> {
        let Some((head, rest)) = self.pending.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > LIMIT {
            return Err(BrokenBody(format!(
                "an envelope of {length} bytes, the most is {LIMIT}"
            )));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let flags = head[0];
        let message = rest[..length].to_vec();
        self.pending.drain(..5 + length);
        Ok(Some(if flags & END_OF_STREAM != 0 {
            Envelope::End(message)
        } else {
            Envelope::Message(message)
        }))
    }
}

/// What the end of a stream says was wrong.
fn refusal(what: &'static str, error: &Value) -> SandboxError {
    let message = error["message"].as_str().unwrap_or("no reason given");
    let message = message.to_owned();
    match error["code"].as_str() {
        Some("not_found") => SandboxError::Refused {
            what,
            status: StatusCode::NOT_FOUND.as_u16(),
            message,
        },
        _ => SandboxError::Broken {
            what,
            reason: message,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use std::collections::VecDeque;

    struct Chunks(VecDeque<Vec<u8>>);

    impl Body for Chunks {
        async fn chunk(&mut self) -> Option<Result<Vec<u8>, BrokenBody>> {
            self.0.pop_front().map(Ok)
        }
    }

    #[test]
    fn every_split_of_the_bytes_gives_the_same_envelopes() {
        let mut bytes = wrap(b"{\"event\":{}}");
        bytes.extend_from_slice(&[2, 0, 0, 0, 2, b'{', b'}']);
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut envelopes = Envelopes::new(Chunks([first.to_vec(), second.to_vec()].into()));
            block_on(async {
                let message = Envelope::Message(b"{\"event\":{}}".to_vec());
                assert_eq!(
                    envelopes.envelope().await,
                    Some(Ok(message)),
                    "cut at {cut}"
                );
                assert_eq!(
                    envelopes.envelope().await,
                    Some(Ok(Envelope::End(b"{}".to_vec())))
                );
                assert_eq!(envelopes.envelope().await, None);
            });
        }
    }

    #[test]
    fn refuses_an_envelope_that_claims_gigabytes() {
        let mut envelopes = Envelopes::new(Chunks([vec![0, 255, 255, 255, 255, 1]].into()));
        assert!(matches!(block_on(envelopes.envelope()), Some(Err(_))));
    }
}
