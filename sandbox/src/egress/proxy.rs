//! The proxy that programs in a sandbox speak to: `CONNECT`, and plain HTTP requests passed on.
//!
//! It looks at whom a request is for and at nothing else, and logs nothing else.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_TYPE, EXPECT, HOST, HeaderValue};
use http::uri::Authority;
use http::{Method, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::dial::{DialError, Reached, dial};
use super::entry::Target;
use super::idle::{Activity, Watched};
use super::policy::{Policy, Refusal};
use crate::meters::Meters;
use crate::proxy::strip_hop_by_hop;

/// Open connections of one sandbox through its proxy.
pub const MOST_CONNECTIONS: usize = 128;
/// Names of one sandbox that are being looked up.
const MOST_LOOKUPS: usize = 8;
/// A connection that carries nothing for so long is closed.
const IDLE_WITHIN: Duration = Duration::from_secs(600);

/// One sandbox's proxy.
pub struct Proxy {
    sandbox_id: String,
    policy: watch::Receiver<Arc<Policy>>,
    closing: CancellationToken,
    places: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    meters: Arc<Meters>,
}

/// Held by everything that makes up one connection.
type Place = Arc<OwnedSemaphorePermit>;

/// Why a request was not passed on.
#[derive(Debug, Error)]
enum ProxyError {
    #[error("this proxy cannot tell whom the request is for: {0}")]
    Unclear(&'static str),
    #[error("egress to {target} refused: {refusal}")]
    Refused { target: Target, refusal: Refusal },
    #[error("{target} cannot be reached: {source}")]
    Unreachable { target: Target, source: DialError },
    #[error("{target} closed the connection without an answer: {source}")]
    Broken {
        target: Target,
        source: hyper::Error,
    },
}

impl Proxy {
    /// A proxy that ends with `closing`.
    pub fn new(
        sandbox_id: &str,
        policy: watch::Receiver<Arc<Policy>>,
        closing: CancellationToken,
        meters: Arc<Meters>,
    ) -> Self {
        Self {
            sandbox_id: sandbox_id.to_owned(),
            policy,
            closing,
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            lookups: Arc::new(Semaphore::new(MOST_LOOKUPS)),
            meters,
        }
    }

    /// Serves one connection from inside, if there is room for it.
    pub fn admit<S>(self: &Arc<Self>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        match self.places.clone().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(self.clone().serve(stream, place))),
            Err(_) => drop(tokio::spawn(turn_away(stream))),
        }
    }

    async fn serve<S>(self: Arc<Self>, stream: S, place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let place = Arc::new(place);
        let proxy = self.clone();
        let service = service_fn(move |request| {
            let (proxy, place) = (proxy.clone(), place.clone());
            async move { Ok::<_, Infallible>(proxy.answer(request, place).await) }
        });
        let connection = server::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::select! {
            // How it ended was told by the answers.
            _ = connection => {}
            () = self.closing.cancelled() => {}
        }
    }

    async fn answer(self: Arc<Self>, request: http::Request<Incoming>, place: Place) -> Response {
        let answer = match self.pass_on(request.map(Body::new), place).await {
            Ok(response) => return response,
            Err(error) => error,
        };
        self.meters.egress(match answer {
            ProxyError::Refused { .. } => "refused",
            _ => "failed",
        });
        tracing::info!(
            sandbox.id = self.sandbox_id,
            "sandbox {}: {answer}",
            self.sandbox_id
        );
        answer.into_response()
    }

    async fn pass_on(
        self: &Arc<Self>,
        request: Request,
        place: Place,
    ) -> Result<Response, ProxyError> {
        let target = target_of(&request)?;
        let policy = self.policy.borrow().clone();
        let reached = dial(&target, &policy, &self.lookups)
            .await
            .map_err(|error| match error {
                DialError::Refused(refusal) => ProxyError::Refused {
                    target: target.clone(),
                    refusal,
                },
                source => ProxyError::Unreachable {
                    target: target.clone(),
                    source,
                },
            })?;
        self.meters.egress("allowed");
        tracing::info!(
            sandbox.id = self.sandbox_id,
            "sandbox {}: egress to {target}",
            self.sandbox_id
        );
        match *request.method() {
            Method::CONNECT => Ok(self.tunnel(request, target, reached, place)),
            _ => self.forward(request, target, reached, place).await,
        }
    }

    /// Answers at once; the bytes flow when the client has read that.
    fn tunnel(
        self: &Arc<Self>,
        mut request: Request,
        target: Target,
        reached: Reached,
        place: Place,
    ) -> Response {
        let inside = hyper::upgrade::on(&mut request);
        let (address, own) = (reached.address, reached.own);
        let (mut outside, activity) = Watched::new(reached.stream);
        let proxy = self.clone();
        tokio::spawn(async move {
            let _place = place;
            let copy = async {
                let Ok(inside) = inside.await else { return };
                // Either side may break off at any time.
                let _ =
                    tokio::io::copy_bidirectional(&mut TokioIo::new(inside), &mut outside).await;
            };
            tokio::select! {
                () = copy => {}
                () = proxy.over(&target, (address, own), &activity) => {}
            }
        });
        Response::new(Body::empty())
    }

    async fn forward(
        self: &Arc<Self>,
        mut request: Request,
        target: Target,
        reached: Reached,
        place: Place,
    ) -> Result<Response, ProxyError> {
        let broken = |source| ProxyError::Broken {
            target: target.clone(),
            source,
        };
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let (path, host) = (path.parse(), host_header(&target));
        *request.uri_mut() = path.unwrap_or(Uri::from_static("/"));
        *request.version_mut() = Version::HTTP_11;
        strip_hop_by_hop(request.headers_mut());
        request.headers_mut().remove(EXPECT);
        request.headers_mut().insert(HOST, host);
        let (outside, activity) = Watched::new(reached.stream);
        let (mut sender, driver) = client::handshake(TokioIo::new(outside))
            .await
            .map_err(broken)?;
        let (proxy, over) = (self.clone(), target.clone());
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                // How it ended is told by the answer and its body.
                _ = driver => {}
                () = proxy.over(&over, (reached.address, reached.own), &activity) => {}
            }
        });
        let mut response = sender.send_request(request).await.map_err(broken)?;
        strip_hop_by_hop(response.headers_mut());
        Ok(response.map(Body::new))
    }

    /// Resolves when a connection must end: with the sandbox, after silence, or by new rules.
    async fn over(
        &self,
        target: &Target,
        (address, own): (std::net::IpAddr, bool),
        activity: &Activity,
    ) {
        let mut policy = self.policy.clone();
        let revoked = async {
            while policy.changed().await.is_ok() {
                let rules = policy.borrow_and_update().clone();
                let admitted = rules
                    .admits(target)
                    .and_then(|()| rules.admits_address(target, address, own));
                if admitted.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = activity.ceased(IDLE_WITHIN) => {}
            () = revoked => {}
        }
    }
}

async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    let text =
        format!("this sandbox has {MOST_CONNECTIONS} connections through its proxy; close some");
    let answer = format!(
        "HTTP/1.1 503 {text}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    // Whoever does not wait for the answer needs none.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Whom a request is for. What it says twice must be the same both times.
fn target_of(request: &Request) -> Result<Target, ProxyError> {
    let connect = request.method() == Method::CONNECT;
    let uri = request.uri();
    if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
        return Err(ProxyError::Unclear(
            "only http:// addresses are passed on; for https:// use CONNECT",
        ));
    }
    let default_port = (!connect).then_some(80);
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Err(ProxyError::Unclear("it has two Host headers")),
        (host, None) => host.map(|host| authority_of(host.as_bytes())).transpose()?,
    };
    let Some(authority) = uri.authority() else {
        // As a server is asked: `curl --unix-socket /run/conductor/egress.sock http://example.com/`.
        let host = host.ok_or(ProxyError::Unclear("it names no host"))?;
        return target(&host, default_port);
    };
    let named = target(authority, default_port)?;
    if let Some(host) = host
        && target(&host, Some(named.port))? != named
    {
        return Err(ProxyError::Unclear(
            "its Host header names another host than its address",
        ));
    }
    Ok(named)
}

fn authority_of(host: &[u8]) -> Result<Authority, ProxyError> {
    Authority::try_from(host).map_err(|_| ProxyError::Unclear("its Host header is no host"))
}

fn target(authority: &Authority, default_port: Option<u16>) -> Result<Target, ProxyError> {
    let host = authority.host();
    // What the parser takes for host and port must be all there is: no user, no port out of range.
    let port = match authority.as_str().strip_prefix(host) {
        Some("") => default_port,
        Some(rest) => rest.strip_prefix(':').and_then(|port| port.parse().ok()),
        None => None,
    };
    port.filter(|port| *port > 0)
        .and_then(|port| Target::new(host, port))
        .ok_or(ProxyError::Unclear("what it names is no host and port"))
}

fn host_header(target: &Target) -> HeaderValue {
    let text = match target.port {
        80 => target.host.to_string(),
        _ => target.to_string(),
    };
    // A canonical host holds what a header may hold.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

impl ProxyError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unclear(_) => StatusCode::BAD_REQUEST,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
            Self::Unreachable {
                source: DialError::Silent,
                ..
            } => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreachable { .. } | Self::Broken { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// Clients show the reason of a `CONNECT` that failed, and rarely its body: it stands in both.
    fn into_response(self) -> Response {
        let text = self.to_string();
        let reason = ReasonPhrase::try_from(text.clone()).ok();
        let mut response = Response::new(Body::from(format!("{text}\n")));
        *response.status_mut() = self.status();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if let Some(reason) = reason {
            response.extensions_mut().insert(reason);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str, hosts: &[&str]) -> Result<String, String> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let request = request.body(Body::empty()).expect("a request");
        target_of(&request)
            .map(|target| target.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_names_whom_it_is_for() {
        for (method, uri, hosts, target) in [
            (
                "CONNECT",
                "example.com:443",
                &["example.com:443"][..],
                "example.com:443",
            ),
            (
                "CONNECT",
                "Example.COM.:443",
                &["example.com"],
                "example.com:443",
            ),
            ("CONNECT", "[::1]:443", &[], "[::1]:443"),
            ("CONNECT", "0x7f.1:80", &[], "127.0.0.1:80"),
            (
                "GET",
                "http://example.com/a?b",
                &["example.com"],
                "example.com:80",
            ),
            (
                "GET",
                "http://example.com:8080/",
                &["example.com:8080"],
                "example.com:8080",
            ),
            ("GET", "/a", &["example.com:81"], "example.com:81"),
        ] {
            assert_eq!(
                read(method, uri, hosts),
                Ok(target.to_owned()),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn a_request_that_contradicts_itself_is_for_nobody() {
        for (method, uri, hosts) in [
            ("CONNECT", "example.com:443", &["evil.example:443"][..]),
            ("CONNECT", "example.com:443", &["example.com:80"]),
            (
                "CONNECT",
                "example.com:443",
                &["example.com", "evil.example"],
            ),
            ("CONNECT", "example.com:99999", &[]),
            ("CONNECT", "example.com:0", &[]),
            ("GET", "http://example.com/", &["evil.example"]),
            ("GET", "http://example.com:8080/", &["example.com:80"]),
            ("GET", "http://user@example.com/", &[]),
            ("GET", "https://example.com/", &["example.com"]),
            ("GET", "/", &[]),
            ("GET", "/", &["a b"]),
        ] {
            let outcome = read(method, uri, hosts);
            assert!(outcome.is_err(), "{method} {uri} {hosts:?}: {outcome:?}");
        }
    }
}
