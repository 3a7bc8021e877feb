//! How the host runs: one struct, read once from the command line.

use std::path::PathBuf;
use std::time::Duration;

/// Where things are and what one request may use.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// The application's manifest.
    #[arg(long, default_value = "spin.toml")]
    pub manifest: PathBuf,

    /// Directory for the key-value store and the compiled components; made if absent.
    #[arg(long, default_value = ".conductor")]
    pub state_dir: PathBuf,

    /// Directory for compiled components, if it is to be shared between state directories.
    #[arg(long)]
    pub cache_dir: Option<PathBuf>,

    /// File with SPIN_VARIABLE_… lines; the default is `.env` beside the manifest, if there is one.
    #[arg(long)]
    pub env_file: Option<PathBuf>,

    /// PEM file with certificates to trust for outbound https, beside the built-in roots.
    #[arg(long)]
    pub ca_file: Option<PathBuf>,

    /// Processor time that a component may use between two waits, in milliseconds.
    #[arg(long, default_value = "10000", value_name = "MS", value_parser = milliseconds)]
    pub cpu_limit_ms: Duration,

    /// Memory that one request may use, in MiB.
    #[arg(long, default_value_t = 256, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub memory_limit_mib: u32,

    /// Requests that may run at once; further ones wait their turn.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub max_instances: u32,

    /// How long requests in flight may go on after SIGINT or SIGTERM, in milliseconds.
    #[arg(long, default_value = "5000", value_name = "MS", value_parser = milliseconds)]
    pub shutdown_grace_ms: Duration,
}

impl Config {
    /// Where compiled components are kept.
    pub fn compiled_dir(&self) -> PathBuf {
        let beside_state = || self.state_dir.join("compiled");
        self.cache_dir.clone().unwrap_or_else(beside_state)
    }

    /// The memory limit in bytes.
    pub fn memory_limit(&self) -> usize {
        self.memory_limit_mib as usize * 1024 * 1024
    }
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}
