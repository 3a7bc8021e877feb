//! Running a session's code and apps in its sandbox.
//!
//! The sandbox speaks E2B's protocol, so the same code serves the local service, E2B's cloud and a
//! self-hosted E2B; nothing here is local-only. What this crate is not: the sandbox itself (that
//! is `sandbox/`), and HTTP for our own callers (that is `shared/edge`).
//!
//! Begin with [`Executor::run`] (a piece of Python becomes output) and
//! [`Executor::start_app`] (a program becomes a live app), before which [`Executor::check`] tells what is
//! wrong with it; all stand on [`provision`] (a session gets its sandbox) and [`client`]
//! (the protocol).

pub mod app;
pub mod check;
pub mod client;
pub mod code;
pub mod config;
mod limit;
pub mod logs;
mod programs;
pub mod provision;
mod restart;
mod stop;

pub use config::SandboxConfig;

use model::dataset::DatasetError;
use model::session::SessionError;

/// A run could not be carried out. (Code that fails is an outcome, not one of these.)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecutionFailure {
    /// The sandbox service did not do its part.
    #[error(transparent)]
    Sandbox(#[from] client::SandboxError),
    /// The session could not be read or changed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session's dataset could not be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// There is no app whose logs could be read or that could be started again.
    #[error(
        "session {0} has no app: build one with /generate_ui/, /gradio_ui/ or /run_code/ first"
    )]
    NoApp(model::SessionId),
    /// Other runs of the session go first, and did not end in time.
    #[error(
        "session {session} is still running other code after {seconds} s: wait for it, or interrupt it"
    )]
    Busy {
        /// The session.
        session: model::SessionId,
        /// How long this run waited for its turn.
        seconds: u64,
    },
}

/// Carries out a component's work in sandboxes: its ports, its settings, and how data is packed.
#[derive(Debug)]
pub struct Executor<'a, O, C> {
    /// The ports.
    pub outside: &'a O,
    /// The sandbox settings.
    pub config: &'a SandboxConfig,
    /// How long sessions live.
    pub lifetimes: model::session::Lifetimes,
    /// How datasets are packed.
    pub codec: &'a C,
}
