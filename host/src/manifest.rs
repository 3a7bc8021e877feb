//! The part of Spin's manifest (version 2) that this host serves.
//!
//! What Spin knows and this host does not is refused by name ([`keys`]), because an ignored key
//! would be a promise silently broken. Shape and meaning are those of Spin's own documentation,
//! "Spin manifest reference".

mod keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file could not be read.
    #[error("could not read the manifest {path}: {source}; name another with --manifest", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or a value has the wrong type.
    #[error("the manifest is not valid: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A key that this host does not serve.
    #[error("{place}: `{key}` is not supported by this host; {advice}")]
    Unsupported {
        /// The table that holds the key, as a person would name it.
        place: String,
        /// The key.
        key: String,
        /// The way out.
        advice: String,
    },
    /// A value that makes no sense.
    #[error("{place}: {reason}")]
    Invalid {
        /// The table that holds the value, as a person would name it.
        place: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
}

/// An application: its variables, routes and components.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    /// Name and version.
    pub application: Application,
    /// Variables of the application, by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// Routes.
    #[serde(default)]
    pub trigger: Triggers,
    /// Components, by id.
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
    /// The manifest's directory: every path in it is relative to this.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// `[application]`
#[derive(Debug, Deserialize)]
pub struct Application {
    /// The application's name.
    pub name: String,
    /// The application's version.
    #[serde(default)]
    pub version: String,
}

/// `[variables]`: one entry.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Variable {
    /// The value when nobody gives one.
    pub default: Option<String>,
    /// Whether somebody must give one.
    #[serde(default)]
    pub required: bool,
    /// Whether the value must never be shown.
    #[serde(default)]
    pub secret: bool,
}

/// `[[trigger.…]]`
#[derive(Debug, Default, Deserialize)]
pub struct Triggers {
    /// Routes, in the manifest's order.
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
}

/// `[[trigger.http]]`: one route.
#[derive(Debug, Deserialize)]
pub struct HttpTrigger {
    /// `/exact`, `/with/:parameter` or `/prefix/...`
    pub route: String,
    /// The id of the component that answers.
    pub component: String,
}

/// `[component.<id>]`
#[derive(Debug, Deserialize)]
pub struct Component {
    /// The `.wasm` file.
    pub source: Source,
    /// The component's own variables; values are templates over the application's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Environment variables that the component sees.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that the component may read.
    #[serde(default)]
    pub files: Vec<FilesEntry>,
    /// Where the component may send requests; templates over the application's variables.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of the stores that the component may open.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
}

/// Where a component's code is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// `source = "path"`
    Path(PathBuf),
    /// `source = { path = "path" }`
    Table {
        /// The path.
        path: PathBuf,
    },
}

impl Source {
    /// The path, as written.
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Table { path } => path,
        }
    }
}

/// One entry of `files`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum FilesEntry {
    /// A file or directory, seen under the same path below `/`.
    Path(PathBuf),
    /// A file or directory, seen under another path.
    Placement {
        /// The file or directory.
        source: PathBuf,
        /// The absolute path that the component sees.
        destination: String,
    },
}

impl Manifest {
    /// Reads and checks the manifest at `path`.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(path).map_err(|source| ManifestError::Read {
            path: path.to_owned(),
            source,
        })?;
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self::parse(&text, directory)
    }

    /// Checks a manifest's text; `directory` is what its paths are relative to.
    pub fn parse(text: &str, directory: PathBuf) -> Result<Self, ManifestError> {
        keys::check(&toml::from_str(text)?)?;
        let mut manifest: Self = toml::from_str(text)?;
        manifest.directory = directory;
        manifest.check_references()?;
        Ok(manifest)
    }

    fn check_references(&self) -> Result<(), ManifestError> {
        for trigger in &self.trigger.http {
            if !self.component.contains_key(&trigger.component) {
                return Err(ManifestError::Invalid {
                    place: format!("route `{}`", trigger.route),
                    reason: format!(
                        "there is no component `{}`; add [component.{0}]",
                        trigger.component
                    ),
                });
            }
        }
        for (id, component) in &self.component {
            if let Some(label) = component
                .key_value_stores
                .iter()
                .find(|label| *label != "default")
            {
                return Err(ManifestError::Invalid {
                    place: format!("component `{id}`"),
                    reason: format!(
                        "there is no key-value store `{label}`; this host has `default` only"
                    ),
                });
            }
        }
        Ok(())
    }
}
