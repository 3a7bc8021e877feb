//! The tests of the whole product; each is a sentence.

mod apps;
mod bench;
mod check;
mod crowds;
mod data;
mod economy;
mod errors;
mod faults;
mod generate;
mod generate_code;
mod heal;
mod healed;
mod limits;
mod losses;
mod mends;
mod model;
mod openai;
mod pages;
mod programs;
mod readme;
mod recovery;
mod run_code;
mod running;
mod sdk;
mod soak;
mod specification;
