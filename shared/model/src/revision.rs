//! Revisions: every version of a session's app, which never vanish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::ExecutionError;
use crate::{Framework, SessionId, Timestamp};

/// What became of a revision's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RevisionStatus {
    /// It ran as an app.
    Ok,
    /// It never answered.
    Broken,
}

/// A revision, as the head and lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionSummary {
    /// Its number, from 1.
    pub revision: u32,
    /// The revision it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// What became of its code.
    pub status: RevisionStatus,
    /// What its code is built with.
    pub framework: Framework,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A whole revision: written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Revision {
    /// What lists show.
    #[serde(flatten)]
    pub summary: RevisionSummary,
    /// The program.
    pub code: String,
    /// What was asked for; empty for code that came by hand.
    pub prompt: String,
    /// The environment variables that it runs with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Why it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ExecutionError>,
}

/// A revision as it is read: to read `flatten` takes much more code, which every component would carry.
#[derive(Deserialize)]
struct Stored {
    revision: u32,
    #[serde(default)]
    parent: Option<u32>,
    status: RevisionStatus,
    framework: Framework,
    created_at: Timestamp,
    code: String,
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    error: Option<ExecutionError>,
}

impl From<Stored> for Revision {
    fn from(stored: Stored) -> Self {
        Self {
            summary: RevisionSummary {
                revision: stored.revision,
                parent: stored.parent,
                status: stored.status,
                framework: stored.framework,
                created_at: stored.created_at,
            },
            code: stored.code,
            prompt: stored.prompt,
            env: stored.env,
            error: stored.error,
        }
    }
}

impl Revision {
    /// The key of a revision's record.
    pub fn key(session: SessionId, revision: u32) -> String {
        format!("v1/session/{session}/revision/{revision}")
    }
}
