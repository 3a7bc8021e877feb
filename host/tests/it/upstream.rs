//! A server for components to send requests to.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Answers every path with `upstream <path>`; it lives as long as the test's runtime.
pub struct Upstream {
    pub origin: String,
    /// Connections accepted so far.
    pub connections: Arc<AtomicUsize>,
    /// The certificate to trust, as PEM; empty without TLS.
    pub certificate: NamedTempFile,
}

impl Upstream {
    pub async fn start() -> Self {
        Self::listen(None, NamedTempFile::new().expect("a file")).await
    }

    /// With a certificate of its own making, for `localhost`.
    pub async fn start_tls() -> Self {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let mut certificate = NamedTempFile::new().expect("a file");
        certificate
            .write_all(made.cert.pem().as_bytes())
            .expect("the certificate is written");
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the protocol versions are known")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("the certificate fits its key");
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), certificate).await
    }

    async fn listen(tls: Option<TlsAcceptor>, certificate: NamedTempFile) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let origin = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                match tls.clone() {
                    None => _ = tokio::spawn(serve(stream)),
                    Some(tls) => {
                        _ = tokio::spawn(async move {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream).await;
                            }
                        });
                    }
                }
            }
        });
        Self {
            origin,
            connections,
            certificate,
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let answer = service_fn(|request: Request<Incoming>| async move {
        let text = format!("upstream {}", request.uri().path());
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
