//! Sandboxes, as the control API shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::network;
use crate::clock::rfc3339;
use crate::sandbox::Sandbox;
use crate::service::Service;

/// The version of E2B's envd whose behaviour clients may expect.
pub const ENVD_VERSION: &str = "0.6.13";

/// What `create` and `connect` answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    #[serde(rename = "templateID")]
    template_id: String,
    #[serde(rename = "sandboxID")]
    sandbox_id: String,
    #[serde(rename = "clientID")]
    client_id: &'static str,
    envd_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    envd_access_token: Option<String>,
    traffic_access_token: Option<String>,
    domain: String,
}

impl Created {
    /// The view of a sandbox; its domain makes the addresses of its apps.
    pub fn of(sandbox: &Sandbox, service: &Service) -> Self {
        Self {
            template_id: sandbox.profile.template.clone(),
            sandbox_id: sandbox.id.clone(),
            client_id: "local",
            envd_version: ENVD_VERSION,
            envd_access_token: sandbox.profile.access_token.clone(),
            traffic_access_token: sandbox.profile.ingress.traffic_token.clone(),
            domain: service.domain.clone(),
        }
    }
}

/// What the lists show.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    #[serde(rename = "templateID")]
    template_id: String,
    #[serde(rename = "sandboxID")]
    sandbox_id: String,
    #[serde(rename = "clientID")]
    client_id: &'static str,
    started_at: String,
    end_at: String,
    cpu_count: u64,
    #[serde(rename = "memoryMB")]
    memory_mb: u64,
    #[serde(rename = "diskSizeMB")]
    disk_size_mb: u64,
    state: &'static str,
    envd_version: &'static str,
    metadata: BTreeMap<String, String>,
}

impl Listed {
    /// The view of a sandbox.
    pub fn of(sandbox: &Sandbox) -> Self {
        let life = sandbox.life();
        Self {
            template_id: sandbox.profile.template.clone(),
            sandbox_id: sandbox.id.clone(),
            client_id: "local",
            started_at: rfc3339(sandbox.started_at),
            end_at: rfc3339(life.until),
            cpu_count: sandbox.limits.cpu_count(),
            memory_mb: sandbox.limits.memory >> 20,
            disk_size_mb: sandbox.disk().1 >> 20,
            state: if life.paused { "paused" } else { "running" },
            envd_version: ENVD_VERSION,
            metadata: sandbox.profile.metadata.clone(),
        }
    }
}

/// What `get` answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    #[serde(flatten)]
    listed: Listed,
    #[serde(skip_serializing_if = "Option::is_none")]
    envd_access_token: Option<String>,
    domain: String,
    lifecycle: Value,
    /// Whether anybody can be reached, which is the operator's decision, too.
    allow_internet_access: bool,
    network: network::View,
}

impl Detail {
    /// The view of a sandbox.
    pub fn of(sandbox: &Sandbox, service: &Service) -> Self {
        let policy = sandbox.egress.policy();
        Self {
            listed: Listed::of(sandbox),
            envd_access_token: sandbox.profile.access_token.clone(),
            domain: service.domain.clone(),
            lifecycle: json!({
                "autoResume": sandbox.profile.auto_resume,
                "onTimeout": sandbox.life().on_timeout.name(),
            }),
            allow_internet_access: policy.is_open(),
            network: network::View::of(policy.ask(), &sandbox.profile.ingress),
        }
    }
}
