//! Which model is asked, and where.

use model::Secret;

/// The language model settings of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmConfig {
    /// Variable `openai_api_key`.
    pub api_key: Secret,
    /// Variable `openai_base_url`, without a trailing slash.
    pub base_url: String,
    /// Variable `openai_model`.
    pub model: String,
    /// Variable `llm_total_timeout_seconds`: the longest that one answer may take.
    pub total_timeout_seconds: u64,
}

/// Where the key of OpenAI itself is wanted.
const OPENAI: &str = "https://api.openai.com/v1";

impl LlmConfig {
    /// Reads the settings; `None` if no model is configured.
    ///
    /// A model is configured if there is a key, or an address other than OpenAI's own: a model on
    /// one's own machine wants no key.
    pub fn read(variable: impl Fn(&str) -> String) -> Option<Self> {
        let api_key = Secret::new(&variable("openai_api_key"));
        let base_url = variable("openai_base_url")
            .trim()
            .trim_end_matches('/')
            .to_owned();
        let base_url = if base_url.is_empty() {
            OPENAI.to_owned()
        } else {
            base_url
        };
        if api_key.is_empty() && base_url == OPENAI {
            return None;
        }
        Some(Self {
            api_key,
            base_url,
            model: variable("openai_model"),
            total_timeout_seconds: variable("llm_total_timeout_seconds").parse().unwrap_or(300),
        })
    }

    /// The value of the `Authorization` header, if there is a key.
    pub fn authorization(&self) -> Option<String> {
        (!self.api_key.is_empty()).then(|| format!("Bearer {}", self.api_key.reveal()))
    }
}
