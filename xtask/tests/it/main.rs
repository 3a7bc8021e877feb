//! `cargo xtask up` as a person meets it, with stand-ins for the host and the sandbox service.

mod checkout;
mod up;
