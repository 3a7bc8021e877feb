//! A context: one language with state, whose executions take turns.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;
use tokio::sync::{Mutex, OnceCell, OwnedMutexGuard, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::bash::{Shell, ShellError};
use super::ending::{Done, Ending, Watch, describe};
use super::kernel::{Kernel, KernelError};
use super::output::Output;
use crate::limits::Limit;
use crate::limits::cause::Since;
use crate::process::{Exit, ProcessHandle, SpawnError};
use crate::sandbox::{HOME, Sandbox};

/// How long an engine that was ended may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(2);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What a context can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// ipykernel, in the Python environment of the sandbox.
    Python,
    /// One bash process.
    Bash,
}

/// Another language was asked for.
#[derive(Debug, Error)]
#[error("language \"{0}\" is not supported here: use \"python\" or \"bash\"")]
pub(crate) struct UnknownLanguage(String);

impl Language {
    /// By the name a caller gives it; Python if none.
    pub(crate) fn named(name: Option<&str>) -> Result<Self, UnknownLanguage> {
        match name {
            None | Some("python" | "python3") => Ok(Self::Python),
            Some("bash") => Ok(Self::Bash),
            Some(other) => Err(UnknownLanguage(other.to_owned())),
        }
    }
}

/// Why a context's kernel or shell does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The shell.
    #[error(transparent)]
    Shell(#[from] ShellError),
}

impl StartError {
    /// The limit that is in the way, and what it is called.
    pub(crate) fn limit(&self) -> Option<(Limit, &str)> {
        match self {
            Self::Kernel(KernelError::Limit { limit, text })
            | Self::Kernel(KernelError::Spawn(SpawnError::Limit { limit, text, .. }))
            | Self::Shell(ShellError::Spawn(SpawnError::Limit { limit, text, .. })) => {
                Some((*limit, text))
            }
            _ => None,
        }
    }

    /// Whether the caller named a directory that is not there.
    pub(crate) fn is_directory(&self) -> bool {
        matches!(
            self,
            Self::Kernel(KernelError::Spawn(SpawnError::NoDirectory(_)))
                | Self::Shell(ShellError::Spawn(SpawnError::NoDirectory(_)))
        )
    }
}

/// Why what was running in a context had to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Not at all.
    No,
    /// The context is being restarted, for the nth time.
    Restart(u64),
    /// The context is being removed.
    Remove,
}

/// A language with state.
pub(crate) struct Context {
    /// Lower-case letters and digits.
    pub(crate) id: String,
    /// What it speaks.
    pub(crate) language: Language,
    /// Where it was started; home if `None`.
    cwd: Option<String>,
    started: OnceCell<()>,
    /// Whoever holds it executes. Waiters get it in the order they came.
    turn: Arc<Mutex<Turn>>,
    halt: watch::Sender<Halt>,
}

/// What an execution needs for itself.
pub(crate) struct Turn {
    engine: Option<Engine>,
    /// The engine before, which may still be going.
    leaving: Option<ProcessHandle>,
    /// Nobody has executed anything, or asked for a fresh start.
    unused: bool,
    /// From the end of the last execution on.
    idle: Option<Since>,
    /// For the next execution's caller: what happened to the state it may count on.
    notice: Option<String>,
}

/// What runs the code.
pub(crate) enum Engine {
    /// Boxed: it is the larger one by far.
    Python(Box<Kernel>),
    /// The shell.
    Bash(Box<Shell>),
}

impl Engine {
    async fn start(
        sandbox: &Sandbox,
        language: Language,
        cwd: Option<&str>,
    ) -> Result<Self, StartError> {
        Ok(match language {
            Language::Python => Self::Python(Box::new(Kernel::start(sandbox, cwd).await?)),
            Language::Bash => Self::Bash(Box::new(Shell::start(sandbox, cwd).await?)),
        })
    }

    /// To signal it while it executes.
    pub(crate) fn process(&self) -> ProcessHandle {
        match self {
            Self::Python(kernel) => kernel.process(),
            Self::Bash(shell) => shell.process(),
        }
    }

    /// How it ended, if it did.
    fn exit(&self) -> Option<Exit> {
        match self {
            Self::Python(kernel) => kernel.exit(),
            Self::Bash(shell) => shell.process().exit(),
        }
    }

    /// Runs code to its end; `Err` says how the engine ended instead.
    pub(crate) async fn execute(
        &mut self,
        code: &str,
        env_vars: &BTreeMap<String, String>,
        watch: &Watch<'_>,
        outputs: &mpsc::Sender<Output>,
    ) -> Result<Done, Ending> {
        match self {
            Self::Python(kernel) => kernel.execute(code, env_vars, watch, outputs).await,
            Self::Bash(shell) => shell.execute(code, env_vars, watch, outputs).await,
        }
    }
}

impl Context {
    /// One whose engine has yet to start.
    pub(crate) fn new(id: String, language: Language, cwd: Option<String>) -> Self {
        let turn = Turn {
            engine: None,
            leaving: None,
            unused: true,
            idle: None,
            notice: None,
        };
        Self {
            id,
            language,
            cwd,
            started: OnceCell::new(),
            turn: Arc::new(Mutex::new(turn)),
            halt: watch::Sender::new(Halt::No),
        }
    }

    /// Starts it, if that was not done before. What ends later is started again by its turn.
    pub(crate) async fn started(&self, sandbox: &Sandbox) -> Result<(), StartError> {
        let start = async || {
            let engine = Engine::start(sandbox, self.language, self.cwd.as_deref()).await?;
            // A restart may have been faster.
            self.turn().await.engine.get_or_insert(engine);
            Ok(())
        };
        self.started.get_or_try_init(start).await.map(drop)
    }

    /// Gives a running kernel variables that it was not started with.
    pub(crate) async fn set_environment(&self, variables: BTreeMap<String, String>) {
        if let Some(Engine::Python(kernel)) = &mut self.turn().await.engine {
            kernel.set_environment(variables);
        }
    }

    /// Where it was started, as the caller would write it.
    pub(crate) fn cwd(&self) -> &str {
        self.cwd.as_deref().unwrap_or(HOME)
    }

    /// Tells when everything that runs or waits now has to stop. Take it before the turn.
    pub(crate) fn halted(&self) -> watch::Receiver<Halt> {
        self.halt.subscribe()
    }

    /// Waits for the turn; the place in the line is that of the first poll.
    pub(crate) fn turn(&self) -> impl Future<Output = OwnedMutexGuard<Turn>> + Send + use<> {
        self.turn.clone().lock_owned()
    }

    /// Stops what runs, and starts afresh.
    pub(crate) async fn restart(&self, sandbox: &Sandbox) -> Result<(), StartError> {
        self.halt.send_modify(|halt| {
            *halt = match halt {
                Halt::Restart(times) => Halt::Restart(*times + 1),
                _ => Halt::Restart(1),
            }
        });
        let mut turn = self.turn().await;
        turn.let_go();
        turn.unused = false;
        turn.notice = None;
        turn.start(sandbox, self).await?;
        // Already set, or being set by a first execution, which then finds this engine.
        let _ = self.started.set(());
        Ok(())
    }

    /// Ends the engine if nobody has used it; `false` if somebody has, or is about to.
    pub(crate) fn end_unused(&self) -> bool {
        // Whoever has the turn executes.
        let Ok(mut turn) = self.turn.try_lock() else {
            return false;
        };
        let ends = turn.unused && turn.engine.is_some();
        if ends {
            // There was no state yet that the next caller could miss.
            turn.give_up(String::new());
        }
        ends
    }

    /// Stops what runs, for good.
    pub(crate) async fn end(&self) {
        self.halt.send_replace(Halt::Remove);
        self.turn().await.engine = None;
    }
}

impl Turn {
    /// The engine, started again if it ended, and what the caller has to know about its state.
    pub(crate) async fn engine(
        &mut self,
        sandbox: &Sandbox,
        context: &Context,
    ) -> Result<(&mut Engine, Option<String>), StartError> {
        self.unused = false;
        // It may also have ended between two executions.
        let ended = match &self.engine {
            Some(engine) => engine.exit(),
            None => Some(Exit::Lost),
        };
        if let Some(exit) = ended {
            let limit = self.idle.as_ref().and_then(Since::text);
            let how = match (limit, exit) {
                (Some(limit), _) => format!(" ({limit})"),
                (None, Exit::Lost) => String::new(),
                (None, exit) => format!(" ({})", describe(exit)),
            };
            self.notice.get_or_insert_with(|| {
                format!(
                    "the context had ended{how} and was started again: its variables are gone\n"
                )
            });
            self.let_go();
            self.start(sandbox, context).await?;
        }
        let notice = self.notice.take().filter(|notice| !notice.is_empty());
        let engine = self.engine.as_mut().expect("it runs, or was just started");
        Ok((engine, notice))
    }

    /// Starts an engine. What the one before held counts for the limits until it is gone, and its
    /// processes go one after the other.
    async fn start(&mut self, sandbox: &Sandbox, context: &Context) -> Result<(), StartError> {
        let start = async || Engine::start(sandbox, context.language, context.cwd.as_deref()).await;
        let mut patience = None;
        if let Some(before) = self.leaving.clone() {
            let _ = timeout(GONE_WITHIN, before.wait()).await;
            patience = Some(Instant::now() + GONE_WITHIN);
        }
        let engine = loop {
            match start().await {
                Err(error)
                    if matches!(error.limit(), Some((Limit::Processes, _)))
                        && patience.is_some_and(|until| Instant::now() < until) =>
                {
                    sleep(LOOK_AGAIN_AFTER).await;
                }
                outcome => break outcome?,
            }
        };
        self.leaving = None;
        self.engine = Some(engine);
        Ok(())
    }

    /// Ends the engine, if there is one.
    fn let_go(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.leaving = Some(engine.process());
        }
    }

    /// An execution is over.
    pub(crate) fn rest(&mut self, sandbox: &Sandbox) {
        self.idle = Some(Since::now(&sandbox.confinement));
    }

    /// The engine is of no use any more; tell the next caller why, unless he was told.
    pub(crate) fn give_up(&mut self, notice: String) {
        self.let_go();
        self.notice = Some(notice);
    }
}
