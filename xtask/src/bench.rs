//! `cargo xtask bench`: what Conductor promises, measured beside the alternatives in one run.
//!
//! The measuring itself is the binary `bench` of the crate `e2e`; here is what it needs. Everything is
//! built as `up` builds it, because that is what people run.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{build, cargo, process, python};

/// The component that says hello: it belongs to the host's own tests, and to no workspace.
const GUEST: &str = "host/tests/guest/Cargo.toml";

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Rows to measure, such as `warm-run`; all of them, if none is named
    rows: Vec<String>,
    /// Counted rounds of everything that varies
    #[arg(long, default_value_t = 10)]
    runs: u16,
    /// File for every single number, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    #[command(flatten)]
    build: build::Options,
}

pub fn run(workspace: &Workspace, steps: &Steps, options: &Options) -> Result<()> {
    let native = "host, sandbox, bench";
    build::run_with(workspace, steps, &options.build, native, compile)?;
    steps.run("trivial component", |step| guest(workspace, step))?;
    if options.rows.is_empty() || options.rows.iter().any(|row| row == "sizes") {
        steps.run("components as deployed", |step| {
            build::compile_components(workspace, step, build::RELEASE_PROFILE)
        })?;
    }
    steps.run("Python clients", |step| {
        python::TESTS.ensure(workspace, step)
    })?;
    let mut bench = cargo::tool(workspace, workspace.target().join("debug/bench"));
    bench.args(&options.rows);
    bench.args(["--runs", &options.runs.to_string()]);
    if let Some(file) = &options.json {
        bench.arg("--json").arg(std::path::absolute(file)?);
    }
    process::run_openly("the bench", &mut bench)
}

/// All default members are selected, for the reason that `build` gives.
fn compile(workspace: &Workspace, step: &Step) -> Result<String> {
    let binaries = ["host", "sandbox", "sandbox-init", "shim", "bench"].map(|name| ["--bin", name]);
    let mut command = cargo::command(workspace, &["build", "--examples"]);
    cargo::run(
        step,
        "the native build",
        command.args(binaries.as_flattened()),
    )?;
    Ok("built".to_owned())
}

fn guest(workspace: &Workspace, step: &Step) -> Result<String> {
    let arguments = ["build", "--locked", "--release", "--target"];
    let mut command = cargo::command(workspace, &arguments);
    command.args([build::WASM_TARGET, "--manifest-path"]);
    command.arg(workspace.path(GUEST));
    command
        .arg("--target-dir")
        .arg(workspace.target().join("guest"));
    cargo::run(step, "the build of the trivial component", &mut command)?;
    Ok("built".to_owned())
}
