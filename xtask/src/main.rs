//! `cargo xtask`: everything that is done to this repository, from a fresh clone to a running product.
//!
//! It is not part of the product and depends on no project crate: it starts tools and services and looks
//! at files. It stays light, because its own build is the first thing a newcomer waits for.
//!
//! Where to begin: [`Task`] lists what it can do, and each task has a module of its name.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod browser;
mod build;
mod cargo;
mod ci;
mod frontend;
mod http;
mod javascript;
mod lock;
mod process;
mod python;
mod steps;
mod strip;
mod test;
mod tidy;
mod toolchain;
mod up;
mod workspace;

use crate::steps::Steps;
use crate::workspace::Workspace;

/// Everything that is done to this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// What can be done.
#[derive(Subcommand)]
enum Task {
    /// Build what is missing, start everything and print the addresses; Ctrl-C stops it
    Up(up::Options),
    /// Build everything that `up` runs
    Build(build::Options),
    /// Run the whole test suite, or the tests whose names contain a filter
    Test(test::Options),
    /// Measure what Conductor promises beside the alternatives, in one run
    Bench(bench::Options),
    /// Check formatting, lints and the rules of this repository
    Tidy,
    /// What the continuous integration runs: tidy and test
    Ci,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    process::listen_for_signals();
    match run(arguments.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            process::exit_code(&error)
        }
    }
}

fn run(task: Task) -> Result<()> {
    let workspace = Workspace::find()?;
    let steps = Steps::new();
    match task {
        Task::Up(options) => up::run(&workspace, &steps, &options),
        Task::Build(options) => build::run(&workspace, &steps, &options),
        Task::Test(options) => test::run(&workspace, &steps, &options),
        Task::Bench(options) => bench::run(&workspace, &steps, &options),
        Task::Tidy => tidy::run(&workspace, &steps),
        Task::Ci => ci::run(&workspace, &steps),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
