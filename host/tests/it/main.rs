//! The host as a process, with a real component: one test for each thing it promises.

mod grants;
mod harness;
mod limits;
mod outbound;
mod routing;
mod shutdown;
mod start;
mod store;
mod streaming;
mod upstream;
