//! The edge: everything of a component that knows Spin, and everything that knows our HTTP manners.
//!
//! A function is a few lines around [`serve`]: it gets a [`Call`] (what was asked), an [`Edge`]
//! (its ports and variables) and a [`Reporter`] (where events go), and gives a [`Reply`] or an
//! [`HttpError`]. Nothing outside this crate may call a Spin import: natively such a call aborts
//! the whole test process.
//!
//! [`serve`] is also where middleware goes: what every route needs (request ids, limits, CORS,
//! logging) happens there, once.

mod call;
mod error;
mod network;
pub mod owner;
mod packing;
pub mod prompt;
mod reply;
mod reporter;
mod serve;
mod store;
mod streamed_body;
mod system;
pub mod upload;

pub use call::Call;
pub use error::HttpError;
pub use network::SpinHttp;
pub use packing::Lz4;
pub use reply::Reply;
pub use reporter::Reporter;
pub use serve::serve;
pub use store::SpinKeyValue;
pub use system::{SpinRandom, SpinTimer, variable};

use execution::SandboxConfig;
use model::ports::Outside;
use model::session::Lifetimes;

/// The ports of a component, by Spin's interfaces.
#[derive(Debug)]
pub struct Edge {
    store: SpinKeyValue,
    http: SpinHttp,
    timer: SpinTimer,
    random: SpinRandom,
}

impl Edge {
    /// What is wanted of the sandbox service: the variables `sandbox_…`.
    pub fn sandbox_config(&self) -> SandboxConfig {
        SandboxConfig::read(variable)
    }

    /// Carries out work in sandboxes, with this component's ports and settings.
    pub fn executor<'a>(&'a self, config: &'a SandboxConfig) -> execution::Executor<'a, Edge, Lz4> {
        execution::Executor {
            outside: self,
            config,
            lifetimes: self.lifetimes(),
            codec: &Lz4,
        }
    }

    /// How long sessions live: variables `activity_hours` and `retention_days`.
    pub fn lifetimes(&self) -> Lifetimes {
        let default = Lifetimes::default();
        let number = |name: &str, default| variable(name).parse().unwrap_or(default);
        Lifetimes {
            activity_hours: number("activity_hours", default.activity_hours),
            retention_days: number("retention_days", default.retention_days),
        }
    }
}

impl Outside for Edge {
    type Store = SpinKeyValue;
    type Network = SpinHttp;
    type Clock = SpinTimer;
    type Entropy = SpinRandom;

    fn store(&self) -> &SpinKeyValue {
        &self.store
    }

    fn http(&self) -> &SpinHttp {
        &self.http
    }

    fn timer(&self) -> &SpinTimer {
        &self.timer
    }

    fn random(&self) -> &SpinRandom {
        &self.random
    }
}
