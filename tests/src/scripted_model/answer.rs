//! What a scripted model answers once.

use std::time::Duration;

use serde_json::{Value, json};

use super::error;

/// An answer, well-behaved until told otherwise.
///
/// A completion is streamed if the request asks for that, token by token; `after` in the names below
/// counts tokens of a stream, or bytes of an answer in one piece.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) kind: Kind,
    pub(super) headers: Vec<(&'static str, String)>,
    /// Before each event of the stream.
    pub(super) pause: Duration,
    /// The most bytes that are sent at once.
    pub(super) piece: usize,
    pub(super) line_end: &'static str,
    pub(super) has_comments: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Completion(Completion),
    /// Any status and body.
    Raw(u16, &'static str, String),
    /// No head, ever.
    Silence,
}

#[derive(Debug, Clone)]
pub(super) struct Completion {
    pub(super) tokens: Vec<String>,
    pub(super) finish: Option<&'static str>,
    pub(super) streams: bool,
    pub(super) has_usage: bool,
    pub(super) has_done: bool,
    pub(super) ending: Ending,
}

#[derive(Debug, Clone)]
pub(super) enum Ending {
    Whole,
    /// The connection is cut.
    Drop(usize),
    /// The connection stays, and nothing more comes.
    Stall(usize),
    /// An error object, where a token was expected.
    Error(usize, Value),
    /// Bytes that are no event.
    Garbage(usize, &'static str),
}

impl Answer {
    /// A completion of this text.
    pub fn text(text: impl AsRef<str>) -> Self {
        let characters: Vec<char> = text.as_ref().chars().collect();
        let tokens = characters.chunks(5).map(|token| token.iter().collect());
        Self::tokens(tokens.collect::<Vec<String>>())
    }

    /// A completion of these tokens.
    pub fn tokens<T: Into<String>>(tokens: impl IntoIterator<Item = T>) -> Self {
        Self::of(Kind::Completion(Completion {
            tokens: tokens.into_iter().map(Into::into).collect(),
            finish: Some("stop"),
            streams: true,
            has_usage: true,
            has_done: true,
            ending: Ending::Whole,
        }))
    }

    /// Another status, with OpenAI's form of an error.
    pub fn refusal(status: u16, message: impl AsRef<str>) -> Self {
        Self::error(status, message, "invalid_request_error", None)
    }

    /// The same with OpenAI's words for programs.
    pub fn error(
        status: u16,
        message: impl AsRef<str>,
        kind: &'static str,
        code: Option<&'static str>,
    ) -> Self {
        let mut document = error(message.as_ref(), kind, None);
        document["error"]["code"] = json!(code);
        Self::raw(status, "application/json", document.to_string())
    }

    /// Any answer at all.
    pub fn raw(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self::of(Kind::Raw(status, content_type, body.into()))
    }

    /// Nothing, ever.
    pub fn silence() -> Self {
        Self::of(Kind::Silence)
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            headers: Vec::new(),
            pause: Duration::ZERO,
            piece: usize::MAX,
            line_end: "\n",
            has_comments: false,
        }
    }

    /// With a header, such as `retry-after`.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes come in pieces of so many.
    pub fn in_pieces(mut self, bytes: usize) -> Self {
        self.piece = bytes;
        self
    }

    /// Each token takes so long.
    pub fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Lines of the stream end with this instead of a line feed.
    pub fn line_end(mut self, line_end: &'static str) -> Self {
        self.line_end = line_end;
        self
    }

    /// Comments stand between the events.
    pub fn with_comments(mut self) -> Self {
        self.has_comments = true;
        self
    }

    /// It answers in one piece also where a stream was asked for.
    pub fn without_streaming(self) -> Self {
        self.change(|completion| completion.streams = false)
    }

    /// It says nothing of tokens.
    pub fn without_usage(self) -> Self {
        self.change(|completion| completion.has_usage = false)
    }

    /// The stream ends without `[DONE]`.
    pub fn without_done(self) -> Self {
        self.change(|completion| completion.has_done = false)
    }

    /// It ended for another reason than `stop`; for none at all with `None`.
    pub fn finish(self, reason: Option<&'static str>) -> Self {
        self.change(|completion| completion.finish = reason)
    }

    /// It ended at its length limit.
    pub fn cut_off(self) -> Self {
        self.finish(Some("length"))
    }

    /// The connection is cut after so much.
    pub fn drops_after(self, count: usize) -> Self {
        self.change(|completion| completion.ending = Ending::Drop(count))
    }

    /// Nothing more comes after so much, and the connection stays.
    pub fn stalls_after(self, count: usize) -> Self {
        self.change(|completion| completion.ending = Ending::Stall(count))
    }

    /// An error object comes after so many tokens, and the stream ends.
    pub fn fails_after(self, count: usize, error: Value) -> Self {
        let document = json!({"error": error});
        self.change(|completion| completion.ending = Ending::Error(count, document))
    }

    /// These bytes come after so many tokens, and the stream ends.
    pub fn babbles_after(self, count: usize, bytes: &'static str) -> Self {
        self.change(|completion| completion.ending = Ending::Garbage(count, bytes))
    }

    fn change(mut self, change: impl FnOnce(&mut Completion)) -> Self {
        match &mut self.kind {
            Kind::Completion(completion) => change(completion),
            other => panic!("{other:?} is no completion"),
        }
        self
    }
}
