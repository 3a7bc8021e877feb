//! Asking a language model for code: one chat completion over any OpenAI-compatible API.
//!
//! What it is not yet: streaming, retries and healing come with a later issue, and have their room
//! here. Building a request and reading an answer are pure; only [`complete`] sends bytes, through
//! the `Http` port.
//!
//! Begin with [`complete`], [`prompts`] (what the model is told) and [`extract`] (which part of
//! its answer is the program).

pub mod config;
pub mod extract;
pub mod prompts;

use std::time::Duration;

use model::ports::{Http, SendError, Timer, read_all};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use config::LlmConfig;

/// More than any answer that is worth reading.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// The model did not give what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// Nobody answers at the address.
    #[error(
        "the language model cannot be reached ({0}): check `openai_base_url` (OPENAI_BASE_URL)"
    )]
    Unreachable(SendError),
    /// The key is wrong.
    #[error("the language model at {url} refuses the key: check OPENAI_API_KEY")]
    KeyRefused {
        /// The address that was asked.
        url: String,
    },
    /// Too many requests.
    #[error("the language model takes no more requests now ({message}): try again in a minute")]
    RateLimited {
        /// What it said.
        message: String,
    },
    /// It said no.
    #[error("the language model answered {status}: {message}; check `openai_model` (OPENAI_MODEL)")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// It took too long.
    #[error(
        "the language model did not answer within {seconds} s: raise `llm_total_timeout_seconds`, or use a faster model"
    )]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The answer is not in the API's form.
    #[error("the language model's answer cannot be read: {reason}")]
    Unreadable {
        /// What was wrong.
        reason: String,
    },
    /// The answer was cut off, so the program in it is half a program.
    #[error(
        "the language model's answer was cut off at its length limit: ask for something smaller, or use a model with a longer output"
    )]
    CutOff,
    /// There is no program in the answer.
    #[error("the language model's answer holds no Python program: say more clearly what to build")]
    NoCode,
}

/// A message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// What is said.
    pub content: String,
}

/// What the model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Its text.
    pub text: String,
    /// What it cost.
    pub usage: Option<Usage>,
}

/// Tokens that a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of what was sent.
    pub prompt_tokens: u64,
    /// Tokens of what was answered.
    pub completion_tokens: u64,
}

/// Sends the messages and waits for the whole answer.
pub async fn complete(
    http: &impl Http,
    timer: &impl Timer,
    config: &LlmConfig,
    messages: &[Message],
) -> Result<Completion, LlmError> {
    let limit = Duration::from_secs(config.total_timeout_seconds);
    let answer = timer.within(limit, ask(http, config, messages)).await;
    answer.unwrap_or(Err(LlmError::TimedOut {
        seconds: limit.as_secs(),
    }))
}

async fn ask(
    http: &impl Http,
    config: &LlmConfig,
    messages: &[Message],
) -> Result<Completion, LlmError> {
    let response = http
        .send(request(config, messages)?)
        .await
        .map_err(LlmError::Unreachable)?;
    let status = response.status().as_u16();
    let bytes = read_all(&mut response.into_body(), ANSWER_LIMIT)
        .await
        .map_err(|error| LlmError::Unreadable {
            reason: error.to_string(),
        })?;
    read_answer(config, status, &bytes)
}

fn request(config: &LlmConfig, messages: &[Message]) -> Result<http::Request<Vec<u8>>, LlmError> {
    let url = format!("{}/chat/completions", config.base_url);
    let body = json!({"model": config.model, "messages": messages, "stream": false});
    let mut request = http::Request::post(url).header("content-type", "application/json");
    if let Some(authorization) = config.authorization() {
        request = request.header("authorization", authorization);
    }
    request
        .body(body.to_string().into_bytes())
        .map_err(|error| LlmError::Unreadable {
            reason: format!("{error}: check `openai_base_url` and `openai_api_key`"),
        })
}

fn read_answer(config: &LlmConfig, status: u16, bytes: &[u8]) -> Result<Completion, LlmError> {
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    if status != 200 {
        let said = answer["error"]["message"]
            .as_str()
            .unwrap_or("no reason given");
        let said = config.api_key.hidden_in(said);
        let message: String = said.chars().take(300).collect();
        return Err(match status {
            401 | 403 => LlmError::KeyRefused {
                url: config.base_url.clone(),
            },
            429 => LlmError::RateLimited { message },
            _ => LlmError::Refused { status, message },
        });
    }
    let choice = &answer["choices"][0];
    if choice["finish_reason"] == "length" {
        return Err(LlmError::CutOff);
    }
    let Some(text) = choice["message"]["content"].as_str() else {
        let reason = "it has no `choices[0].message.content`".to_owned();
        return Err(LlmError::Unreadable { reason });
    };
    let usage = serde_json::from_value(answer["usage"].clone()).ok();
    Ok(Completion {
        text: text.to_owned(),
        usage,
    })
}

#[cfg(test)]
mod tests;
