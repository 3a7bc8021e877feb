//! What is answered.

use http::header::{CONTENT_TYPE, HeaderName};
use serde::Serialize;

/// An answer in one piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, without those that every answer gets.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

/// A body in one piece.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A JSON document, written: in a stream it is the last event.
    Json(String),
    /// Bytes as they are.
    Bytes(Vec<u8>),
}

impl Reply {
    /// 200 with a JSON document.
    pub fn json(document: &impl Serialize) -> Self {
        Self::json_with(200, document)
    }

    /// A JSON document with another status.
    pub fn json_with(status: u16, document: &impl Serialize) -> Self {
        let document = serde_json::to_string(document).expect("our own types serialise");
        Self {
            status,
            headers: Vec::new(),
            body: Body::Json(document),
        }
    }

    /// Bytes of some media type.
    pub fn bytes(status: u16, content_type: &str, bytes: Vec<u8>) -> Self {
        let reply = Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(bytes),
        };
        reply.header(CONTENT_TYPE, content_type)
    }

    /// A text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(
            status,
            "text/plain; charset=utf-8",
            text.into().into_bytes(),
        )
    }

    /// 204.
    pub fn no_content() -> Self {
        Self {
            status: 204,
            headers: Vec::new(),
            body: Body::Bytes(Vec::new()),
        }
    }

    /// The same with one more header.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name.as_str().to_owned(), value.into()));
        self
    }
}
