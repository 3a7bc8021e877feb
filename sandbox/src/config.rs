//! What the service is started with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::egress::Entry;
use crate::limits::Limits;
use crate::protocol::Isolation;

/// Everything that can be decided about the service, read once by `main`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Python virtual environment that every sandbox sees. `--venv`
    pub venv: PathBuf,
    /// Where sandboxes keep their files; one service at a time. `--state-dir`
    pub state_dir: PathBuf,
    /// What the address of an app ends with: `<port>-<id>.<domain>`. `--domain`; `localhost:PORT` if `None`.
    pub domain: Option<String>,
    /// Namespaces, unless `--insecure-no-isolation`.
    pub isolation: Isolation,
    /// If there are any, the control API wants one of them. `--api-key`
    pub api_keys: Vec<Secret>,
    /// Further host paths that appear inside, read-only, at the same place. `--read-only-path`
    pub read_only: Vec<PathBuf>,
    /// As root: the first of the outside user ids that sandboxes run as, one each. `--uid-base`
    pub uid_base: u32,
    /// What each sandbox may use. `--memory-mib`, `--processes`, …
    pub limits: Limits,
    /// Whom sandboxes may reach at most; nobody, if empty. `--allow-egress`
    pub allow_egress: Vec<Entry>,
    /// How long a paused sandbox is kept. `--keep-paused-seconds`
    pub keep_paused: Duration,
    /// Whether Python programs are forked from a process that has the libraries loaded, unless
    /// `--no-zygote`. Only with namespaces.
    pub zygote: bool,
    /// Whether to serve only once that process is ready. `--wait-for-zygote`
    pub wait_for_zygote: bool,
    /// The modules it loads, if not those that dashboards use. `--preload`
    pub preload: Option<Vec<String>>,
    /// How many sandboxes wait with a started kernel for whoever asks next. `--pool`
    pub pool: usize,
}

impl Config {
    /// The defaults for a Python environment and a state directory.
    pub fn new(venv: impl Into<PathBuf>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            venv: venv.into(),
            state_dir: state_dir.into(),
            domain: None,
            isolation: Isolation::Namespaces,
            api_keys: Vec::new(),
            read_only: Vec::new(),
            uid_base: 200_000,
            limits: Limits::default(),
            allow_egress: Vec::new(),
            keep_paused: Duration::from_secs(86_400),
            zygote: true,
            wait_for_zygote: false,
            preload: None,
            pool: 2,
        }
    }
}

/// A text that never reaches a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Whether `presented` is this secret, in time that does not tell how much of it is right.
    pub fn matches(&self, presented: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), presented.as_bytes());
        own.len() == other.len()
            && own.iter().zip(other).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}
