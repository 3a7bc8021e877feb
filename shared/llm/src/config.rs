//! Which model is asked, where, and how long.

use std::time::Duration;

use model::Secret;

/// The language model settings of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmConfig {
    /// Variable `openai_api_key`.
    pub api_key: Secret,
    /// Variable `openai_base_url`, as [`base_url`] makes it; [`endpoint`](Self::endpoint) goes on from it.
    pub base_url: String,
    /// Variable `openai_model`.
    pub model: String,
    /// Variable `llm_operation_timeout_seconds`: the longest wait for the next token.
    pub operation_timeout_seconds: u64,
    /// Variable `llm_total_timeout_seconds`: the longest that one answer may take, with all that is
    /// tried again and continued.
    pub total_timeout_seconds: u64,
    /// Variable `llm_max_retries`: how often in a row a request may fail and be sent again.
    pub max_retries: u32,
}

/// Where the key of OpenAI itself is wanted.
const OPENAI: &str = "https://api.openai.com/v1";
/// Local models load for a while before their first token.
const OPERATION_TIMEOUT_SECONDS: u64 = 120;
const TOTAL_TIMEOUT_SECONDS: u64 = 300;
const MAX_RETRIES: u32 = 3;

impl LlmConfig {
    /// Reads the settings; `None` if no model is configured.
    ///
    /// A model is configured if there is a key, or an address other than OpenAI's own: a model on
    /// one's own machine wants no key.
    pub fn read(variable: impl Fn(&str) -> String) -> Option<Self> {
        let api_key = Secret::new(&variable("openai_api_key"));
        let base_url = base_url(&variable("openai_base_url"));
        if api_key.is_empty() && base_url == OPENAI {
            return None;
        }
        let seconds = |name: &str, default: u64| {
            let seconds = variable(name).trim().parse().unwrap_or(default);
            seconds.max(1)
        };
        Some(Self {
            api_key,
            base_url,
            model: variable("openai_model").trim().to_owned(),
            operation_timeout_seconds: seconds(
                "llm_operation_timeout_seconds",
                OPERATION_TIMEOUT_SECONDS,
            ),
            total_timeout_seconds: seconds("llm_total_timeout_seconds", TOTAL_TIMEOUT_SECONDS),
            max_retries: variable("llm_max_retries")
                .trim()
                .parse()
                .unwrap_or(MAX_RETRIES),
        })
    }

    /// The value of the `Authorization` header, if there is a key.
    pub fn authorization(&self) -> Option<String> {
        (!self.api_key.is_empty()).then(|| format!("Bearer {}", self.api_key.reveal()))
    }

    /// The address of a part of the API, such as `models`.
    pub fn endpoint(&self, path: &str) -> String {
        match self.base_url.split_once('?') {
            Some((base, query)) => format!("{base}/{path}?{query}"),
            None => format!("{}/{path}", self.base_url),
        }
    }

    /// The base address as people may see it: without what stands for a person or a key in it.
    pub fn shown_url(&self) -> String {
        let url = self.base_url.split('?').next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let separator = if scheme.is_empty() { "" } else { "://" };
        self.api_key
            .hidden_in(&format!("{scheme}{separator}{host}{path}"))
    }

    /// [`operation_timeout_seconds`](Self::operation_timeout_seconds).
    pub(crate) fn operation_timeout(&self) -> Duration {
        Duration::from_secs(self.operation_timeout_seconds)
    }

    /// [`total_timeout_seconds`](Self::total_timeout_seconds).
    pub(crate) fn total_timeout(&self) -> Duration {
        Duration::from_secs(self.total_timeout_seconds)
    }
}

/// The base address that somebody meant.
///
/// People paste it with or without a trailing slash, the whole address of the chat completions, or
/// an origin alone: there the API is at `/v1`, as with OpenAI, Ollama, vLLM and LM Studio.
fn base_url(written: &str) -> String {
    let written = written.trim();
    let (url, query) = match written.split_once('?') {
        Some((url, query)) => (url, format!("?{query}")),
        None => (written, String::new()),
    };
    let url = url.trim_end_matches('/');
    let url = url.strip_suffix("/chat/completions").unwrap_or(url);
    let url = url.trim_end_matches('/');
    if url.is_empty() {
        return OPENAI.to_owned();
    }
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let version = if after_scheme.contains('/') {
        ""
    } else {
        "/v1"
    };
    format!("{url}{version}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(key: &str, url: &str) -> Option<LlmConfig> {
        LlmConfig::read(|name| {
            match name {
                "openai_api_key" => key,
                "openai_base_url" => url,
                _ => "",
            }
            .to_owned()
        })
    }

    #[test]
    fn a_model_is_a_key_or_an_address_of_ones_own() {
        for (key, url, is_model) in [
            ("", "", false),
            ("", "https://api.openai.com", false),
            ("", "https://api.openai.com/v1/", false),
            ("sk-1", "", true),
            ("", "http://127.0.0.1:11434", true),
        ] {
            assert_eq!(config(key, url).is_some(), is_model, "{key} {url}");
        }
        let numbers = config("sk-1", "").map(|config| {
            (
                config.operation_timeout_seconds,
                config.total_timeout_seconds,
                config.max_retries,
            )
        });
        assert_eq!(numbers, Some((120, 300, 3)));
    }

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (written, models) in [
            ("", "https://api.openai.com/v1/models"),
            ("https://api.openai.com", "https://api.openai.com/v1/models"),
            ("http://127.0.0.1:11434", "http://127.0.0.1:11434/v1/models"),
            (
                "http://127.0.0.1:11434/",
                "http://127.0.0.1:11434/v1/models",
            ),
            (
                " http://127.0.0.1:11434/v1//\n",
                "http://127.0.0.1:11434/v1/models",
            ),
            (
                "http://127.0.0.1:8000/v1/chat/completions",
                "http://127.0.0.1:8000/v1/models",
            ),
            (
                "https://models.example/openai/v1",
                "https://models.example/openai/v1/models",
            ),
            (
                "https://models.example/v1beta/openai/",
                "https://models.example/v1beta/openai/models",
            ),
            (
                "https://models.example/openai?api-version=1",
                "https://models.example/openai/models?api-version=1",
            ),
        ] {
            let config = config("sk-1", written).expect("there is a key");
            assert_eq!(config.endpoint("models"), models, "{written}");
        }
    }

    #[test]
    fn what_people_see_of_the_address_holds_no_secret() {
        let config = config("sk-1", "https://me:pass@models.example/sk-1/v1?key=sk-1");
        let shown = config.expect("there is a key").shown_url();
        assert_eq!(shown, "https://models.example/***/v1");
    }
}
