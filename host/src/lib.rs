//! The embedded host: serves this repository's `spin.toml` on one machine, without Spin.
//!
//! wasmtime does the work. This crate reads the manifest, gives each component what the manifest
//! grants it (routes, files, variables, a key-value store, outbound hosts) and holds it to the
//! limits of one request. A fresh instance serves each request, so a component that loops, traps
//! or eats memory costs that request only.
//!
//! It is deliberately not Spin: it knows what this application's manifest uses and refuses the
//! rest by name ([`manifest`]). There are no other triggers, no remote components, no inbound
//! WebSocket, no cluster.
//!
//! Begin with [`App::load`] (everything that can be wrong is said there, before a port is open)
//! and [`serve`]; one request's way is in `request.rs`,
//! and its component's life in `instance.rs`.

mod app;
mod bindings;
mod body;
mod config;
mod engine;
mod files;
mod guest;
mod headers;
mod instance;
mod key_value;
mod limits;
pub mod manifest;
mod outbound;
mod output;
mod request;
mod routes;
mod server;
mod variables;

pub use app::App;
pub use config::Config;
pub use outbound::allowed_hosts::{AllowedHostError, AllowedHosts};
pub use server::serve;
pub use variables::{VariableError, Variables};
