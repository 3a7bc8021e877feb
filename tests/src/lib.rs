//! End-to-end tests: the whole product with real Python and a real browser, and nothing of it faked
//! but the language model.
//!
//! It is not the place for what a crate can test by itself: each route's happy path and each error
//! is tried once, through host, components and sandbox. It knows the product by its programs and its
//! HTTP only, and depends on no other crate of the project.
//!
//! Begin with [`Conductor`], then [`Browser`] and the pages below [`pages`]; the tests are in `it/`.

pub mod bench;
mod browser;
mod checkout;
mod conductor;
mod dataset;
mod events;
mod footprint;
mod neighbour;
pub mod pages;
mod process;
mod process_tree;
mod relay;
mod reply;
mod sandbox_service;
mod scripted_model;
mod soak;
mod wait;
mod zygote;

pub use browser::Browser;
pub use conductor::{Conductor, Start};
pub use dataset::{SEATTLE_WEATHER_ROWS, seattle_weather};
pub use events::{Event, Events};
pub use footprint::Footprint;
pub use neighbour::Neighbour;
pub use process_tree::processes_with;
pub use relay::Relay;
pub use reply::Reply;
pub use sandbox_service::SandboxService;
pub use scripted_model::{Answer, Asked, ScriptedModel};
pub use soak::{Outcome, Soak};
pub use wait::{PATIENCE, until};
