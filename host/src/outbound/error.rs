//! What a failed outbound request is called in wasi:http.

use std::error::Error as StdError;
use std::io;

use hyper_util::client::legacy;
use tokio_rustls::rustls;
use wasmtime_wasi_http::Error;

/// Names the error for the component, and logs the cause, which wasi:http has no room for.
pub(super) fn from_client(origin: &str, error: &legacy::Error) -> Error {
    let mut causes: Vec<String> = causes(error).map(ToString::to_string).collect();
    causes.dedup();
    tracing::warn!("the request to {origin} failed: {}", causes.join(": "));
    if let Some(tls) = find::<rustls::Error>(error) {
        return match tls {
            rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
            _ => Error::TlsProtocolError,
        };
    }
    if !error.is_connect() {
        return match find::<hyper::Error>(error) {
            Some(cause) if cause.is_incomplete_message() || cause.is_closed() => {
                Error::ConnectionTerminated
            }
            _ => Error::HttpProtocolError,
        };
    }
    if causes.iter().any(|cause| cause.starts_with("dns error")) {
        return Error::DnsError {
            rcode: causes.last().cloned(),
            info_code: None,
        };
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            Error::DestinationIpUnroutable
        }
        _ => Error::ConnectionRefused,
    }
}

/// An error and what it was caused by; an `io::Error` hides its cause from `source`.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let hidden = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match hidden {
            Some(hidden) => Some(hidden as &'a (dyn StdError + 'static)),
            None => (*error).source(),
        }
    })
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref::<T>())
}
