//! The profiler from the outside: whole files in, profiles out.

mod chunks;
mod distributions;
mod files;
