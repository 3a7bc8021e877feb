//! Asking the model within the session's budget, and passing on what is heard.

use llm::prompts::{AppPrompt, PROFILE_BYTES};
use llm::specification::{self, Written};
use llm::{Chat, Client, LlmConfig, LlmError, Message, Step, Usage};
use model::event::EventSink;
use model::ports::Outside;

/// Roughly, where a server does not count them.
const BYTES_OF_A_TOKEN: usize = 4;

/// Asks, and counts what it costs.
pub(crate) struct Asker<'a, O> {
    client: Client<'a, O>,
    /// Tokens that the session cost before.
    before: u64,
    /// How many it may cost; 0 = any number.
    budget: u64,
    /// Tokens that were spent here, estimated where nobody tells.
    pub(crate) spent: u64,
    /// What the server told of them.
    pub(crate) usage: Option<Usage>,
    /// The same of the last answer.
    pub(crate) latest: Option<Usage>,
}

impl<'a, O: Outside> Asker<'a, O> {
    pub(crate) fn new(outside: &'a O, config: &'a LlmConfig, before: u64, budget: u64) -> Self {
        Self {
            client: Client { outside, config },
            before,
            budget,
            spent: 0,
            usage: None,
            latest: None,
        }
    }

    /// The model's name.
    pub(crate) fn model(&self) -> &'a str {
        &self.client.config.model
    }

    /// Asks for a specification.
    pub(crate) async fn specify(
        &mut self,
        wanted: &AppPrompt<'_>,
        events: &mut impl EventSink,
    ) -> Result<String, LlmError> {
        self.require_budget()?;
        let tell = async |heard: Step<'_>| llm::pass_on(events, "specification", heard).await;
        let Written {
            specification,
            usage,
        } = specification::write(&self.client, wanted, tell).await?;
        self.count(usage, wanted.prompt.len() + specification.text.len());
        Ok(specification.text)
    }

    /// Asks for code; `messages` have at most so many bytes of profile.
    pub(crate) async fn ask(
        &mut self,
        during: &'static str,
        has_profile: bool,
        messages: impl Fn(usize) -> Vec<Message>,
        events: &mut impl EventSink,
    ) -> Result<String, LlmError> {
        self.require_budget()?;
        let tell = async |heard: Step<'_>| llm::pass_on(events, during, heard).await;
        let chat = |bytes| Chat::of(messages(bytes));
        let completion = self
            .client
            .complete_within_context(has_profile, chat, tell)
            .await?;
        let sent: usize = messages(PROFILE_BYTES)
            .iter()
            .map(|message| message.content.len())
            .sum();
        self.count(completion.usage, sent + completion.text.len());
        Ok(completion.text)
    }

    fn require_budget(&self) -> Result<(), LlmError> {
        let used = self.before + self.spent;
        if self.budget > 0 && used >= self.budget {
            let budget = self.budget;
            return Err(LlmError::BudgetSpent { used, budget });
        }
        Ok(())
    }

    fn count(&mut self, usage: Option<Usage>, bytes: usize) {
        self.latest = usage;
        let Some(usage) = usage else {
            self.spent += (bytes / BYTES_OF_A_TOKEN) as u64;
            return;
        };
        self.spent += usage.prompt_tokens + usage.completion_tokens;
        let sum = self.usage.get_or_insert_default();
        sum.prompt_tokens += usage.prompt_tokens;
        sum.completion_tokens += usage.completion_tokens;
    }
}
