//! From a sentence to a live app: specification, code, check, heal, live.
//!
//! [`Generator::generate`] has a model write the specification and the program, has the program checked
//! in the session's sandbox, and has the model mend what was found, until it works or there is a reason
//! to give up. The app that was live before stays live until another one is. Without a model the
//! built-in planner writes the program.
//!
//! It is not the model (`llm`), the sandbox (`execution`) or the planner; it is the way through them.
//! What decides is pure: when to go on and when to give up (`healing.rs`), what an answer holds
//! (`answer.rs`, `patch.rs`), what a person is told (`words.rs`). Begin with `healing.rs`, then
//! `work.rs`, which asks, and `stage.rs`, which checks and shows.

mod answer;
mod asker;
mod healing;
mod patch;
mod planned;
mod report;
mod stage;
mod words;
mod work;

use execution::{ExecutionFailure, Executor};
use llm::{LlmConfig, LlmError, Usage};
use model::dataset::{Codec, Dataset};
use model::event::EventSink;
use model::ports::Outside;
use model::run::RunReply;
use model::session::Session;
use model::{DatasetId, Framework};
use profile::Profile;

pub use answer::Form;
pub use healing::{GaveUp, Healing, Next};
pub use report::{AttemptReport, Task};

use asker::Asker;
use stage::Stage;
use work::Work;

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What the person asks for.
    pub prompt: &'a str,
    /// The same in detail; without it a model writes it first.
    pub specification: Option<&'a str>,
    /// What it is to be built with; else the prompt decides.
    pub framework: Option<Framework>,
    /// The session to go on with; a new one without it.
    pub session: Option<&'a Session>,
    /// The data that the program reads, if any.
    pub dataset: Option<&'a Dataset<Profile>>,
}

impl<'a> Request<'a> {
    fn data(&self) -> Option<(&'a Profile, &'a str)> {
        let dataset = self.dataset?;
        Some((&dataset.profile, &dataset.file_name))
    }

    fn dataset_id(&self) -> Option<DatasetId> {
        self.dataset.map(|dataset| dataset.id)
    }
}

/// How much may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Variable `heal_attempts`: how often a model may mend a program; 0 = it is only checked.
    pub heal_attempts: u32,
    /// Variable `session_token_budget`: tokens that a session may cost; 0 = any number.
    pub session_token_budget: u64,
}

impl Limits {
    /// Reads the limits; `variable` gives the value of a Spin variable.
    pub fn read(variable: impl Fn(&str) -> String) -> Self {
        let heal_attempts = variable("heal_attempts").trim().parse();
        let budget = variable("session_token_budget").trim().parse();
        Self {
            heal_attempts: heal_attempts.unwrap_or(5),
            session_token_budget: budget.unwrap_or(0),
        }
    }
}

/// What came of a request.
#[derive(Debug)]
pub struct Generated {
    /// The program: the live one, or the last that was tried.
    pub code: String,
    /// What it is built with.
    pub framework: Framework,
    /// Who wrote it: `openai` for any model, or `planner`.
    pub provider: &'static str,
    /// What the model answered last.
    pub answer: String,
    /// What it was written by.
    pub specification: String,
    /// What the planner assumed.
    pub assumptions: Vec<String>,
    /// What was tried, in order.
    pub attempts: Vec<AttemptReport>,
    /// Why there is no app, if there is none: why nothing more was tried.
    pub gave_up: Option<GaveUp>,
    /// Tokens of all answers together, as far as the server tells them.
    pub usage: Option<Usage>,
    /// The app, or what fails.
    pub reply: RunReply,
}

/// There is no program, or nowhere to run it. (A program that fails is an outcome.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerationFailure {
    /// The model did not write one.
    #[error(transparent)]
    Model(#[from] LlmError),
    /// It could not be run.
    #[error(transparent)]
    Execution(#[from] ExecutionFailure),
}

/// Makes apps from sentences.
#[derive(Debug)]
pub struct Generator<'a, O, C> {
    /// The way to sandboxes.
    pub executor: &'a Executor<'a, O, C>,
    /// The model; the planner writes without one.
    pub model: Option<&'a LlmConfig>,
    /// How much may be spent.
    pub limits: Limits,
}

impl<O: Outside, C: Codec> Generator<'_, O, C> {
    /// Makes the app that is asked for, and tells each step.
    ///
    /// A caller that goes away ends what is asked of the model; an app that is starting then is kept.
    pub async fn generate(
        &self,
        request: &Request<'_>,
        events: &mut impl EventSink,
    ) -> Result<Generated, GenerationFailure> {
        let plan = planner::plan(request.prompt, request.framework, request.data());
        let stage = Stage::new(self.executor, request, events);
        let Some(config) = self.model else {
            return planned::generate(&plan, stage).await;
        };
        let before = request.session.map_or(0, |session| session.tokens);
        let budget = self.limits.session_token_budget;
        let asker = Asker::new(self.executor.outside, config, before, budget);
        let healing = Healing::new(self.limits.heal_attempts);
        let work = Work::new(plan.framework, asker, stage, healing);
        work.run().await
    }
}
