//! Where events go: into a stream of server-sent events if the client asked for one, or into one of text.

use model::event::{ClientGone, Event, EventSink};
use model::sse;
use spin_sdk::http::{Fields, OutgoingResponse, ResponseOutparam};

use crate::HttpError;
use crate::streamed_body::StreamedBody;

/// Tells the client what happens, as it happens.
///
/// No head is sent before the first event, so a failure before it is still an ordinary error
/// response.
pub struct Reporter {
    form: Form,
    state: State,
    /// Those of every answer.
    headers: Vec<(String, Vec<u8>)>,
    last_id: u64,
    /// Text was sent whose last line is not at its end.
    is_within_a_line: bool,
}

/// What the client wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One document at the end.
    Document,
    /// Events.
    Events,
    /// What is written, as plain text.
    Text,
}

enum State {
    /// Nothing was sent.
    Unsent(ResponseOutparam),
    /// Events or text flow.
    Open(StreamedBody),
    /// The client went away.
    Gone,
}

/// How far a reporter got, for the answer that comes last.
pub(crate) enum Ending {
    /// Nothing was sent: answer in one piece.
    Unsent(ResponseOutparam),
    /// Events or text were sent: end the stream.
    Stream(Reporter),
    /// Nobody listens any more.
    Gone,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reporter")
    }
}

impl Reporter {
    pub(crate) fn new(
        out: ResponseOutparam,
        wants_events: bool,
        headers: Vec<(String, Vec<u8>)>,
    ) -> Self {
        let form = if wants_events {
            Form::Events
        } else {
            Form::Document
        };
        Self {
            form,
            state: State::Unsent(out),
            headers,
            last_id: 0,
            is_within_a_line: false,
        }
    }

    /// A client that asked for no events gets what is written as plain text, as it is written.
    pub fn prefer_text(&mut self) {
        if self.form == Form::Document {
            self.form = Form::Text;
        }
    }

    /// Whether the client hears of the work while it goes on.
    pub fn streams(&self) -> bool {
        self.form != Form::Document
    }

    pub(crate) fn form(&self) -> Form {
        self.form
    }

    pub(crate) fn ending(self) -> Ending {
        match self.state {
            State::Unsent(out) => Ending::Unsent(out),
            State::Open(_) => Ending::Stream(self),
            State::Gone => Ending::Gone,
        }
    }

    /// Sends one event whose data is already JSON.
    pub(crate) async fn send(&mut self, name: &str, json: &str) -> Result<(), ClientGone> {
        self.last_id += 1;
        self.write(sse::encode(Some(self.last_id), name, json))
            .await
    }

    /// Ends a text that cannot be brought to its end: with a line that says why.
    pub(crate) async fn break_off(&mut self, error: &HttpError) -> Result<(), ClientGone> {
        let before = if self.is_within_a_line { "\n" } else { "" };
        let message = error.message.replace(['\n', '\r'], " ");
        let line = format!("{before}[error: {}: {message}]\n", error.code);
        self.write(line.into_bytes()).await
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ClientGone> {
        if let State::Unsent(_) = &self.state
            && let State::Unsent(out) = std::mem::replace(&mut self.state, State::Gone)
        {
            let headers = std::mem::take(&mut self.headers);
            self.state = State::Open(open(out, self.form, headers));
        }
        let State::Open(body) = &mut self.state else {
            return Err(ClientGone);
        };
        let written = body.write(&bytes).await;
        if written.is_err() {
            self.state = State::Gone;
        }
        written
    }
}

fn open(out: ResponseOutparam, form: Form, mut headers: Vec<(String, Vec<u8>)>) -> StreamedBody {
    let content_type = match form {
        Form::Text => "text/plain; charset=utf-8",
        Form::Events | Form::Document => "text/event-stream",
    };
    for (name, value) in [
        ("content-type", content_type),
        ("cache-control", "no-cache"),
        // Proxies such as nginx would otherwise hold events back.
        ("x-accel-buffering", "no"),
    ] {
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let headers = Fields::from_list(&headers).expect("our own headers are valid");
    let response = OutgoingResponse::new(headers);
    let body = StreamedBody::of(&response);
    out.set(response);
    body
}

impl EventSink for Reporter {
    async fn emit(&mut self, event: Event) -> Result<(), ClientGone> {
        match self.form {
            Form::Document => Ok(()),
            Form::Events => {
                let json = serde_json::to_string(&event).expect("our own event types serialise");
                self.send(event.name(), &json).await
            }
            Form::Text => {
                let (Event::CodeDelta { text } | Event::TextDelta { text }) = event else {
                    return Ok(());
                };
                self.is_within_a_line = !text.ends_with('\n');
                self.write(text.into_bytes()).await
            }
        }
    }

    async fn keep_alive(&mut self) -> Result<(), ClientGone> {
        match (self.form, &self.state) {
            (Form::Document, _) | (Form::Text, State::Unsent(_)) => Ok(()),
            (Form::Events, _) => self.write(sse::KEEP_ALIVE.to_vec()).await,
            // Nothing may stand between two words; even so a write finds out who has gone.
            (Form::Text, _) => self.write(Vec::new()).await,
        }
    }
}
