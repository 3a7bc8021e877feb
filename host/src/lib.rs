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
//! Where it is stricter than Spin: the client's `spin-*` headers are removed; an
//! `allowed_outbound_hosts` entry with a path is an error at start; a compare-and-swap is right for
//! absent keys; a component has a limit of memory and of processor time; an answer whose component
//! breaks down is cut off, not ended; a failure has a JSON body.
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
mod machine_code;
pub mod manifest;
mod outbound;
mod output;
mod request;
mod request_body;
mod routes;
mod server;
mod variables;

pub use app::{App, compile};
pub use config::Config;
pub use outbound::allowed_hosts::{AllowedHostError, AllowedHosts};
pub use server::serve;
pub use variables::{VariableError, Variables};
