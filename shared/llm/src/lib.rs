//! Asking a language model, over any OpenAI-compatible API.
//!
//! [`Client::complete`] asks: it streams, tries passing failures again, continues an answer that was
//! cut off, and keeps its time limits; [`LlmError`] says what it could not do and what to do about
//! it. [`prompts`] is what a model is told, [`extract`] finds what was asked for in what it says, and
//! [`specification`] does both for the specification of an app.
//!
//! Only `client.rs` talks, through the ports of an `Outside`. What it is made of is pure: requests
//! (`request.rs`), answers in any form and split (`answer.rs`), refusals (`refusal.rs`), pauses
//! (`retry.rs`), and the seam of a continuation (`stitch.rs`). It knows no tools, no images and no
//! choices beside the first: nothing here needs them.

mod answer;
mod chat;
mod client;
mod config;
mod context;
mod error;
pub mod extract;
mod pass_on;
pub mod prompts;
mod refusal;
mod request;
mod retry;
pub mod specification;
mod stitch;

pub use chat::{AnswerForm, Chat, Completion, Message, Role, Step, Usage};
pub use client::Client;
pub use config::LlmConfig;
pub use error::{LlmError, whole_seconds};
pub use pass_on::pass_on;

#[cfg(test)]
mod tests;
