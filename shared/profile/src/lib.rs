//! Profiles of tabular text: which dialect a CSV file is written in, and what its columns hold.
//!
//! A [`Profiler`] takes the bytes of a file in pieces of any size and ends in a [`Profile`]: the
//! delimiter, the decimal mark, and for each column its type, gaps, range, distribution and most
//! frequent values. Memory stays bounded however long the file is. What is read here is read the way
//! `pandas.read_csv` reads it, so that a program written from the profile finds the columns and
//! types that the profile promised.
//!
//! It is not a CSV library and keeps no rows beyond a short preview. It does not judge what a column
//! is good for (a measure, a category, an identifier): that is the planner's business. It knows no
//! clock, no file and no network.
//!
//! Begin with [`Profiler`] (`profiler.rs`), then `dialect.rs` and `column.rs`.

mod column;
mod date;
mod dialect;
mod distinct;
mod distribution;
mod error;
mod frequent;
mod hash;
mod header;
mod number;
mod profiler;
mod records;
mod sketch;
mod types;
mod utf8;

pub use error::ProfileError;
pub use profiler::{Options, Profiler};
pub use types::{
    ColumnProfile, ColumnType, Dialect, ExtraFields, Histogram, Preview, Profile, Quantiles,
    Scalar, ValueCount,
};

/// Profiles a file that is already in memory.
pub fn profile(bytes: &[u8], options: Options) -> Result<Profile, ProfileError> {
    let mut profiler = Profiler::new(options);
    profiler.push(bytes)?;
    profiler.finish()
}
