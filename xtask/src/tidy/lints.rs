//! rustfmt and clippy.

use anyhow::Result;

use super::Findings;
use crate::build::{PROFILE, WASM_TARGET};
use crate::steps::Step;
use crate::workspace::Workspace;
use crate::{cargo, process};

/// Every warning is an error here, and so is what STYLE forbids and no default lint sees.
const LINTS: [&str; 13] = [
    "--",
    "-D",
    "warnings",
    "-D",
    "clippy::todo",
    "-D",
    "clippy::unimplemented",
    "-D",
    "clippy::dbg_macro",
    "-D",
    "clippy::mod_module_files",
    "-D",
    "clippy::allow_attributes",
];

/// The files that `cargo fmt` would change.
pub fn format(workspace: &Workspace, step: &Step) -> Result<Findings> {
    step.doing("cargo fmt");
    let mut command = cargo::command(
        workspace,
        &["fmt", "--all", "--", "--check", "--files-with-diff"],
    );
    let output = command.output()?;
    process::interrupted()?;
    let files = String::from_utf8_lossy(&output.stdout);
    let mut findings: Findings = files
        .lines()
        .map(|file| format!("{}: run cargo fmt", workspace.relative(file.as_ref())))
        .collect();
    if findings.is_empty() && !output.status.success() {
        findings.push(format!(
            "cargo fmt failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// The default members with their tests: the same selection as the build, for the same reason.
pub fn native(workspace: &Workspace, step: &Step) -> Result<String> {
    clippy(workspace, step, &["--all-targets"])
}

/// The components and what they share, as they are compiled for WASI.
pub fn components(workspace: &Workspace, step: &Step) -> Result<String> {
    let functions = workspace.functions()?;
    let mut arguments = vec!["--target", WASM_TARGET, "--profile", PROFILE];
    for function in &functions {
        arguments.extend(["-p", function]);
    }
    clippy(workspace, step, &arguments)
}

fn clippy(workspace: &Workspace, step: &Step, arguments: &[&str]) -> Result<String> {
    let mut command = cargo::command(workspace, &["clippy"]);
    cargo::run(step, "cargo clippy", command.args(arguments).args(LINTS))?;
    Ok("clean".to_owned())
}
