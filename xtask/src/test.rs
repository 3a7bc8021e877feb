//! `cargo xtask test`: the whole test suite, with all that it needs.

use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{browser, build, cargo, javascript, process, python};

/// What to test.
#[derive(Args, Default)]
pub struct Options {
    /// Run only tests whose names contain one of these
    filters: Vec<String>,
}

pub fn run(workspace: &Workspace, steps: &Steps, options: &Options) -> Result<()> {
    build::run_with(
        workspace,
        steps,
        &build::Options::default(),
        "host, sandbox, tests",
        compile,
    )?;
    steps.run("browser", browser::ensure)?;
    steps.run("Python clients", |step| {
        python::TESTS.ensure(workspace, step)
    })?;
    steps.run("JavaScript clients", |step| {
        javascript::ensure(workspace, step)
    })?;
    let nextest = has_nextest();

    // Last, so that its summary is the last line of the output.
    let started = Instant::now();
    if options.filters.is_empty() {
        let mut doc = cargo::command(workspace, &["test", "--doc", "--quiet"]);
        let doc_tests = process::run_openly("cargo test --doc", &mut doc);
        steps.record("doc tests", started.elapsed());
        doc_tests?;
    }
    if options.filters.is_empty() && nextest {
        // Where Python cannot be forked, it is started from scratch, and the same must hold.
        let started = Instant::now();
        let arguments = [
            "nextest",
            "run",
            "--no-fail-fast",
            "--package",
            "sandbox",
            "escape::",
        ];
        let mut plain = cargo::command(workspace, &arguments);
        plain.env("SANDBOX_TEST_NO_ZYGOTE", "1");
        let outcome = process::run_openly("the escape suite without a zygote", &mut plain);
        steps.record("escape suite without a zygote", started.elapsed());
        outcome?;
    }
    eprintln!("{}", steps.table());
    let mut command = if nextest {
        cargo::command(workspace, &["nextest", "run", "--no-fail-fast"])
    } else {
        eprintln!(
            "cargo-nextest is not installed (cargo install --locked cargo-nextest): using cargo test"
        );
        cargo::command(workspace, &["test", "--tests", "--no-fail-fast", "--"])
    };
    process::run_openly("the test run", command.args(&options.filters))
}

/// Compiles the tests and, with them, the host and the sandbox service that they start.
fn compile(workspace: &Workspace, step: &Step) -> Result<String> {
    let arguments: &[&str] = if has_nextest() {
        &["nextest", "run", "--no-run"]
    } else {
        &["test", "--no-run"]
    };
    cargo::run(
        step,
        "the build of the tests",
        &mut cargo::command(workspace, arguments),
    )?;
    Ok("built".to_owned())
}

fn has_nextest() -> bool {
    process::find("cargo-nextest").is_some()
}
