//! Accepts connections until told to stop, then lets what is in flight finish.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::{App, request};

/// How long a connection may stay silent between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves `app` on `listener` until `shutdown`, then for at most the configured grace.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let app = Arc::new(app);
    let connections = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve_connection(stream, Arc::clone(&app), &connections),
                Err(error) => {
                    // Usually out of file descriptors: some are given back as requests end.
                    tracing::error!("could not accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    tracing::info!(
        "stopping; requests in flight have {} ms",
        app.shutdown_grace.as_millis()
    );
    let finished = async {
        connections.shutdown().await;
        app.running.close();
        app.running.wait().await;
    };
    if tokio::time::timeout(app.shutdown_grace, finished)
        .await
        .is_err()
    {
        tracing::warn!("stopped before all requests had ended");
    }
    Ok(())
}

fn serve_connection(stream: TcpStream, app: Arc<App>, connections: &GracefulShutdown) {
    let Ok(client) = stream.peer_addr() else {
        return; // gone already
    };
    // Without it, a head and a body written apart can take 40 ms longer.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("could not set TCP_NODELAY: {error}");
    }
    let service = service_fn(move |incoming| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(request::handle(app, client, incoming).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended: {error}");
        }
    });
}
