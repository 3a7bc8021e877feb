//! Who may call envd: whoever has the sandbox's token, or an address signed with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chrono::Utc;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::config::Secret;
use crate::sandbox::Sandbox;
use crate::service::Service;

const USER: &str = "user";

/// Lets a request pass that shows the token, or a signature where that is enough.
pub async fn check(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    request: Request,
    next: Next,
) -> Response {
    if !has_token(&sandbox, request.headers()) {
        let signed = match request.uri().path() {
            "/files" => check_signature(&sandbox, request.method(), request.uri()),
            _ => Err("the header X-Access-Token must hold the sandbox's envdAccessToken"),
        };
        if let Err(reason) = signed {
            return unauthorized(&format!("unauthorized access, {reason}"));
        }
    }
    match user_of(&request) {
        Some(user) if user != USER => unauthorized(&format!(
            "invalid username: '{user}'; sandboxes here have only the user 'user'"
        )),
        _ => next.run(request).await,
    }
}

/// Whether the headers hold the sandbox's token, or it has none.
pub fn has_token(sandbox: &Sandbox, headers: &HeaderMap) -> bool {
    let Some(token) = &sandbox.profile.access_token else {
        return true;
    };
    let presented = headers
        .get("x-access-token")
        .and_then(|token| token.to_str().ok());
    presented.is_some_and(|presented| Secret::from(token.clone()).matches(presented))
}

/// What becomes of a request that names no sandbox but is for a file: the sandbox that its signature
/// belongs to, or a refusal. `None` if it is for no file.
pub fn signed_for(service: &Service, request: &Request) -> Option<Result<Arc<Sandbox>, Response>> {
    let (method, uri) = (request.method(), request.uri());
    if uri.path() != "/files" || !parameters(uri).contains_key("signature") {
        return None;
    }
    let signer = service
        .list()
        .into_iter()
        .find(|sandbox| sandbox.profile.access_token.is_some() && is_signed(sandbox, method, uri));
    Some(signer.ok_or_else(|| {
        unauthorized("unauthorized access, invalid signature: no running sandbox made this address")
    }))
}

fn check_signature(sandbox: &Sandbox, method: &Method, uri: &Uri) -> Result<(), &'static str> {
    let parameters = parameters(uri);
    if !parameters.contains_key("signature") {
        return Err("missing signature query parameter");
    }
    if !is_signed(sandbox, method, uri) {
        return Err("invalid signature");
    }
    match parameters
        .get("signature_expiration")
        .map(|expiry| expiry.parse::<i64>())
    {
        Some(Ok(expiry)) if expiry < Utc::now().timestamp() => Err("signature is already expired"),
        // A time that cannot be read must not mean "for ever".
        Some(Err(_)) => Err("signature_expiration must be a number of seconds since 1970"),
        _ => Ok(()),
    }
}

/// `v1_` and the hash of path, operation, user, token and, if there is one, expiry.
fn is_signed(sandbox: &Sandbox, method: &Method, uri: &Uri) -> bool {
    let token = &sandbox.profile.access_token;
    token
        .as_ref()
        .is_some_and(|token| is_signed_with(token, method, uri))
}

fn is_signed_with(token: &str, method: &Method, uri: &Uri) -> bool {
    let parameters = parameters(uri);
    let get = |name: &str| parameters.get(name).map_or("", String::as_str);
    let operation = if *method == Method::GET {
        "read"
    } else {
        "write"
    };
    let mut text = format!("{}:{operation}:{}:{token}", get("path"), get("username"));
    if let Some(expiry) = parameters.get("signature_expiration") {
        text.push(':');
        text.push_str(expiry);
    }
    let expected = format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)));
    Secret::from(expected).matches(get("signature"))
}

fn parameters(uri: &Uri) -> BTreeMap<String, String> {
    Query::try_from_uri(uri)
        .map(|Query(parameters)| parameters)
        .unwrap_or_default()
}

/// The unix user a request names: `?username=` for files, Basic authentication for calls.
fn user_of(request: &Request) -> Option<String> {
    if let Some(user) = parameters(request.uri()).remove("username") {
        return Some(user).filter(|user| !user.is_empty());
    }
    let basic = request
        .headers()
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Basic ")?;
    let decoded = STANDARD.decode(basic).ok()?;
    let text = String::from_utf8_lossy(&decoded);
    text.split(':')
        .next()
        .filter(|user| !user.is_empty())
        .map(str::to_owned)
}

fn unauthorized(message: &str) -> Response {
    (
        StatusCode::UNAUTHORIZED,
        Json(json!({ "code": 401, "message": message })),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::form_urlencoded;

    use super::*;

    /// An address as E2B's clients make it.
    fn signed(path: &str, user: &str, expiry: Option<i64>, token: &str) -> Uri {
        let expiry = expiry.map(|expiry| expiry.to_string());
        let end = expiry.as_ref().map(|expiry| format!(":{expiry}"));
        let text = format!("{path}:read:{user}:{token}{}", end.unwrap_or_default());
        let signature = format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("path", path);
        if !user.is_empty() {
            query.append_pair("username", user);
        }
        query.append_pair("signature", &signature);
        if let Some(expiry) = &expiry {
            query.append_pair("signature_expiration", expiry);
        }
        format!("/files?{}", query.finish())
            .parse()
            .expect("an address")
    }

    proptest! {
        #[test]
        fn a_signature_counts_for_what_was_signed_and_for_nothing_else(
            path in "[^\0]{1,40}",
            user in "(user)?",
            expiry in proptest::option::of(0..4_000_000_000_i64),
            token in "[a-z0-9]{40}",
            other in "[a-z0-9]{40}",
        ) {
            let uri = signed(&path, &user, expiry, &token);
            prop_assert!(is_signed_with(&token, &Method::GET, &uri));
            prop_assert!(!is_signed_with(&token, &Method::POST, &uri));
            prop_assert!(token == other || !is_signed_with(&other, &Method::GET, &uri));
            for longer in ["&signature_expiration=9", "&path=other", "x"] {
                let changed = format!("{uri}{longer}").parse().expect("an address");
                prop_assert!(!is_signed_with(&token, &Method::GET, &changed), "{}", longer);
            }
        }

        #[test]
        fn no_query_is_a_signature_by_chance(query in "[ -~]{0,80}") {
            let address = format!("/files?{}", query.replace(['#', ' '], "+"));
            if let Ok(uri) = address.parse() {
                prop_assert!(!is_signed_with("token", &Method::GET, &uri));
            }
        }
    }
}
