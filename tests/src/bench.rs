//! Measures what Conductor promises, beside what people would use instead, in one run.
//!
//! Ours and theirs take turns (ours, theirs, ours, theirs …), so that a busy moment of the machine
//! meets both; the first round warms caches and is not counted. The programs of the other side are
//! in `bench/` of this crate's folder. Nothing here judges by absolute numbers but where the bar is
//! one, and a missed bar is no error: only what cannot be measured is.
//!
//! Begin with [`Row`]; each has a file below `rows/`, and `docs/performance.md` says what came out.

mod app;
mod caller;
mod comparison;
mod contestant;
mod load;
mod machine;
mod quiet;
pub mod report;
mod rows;
mod samples;
mod server;
mod usage;

pub use comparison::{Bar, Comparison};
pub use report::Report;
pub use rows::Row;
pub use samples::{Samples, Unit};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Counted rounds; one more comes before them.
    pub runs: usize,
}

impl Effort {
    /// The rounds, with the one that is not counted.
    fn rounds(self) -> impl Iterator<Item = Round> {
        (0..=self.runs).map(|number| Round {
            is_counted: number > 0,
        })
    }
}

/// One turn of everybody.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    is_counted: bool,
}
