//! What can go wrong between us and a model, with the way out of it.

use std::time::Duration;

/// The model did not give what was asked.
///
/// What a server said stands in `message` or `reason`: shortened, and without the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlmError {
    /// The address is none.
    #[error("`{url}` is no http address: check `openai_base_url` (OPENAI_BASE_URL)")]
    Address {
        /// What is configured.
        url: String,
    },
    /// Nobody answers at the address.
    #[error(
        "the language model at {url} cannot be reached ({reason}): check `openai_base_url` (OPENAI_BASE_URL)"
    )]
    Unreachable {
        /// The base address.
        url: String,
        /// What the host said.
        reason: String,
    },
    /// The host's list of allowed addresses does not name it.
    #[error(
        "the language model at {url} is not among the allowed outbound hosts: set `openai_origin` to the origin of `openai_base_url` (OPENAI_BASE_URL)"
    )]
    NotAllowed {
        /// The base address.
        url: String,
    },
    /// There is no key, and one is wanted.
    #[error("the language model at {url} wants a key: set OPENAI_API_KEY")]
    KeyMissing {
        /// The base address.
        url: String,
    },
    /// The key is wrong, or may not do this.
    #[error("the language model at {url} refuses the key ({status}): check OPENAI_API_KEY")]
    KeyRefused {
        /// The base address.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// Too many requests, also after waiting.
    #[error("the language model takes no more requests now ({message}): {}", when(*retry_after))]
    RateLimited {
        /// What it said.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The account is used up.
    #[error(
        "the account of OPENAI_API_KEY is used up ({message}): check its plan, or use another key"
    )]
    OutOfQuota {
        /// What it said.
        message: String,
    },
    /// It failed, again and again.
    #[error(
        "the language model failed {attempts} times, at last with {status} ({message}): try again later"
    )]
    Failing {
        /// How often it was asked.
        attempts: u32,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// There is no such model.
    #[error(
        "there is no model `{model}` at {url} ({message}): check `openai_model` (OPENAI_MODEL)"
    )]
    ModelUnknown {
        /// The model that was asked for.
        model: String,
        /// The base address.
        url: String,
        /// What it said.
        message: String,
    },
    /// There is no such API.
    #[error("there is no chat API at {url} ({status}): check `openai_base_url` (OPENAI_BASE_URL)")]
    NoApi {
        /// The base address.
        url: String,
        /// 404 or 405.
        status: u16,
    },
    /// The API is elsewhere. The key is sent nowhere but to the configured address.
    #[error(
        "the language model at {url} has moved to {location}: set `openai_base_url` (OPENAI_BASE_URL) to where it is"
    )]
    Moved {
        /// The base address.
        url: String,
        /// Where it points to.
        location: String,
    },
    /// The request is more than the model can read.
    #[error(
        "the request is too long for the model `{model}` ({message}): shorten it, or use a model with a longer context"
    )]
    ContextTooLong {
        /// The model that was asked.
        model: String,
        /// What it said.
        message: String,
    },
    /// The session has cost as much as it may.
    #[error(
        "the session has used {used} of its {budget} tokens: begin a new session, or raise `session_token_budget`"
    )]
    BudgetSpent {
        /// How many it used.
        used: u64,
        /// How many it may use.
        budget: u64,
    },
    /// It does not want to answer this.
    #[error("the language model declines to answer this ({message}): word it differently")]
    Declined {
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
    /// The next token did not come.
    #[error(
        "the language model said nothing for {seconds} s: raise `llm_operation_timeout_seconds`, or use a faster model"
    )]
    Silent {
        /// The limit.
        seconds: u64,
    },
    /// The whole took too long.
    #[error(
        "the language model did not answer within {seconds} s: raise `llm_total_timeout_seconds`, or use a faster model"
    )]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// The answer broke off, again and again.
    #[error("the language model's answer breaks off ({reason}): try again later")]
    BrokenOff {
        /// What happened.
        reason: String,
    },
    /// The answer is not in the API's form.
    #[error(
        "the language model's answer cannot be read ({reason}): check `openai_base_url` (OPENAI_BASE_URL)"
    )]
    Unreadable {
        /// What was wrong.
        reason: String,
    },
    /// The answer is more than we read.
    #[error("the language model's answer has more than {limit} bytes: ask for something smaller")]
    TooLong {
        /// The most that is read.
        limit: usize,
    },
    /// There is nothing in the answer.
    #[error("the language model's answer is empty: try again, or use another model (OPENAI_MODEL)")]
    Empty,
    /// The answer was cut off, so the program in it is half a program.
    #[error(
        "the language model's answer was cut off at its length limit: ask for something smaller, or use a model with a longer output"
    )]
    CutOff,
    /// There is no program in the answer.
    #[error("the language model's answer holds no Python program: say more clearly what to build")]
    NoCode,
    /// Nobody waits for the answer any more.
    #[error("the caller went away before the language model had answered")]
    CallerGone,
}

/// How long a pause is in seconds, rounded up.
pub fn whole_seconds(pause: Duration) -> u64 {
    pause.as_secs() + u64::from(pause.subsec_nanos() > 0)
}

fn when(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(pause) => format!("try again in {} s", whole_seconds(pause)),
        None => "try again in a minute".to_owned(),
    }
}
