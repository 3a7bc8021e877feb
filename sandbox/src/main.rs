//! `sandbox serve`: the sandbox service as a program.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use sandbox::protocol::Isolation;
use sandbox::{Config, Service};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Isolated Python kernels and apps behind the E2B protocol.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve sandboxes until stopped.
    Serve(Serve),
    /// Become the init of a sandbox. Started by the service only.
    #[command(hide = true)]
    Init,
}

#[derive(Args)]
struct Serve {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7070")]
    listen: String,
    /// The Python virtual environment that every sandbox sees.
    #[arg(long, default_value = ".venv")]
    venv: PathBuf,
    /// Where sandboxes keep their files.
    #[arg(long, default_value = ".conductor/sandbox")]
    state_dir: PathBuf,
    /// What the addresses of apps end with [default: localhost:PORT].
    #[arg(long)]
    domain: Option<String>,
    /// A key the control API accepts; without any it asks for none. May be repeated.
    #[arg(
        long = "api-key",
        env = "SANDBOX_API_KEYS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    api_keys: Vec<String>,
    /// A further path of this machine that sandboxes see, read-only. May be repeated.
    #[arg(long = "read-only-path")]
    read_only: Vec<PathBuf>,
    /// As root: the first of the user ids that sandboxes run as, one each.
    #[arg(long, default_value_t = 200_000)]
    uid_base: u32,
    /// Run programs as plain children of the service. For trusted code only.
    #[arg(long)]
    insecure_no_isolation: bool,
}

fn main() -> ExitCode {
    // Before anything else: an init has one thread and no surroundings.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == "init")
    {
        return sandbox::init::main();
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("SANDBOX_LOG")
                .unwrap_or_else(|_| EnvFilter::new("info,zeromq=error")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let Command::Serve(arguments) = Cli::parse().command else {
        unreachable!("init was handled above");
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Serve) -> anyhow::Result<()> {
    let listen = arguments.listen.clone();
    let listener = TcpListener::bind(&listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; is another service there?"))?;
    let address = listener.local_addr()?;
    let shutdown = stop_signal()?;
    let service = Service::start(arguments.into(), address.port()).await?;
    println!("sandbox: listening on http://{address}");
    Ok(service.run(listener, shutdown).await?)
}

/// Resolves at Ctrl-C or SIGTERM.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

impl From<Serve> for Config {
    fn from(arguments: Serve) -> Self {
        Self {
            domain: arguments.domain,
            isolation: if arguments.insecure_no_isolation {
                Isolation::None
            } else {
                Isolation::Namespaces
            },
            api_keys: arguments.api_keys.into_iter().map(Into::into).collect(),
            read_only: arguments.read_only,
            uid_base: arguments.uid_base,
            ..Self::new(arguments.venv, arguments.state_dir)
        }
    }
}
