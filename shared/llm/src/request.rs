//! The request for a chat completion, and what of it a server may dislike.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use crate::refusal::Refusal;
use crate::{AnswerForm, Chat, LlmConfig, LlmError};

/// What asks a model to go on. It is to repeat the line that was cut, because the beginning of a
/// line is where a model goes on well and where the seam is found best.
const GO_ON: &str = "Your answer was cut off. Go on from where it stopped: begin with the line that \
    was cut off, repeat nothing before it, open no new code block, and say nothing else.";

/// Which optional fields a server takes; what one refuses by name is left out from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields {
    stream: bool,
    usage: bool,
    temperature: bool,
    form: bool,
    length: Option<&'static str>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            stream: true,
            usage: true,
            temperature: true,
            form: true,
            // OpenAI's newer `max_completion_tokens` is known to few others, who ignore it.
            length: Some("max_tokens"),
        }
    }
}

impl Fields {
    /// Leaves out, or names anew, what the refusal is about; false if there is nothing to change.
    pub(crate) fn adapt(&mut self, refusal: &Refusal, chat: &Chat) -> bool {
        let sent_length = self.length.filter(|_| chat.max_tokens.is_some());
        if self.usage && refusal.is_about("stream_options") {
            self.usage = false;
        } else if sent_length.is_some() && refusal.is_about("max_completion_tokens")
            || sent_length.is_some() && refusal.is_about("max_tokens")
        {
            self.length = (sent_length == Some("max_tokens")).then_some("max_completion_tokens");
        } else if self.temperature && chat.temperature.is_some() && refusal.is_about("temperature")
        {
            self.temperature = false;
        } else if self.form
            && chat.form == AnswerForm::JsonObject
            && (refusal.is_about("response_format") || refusal.is_about("json_object"))
        {
            self.form = false;
        } else if self.stream && refusal.is_about("stream") {
            self.stream = false;
        } else {
            return false;
        }
        true
    }

    /// The request for the answer, or for its rest after what was `answered`.
    pub(crate) fn request(
        &self,
        config: &LlmConfig,
        chat: &Chat,
        answered: &str,
    ) -> Result<http::Request<Vec<u8>>, LlmError> {
        let address = || LlmError::Address {
            url: config.shown_url(),
        };
        let url: http::Uri = config
            .endpoint("chat/completions")
            .parse()
            .map_err(|_| address())?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.authority().is_none() {
            return Err(address());
        }
        let mut request = http::Request::post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream, application/json");
        if let Some(authorization) = config.authorization() {
            request = request.header(AUTHORIZATION, header(&authorization, config)?);
        }
        let body = model::json::write(&self.body(config, chat, answered));
        request.body(body.into_bytes()).map_err(|_| address())
    }

    fn body(&self, config: &LlmConfig, chat: &Chat, answered: &str) -> Value {
        let mut messages: Vec<Value> = chat.messages.iter().map(|said| json!(said)).collect();
        if !answered.is_empty() {
            messages.push(json!({"role": "assistant", "content": answered}));
            messages.push(json!({"role": "user", "content": GO_ON}));
        }
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(chat.model_of(config)));
        body.insert("messages".to_owned(), json!(messages));
        body.insert("stream".to_owned(), json!(self.stream));
        if self.stream && self.usage {
            let options = json!({"include_usage": true});
            body.insert("stream_options".to_owned(), options);
        }
        if let (Some(name), Some(tokens)) = (self.length, chat.max_tokens) {
            body.insert(name.to_owned(), json!(tokens));
        }
        if let (true, Some(temperature)) = (self.temperature, chat.temperature) {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if self.form && chat.form == AnswerForm::JsonObject {
            let form = json!({"type": "json_object"});
            body.insert("response_format".to_owned(), form);
        }
        Value::Object(body)
    }
}

/// A header that no log shows; a key that is none is told without the key.
fn header(value: &str, config: &LlmConfig) -> Result<http::HeaderValue, LlmError> {
    let mut header = http::HeaderValue::from_str(value).map_err(|_| LlmError::KeyRefused {
        url: config.shown_url(),
        status: 401,
    })?;
    header.set_sensitive(true);
    Ok(header)
}
