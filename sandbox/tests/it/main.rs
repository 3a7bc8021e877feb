//! The sandbox service as its callers see it: real namespaces, real Python, real sockets.
#![expect(clippy::unwrap_used, reason = "tests")]

mod control;
mod disk;
mod egress;
mod escape;
mod everyday;
mod files;
mod fixture;
mod ingress;
mod interpreter;
mod isolation;
mod launch;
mod lifecycle;
mod limits;
mod pause;
mod pool;
mod processes;
mod proxy;
mod service;
mod starting;
mod uploads;
mod watch;
mod zygote;
