//! The network of a sandbox, as E2B's clients ask for it and as it is shown to them.
//!
//! Differences to E2B, all towards less: nobody is reached but whom the operator allows, and
//! `allowOut` narrows by itself (there, only together with `denyOut`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use http::uri::Authority;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ApiError;
use super::{find, parse};
use crate::clock;
use crate::egress::{Ask, Entry, Policy};
use crate::protocol::Isolation;
use crate::sandbox::Ingress;
use crate::service::Service;

/// More than anybody lists by hand; each connection looks through them all.
const MOST_ENTRIES: usize = 256;
/// What E2B replaces in `maskRequestHost`.
pub const PORT_PLACEHOLDER: &str = "${PORT}";

/// `network` of a new sandbox.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    #[serde(flatten)]
    lists: Lists,
    allow_public_traffic: Option<bool>,
    mask_request_host: Option<String>,
    https_ports: Option<Vec<Value>>,
}

/// Body of `PUT /sandboxes/{id}/network`: replaces what was there, and what is left out is cleared.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Update {
    #[serde(flatten)]
    lists: Lists,
    #[serde(alias = "allowInternetAccess")]
    allow_internet_access: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Lists {
    allow_out: Option<Vec<String>>,
    deny_out: Option<Vec<String>>,
    rules: Option<Value>,
    egress_proxy: Option<Value>,
}

/// What a sandbox is told of its network.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_out: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny_out: Vec<String>,
    allow_public_traffic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_request_host: Option<String>,
}

impl View {
    /// The view of a sandbox's rules.
    pub fn of(ask: &Ask, ingress: &Ingress) -> Self {
        Self {
            allow_out: ask.allow.iter().map(Entry::as_asked).collect(),
            deny_out: ask.deny.iter().map(Entry::as_asked).collect(),
            allow_public_traffic: ingress.traffic_token.is_none(),
            mask_request_host: ingress.mask_request_host.clone(),
        }
    }
}

/// `PUT /sandboxes/{id}/network`
pub async fn update(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let update: Update = parse(&body)?;
    let sandbox = find(&service, &id)?;
    let policy = policy(&service, update.lists, update.allow_internet_access)?;
    // Its init does not answer.
    if sandbox.life().paused {
        return Err(ApiError::NotRunning(id));
    }
    sandbox.apply(policy).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The rules and the entrance of a new sandbox.
pub fn of_new(
    service: &Service,
    network: Option<Network>,
    allow_internet_access: Option<bool>,
    secure: bool,
) -> Result<(Policy, Ingress), ApiError> {
    let network = network.unwrap_or_default();
    if network.https_ports.is_some_and(|ports| !ports.is_empty()) {
        return Err(not_here("network.httpsPorts", "serve plain HTTP inside"));
    }
    let private = network.allow_public_traffic == Some(false);
    if private && !secure {
        return Err(ApiError::Invalid(
            "network.allowPublicTraffic is false, which needs 'secure': true as well".to_owned(),
        ));
    }
    if let Some(mask) = &network.mask_request_host {
        check_mask(mask)?;
    }
    let traffic_token = match private {
        true => Some(clock::random_id(40)?),
        false => None,
    };
    let ingress = Ingress {
        traffic_token,
        mask_request_host: network.mask_request_host,
    };
    let policy = policy(service, network.lists, allow_internet_access)?;
    Ok((policy, ingress))
}

fn policy(
    service: &Service,
    lists: Lists,
    allow_internet_access: Option<bool>,
) -> Result<Policy, ApiError> {
    if lists.rules.is_some_and(|rules| !is_empty(&rules)) {
        return Err(not_here(
            "network.rules",
            "send the headers from the program itself",
        ));
    }
    if lists.egress_proxy.is_some_and(|proxy| !is_empty(&proxy)) {
        return Err(not_here("network.egressProxy", "leave it out"));
    }
    let ask = Ask {
        allow: entries("allowOut", lists.allow_out)?,
        deny: entries("denyOut", lists.deny_out)?,
        offline: allow_internet_access == Some(false),
    };
    if let Some(name) = ask.deny.iter().find(|entry| !entry.is_of_addresses()) {
        return Err(ApiError::Invalid(format!(
            "network.denyOut has '{name}'; only addresses and CIDR blocks can be denied, list the names to allow in allowOut"
        )));
    }
    if service.config.isolation == Isolation::None {
        return match ask == Ask::default() {
            true => Ok(Policy::default()),
            false => Err(ApiError::Invalid(
                "this sandbox service runs without isolation and cannot keep programs from the network".to_owned(),
            )),
        };
    }
    Policy::new(&service.allow_egress, ask)
        .map_err(|beyond| ApiError::Forbidden(beyond.to_string()))
}

fn entries(list: &str, texts: Option<Vec<String>>) -> Result<Vec<Entry>, ApiError> {
    let texts = texts.unwrap_or_default();
    if texts.len() > MOST_ENTRIES {
        return Err(ApiError::Invalid(format!(
            "network.{list} has {} entries, more than {MOST_ENTRIES}; use CIDR blocks or *.names",
            texts.len()
        )));
    }
    let read = |text: &String| {
        text.parse()
            .map_err(|error| ApiError::Invalid(format!("network.{list}: {error}")))
    };
    texts.iter().map(read).collect()
}

fn check_mask(mask: &str) -> Result<(), ApiError> {
    let example = mask.replace(PORT_PLACEHOLDER, "80");
    let is_host = Authority::try_from(example.as_str())
        .is_ok_and(|authority| !authority.as_str().contains('@'));
    match is_host && HeaderValue::try_from(example).is_ok() {
        true => Ok(()),
        false => Err(ApiError::Invalid(format!(
            "network.maskRequestHost '{}' is no host in ASCII, with ':port' or without",
            mask.escape_debug()
        ))),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn not_here(field: &str, instead: &str) -> ApiError {
    ApiError::Invalid(format!(
        "{field} is not supported by the local sandbox service; {instead}"
    ))
}
