//! Where events go: into a stream of server-sent events if the client asked for one.

use std::pin::Pin;

use futures::{Sink, SinkExt as _};
use model::event::{ClientGone, Event, EventSink};
use model::sse;
use spin_sdk::http::{Fields, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::StreamError;

type ByteSink = Pin<Box<dyn Sink<Vec<u8>, Error = StreamError>>>;

/// Tells the client what happens, as it happens.
///
/// No head is sent before the first event, so a failure before it is still an ordinary error
/// response. A sink that failed once is never used again: Spin's SDK panics on that.
pub struct Reporter {
    state: State,
    last_id: u64,
}

enum State {
    /// The client wants one document at the end.
    Document(Option<ResponseOutparam>),
    /// The client wants events; none was sent yet. The headers are those of every answer.
    Waiting(Option<ResponseOutparam>, Vec<(String, Vec<u8>)>),
    /// Events flow.
    Open(ByteSink),
    /// The client went away.
    Gone,
}

/// How far a reporter got, for the answer that comes last.
pub(crate) enum Ending {
    /// Nothing was sent: answer in one piece.
    Unsent(ResponseOutparam),
    /// Events were sent: end the stream.
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
        let state = if wants_events {
            State::Waiting(Some(out), headers)
        } else {
            State::Document(Some(out))
        };
        Self { state, last_id: 0 }
    }

    /// Whether the client asked for events.
    pub fn streams(&self) -> bool {
        !matches!(self.state, State::Document(_))
    }

    pub(crate) fn ending(self) -> Ending {
        match self.state {
            State::Document(Some(out)) => Ending::Unsent(out),
            State::Waiting(Some(out), _) if self.last_id == 0 => Ending::Unsent(out),
            State::Open(_) => Ending::Stream(self),
            _ => Ending::Gone,
        }
    }

    /// Sends one event whose data is already JSON.
    pub(crate) async fn send(&mut self, name: &str, json: &str) -> Result<(), ClientGone> {
        self.last_id += 1;
        self.write(sse::encode(Some(self.last_id), name, json))
            .await
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), ClientGone> {
        if let State::Waiting(out, headers) = &mut self.state {
            let Some(out) = out.take() else {
                return Err(ClientGone);
            };
            self.state = State::Open(open(out, std::mem::take(headers)));
        }
        match &mut self.state {
            State::Document(_) | State::Waiting(..) => Ok(()),
            State::Gone => Err(ClientGone),
            State::Open(sink) => {
                let sent = sink.send(bytes).await;
                if sent.is_err() {
                    self.state = State::Gone;
                }
                sent.map_err(|_| ClientGone)
            }
        }
    }
}

fn open(out: ResponseOutparam, mut headers: Vec<(String, Vec<u8>)>) -> ByteSink {
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        // Proxies such as nginx would otherwise hold events back.
        ("x-accel-buffering", "no"),
    ] {
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let headers = Fields::from_list(&headers).expect("our own headers are valid");
    let response = OutgoingResponse::new(headers);
    let sink = Box::pin(response.take_body());
    out.set(response);
    sink
}

impl EventSink for Reporter {
    async fn emit(&mut self, event: Event) -> Result<(), ClientGone> {
        if !self.streams() {
            return Ok(());
        }
        let json = serde_json::to_string(&event).expect("our own event types serialise");
        self.send(event.name(), &json).await
    }

    async fn keep_alive(&mut self) -> Result<(), ClientGone> {
        if !self.streams() {
            return Ok(());
        }
        self.write(sse::KEEP_ALIVE.to_vec()).await
    }
}
