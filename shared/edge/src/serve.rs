//! The way of every request: read its head, run the function, answer, log.

use futures::SinkExt as _;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, ORIGIN, RETRY_AFTER, VARY};
use model::ports::Random as _;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

use crate::reply::Body;
use crate::reporter::{Ending, Form};
use crate::system::variable;
use crate::{
    Call, Edge, HttpError, Reply, Reporter, SpinHttp, SpinKeyValue, SpinRandom, SpinTimer,
};

/// Serves one request with `function`.
///
/// Whatever the function does, the client gets an answer with a body: leaving an error to the host
/// would give an empty 500.
pub async fn serve(
    request: IncomingRequest,
    out: ResponseOutparam,
    function: impl AsyncFnOnce(&mut Call, &Edge, &mut Reporter) -> Result<Reply, HttpError>,
) {
    let edge = Edge {
        store: SpinKeyValue::default(),
        http: SpinHttp,
        timer: SpinTimer,
        random: SpinRandom,
    };
    let make_id = || model::SessionId::from_random(edge.random.bytes()).to_string();
    let mut call = Call::read(request, make_id);
    let headers = headers_of_every_answer(&call);
    let mut reporter = Reporter::new(out, call.wants_events(), headers.clone());
    let outcome = if call.method == http::Method::OPTIONS {
        Ok(preflight())
    } else if is_foreign(&call) {
        let message = "another site's page may not change anything here: its origin is not in `allowed_origins`";
        Err(HttpError::new(403, "foreign_origin", message))
    } else {
        function(&mut call, &edge, &mut reporter).await
    };
    if let Err(error) = &outcome {
        log(&call, error);
    }
    match reporter.ending() {
        Ending::Unsent(out) => {
            let reply = outcome.unwrap_or_else(|error| error_reply(&error, &call.request_id));
            answer(out, reply, headers).await;
        }
        Ending::Stream(reporter) => finish(reporter, outcome, &call.request_id).await,
        Ending::Gone => {}
    }
}

/// Ends a stream: its last event is `done`, with the document that one answer would have been.
async fn finish(mut reporter: Reporter, outcome: Result<Reply, HttpError>, request_id: &str) {
    if reporter.form() == Form::Text {
        if let Err(error) = &outcome {
            let _ = reporter.break_off(error).await;
        }
        return;
    }
    let document = match outcome {
        Ok(Reply {
            body: Body::Json(document),
            ..
        }) => document,
        Ok(_) => "null".to_owned(),
        Err(error) => {
            let document = error.document(request_id).to_string();
            let _ = reporter.send("error", &document).await;
            document
        }
    };
    let _ = reporter.send("done", &document).await;
}

fn error_reply(error: &HttpError, request_id: &str) -> Reply {
    let mut reply = Reply::json_with(error.status, &error.document(request_id));
    if let Some(allow) = error.allow {
        reply = reply.header(ALLOW, allow);
    }
    if let Some(seconds) = error.retry_after {
        reply = reply.header(RETRY_AFTER, seconds.to_string());
    }
    reply
}

/// The allowed methods and headers, for browsers that ask first.
fn preflight() -> Reply {
    let reply = Reply::no_content();
    [
        (
            http::header::ACCESS_CONTROL_ALLOW_METHODS,
            "GET, POST, PATCH, DELETE",
        ),
        (
            http::header::ACCESS_CONTROL_ALLOW_HEADERS,
            "content-type, authorization, last-event-id",
        ),
        (http::header::ACCESS_CONTROL_MAX_AGE, "600"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| reply.header(name, value))
}

/// Whether a page of another site wants to change something, and is not allowed to.
///
/// A browser sends simple POSTs to anybody without asking first, and generated apps are other
/// sites. Programs that are no browsers send neither header.
fn is_foreign(call: &Call) -> bool {
    if matches!(call.method.as_str(), "GET" | "HEAD") || allowed_origin(call).is_some() {
        return false;
    }
    match (call.header("sec-fetch-site"), call.header(ORIGIN.as_str())) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        // Browsers leave the first header out where the address is neither https nor loopback.
        (None, Some(origin)) => {
            let own = call.header("spin-full-url").unwrap_or_default();
            let authority = |url: &str| url.split('/').nth(2).map(str::to_owned);
            authority(origin).is_none() || authority(origin) != authority(own)
        }
        (None, None) => false,
    }
}

/// The caller's origin, if the operator allowed it.
fn allowed_origin(call: &Call) -> Option<&str> {
    let origin = call.header(ORIGIN.as_str())?;
    let allowed = variable("allowed_origins");
    let is_allowed = allowed
        .split([',', ' '])
        .any(|entry| entry == origin || entry == "*");
    is_allowed.then_some(origin)
}

fn headers_of_every_answer(call: &Call) -> Vec<(String, Vec<u8>)> {
    let mut headers = vec![
        (
            "x-request-id".to_owned(),
            call.request_id.clone().into_bytes(),
        ),
        ("x-content-type-options".to_owned(), b"nosniff".to_vec()),
    ];
    if let Some(origin) = allowed_origin(call) {
        let origin = origin.as_bytes().to_vec();
        headers.push((ACCESS_CONTROL_ALLOW_ORIGIN.as_str().to_owned(), origin));
    }
    headers.push((VARY.as_str().to_owned(), b"origin".to_vec()));
    headers
}

/// One line where an error is handled. Never bodies, prompts or code.
fn log(call: &Call, error: &HttpError) {
    let HttpError {
        status,
        code,
        message,
        ..
    } = error;
    let detail = error.detail.as_deref().unwrap_or(message);
    let path = call.path.first().map_or("", String::as_str);
    eprintln!(
        "{status} {code} method={} route=/{path} request.id={} {detail}",
        call.method, call.request_id
    );
}

/// Sends an answer in one piece.
///
/// What fits is written before the head is set: a host without TCP_NODELAY would otherwise wait
/// for a delayed acknowledgement (40 ms) between head and body.
async fn answer(out: ResponseOutparam, reply: Reply, mut headers: Vec<(String, Vec<u8>)>) {
    let bytes = match reply.body {
        Body::Json(document) => {
            let name = "content-type".to_owned();
            headers.push((name, b"application/json; charset=utf-8".to_vec()));
            format!("{document}\n").into_bytes()
        }
        Body::Bytes(bytes) => bytes,
    };
    headers.extend(
        reply
            .headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes())),
    );
    if reply.status != 204 && reply.status != 304 {
        headers.push((
            "content-length".to_owned(),
            bytes.len().to_string().into_bytes(),
        ));
    }
    let response = OutgoingResponse::new(fields(&headers));
    let _ = response.set_status_code(reply.status);
    let body = response.body().expect("the body is taken once");
    let written = write_ahead(&body, &bytes);
    if written == bytes.len() {
        out.set(response);
        let _ = OutgoingBody::finish(body, None);
        return;
    }
    drop(body);
    drop(response);
    // Too large to be written ahead: begin again, as a stream.
    let response = OutgoingResponse::new(fields(&headers));
    let _ = response.set_status_code(reply.status);
    let mut sink = Box::pin(response.take_body());
    out.set(response);
    let _ = sink.send(bytes).await;
}

/// The headers; none of them rather than no answer if the host finds one invalid.
fn fields(headers: &[(String, Vec<u8>)]) -> Fields {
    Fields::from_list(headers).unwrap_or_else(|_| Fields::new())
}

/// Writes what the host takes at once, if it takes everything; gives how much was written.
fn write_ahead(body: &OutgoingBody, bytes: &[u8]) -> usize {
    let Ok(stream) = body.write() else { return 0 };
    match stream.check_write() {
        Ok(room) if room as usize >= bytes.len() && stream.write(bytes).is_ok() => bytes.len(),
        _ => 0,
    }
}
