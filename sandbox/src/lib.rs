//! The sandbox service: isolated Python kernels and apps behind the E2B protocol.
//!
//! Each sandbox is a set of Linux namespaces under a small init process of its own, without any
//! network but its loopback. The service talks to the init over unix sockets and serves, on one
//! port: the control API (create, list, kill, …), envd (files and processes), the code interpreter,
//! and a proxy to the apps that listen inside.
//!
//! It is deliberately not a container engine (one machine, one Python environment, no images) and
//! keeps no sandbox across its own restart.
//!
//! Begin with [`serve`], then [`sandbox::Sandbox`] (what can be asked of a sandbox), then [`init`]
//! (what runs inside it).

mod api;
mod cgroup;
mod clock;
mod config;
mod confinement;
pub mod egress;
mod envd;
mod file_metadata;
mod fork_server;
pub mod init;
mod interpreter;
mod launch;
mod layers;
mod leftovers;
pub mod lifecycle;
pub mod limits;
mod link;
mod memory_watch;
mod meters;
mod metrics;
mod outside_id;
mod outside_process;
mod place;
mod pool;
pub mod process;
mod process_tree;
pub mod protocol;
mod proxy;
mod routing;
pub mod sandbox;
mod service;
mod storage;
mod unread;
mod wire;
mod zygote;

pub use config::Config;
pub use service::{ServeError, Service, serve};
