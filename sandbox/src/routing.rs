//! Which of the services on the one port a request is for.
//!
//! A sandbox is named by the host, `<port>-<id>.<domain>` (a browser cannot forge it), or by the
//! headers `E2b-Sandbox-Id` and `E2b-Sandbox-Port`. A signed file address names none: it is tried
//! against every sandbox. Everything else is the control API.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderMap, StatusCode};
use tower::ServiceExt;

use crate::envd;
use crate::sandbox::Sandbox;
use crate::service::Service;
use crate::unread::read_anyway;
use crate::{api, interpreter, proxy};

/// Files and processes.
const ENVD_PORT: u16 = 49983;
/// Code.
const INTERPRETER_PORT: u16 = 49999;

#[derive(Clone)]
struct Front {
    service: Arc<Service>,
    control: Router,
    envd: Router,
}

/// Everything the service answers.
pub fn app(service: Arc<Service>) -> Router {
    let front = Front {
        control: api::router(service.clone()),
        envd: envd::router(),
        service,
    };
    Router::new().fallback(route).with_state(front)
}

/// A sandbox and a port, as a request names them.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    id: &'a str,
    port: u16,
    by_host: bool,
}

async fn route(State(front): State<Front>, request: Request) -> Response {
    let is_app = |target: Target<'_>| ![ENVD_PORT, INTERPRETER_PORT].contains(&target.port);
    // How much of a request an app reads is its own affair.
    let request = match target(&request).is_some_and(is_app) {
        true => request,
        false => read_anyway(request),
    };
    let target = target(&request);
    if !target.as_ref().is_some_and(|target| target.by_host) && is_a_page(&front.service, &request)
    {
        return refuse_page();
    }
    let Some(Target { id, port, by_host }) = target else {
        return match envd::signed_for(&front.service, &request) {
            Some(Ok(sandbox)) => match sandbox.wake().await {
                true => to_envd(front.envd, sandbox, request).await,
                false => proxy::paused(&sandbox.id, request.headers()),
            },
            Some(Err(refusal)) => refusal,
            None => answer(front.control, request).await,
        };
    };
    let Some(sandbox) = front.service.get(id) else {
        return proxy::not_found(id, request.headers());
    };
    if port != ENVD_PORT
        && let Some(refusal) = proxy::refuse_traffic(&sandbox, request.headers())
    {
        return refusal;
    }
    if !sandbox.wake().await {
        return proxy::paused(&sandbox.id, request.headers());
    }
    match port {
        ENVD_PORT => to_envd(front.envd, sandbox, request).await,
        INTERPRETER_PORT if may_interpret(&sandbox, &request, by_host) => {
            interpreter::handle(sandbox, request).await
        }
        INTERPRETER_PORT => (
            StatusCode::UNAUTHORIZED,
            "the header X-Access-Token must hold the sandbox's envdAccessToken",
        )
            .into_response(),
        port => proxy::forward(&sandbox, port, request).await,
    }
}

async fn to_envd(envd: Router, sandbox: Arc<Sandbox>, mut request: Request) -> Response {
    request.extensions_mut().insert(sandbox);
    answer(envd, request).await
}

async fn answer(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Whether a web page asks for what only programs may have: one of another site (an app among them),
/// or one that reached us by a name of its own. Where keys are configured, they keep pages out.
fn is_a_page(service: &Service, request: &Request) -> bool {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if site.is_some_and(|site| !matches!(site, b"none" | b"same-origin")) {
        return true;
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    service.config.api_keys.is_empty()
        && host.is_some_and(|host| !is_own_name(host, &service.domain))
}

/// A loopback name, an address, or the name that apps are served below.
fn is_own_name(host: &str, domain: &str) -> bool {
    let name = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host.to_owned(),
    };
    let host = name(host);
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host == name(domain) || address.parse::<std::net::IpAddr>().is_ok()
}

fn refuse_page() -> Response {
    let message = "this address is for programs: a web page may not use it, and without --api-key it \
                   answers only to an IP address, localhost or the name given by --domain";
    let body = serde_json::json!({"code": 403, "message": message});
    (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
}

/// E2B's clients send no token with calls about contexts. Whoever comes by host may be a visitor of
/// an app, who knows the sandbox's id from its address: he needs the token for everything.
fn may_interpret(sandbox: &Sandbox, request: &Request, by_host: bool) -> bool {
    // What is open is listed; everything else, however it is spelled, needs the token.
    let path = request.uri().path();
    let contexts = path == "/contexts" || path.starts_with("/contexts/");
    let open = path == "/health" || (!by_host && contexts);
    open || envd::has_token(sandbox, request.headers())
}

fn target(request: &Request) -> Option<Target<'_>> {
    let headers = request.headers();
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .or(request
            .uri()
            .authority()
            .map(|authority| authority.as_str()));
    host.and_then(target_of_host)
        .or_else(|| target_of_headers(headers))
}

fn target_of_host(host: &str) -> Option<Target<'_>> {
    let (label, _domain) = host.split_once('.')?;
    let mut parts = label.split('-');
    let port = parts.next()?.parse().ok()?;
    let id = parts.next().filter(|id| is_id(id))?;
    Some(Target {
        id,
        port,
        by_host: true,
    })
}

fn target_of_headers(headers: &HeaderMap) -> Option<Target<'_>> {
    // Not an id: no sandbox has it, and saying so is the sandbox's part.
    let id = headers.get("e2b-sandbox-id")?.to_str().unwrap_or("");
    let port = headers
        .get("e2b-sandbox-port")
        .and_then(|port| port.to_str().ok()?.parse().ok())
        .unwrap_or(ENVD_PORT);
    Some(Target {
        id,
        port,
        by_host: false,
    })
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_loopback_addresses_and_the_domain() {
        for own in [
            "localhost:7070",
            "127.0.0.1:7070",
            "[::1]:7070",
            "box.example",
            "10.0.0.7",
        ] {
            assert!(is_own_name(own, "box.example:443"), "{own}");
        }
        for other in [
            "evil.example",
            "x.box.example",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_own_name(other, "box.example:443"), "{other}");
        }
    }

    #[test]
    fn a_host_names_port_and_sandbox() {
        assert_eq!(
            target_of_host("7860-abc123.localhost:7070"),
            Some(Target {
                id: "abc123",
                port: 7860,
                by_host: true
            })
        );
        assert_eq!(
            target_of_host("49983-abc-client.example.com"),
            Some(Target {
                id: "abc",
                port: 49983,
                by_host: true
            })
        );
    }

    #[test]
    fn other_hosts_name_no_sandbox() {
        for host in [
            "localhost:7070",
            "127.0.0.1:7070",
            "7860-abc",
            "app-abc.localhost",
            "99999-abc.localhost",
            "80-.localhost",
            "80-A.localhost",
        ] {
            assert_eq!(target_of_host(host), None, "{host}");
        }
    }
}
