//! Which model is asked, and where.

use std::fmt;

/// A key that no log and no answer shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Whether there is none, as for a model on one's own machine.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text of the model's service without the key, should it repeat that.
    pub fn hidden_in(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// The language model settings of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmConfig {
    /// Variable `openai_api_key`.
    pub api_key: ApiKey,
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
        let api_key = ApiKey(variable("openai_api_key").trim().to_owned());
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
        (!self.api_key.is_empty()).then(|| format!("Bearer {}", self.api_key.0))
    }
}
