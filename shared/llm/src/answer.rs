//! Reading one answer, streamed or whole, chunk by chunk as it comes.

use model::json;
use model::sse::{Decoder, Received};
use serde_json::Value;

use crate::refusal::{Refusal, described};
use crate::{LlmConfig, LlmError, Usage};

/// The largest event of a stream, and the largest answer in one piece.
const LIMIT: usize = 4 * 1024 * 1024;
/// How much of an answer in no known form is kept, to say what it was.
const SAMPLE: usize = 1_024;

/// What an answer consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// More text.
    Text(String),
    /// Something that is no text but shows that the model is at work, such as a thought.
    SignOfLife,
    /// The model's words for not answering.
    Refusal(String),
    /// The answer ended, for this reason.
    Finish(Finish),
    /// What it cost so far.
    Usage(Usage),
    /// The server tells an error where an answer was expected.
    Error(Refusal),
    /// The stream's own last word.
    Done,
}

/// Why a model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It said all that it wanted to say.
    Stop,
    /// It reached its length limit.
    Length,
    /// Its filter stopped it.
    Filter,
    /// It failed underway.
    Error,
}

/// Reads the body of an answer with a good status.
///
/// The form is known by its first byte rather than by the content type, which weak servers get wrong.
#[derive(Debug)]
pub(crate) struct AnswerReader<'a> {
    config: &'a LlmConfig,
    form: Form,
    /// Pieces were found, so it is an answer and no garbage.
    is_answer: bool,
}

#[derive(Debug)]
enum Form {
    /// Only white space came so far.
    Unknown,
    Json(Vec<u8>),
    Events(Decoder, Vec<u8>),
}

impl<'a> AnswerReader<'a> {
    pub(crate) fn new(config: &'a LlmConfig) -> Self {
        Self {
            config,
            form: Form::Unknown,
            is_answer: false,
        }
    }

    /// Takes the next bytes; gives what they completed.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, LlmError> {
        if matches!(self.form, Form::Unknown) {
            let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            self.form = match first {
                None => return Ok(Vec::new()),
                Some(b'{' | b'[') => Form::Json(Vec::new()),
                Some(b'<') => {
                    let reason = "it is an HTML page".to_owned();
                    return Err(LlmError::Unreadable { reason });
                }
                Some(_) => Form::Events(Decoder::new(LIMIT), Vec::new()),
            };
        }
        match &mut self.form {
            Form::Unknown => Ok(Vec::new()),
            Form::Json(body) => {
                body.extend_from_slice(bytes);
                if body.len() > LIMIT {
                    return Err(LlmError::TooLong { limit: LIMIT });
                }
                Ok(Vec::new())
            }
            Form::Events(decoder, sample) => {
                let room = SAMPLE.saturating_sub(sample.len()).min(bytes.len());
                sample.extend_from_slice(&bytes[..room]);
                decoder
                    .push(bytes)
                    .map_err(|error| LlmError::TooLong { limit: error.0 })?;
                let mut events = Vec::new();
                while let Some(event) = decoder.next_event() {
                    events.push(event);
                }
                let mut pieces = Vec::new();
                for event in &events {
                    pieces.extend(self.read_event(event)?);
                }
                Ok(pieces)
            }
        }
    }

    /// The body has ended: what was left in it. An error if it was no answer at all.
    pub(crate) fn finish(mut self) -> Result<Vec<Piece>, LlmError> {
        let form = std::mem::replace(&mut self.form, Form::Unknown);
        let unreadable = |reason: String| Err(LlmError::Unreadable { reason });
        match form {
            Form::Unknown => Ok(Vec::new()),
            Form::Json(body) => match json::read(&body) {
                Ok(document) => self.read_document(&document),
                // Half a document is an answer that broke off: nothing of it can be used.
                Err(error) if error.is_eof() => Ok(Vec::new()),
                Err(error) => unreadable(format!("it is no JSON: {error}")),
            },
            Form::Events(decoder, sample) => {
                let left = decoder.unfinished();
                let is_half = left.as_ref().is_some_and(|event| {
                    let document = json::read(event.data.as_bytes());
                    document.is_err_and(|error| error.is_eof())
                });
                // What is no whole document was cut off, and what came before it counts.
                let read = |event| self.read_event(&event).unwrap_or_default();
                let pieces = left.map_or_else(Vec::new, read);
                if self.is_answer || is_half {
                    return Ok(pieces);
                }
                let sample = String::from_utf8_lossy(&sample);
                let said = described(&sample, self.config);
                unreadable(format!("it is neither JSON nor a stream of events: {said}"))
            }
        }
    }

    fn read_event(&mut self, event: &Received) -> Result<Vec<Piece>, LlmError> {
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(Vec::new());
        }
        if data == "[DONE]" {
            self.is_answer = true;
            return Ok(vec![Piece::Done]);
        }
        match json::read(data.as_bytes()) {
            Ok(document) => self.read_document(&document),
            Err(_) if event.name == "error" => {
                self.is_answer = true;
                Ok(vec![Piece::Error(Refusal::of_text(data, self.config))])
            }
            // Servers exist that leave the blank lines between events out.
            Err(_) if data.contains('\n') => {
                let mut pieces = Vec::new();
                for line in data.lines() {
                    let name = event.name.clone();
                    let data = line.to_owned();
                    pieces.extend(self.read_event(&Received { name, data })?);
                }
                Ok(pieces)
            }
            Err(error) => Err(LlmError::Unreadable {
                reason: format!("an event of its stream is no JSON: {error}"),
            }),
        }
    }

    /// A chunk of a stream, or a whole completion: they differ in the name of one field.
    fn read_document(&mut self, document: &Value) -> Result<Vec<Piece>, LlmError> {
        if let Some(error) = Refusal::of_json(None, document, self.config) {
            self.is_answer = true;
            return Ok(vec![Piece::Error(error)]);
        }
        let choices = document["choices"].as_array();
        let usage = read_usage(&document["usage"]);
        let is_chunk = document["object"]
            .as_str()
            .is_some_and(|object| object.starts_with("chat.completion"));
        if choices.is_none() && usage.is_none() && !is_chunk {
            // Other events between the chunks are the server's own affair.
            if self.is_answer {
                return Ok(vec![Piece::SignOfLife]);
            }
            let reason = "it has no `choices`".to_owned();
            return Err(LlmError::Unreadable { reason });
        }
        self.is_answer = true;
        let mut pieces = vec![Piece::SignOfLife];
        let choice = choices
            .into_iter()
            .flatten()
            .find(|choice| choice["index"].as_u64().unwrap_or(0) == 0);
        if let Some(choice) = choice {
            let said = if choice["delta"].is_object() {
                &choice["delta"]
            } else {
                &choice["message"]
            };
            let text = read_text(&said["content"]);
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            if let Some(refusal) = said["refusal"].as_str().filter(|text| !text.is_empty()) {
                pieces.push(Piece::Refusal(refusal.to_owned()));
            }
            if let Some(reason) = choice["finish_reason"].as_str() {
                pieces.push(Piece::Finish(read_finish(reason)));
            }
        }
        pieces.extend(usage.map(Piece::Usage));
        Ok(pieces)
    }
}

/// Text, or a list of parts of which some are text.
fn read_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

fn read_finish(reason: &str) -> Finish {
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "model_length" => Finish::Length,
        "content_filter" | "safety" => Finish::Filter,
        "error" => Finish::Error,
        _ => Finish::Stop,
    }
}

fn read_usage(usage: &Value) -> Option<Usage> {
    usage.is_object().then(|| Usage {
        prompt_tokens: usage["prompt_tokens"].as_u64().unwrap_or(0),
        completion_tokens: usage["completion_tokens"].as_u64().unwrap_or(0),
    })
}
