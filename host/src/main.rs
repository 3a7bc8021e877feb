//! `host up`: load the application, bind, announce the address, serve until told to stop.
//! `host compile`: do before what takes the longest at a start.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use host::{App, Config};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The embedded one-machine host for spin.toml.
#[derive(Parser)]
#[command(version)]
enum Command {
    /// Serve an application until SIGINT or SIGTERM; a further SIGINT ends it at once.
    Up {
        /// Address to listen on; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: SocketAddr,

        /// File that receives the port once the host listens.
        #[arg(long)]
        port_file: Option<PathBuf>,

        #[command(flatten)]
        config: Config,
    },
    /// Compile an application's components into the cache, so that no start has to.
    Compile {
        #[command(flatten)]
        config: Config,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();

    match Command::parse() {
        Command::Up {
            listen,
            port_file,
            config,
        } => up(listen, port_file, &config).await,
        Command::Compile { config } => host::compile(&config),
    }
}

async fn up(listen: SocketAddr, port_file: Option<PathBuf>, config: &Config) -> anyhow::Result<()> {
    allow_many_files();
    let app = App::load(config)?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("could not listen on {listen}; choose another with --listen"))?;
    let address = listener.local_addr()?;
    if let Some(file) = port_file {
        std::fs::write(&file, address.port().to_string())
            .with_context(|| format!("could not write the port to {}", file.display()))?;
    }
    let stop = stop_signal()?;
    println!("host: listening on http://{address}");
    host::serve(listener, app, stop).await
}

/// Resolves at the first SIGINT or SIGTERM; a further SIGINT (Ctrl-C twice) exits the process.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tokio::spawn(async move {
            interrupt.recv().await;
            std::process::exit(130);
        });
    })
}

/// Every connection is an open file, and the usual limit of 1,024 is soon reached by streams.
fn allow_many_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!("could not raise the limit of open files: {error}");
    }
}
