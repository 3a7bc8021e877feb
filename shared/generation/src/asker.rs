//! Asking the model within the session's budget, and passing on what is heard.

use llm::prompts::{AppPrompt, PROFILE_BYTES};
use llm::specification::{self, Written};
use llm::{Chat, Client, LlmConfig, LlmError, Message, Step, Usage};
use model::event::{ClientGone, Event, EventSink};
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
        let tell = async |heard: Step<'_>| hear(events, "specification", heard).await;
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
        let tell = async |heard: Step<'_>| hear(events, during, heard).await;
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

/// Passes on what is heard of the model.
async fn hear(
    events: &mut impl EventSink,
    during: &'static str,
    heard: Step<'_>,
) -> Result<(), ClientGone> {
    let message = match heard {
        Step::Delta(text) => {
            let text = text.to_owned();
            let delta = match during {
                "specification" => Event::TextDelta { text },
                _ => Event::CodeDelta { text },
            };
            return events.emit(delta).await;
        }
        Step::Waiting => return events.keep_alive().await,
        Step::Anew => "the model began its answer again".to_owned(),
        Step::Retrying { reason, pause } => {
            format!("{reason}; asking again in {:.1} s", pause.as_secs_f64())
        }
        Step::Continuing(reason) => format!("{reason}; asking the model to go on"),
    };
    let step = during;
    events.emit(Event::Progress { step, message }).await
}
