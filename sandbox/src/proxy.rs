//! The way from outside to an app inside a sandbox.
//!
//! Every request gets a connection of its own, made by the sandbox's init, so no connection can be
//! stale. Bodies stream both ways, upgrades (WebSockets) become plain byte streams.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{Html, IntoResponse, Response};
use http::header::{ACCEPT, CONNECTION, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, StatusCode, Uri, Version};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::api::PORT_PLACEHOLDER;
use crate::config::Secret;
use crate::sandbox::{ConnectError, Sandbox};

/// They concern one connection, not the request.
const HOP_BY_HOP: [&str; 6] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
];
/// They are for this service; an app must not learn them.
const OURS: [&str; 5] = [
    "e2b-sandbox-id",
    "e2b-sandbox-port",
    TRAFFIC_TOKEN,
    "x-access-token",
    "x-api-key",
];

/// Asked for where the ports of a sandbox are not public.
const TRAFFIC_TOKEN: &str = "e2b-traffic-access-token";

/// Passes a request on to a port inside, and its answer back.
pub async fn forward(sandbox: &Arc<Sandbox>, port: u16, mut request: Request) -> Response {
    let wants = request.headers().clone();
    let connection = match sandbox.connect(port).await {
        Ok(connection) => connection,
        Err(ConnectError::Closed(_)) => return port_closed(&sandbox.id, port, &wants),
        Err(ConnectError::Link(_)) => return not_found(&sandbox.id, &wants),
        Err(error) => return failed(&sandbox.id, &error.to_string(), &wants),
    };
    let upgrade = take_upgrade(&mut request);
    clean(request.headers_mut(), upgrade.is_some());
    if let Some(mask) = &sandbox.profile.ingress.mask_request_host {
        let host = mask.replace(PORT_PLACEHOLDER, &port.to_string());
        // Looked at when the sandbox was made: it is a header's value.
        if let Ok(host) = host.parse() {
            request.headers_mut().insert(HOST, host);
        }
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().unwrap_or(Uri::from_static("/"));
    *request.version_mut() = Version::HTTP_11;
    let (mut sender, driver) = match http1::handshake(TokioIo::new(connection)).await {
        Ok(parts) => parts,
        Err(error) => return failed(&sandbox.id, &broken(port, &error), &wants),
    };
    let closed = sandbox.closed().clone();
    tokio::spawn(async move {
        tokio::select! {
            // How it ended is told by the answer and its body.
            _ = driver.with_upgrades() => {}
            () = closed.cancelled() => {}
        }
    });
    match sender.send_request(request).await {
        Ok(response) => answer(sandbox, response.map(Body::new), upgrade),
        Err(error) => failed(&sandbox.id, &broken(port, &error), &wants),
    }
}

fn broken(port: u16, error: &hyper::Error) -> String {
    format!(
        "The app on port {port} closed the connection without an answer ({error}); look at its output"
    )
}

fn take_upgrade(request: &mut Request) -> Option<hyper::upgrade::OnUpgrade> {
    let connection = request
        .headers()
        .get(CONNECTION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let asked = connection
        .split(',')
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    (asked && request.headers().contains_key(UPGRADE)).then(|| hyper::upgrade::on(request))
}

fn answer(
    sandbox: &Arc<Sandbox>,
    mut response: Response,
    upgrade: Option<hyper::upgrade::OnUpgrade>,
) -> Response {
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    clean(response.headers_mut(), switched);
    if let (true, Some(outside)) = (switched, upgrade) {
        let inside = hyper::upgrade::on(&mut response);
        let closed = sandbox.closed().clone();
        tokio::spawn(async move {
            let join = async {
                let (outside, inside) = tokio::try_join!(outside, inside)?;
                // Either side may break off at any time.
                let _ = tokio::io::copy_bidirectional(
                    &mut TokioIo::new(outside),
                    &mut TokioIo::new(inside),
                )
                .await;
                Ok::<_, hyper::Error>(())
            };
            tokio::select! {
                outcome = join => if let Err(error) = outcome {
                    tracing::debug!(%error, "an upgrade did not come about");
                },
                () = closed.cancelled() => {}
            }
        });
    }
    response
}

/// Removes what concerns only the connection the message came by, and what is for this service.
/// `Host` and `Origin` stay.
fn clean(headers: &mut HeaderMap, upgrade: bool) {
    let protocol = headers.remove(UPGRADE).filter(|_| upgrade);
    strip_hop_by_hop(headers);
    for name in OURS {
        headers.remove(name);
    }
    if let Some(protocol) = protocol {
        headers.insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Removes what concerns only the connection the message came by.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// The answer to whoever reaches for a port of a sandbox whose ports are not public, without its
/// token; in E2B's words.
pub fn refuse_traffic(sandbox: &Sandbox, headers: &HeaderMap) -> Option<Response> {
    let token = sandbox.profile.ingress.traffic_token.clone()?;
    let presented = headers.get(TRAFFIC_TOKEN).map(|token| token.to_str());
    let problem = match presented {
        Some(Ok(presented)) if Secret::from(token).matches(presented) => return None,
        Some(_) => "Provided token is invalid.".to_owned(),
        None => format!("Token header '{TRAFFIC_TOKEN}' is missing"),
    };
    let message = format!("Sandbox is secured with traffic access token. {problem}");
    let advice = "Only programs that know the token may use this address.";
    Some(refusal(
        StatusCode::FORBIDDEN,
        &sandbox.id,
        &message,
        None,
        advice,
        headers,
    ))
}

/// E2B's answer for a sandbox that is not there; its clients look for the words "was not found".
pub fn not_found(id: &str, wants: &HeaderMap) -> Response {
    refusal(
        StatusCode::BAD_GATEWAY,
        id,
        "The sandbox was not found",
        None,
        "It has ended, or its address is wrong. Run the session again to get a new one.",
        wants,
    )
}

/// E2B's answer for a sandbox that is paused is the same.
pub fn paused(id: &str, wants: &HeaderMap) -> Response {
    refusal(
        StatusCode::BAD_GATEWAY,
        id,
        "The sandbox was not found",
        None,
        "It is paused. Connect to it by the control API to bring it back.",
        wants,
    )
}

/// E2B's answer for a port that nobody listens on; its clients look for the words "port is not open".
fn port_closed(id: &str, port: u16, wants: &HeaderMap) -> Response {
    refusal(
        StatusCode::BAD_GATEWAY,
        id,
        "The sandbox is running but port is not open",
        Some(port),
        "No app listens there: it is still starting, or it has stopped.",
        wants,
    )
}

fn failed(id: &str, message: &str, wants: &HeaderMap) -> Response {
    let advice = "Reload the page to try again.";
    refusal(StatusCode::BAD_GATEWAY, id, message, None, advice, wants)
}

fn refusal(
    status: StatusCode,
    id: &str,
    message: &str,
    port: Option<u16>,
    advice: &str,
    wants: &HeaderMap,
) -> Response {
    let browser = wants.get_all(ACCEPT).iter().any(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("text/html"))
    });
    if browser {
        let (id, message) = (escape(id), escape(message));
        let port = port
            .map(|port| format!(", port {port}"))
            .unwrap_or_default();
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{message}</title>\
             <body style=\"font-family:system-ui;margin:4rem auto;max-width:36rem\"><h1>{message}</h1><p>{advice}</p><p>Sandbox {id}{port}</p></body></html>"
        );
        return (status, Html(page)).into_response();
    }
    let mut body = json!({ "sandboxId": id, "message": message, "code": status.as_u16() });
    if let Some(port) = port {
        body["port"] = port.into();
    }
    (status, Json(body)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
