//! From the well-known names of `.env` and the shell to the variables of `spin.toml`.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A well-known name and the variable of `spin.toml` that it means.
const NAMES: [(&str, &str); 6] = [
    ("OPENAI_API_KEY", "openai_api_key"),
    ("OPENAI_BASE_URL", "openai_base_url"),
    ("OPENAI_MODEL", "openai_model"),
    ("E2B_API_KEY", "sandbox_api_key"),
    ("E2B_API_URL", "sandbox_api_url"),
    ("E2B_SANDBOX_URL", "sandbox_data_url"),
];

/// What the sandbox service shall not inherit.
pub const SECRETS: [&str; 6] = [
    "OPENAI_API_KEY",
    "E2B_API_KEY",
    "SPIN_VARIABLE_OPENAI_API_KEY",
    "SPIN_VARIABLE_SANDBOX_API_KEY",
    "SPIN_VARIABLE_SESSION_SECRET",
    "SPIN_VARIABLE_API_TOKENS",
];

const PREFIX: &str = "SPIN_VARIABLE_";
/// OpenAI's own service, which answers nobody without a key.
const OPENAI: &str = "https://api.openai.com";

/// Says where the file is wrong, and never what it says there: that may be a key.
fn unreadable(file: &Path, error: &dotenvy::Error) -> anyhow::Error {
    let place = match error {
        dotenvy::Error::LineParse(_, at) => format!(" (from character {} of a line on)", at + 1),
        _ => String::new(),
    };
    anyhow::anyhow!("{} is not a list of NAME=value{place}", file.display())
}

/// What the person set.
pub struct Settings {
    /// Variables of `spin.toml`, by their names there.
    variables: BTreeMap<String, String>,
    log_level: Option<String>,
}

impl Settings {
    /// Reads the file, if there is one, and the environment, which wins.
    pub fn read(file: &Path) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        if file.exists() {
            let lines = dotenvy::from_path_iter(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            for pair in lines {
                let (name, value) = pair.map_err(|error| unreadable(file, &error))?;
                pairs.insert(name, value);
            }
        }
        pairs.extend(env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        Self::from_pairs(&pairs)
    }

    fn from_pairs(pairs: &BTreeMap<String, String>) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for (known, variable) in NAMES {
            if let Some(value) = pairs.get(known).filter(|value| !value.is_empty()) {
                variables.insert(variable.to_owned(), value.clone());
            }
        }
        for (name, value) in pairs {
            if let Some(variable) = name.strip_prefix(PREFIX) {
                variables.insert(variable.to_lowercase(), value.clone());
            }
        }
        if let Some(base_url) = variables.get("openai_base_url") {
            let origin =
                origin(base_url).with_context(|| format!("OPENAI_BASE_URL is `{base_url}`"))?;
            variables
                .entry("openai_origin".to_owned())
                .or_insert(origin);
        }
        if let Some(api_url) = variables
            .get("sandbox_api_url")
            .filter(|url| !url.is_empty())
        {
            let api_url = origin(api_url).with_context(|| format!("E2B_API_URL is `{api_url}`"))?;
            for (variable, value) in sandboxes_of(&api_url, variables.get("sandbox_data_url"))? {
                variables.entry(variable.to_owned()).or_insert(value);
            }
            variables.insert("sandbox_api_url".to_owned(), api_url);
        }
        let log_level = pairs
            .get("LOG_LEVEL")
            .filter(|level| !level.is_empty())
            .cloned();
        Ok(Self {
            variables,
            log_level,
        })
    }

    /// How much the services shall log.
    pub fn log_level(&self) -> Option<&str> {
        self.log_level.as_deref()
    }

    /// Whether a model writes the programs, rather than the built-in planner: with a key, or at an address
    /// of one's own, which may want none.
    pub fn has_model(&self) -> bool {
        let origin = self.get("openai_origin").unwrap_or(OPENAI);
        self.get("openai_api_key").is_some() || origin != OPENAI
    }

    pub fn get(&self, variable: &str) -> Option<&str> {
        self.variables
            .get(variable)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The address of somebody else's sandboxes, if the person named one.
    pub fn sandboxes_elsewhere(&self) -> Option<&str> {
        self.get("sandbox_api_url")
    }

    /// The environment of the host: what the person set, and where the local sandbox service is.
    pub fn spin_variables(&self, sandbox: Option<SocketAddr>) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        if let Some(sandbox) = sandbox {
            let port = sandbox.port();
            let local = [
                ("sandbox_api_url", format!("http://{sandbox}")),
                ("sandbox_data_url", format!("http://{sandbox}")),
                ("sandbox_origin", format!("http://{sandbox}")),
                (
                    "sandbox_app_url",
                    format!("http://{{port}}-{{id}}.localhost:{port}"),
                ),
            ];
            for (variable, value) in local {
                variables.entry(variable.to_owned()).or_insert(value);
            }
        }
        variables
            .into_iter()
            .map(|(name, value)| (format!("{PREFIX}{}", name.to_uppercase()), value))
            .collect()
    }
}

/// Where the sandboxes of a service like E2B's cloud answer: each under a name of its own below the domain
/// of the API, unless one address for all of them was given.
fn sandboxes_of(api_url: &str, data_url: Option<&String>) -> Result<[(&'static str, String); 4]> {
    let (_, host) = api_url
        .split_once("://")
        .context("an origin has a scheme")?;
    let domain = host.strip_prefix("api.").unwrap_or(host);
    let reachable = match data_url.filter(|url| !url.is_empty()) {
        Some(url) => origin(url).with_context(|| format!("E2B_SANDBOX_URL is `{url}`"))?,
        None => format!("https://*.{domain}"),
    };
    Ok([
        ("sandbox_data_url", String::new()),
        ("sandbox_origin", reachable),
        (
            "sandbox_app_url",
            format!("https://{{port}}-{{id}}.{domain}"),
        ),
        // What E2B grants without a paid plan; an hour of activity prolongs it.
        ("sandbox_max_seconds", "3600".to_owned()),
    ])
}

/// Scheme, host and port: all that an entry of `allowed_outbound_hosts` may hold.
fn origin(url: &str) -> Result<String> {
    let Some((scheme @ ("http" | "https"), rest)) = url.split_once("://") else {
        bail!("it must begin with http:// or https://");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        bail!("it must name a host, without user and password");
    }
    Ok(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Settings::from_pairs(&pairs)
    }

    #[test]
    fn well_known_names_become_variables_and_the_origin_is_derived() {
        let settings = settings(&[
            ("OPENAI_API_KEY", "k"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
        ]);
        let variables = settings.expect("valid").spin_variables(None);
        assert_eq!(variables["SPIN_VARIABLE_OPENAI_API_KEY"], "k");
        assert_eq!(
            variables["SPIN_VARIABLE_OPENAI_ORIGIN"],
            "http://127.0.0.1:8080"
        );
        assert_eq!(variables.len(), 3);
    }

    #[test]
    fn the_local_sandbox_is_told_with_the_port_it_took() {
        let variables = settings(&[])
            .expect("valid")
            .spin_variables(Some(([127, 0, 0, 1], 7171).into()));
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_API_URL"],
            "http://127.0.0.1:7171"
        );
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_DATA_URL"],
            "http://127.0.0.1:7171"
        );
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_APP_URL"],
            "http://{port}-{id}.localhost:7171"
        );
    }

    #[test]
    fn a_variable_by_its_spin_name_wins() {
        let pairs = [
            ("OPENAI_MODEL", "small"),
            ("SPIN_VARIABLE_OPENAI_MODEL", "large"),
        ];
        assert_eq!(
            settings(&pairs).expect("valid").get("openai_model"),
            Some("large")
        );
    }

    #[test]
    fn sandboxes_elsewhere_are_left_as_they_are() {
        let settings = settings(&[("E2B_API_URL", "https://api.e2b.app")]).expect("valid");
        assert_eq!(settings.sandboxes_elsewhere(), Some("https://api.e2b.app"));
        let variables = settings.spin_variables(None);
        assert_eq!(variables["SPIN_VARIABLE_SANDBOX_DATA_URL"], "");
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_ORIGIN"],
            "https://*.e2b.app"
        );
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_APP_URL"],
            "https://{port}-{id}.e2b.app"
        );
    }

    #[test]
    fn sandboxes_elsewhere_behind_one_address_are_reached_there() {
        let pairs = [
            ("E2B_API_URL", "http://sandboxes.example:7070/"),
            ("E2B_SANDBOX_URL", "http://data.example/x"),
        ];
        let variables = settings(&pairs).expect("valid").spin_variables(None);
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_API_URL"],
            "http://sandboxes.example:7070"
        );
        assert_eq!(
            variables["SPIN_VARIABLE_SANDBOX_ORIGIN"],
            "http://data.example"
        );
    }

    #[test]
    fn a_key_or_an_address_of_ones_own_means_a_model() {
        assert!(!settings(&[]).expect("valid").has_model());
        assert!(
            !settings(&[("OPENAI_BASE_URL", "https://api.openai.com/v1")])
                .expect("valid")
                .has_model()
        );
        assert!(
            settings(&[("OPENAI_API_KEY", "k")])
                .expect("valid")
                .has_model()
        );
        assert!(
            settings(&[("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")])
                .expect("valid")
                .has_model()
        );
    }

    #[test]
    fn a_base_url_without_scheme_or_with_a_password_is_an_error() {
        assert!(settings(&[("OPENAI_BASE_URL", "api.openai.com/v1")]).is_err());
        assert!(settings(&[("OPENAI_BASE_URL", "https://me:secret@host/v1")]).is_err());
    }

    #[test]
    fn an_empty_well_known_name_counts_as_unset() {
        assert_eq!(
            settings(&[("OPENAI_API_KEY", "")])
                .expect("valid")
                .get("openai_api_key"),
            None
        );
    }

    #[test]
    fn each_model_of_the_readme_is_one_and_its_origin_may_be_called() {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let readme = std::fs::read_to_string(readme).expect("there is a README");
        let mut origins = Vec::new();
        for block in readme.split("```dotenv\n").skip(1) {
            let lines = block.split("```").next().expect("a block has an end");
            let pairs = dotenvy::from_read_iter(lines.as_bytes());
            let pairs: BTreeMap<_, _> = pairs.map(|pair| pair.expect("NAME=value")).collect();
            let settings = Settings::from_pairs(&pairs).expect("valid");
            assert!(settings.has_model(), "{lines}");
            let variables = settings.spin_variables(None);
            origins.extend(variables.get("SPIN_VARIABLE_OPENAI_ORIGIN").cloned());
        }
        let expected = [
            "http://127.0.0.1:11434",
            "https://api.groq.com",
            "https://generativelanguage.googleapis.com",
            "http://127.0.0.1:8000",
        ];
        assert_eq!(origins, expected);
    }
}
