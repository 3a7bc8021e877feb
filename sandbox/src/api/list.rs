//! The lists of sandboxes, filtered and in pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use url::form_urlencoded;

use super::error::ApiError;
use super::view::Listed;
use crate::sandbox::Sandbox;
use crate::service::Service;

const LONGEST_PAGE: usize = 100;

/// Version 1: everything that runs and matches, oldest first.
pub async fn first(
    State(service): State<Arc<Service>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, ApiError> {
    let mut filter = Filter::of(&query)?;
    // Its clients know no other state.
    filter.paused &= query.contains_key("state");
    let all: Vec<_> = service
        .list()
        .iter()
        .filter(|sandbox| filter.admits(sandbox))
        .map(|sandbox| Listed::of(sandbox))
        .collect();
    Ok(Json(all).into_response())
}

/// Version 2: pages, newest first unless `order=asc`; `x-next-token` names the next one.
pub async fn second(
    State(service): State<Arc<Service>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, ApiError> {
    let filter = Filter::of(&query)?;
    let limit = match query.get("limit") {
        None => LONGEST_PAGE,
        Some(limit) => limit
            .parse()
            .ok()
            .filter(|limit| (1..=LONGEST_PAGE).contains(limit))
            .ok_or_else(|| {
                ApiError::Invalid(format!(
                    "limit is '{limit}'; it must be from 1 to {LONGEST_PAGE}"
                ))
            })?,
    };
    let ascending = match query.get("order").map(String::as_str) {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(order) => {
            return Err(ApiError::Invalid(format!(
                "order is '{order}'; it must be asc or desc"
            )));
        }
    };
    let mut all = service.list();
    if !ascending {
        all.reverse();
    }
    let key = |sandbox: &Sandbox| (sandbox.started_at.timestamp_micros(), sandbox.id.clone());
    let last_seen = query
        .get("nextToken")
        .map(|token| read_token(token))
        .transpose()?;
    let mut rest = all
        .into_iter()
        .filter(|sandbox| filter.admits(sandbox))
        .filter(|sandbox| match &last_seen {
            // By position in time, not by index: sandboxes come and go between two pages.
            Some(seen) if ascending => key(sandbox) > *seen,
            Some(seen) => key(sandbox) < *seen,
            None => true,
        });
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let mut response = Json(
        page.iter()
            .map(|sandbox| Listed::of(sandbox))
            .collect::<Vec<_>>(),
    )
    .into_response();
    if let (Some(last), true) = (page.last(), rest.next().is_some()) {
        let (time, id) = key(last);
        if let Ok(token) = format!("{time}-{id}").parse() {
            response.headers_mut().insert("x-next-token", token);
        }
    }
    Ok(response)
}

fn read_token(token: &str) -> Result<(i64, String), ApiError> {
    token
        .split_once('-')
        .and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())))
        .ok_or_else(|| {
            ApiError::Invalid(format!(
                "nextToken '{}' is not one this service gave out",
                token.escape_debug()
            ))
        })
}

struct Filter {
    metadata: Vec<(String, String)>,
    running: bool,
    paused: bool,
    started_after: Option<DateTime<Utc>>,
    template: Option<String>,
}

impl Filter {
    fn of(query: &BTreeMap<String, String>) -> Result<Self, ApiError> {
        let started_after = query.get("startedAfter").map(|time| {
            DateTime::parse_from_rfc3339(time)
                .map(|time| time.to_utc())
                .map_err(|error| {
                    ApiError::Invalid(format!(
                        "startedAfter '{}' is not an RFC 3339 time: {error}",
                        time.escape_debug()
                    ))
                })
        });
        Ok(Self {
            metadata: query
                .get("metadata")
                .map(|pairs| read_metadata(pairs))
                .unwrap_or_default(),
            running: asks_for(query, "running"),
            paused: asks_for(query, "paused"),
            started_after: started_after.transpose()?,
            template: query.get("template").cloned(),
        })
    }

    fn admits(&self, sandbox: &Sandbox) -> bool {
        let in_state = match sandbox.life().paused {
            true => self.paused,
            false => self.running,
        };
        in_state
            && self
                .metadata
                .iter()
                .all(|(key, value)| sandbox.profile.metadata.get(key) == Some(value))
            && self
                .started_after
                .is_none_or(|time| sandbox.started_at > time)
            && self
                .template
                .as_ref()
                .is_none_or(|template| *template == sandbox.profile.template)
    }
}

/// Both states, unless some are named.
fn asks_for(query: &BTreeMap<String, String>, state: &str) -> bool {
    query
        .get("state")
        .is_none_or(|states| states.is_empty() || states.split(',').any(|named| named == state))
}

/// The clients encode keys and values once more before they encode the pairs.
fn read_metadata(pairs: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        form_urlencoded::parse(text.as_bytes())
            .next()
            .map_or_else(String::new, |(decoded, _)| decoded.into_owned())
    };
    form_urlencoded::parse(pairs.as_bytes())
        .map(|(key, value)| (decode(&key), decode(&value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_encoded_twice() {
        assert_eq!(
            read_metadata("user=jane%2520doe&k%252Fy=a%253Db"),
            [
                ("user".to_owned(), "jane doe".to_owned()),
                ("k/y".to_owned(), "a=b".to_owned())
            ]
        );
    }
}
