//! Outgoing HTTP by `wasi:http`.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _, stream::LocalBoxStream};
use http::header::{CONTENT_RANGE, HeaderName, LOCATION, RETRY_AFTER};
use model::ports::{Body, BrokenBody, Http, SendError};
use spin_sdk::http::{ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, Scheme};
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler;
use spin_sdk::wit::wasi::http0_2_0::types::{FutureIncomingResponse, RequestOptions};

/// The longest that a connection may take to come about: hosts would wait for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The headers of answers that are read anywhere; others are not taken over. (To make a `HeaderName` of
/// any text takes a table of all names that are known: 15 KB of a component.)
static HEARD: [HeaderName; 5] = [
    CONTENT_RANGE,
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-should-retry"),
];

/// The component's way to the addresses that the manifest allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpinHttp;

/// A response body as it arrives.
pub struct SpinBody {
    chunks: LocalBoxStream<'static, Result<Vec<u8>, BrokenBody>>,
    /// Dropping the response cancels the request, so it stays until the body is dropped.
    _response: IncomingResponse,
}

impl std::fmt::Debug for SpinBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SpinBody")
    }
}

impl Body for SpinBody {
    async fn chunk(&mut self) -> Option<Result<Vec<u8>, BrokenBody>> {
        self.chunks.next().await
    }
}

impl Http for SpinHttp {
    type Body = SpinBody;

    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<SpinBody>, SendError> {
        let url = request.uri().to_string();
        let (outgoing, body) = outgoing(request).map_err(|reason| SendError::Broken {
            url: url.clone(),
            reason,
        })?;
        let response = if body.is_empty() {
            response_to(outgoing).await
        } else {
            let mut sink = Box::pin(outgoing.take_body());
            let response = response_to(outgoing);
            // A server may answer before it has read everything: then its answer counts, not the
            // body that could not be written.
            let write = async move {
                let _ = sink.send(body).await;
                drop(sink);
            };
            futures::future::join(write, response).await.1
        };
        let response = response.map_err(|error| send_error(url, error))?;
        let mut head = http::Response::builder().status(response.status());
        for (name, value) in response.headers().entries() {
            let heard = HEARD.iter().find(|heard| heard.as_str() == name);
            if let Some(heard) = heard {
                head = head.header(heard, value);
            }
        }
        let broken = |error: wasi::io::error::Error| BrokenBody(error.to_debug_string());
        let chunks = response
            .take_body_stream()
            .map(move |chunk| chunk.map_err(broken));
        let body = SpinBody {
            chunks: chunks.boxed_local(),
            _response: response,
        };
        Ok(head.body(body).expect("a received head is a valid head"))
    }
}

/// Sends a request; the SDK's own way to do so knows no timeout.
async fn response_to(request: OutgoingRequest) -> Result<IncomingResponse, ErrorCode> {
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(CONNECT_TIMEOUT.as_nanos()).ok();
    // A host that cannot keep it has a timeout of its own.
    let _ = options.set_connect_timeout(nanoseconds);
    let awaited = outgoing_handler::handle(request, Some(options))?;
    let mut pending = Pending {
        registered: None,
        awaited,
    };
    poll_fn(move |context| {
        if let Some(response) = pending.awaited.get() {
            return Poll::Ready(response.expect("a response is taken once"));
        }
        let arrival = pending.awaited.subscribe();
        let token = spin_executor::push_waker_and_get_token(arrival, context.waker().clone());
        let token = spin_executor::CancelOnDropToken::from(token);
        pending.registered.replace(token);
        Poll::Pending
    })
    .await
}

/// A response on its way. What waits for it must be dropped before it, so the order counts.
struct Pending {
    registered: Option<spin_executor::CancelOnDropToken>,
    awaited: FutureIncomingResponse,
}

fn outgoing(request: http::Request<Vec<u8>>) -> Result<(OutgoingRequest, Vec<u8>), String> {
    let (head, body) = request.into_parts();
    let mut headers: Vec<(String, Vec<u8>)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    if !body.is_empty() {
        headers.push((
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ));
    }
    let headers = Fields::from_list(&headers).map_err(|error| format!("{error:?}"))?;
    let outgoing = OutgoingRequest::new(headers);
    let invalid = |()| format!("`{}` is no address", head.uri);
    outgoing
        .set_method(&method(&head.method))
        .map_err(invalid)?;
    let scheme = match head.uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(invalid(())),
    };
    outgoing.set_scheme(Some(&scheme)).map_err(invalid)?;
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    outgoing.set_authority(authority).map_err(invalid)?;
    let path = head
        .uri
        .path_and_query()
        .map(http::uri::PathAndQuery::as_str);
    outgoing.set_path_with_query(path).map_err(invalid)?;
    Ok((outgoing, body))
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn send_error(url: String, code: ErrorCode) -> SendError {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            SendError::NotAllowed { url }
        }
        ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DnsError(_)
        | ErrorCode::DnsTimeout
        | ErrorCode::TlsAlertReceived(_)
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsProtocolError => SendError::Unreachable {
            url,
            reason: format!("{code:?}"),
        },
        other => SendError::Broken {
            url,
            reason: format!("{other:?}"),
        },
    }
}
