//! `cargo xtask tidy`: the habits of this repository, held by a machine.
//!
//! A rule is an ordinary function from facts to findings; each has tests that show what it finds.

use anyhow::{Result, bail};

use crate::steps::{Step, Steps};
use crate::workspace::Workspace;
use crate::{build, process, toolchain};

mod arrows;
mod components;
mod files;
mod graph;
mod licences;
mod links;
mod lints;
mod manifest;

/// What a rule found, each naming the place and the way out; empty is good.
type Findings = Vec<String>;

pub fn run(workspace: &Workspace, steps: &Steps) -> Result<()> {
    let mut findings = Findings::new();
    steps.run("rules", |_| {
        findings.extend(rules(workspace)?);
        Ok(found(&findings))
    })?;
    steps.run("format", |step| {
        let unformatted = lints::format(workspace, step)?;
        let note = found(&unformatted);
        findings.extend(unformatted);
        Ok(note)
    })?;

    steps.run("compile targets", |step| {
        toolchain::ensure_targets(workspace, step)
    })?;
    steps.run("components", |step| {
        build::components(workspace, step, &build::Options::default())
    })?;
    let mut sizes = Vec::new();
    steps.run("component interfaces", |_| {
        let outcome = components::check(workspace)?;
        sizes.extend(outcome.sizes());
        let note = found(&outcome.findings);
        findings.extend(outcome.findings);
        Ok(note)
    })?;
    for line in &sizes {
        steps.say(&format!("    {line}"));
    }

    findings.extend(lint(steps, "lints, components", |step| {
        lints::components(workspace, step)
    })?);
    findings.extend(lint(steps, "lints, native", |step| {
        lints::native(workspace, step)
    })?);
    if findings.is_empty() {
        return Ok(());
    }
    bail!(
        "{} findings of cargo xtask tidy:\n  {}",
        findings.len(),
        findings.join("\n  ")
    )
}

/// Runs a linter; what it finds is shown at once and counts as one finding, so that the others run, too.
fn lint(
    steps: &Steps,
    title: &str,
    work: impl FnOnce(&Step) -> Result<String>,
) -> Result<Option<String>> {
    match steps.run(title, work) {
        Ok(()) => Ok(None),
        Err(error) if error.is::<process::Interrupted>() => Err(error),
        Err(error) => Ok(Some(format!("{title}: {error}"))),
    }
}

/// The rules that need no compiler.
fn rules(workspace: &Workspace) -> Result<Findings> {
    let graph = graph::read(workspace)?;
    let policy = licences::Policy::read(workspace)?;
    let tracked = files::tracked(workspace)?;
    let outcomes = [
        ("arrows", Ok(arrows::check(&graph.members))),
        ("licences", Ok(licences::check(&policy, &graph.packages))),
        ("spin.toml", manifest::check(workspace)),
        ("files", files::check(workspace, &tracked)),
        ("links", links::check(workspace, &tracked)),
    ];
    // A rule that cannot be checked is a finding, too, and no reason to leave out the others.
    let findings = outcomes.into_iter().flat_map(|(rule, outcome)| {
        outcome.unwrap_or_else(|error| vec![format!("{rule}: {error:#}")])
    });
    Ok(findings.collect())
}

fn found(findings: &Findings) -> String {
    match findings.len() {
        0 => "nothing found".to_owned(),
        count => format!("{count} findings, listed at the end"),
    }
}
