//! A sentence becomes a specification: what the app is for, what is on its page, what happens where.

mod read;

use std::collections::BTreeMap;

use model::event::ClientGone;
use model::ports::Outside;
use serde::Serialize;

use crate::prompts::{self, AppPrompt};
use crate::{Chat, Client, LlmError, Step, Usage};

pub use read::read;

/// What a specification speaks of, in the order in which it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// What the app is for.
    Purpose,
    /// Who uses it, and what they know.
    Audience,
    /// What goes in: data, and what people enter.
    Inputs,
    /// What is on the page.
    Components,
    /// Where it is on the page.
    Layout,
    /// What happens when somebody does something.
    Interactions,
    /// What is seen while there is nothing, not yet, or an error.
    States,
    /// What is unusual and must work all the same.
    EdgeCases,
}

impl Topic {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Purpose,
        Self::Audience,
        Self::Inputs,
        Self::Components,
        Self::Layout,
        Self::Interactions,
        Self::States,
        Self::EdgeCases,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Purpose => "Purpose",
            Self::Audience => "Audience",
            Self::Inputs => "Inputs",
            Self::Components => "Components",
            Self::Layout => "Layout",
            Self::Interactions => "Interactions",
            Self::States => "States",
            Self::EdgeCases => "Edge cases",
        }
    }
}

/// A detailed specification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specification {
    /// The whole text, as Markdown: what a program is written by.
    pub text: String,
    /// What it says of each topic that was found in it.
    pub sections: BTreeMap<Topic, String>,
}

impl Specification {
    /// What it says nothing of.
    pub fn missing(&self) -> Vec<Topic> {
        let is_missing = |topic: &Topic| !self.sections.contains_key(topic);
        Topic::ALL.into_iter().filter(is_missing).collect()
    }
}

/// A specification that a model wrote, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it wrote.
    pub specification: Specification,
    /// What it cost; `None` if the server does not say.
    pub usage: Option<Usage>,
}

/// Has a model write the specification; `tell` hears its text as it comes.
///
/// Whatever it wrote is taken for the specification: a topic that it left out is reported, not made up.
pub async fn write<O: Outside>(
    client: &Client<'_, O>,
    wanted: &AppPrompt<'_>,
    tell: impl AsyncFnMut(Step<'_>) -> Result<(), ClientGone>,
) -> Result<Written, LlmError> {
    let chat = |profile_bytes| Chat::of(prompts::specification(wanted, profile_bytes));
    let completion = client
        .complete_within_context(wanted.dataset.is_some(), chat, tell)
        .await?;
    let specification = read(&completion.text);
    if specification.text.is_empty() {
        return Err(LlmError::Empty);
    }
    Ok(Written {
        specification,
        usage: completion.usage,
    })
}

#[cfg(test)]
mod tests;
