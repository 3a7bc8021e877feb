//! What is asked of a model, and what comes back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{LlmConfig, LlmError};

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The rules of the conversation.
    System,
    /// The person, or we in their name.
    User,
    /// The model.
    Assistant,
}

/// A message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A rule of the conversation.
    pub fn system(content: impl Into<String>) -> Self {
        Self {
            role: Role::System,
            content: content.into(),
        }
    }

    /// Something that is asked.
    pub fn user(content: impl Into<String>) -> Self {
        Self {
            role: Role::User,
            content: content.into(),
        }
    }

    /// Something that the model answered before.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self {
            role: Role::Assistant,
            content: content.into(),
        }
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnswerForm {
    /// Any text.
    #[default]
    Text,
    /// A JSON object, which [`crate::extract::json`] reads. OpenAI wants the word JSON in a message;
    /// servers that do not know this form are asked without it.
    JsonObject,
}

/// What is asked of a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chat {
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The form of the answer.
    pub form: AnswerForm,
    /// The most tokens of one reply. An answer that reaches it is continued by another reply.
    pub max_tokens: Option<u32>,
    /// How free the model is, from 0; models that do not let it be chosen are asked without it.
    pub temperature: Option<f32>,
    /// Another model than the configured one.
    pub model: Option<String>,
}

impl Chat {
    /// These messages, and the rest as the model likes it.
    pub fn of(messages: Vec<Message>) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }

    /// The model that is asked.
    pub(crate) fn model_of<'a>(&'a self, config: &'a LlmConfig) -> &'a str {
        self.model.as_deref().unwrap_or(&config.model)
    }
}

/// What a caller hears while a model answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<'a> {
    /// More of the answer.
    Delta(&'a str),
    /// The model began its answer again: forget what was told so far. Rare; only where an answer was
    /// cut off.
    Anew,
    /// Nothing new for a while: an occasion to see whether anybody still waits.
    Waiting,
    /// The request failed and is sent again after a pause.
    Retrying {
        /// Why.
        reason: &'a LlmError,
        /// How long.
        pause: Duration,
    },
    /// The answer was cut off for this reason, and the model is asked to go on.
    Continuing(&'a LlmError),
}

/// What the model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Its text.
    pub text: String,
    /// What it cost, with its continuations; `None` if the server does not say.
    pub usage: Option<Usage>,
    /// How many requests it took.
    pub requests: u32,
}

/// Tokens that an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of what was sent.
    pub prompt_tokens: u64,
    /// Tokens of what was answered.
    pub completion_tokens: u64,
}
