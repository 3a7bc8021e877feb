//! The tests of the whole product; each is a sentence.

mod apps;
mod data;
mod errors;
mod generate;
mod model;
mod pages;
mod programs;
mod readme;
mod recovery;
mod run_code;
mod running;
mod sdk;
