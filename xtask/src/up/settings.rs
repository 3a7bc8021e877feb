//! From the well-known names of `.env` and the shell to the variables of `spin.toml`.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A well-known name and the variable of `spin.toml` that it means.
const NAMES: [(&str, &str); 7] = [
    ("OPENAI_API_KEY", "openai_api_key"),
    ("OPENAI_BASE_URL", "openai_base_url"),
    ("OPENAI_MODEL", "openai_model"),
    ("E2B_API_KEY", "sandbox_api_key"),
    ("E2B_API_URL", "sandbox_api_url"),
    ("E2B_SANDBOX_URL", "sandbox_data_url"),
    ("LOG_LEVEL", "log_level"),
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

/// The variables of `spin.toml` that the person set, by their names there.
pub struct Settings {
    variables: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the file, if there is one, and the environment, which wins.
    pub fn read(file: &Path) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        if file.exists() {
            let lines = dotenvy::from_path_iter(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            for pair in lines {
                let (name, value) = pair
                    .with_context(|| format!("{} is not a list of NAME=value", file.display()))?;
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
        Ok(Self { variables })
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
        assert!(
            !settings
                .spin_variables(None)
                .contains_key("SPIN_VARIABLE_SANDBOX_DATA_URL")
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
}
