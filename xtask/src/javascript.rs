//! The JavaScript clients that the end-to-end tests drive, installed from their lock.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::steps::Step;
use crate::workspace::Workspace;
use crate::{cargo, lock, process};

/// Where the tests are, with their `package-lock.json`.
const FOLDER: &str = "tests/sdk/javascript";
/// What `@e2b/code-interpreter` asks for.
const OLDEST: (u32, u32) = (20, 18);

/// Brings `node_modules` to the lock; does nothing where it is.
pub fn ensure(workspace: &Workspace, step: &Step) -> Result<String> {
    let folder = workspace.path(FOLDER);
    let file = folder.join("package-lock.json");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let node = node(workspace)?;
    let modules = folder.join("node_modules");
    if lock::made_from(&modules, &text) {
        return Ok(format!("up to date, {node}"));
    }
    let mut npm = cargo::tool(workspace, "npm");
    npm.current_dir(&folder)
        .args(["ci", "--no-audit", "--no-fund"]);
    process::run(step, "npm ci", &mut npm, |step, line| {
        step.doing(line);
        true
    })?;
    lock::mark(&modules, &text)?;
    Ok(format!("installed, {node}"))
}

/// The version of Node.js, which must be new enough and come with npm.
fn node(workspace: &Workspace) -> Result<String> {
    for program in ["node", "npm"] {
        if process::find(program).is_none() {
            bail!(
                "{program} is not on the PATH: the tests drive E2B's JavaScript SDK and fetch a data set from the npm registry; install Node.js {}.{} or newer with npm",
                OLDEST.0,
                OLDEST.1
            );
        }
    }
    let text = process::read(cargo::tool(workspace, "node").arg("--version"))?;
    let version = text.trim();
    if parse(version) < Some(OLDEST) {
        bail!(
            "node is {version}, E2B's JavaScript SDK needs {}.{}: install a newer Node.js",
            OLDEST.0,
            OLDEST.1
        );
    }
    Ok(format!("node {version}"))
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse("v20.20.2") >= Some(OLDEST));
        assert!(parse("v22.1.0") >= Some(OLDEST));
        assert!(parse("v18.19.0") < Some(OLDEST));
        assert!(parse("v20.9.0") < Some(OLDEST));
        assert!(parse("unknown") < Some(OLDEST));
    }

    #[test]
    fn the_committed_lock_names_no_registry() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let file = root
            .expect("xtask is in the root")
            .join(FOLDER)
            .join("package-lock.json");
        let text = fs::read_to_string(file).expect("the lock is committed");
        assert!(text.contains("\"integrity\""));
        assert!(!text.contains("\"resolved\""));
    }
}
