//! The tests of the whole product; each is a sentence.

mod run_code;
