//! The headers that a component receives beside the client's: Spin's own, and the request id.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::routes::RouteMatch;

/// The header that carries the request id in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's own if it is sane, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given {
        Some(id) if is_sane(id) => id.into(),
        _ => new_request_id(),
    }
}

fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// Unique, not secret: a random number per process and a counter.
fn new_request_id() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:016x}{:08x}",
        *PROCESS,
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}

/// Replaces every `spin-*` header of the client's by Spin's own, so that none can be forged.
pub(crate) fn set_for_component<T>(
    headers: &mut HeaderMap,
    uri: &Uri,
    found: &RouteMatch<'_, T>,
    client: SocketAddr,
    request_id: &str,
) {
    let forged: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("spin-"))
        .cloned()
        .collect();
    for name in forged {
        headers.remove(name);
    }
    headers.remove(CONNECTION);

    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("http://{host}{path}");
    let prefix = found.written.strip_suffix("/...").unwrap_or(found.written);
    for (name, value) in [
        ("spin-path-info", found.path_info.as_str()),
        ("spin-full-url", &full_url),
        ("spin-matched-route", found.pattern),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", found.written),
        ("spin-component-route", prefix),
        ("spin-client-addr", &client.to_string()),
    ] {
        set(headers, HeaderName::from_static(name), value);
    }
    for (name, value) in &found.parameters {
        let name = format!(
            "spin-path-match-{}",
            name.replace('_', "-").to_ascii_lowercase()
        );
        if let Ok(name) = HeaderName::try_from(name) {
            set(headers, name, value);
        }
    }
    set(headers, REQUEST_ID, request_id);
}

/// A value that no header can hold is left out: the path of an HTTP request is ASCII already.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
