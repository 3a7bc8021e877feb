//! An answer as bytes, when and how the script wants them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Response;
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::Asked;
use super::answer::{Answer, Completion, Ending, Kind};

/// What comes next of a body.
enum Part {
    Bytes(String),
    /// The connection is cut.
    Cut,
    /// Nothing more comes.
    Stall,
}

pub(super) async fn respond(
    answer: Answer,
    asked: &Asked,
    left: Arc<AtomicUsize>,
) -> Response<Body> {
    let mut response = Response::builder()
        .header("x-request-id", "req_scripted")
        .header("openai-processing-ms", "1");
    let (status, content_type, parts) = match &answer.kind {
        Kind::Silence => return silence(left).await,
        Kind::Raw(status, content_type, body) => {
            (*status, *content_type, vec![Part::Bytes(body.clone())])
        }
        Kind::Completion(completion) if asked.body["stream"] == true && completion.streams => {
            let parts = events(completion, asked, &answer);
            (200, "text/event-stream; charset=utf-8", parts)
        }
        Kind::Completion(completion) => (200, "application/json", document(completion, asked)),
    };
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    response
        .status(status)
        .header("content-type", content_type)
        .body(Body::from_stream(bytes(parts, &answer, left)))
        .expect("a script's head is a head")
}

/// Counts an answer that was left before its end.
struct Listener {
    left: Arc<AtomicUsize>,
    is_done: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.is_done {
            self.left.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn silence(left: Arc<AtomicUsize>) -> Response<Body> {
    let _listener = Listener {
        left,
        is_done: false,
    };
    let never: Infallible = std::future::pending().await;
    match never {}
}

/// What is sent at once.
enum Piece {
    /// The first of an event waits as long as a token takes.
    Bytes(Bytes, Duration),
    Cut,
    Stall,
}

fn pieces(part: Part, answer: &Answer) -> Vec<Piece> {
    let text = match part {
        Part::Bytes(text) => Bytes::from(text),
        Part::Cut => return vec![Piece::Cut],
        Part::Stall => return vec![Piece::Stall],
    };
    let size = answer.piece.min(text.len()).max(1);
    let begins = (0..text.len()).step_by(size);
    let piece = |begin: usize| {
        let pause = if begin == 0 {
            answer.pause
        } else {
            Duration::ZERO
        };
        Piece::Bytes(text.slice(begin..text.len().min(begin + size)), pause)
    };
    begins.map(piece).collect()
}

/// The parts in pieces; between two of them the connection is flushed.
fn bytes(
    parts: Vec<Part>,
    answer: &Answer,
    left: Arc<AtomicUsize>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let pieces = parts.into_iter().flat_map(|part| pieces(part, answer));
    let pieces: Vec<Piece> = pieces.collect();
    let listener = Listener {
        left,
        is_done: false,
    };
    let state = (pieces.into_iter(), listener);
    stream::unfold(state, async |(mut pieces, mut listener)| {
        let Some(piece) = pieces.next() else {
            listener.is_done = true;
            return None;
        };
        // What was sent is flushed only while there is nothing more to send.
        tokio::task::yield_now().await;
        let sent = match piece {
            Piece::Bytes(bytes, pause) => {
                tokio::time::sleep(pause).await;
                Ok(bytes)
            }
            Piece::Cut => {
                listener.is_done = true;
                Err(std::io::Error::other("the script cuts the connection"))
            }
            Piece::Stall => std::future::pending().await,
        };
        Some((sent, (pieces, listener)))
    })
}

/// An answer in one piece.
fn document(completion: &Completion, asked: &Asked) -> Vec<Part> {
    let message =
        json!({"role": "assistant", "content": completion.tokens.concat(), "refusal": null});
    let mut document = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000,
        "model": asked.body["model"],
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": completion.finish}],
    });
    if completion.has_usage {
        document["usage"] = usage();
    }
    let text = document.to_string();
    let until = |count: usize| Part::Bytes(text.chars().take(count).collect());
    match &completion.ending {
        Ending::Whole => vec![Part::Bytes(text)],
        Ending::Drop(count) => vec![until(*count), Part::Cut],
        Ending::Stall(count) => vec![until(*count), Part::Stall],
        Ending::Error(_, error) => vec![Part::Bytes(error.to_string())],
        Ending::Garbage(count, bytes) => vec![until(*count), Part::Bytes((*bytes).to_owned())],
    }
}

/// The events of a stream, as OpenAI sends them.
fn events(completion: &Completion, asked: &Asked, answer: &Answer) -> Vec<Part> {
    let wants_usage = asked.body["stream_options"]["include_usage"] == true;
    let has_usage = wants_usage && completion.has_usage;
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000,
            "model": asked.body["model"], "system_fingerprint": "fp_scripted", "choices": choices,
        });
        if has_usage {
            chunk["usage"] = usage;
        }
        chunk
    };
    let choice = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        chunk(json!([choice]), Value::Null)
    };
    let event = |data: &str| {
        let comment = if answer.has_comments {
            ": ping\n\n"
        } else {
            ""
        };
        let event = format!("{comment}data: {data}\n\n");
        Part::Bytes(event.replace('\n', answer.line_end))
    };
    let token = |token: &String| event(&choice(json!({"content": token}), None).to_string());

    let role = json!({"role": "assistant", "content": "", "refusal": null});
    let mut parts = vec![event(&choice(role, None).to_string())];
    let count = match &completion.ending {
        Ending::Whole => completion.tokens.len(),
        Ending::Drop(count) | Ending::Stall(count) => *count,
        Ending::Error(count, _) | Ending::Garbage(count, _) => *count,
    };
    parts.extend(completion.tokens.iter().take(count).map(token));
    match &completion.ending {
        Ending::Whole => {
            if completion.finish.is_some() {
                parts.push(event(&choice(json!({}), completion.finish).to_string()));
            }
            if has_usage {
                parts.push(event(&chunk(json!([]), usage()).to_string()));
            }
            if completion.has_done {
                parts.push(event("[DONE]"));
            }
        }
        Ending::Drop(_) => parts.push(Part::Cut),
        Ending::Stall(_) => parts.push(Part::Stall),
        Ending::Error(_, error) => parts.push(event(&error.to_string())),
        Ending::Garbage(_, bytes) => parts.push(Part::Bytes((*bytes).to_owned())),
    }
    parts
}

fn usage() -> Value {
    json!({"prompt_tokens": 120, "completion_tokens": 45, "total_tokens": 165})
}
