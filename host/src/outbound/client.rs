//! One HTTP client for all components: connections are kept and used again.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::error;

/// How long a connection attempt may take: who has not answered by then will not.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for a response or its next bytes when the component says nothing, as Spin.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// Shorter than servers usually keep idle connections, so that few requests meet a closing one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The shared client; clones share its connections.
#[derive(Clone)]
pub(crate) struct OutboundClient {
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
}

impl OutboundClient {
    /// A client that trusts the built-in roots and, if given, the certificates in `ca_file`.
    pub(crate) fn new(ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        if let Some(file) = ca_file {
            add_certificates(&mut roots, file)
                .with_context(|| format!("could not use the certificates in {}", file.display()))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();

        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request; the response's body streams, and ends with an error if it stalls.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let origin = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        let to_head = options.connect_timeout.unwrap_or(CONNECT_TIMEOUT)
            + options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let response = match tokio::time::timeout(to_head, self.client.request(request)).await {
            Ok(response) => response.map_err(|error| error::from_client(&origin, &error))?,
            Err(_) => return Err(Error::ConnectionReadTimeout),
        };
        let between_bytes = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        Ok(response.map(|body| TimedBody::new(body, between_bytes).boxed_unsync()))
    }
}

fn add_certificates(roots: &mut RootCertStore, file: &Path) -> anyhow::Result<()> {
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    Ok(())
}

/// A response body that fails when nothing arrives for a while.
struct TimedBody {
    body: Incoming,
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl TimedBody {
    fn new(body: Incoming, patience: Duration) -> Self {
        Self {
            body,
            patience,
            deadline: Box::pin(tokio::time::sleep(patience)),
        }
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.patience;
                self.deadline.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => self
                .deadline
                .as_mut()
                .poll(cx)
                .map(|()| Some(Err(Error::ConnectionReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
