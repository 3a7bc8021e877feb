//! What Conductor's parts agree on: identifiers, records, events, session rules and the ports to
//! the outside.
//!
//! Nothing here knows Spin, a runtime, a clock or a network: time and randomness come in as values,
//! and every conversation with the outside is one of the traits in [`ports`]. So all rules are
//! tested natively, with the fakes that stand beside the traits.
//!
//! Begin with [`session`] (what a session is and how long it lives) and [`ports`] (what the
//! components need from their host).

pub mod check;
pub mod dataset;
pub mod event;
pub mod framework;
pub mod id;
pub mod json;
pub mod ports;
pub mod record;
pub mod revision;
pub mod run;
pub mod secret;
pub mod session;
pub mod sse;
pub mod time;

pub use framework::Framework;
pub use id::{DatasetId, SessionId};
pub use secret::Secret;
pub use time::Timestamp;
