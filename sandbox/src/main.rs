//! `sandbox serve`: the sandbox service as a program.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use sandbox::Config;
use sandbox::egress::Entry;
use sandbox::limits::Limits;
use sandbox::protocol::Isolation;
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
    Serve(Box<Serve>),
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
    /// Whom sandboxes may reach at most: a host name, *.example.com, an address, a CIDR block, or * for
    /// everybody public; each with :PORT or for all ports. May be repeated. [default: nobody]
    #[arg(long, value_name = "ENTRY")]
    allow_egress: Vec<Entry>,
    /// What each sandbox may use.
    #[command(flatten, next_help_heading = "Limits of each sandbox")]
    limits: EachSandbox,
    /// How long a paused sandbox is kept; it keeps its memory, too.
    #[arg(long, default_value_t = 86_400)]
    keep_paused_seconds: u64,
    /// Run programs as plain children of the service. For trusted code only.
    #[arg(long)]
    insecure_no_isolation: bool,
    /// How many sandboxes to keep ready, with a started kernel, for whoever asks next.
    #[arg(long, default_value_t = 2, overrides_with = "pool")]
    pool: usize,
    /// Start each Python program from scratch, not as a fork of a process that has the libraries.
    #[arg(long)]
    no_zygote: bool,
    /// Serve only once that process is ready, which takes some seconds.
    #[arg(long, conflicts_with = "no_zygote")]
    wait_for_zygote: bool,
    /// The modules that it loads, with commas; as a rule what dashboards use of the environment.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "MODULES",
        overrides_with = "preload"
    )]
    preload: Option<Vec<String>>,
}

#[derive(Args)]
struct EachSandbox {
    /// Memory, in MiB.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(64..1 << 30))]
    memory_mib: u64,
    /// Processes and threads.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u64).range(16..1 << 22))]
    processes: u64,
    /// Processors; a part of one may be given, such as 0.5.
    #[arg(long, default_value_t = 2.0, value_parser = processors)]
    cpus: f32,
    /// Files in its home directory and /tmp, in MiB.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(16..1 << 30))]
    disk_mib: u64,
    /// Number of files and directories there.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..1 << 40))]
    files: u64,
    /// Files that one process has open.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u64).range(64..1 << 20))]
    open_files: u64,
}

fn processors(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(cpus) if (0.01..=4096.0).contains(&cpus) => Ok(cpus),
        _ => Err("a number from 0.01 to 4096 is wanted".to_owned()),
    }
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("SANDBOX_LOG")
                .unwrap_or_else(|_| EnvFilter::new("info,zeromq=error")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    allow_many_files();
    let Command::Serve(arguments) = Cli::parse().command;
    match run(*arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Every sandbox and every connection holds some, and the usual limit of 1,024 is soon reached.
fn allow_many_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!("could not raise the limit of open files: {error}");
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
    let ready = || println!("sandbox: listening on http://{address}");
    Ok(sandbox::serve(listener, shutdown, arguments.into(), ready).await?)
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
            pool: arguments.pool,
            zygote: !arguments.no_zygote,
            wait_for_zygote: arguments.wait_for_zygote,
            preload: arguments.preload,
            api_keys: arguments.api_keys.into_iter().map(Into::into).collect(),
            read_only: arguments.read_only,
            uid_base: arguments.uid_base,
            allow_egress: arguments.allow_egress,
            limits: arguments.limits.into(),
            keep_paused: Duration::from_secs(arguments.keep_paused_seconds),
            ..Self::new(arguments.venv, arguments.state_dir)
        }
    }
}

impl From<EachSandbox> for Limits {
    fn from(arguments: EachSandbox) -> Self {
        Self {
            memory: arguments.memory_mib << 20,
            processes: arguments.processes,
            cpus: arguments.cpus,
            disk: arguments.disk_mib << 20,
            files: arguments.files,
            open_files: arguments.open_files,
        }
    }
}
