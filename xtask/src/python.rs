//! The Python environments: `.venv` for what runs in sandboxes, `.venv-test` for the tests' clients.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::steps::Step;
use crate::workspace::Workspace;
use crate::{cargo, lock, process};

/// The environment that programs in sandboxes import from.
pub const SANDBOX: Environment = Environment {
    folder: ".venv",
    lock: "python/requirements.lock",
};
/// The third-party clients that the end-to-end tests drive.
pub const TESTS: Environment = Environment {
    folder: ".venv-test",
    lock: "python/requirements-test.lock",
};

const OLDEST: (u32, u32) = (3, 11);

/// A virtual environment and the lock that it is made from.
pub struct Environment {
    folder: &'static str,
    lock: &'static str,
}

impl Environment {
    pub fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.path(self.folder)
    }

    /// Makes the environment, or brings it up to its lock; does nothing where it is.
    pub fn ensure(&self, workspace: &Workspace, step: &Step) -> Result<String> {
        let folder = self.folder(workspace);
        let file = workspace.path(self.lock);
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let python = folder.join("bin/python");
        let count = pins(&text);

        if python.exists() && lock::made_from(&folder, &text) {
            return Ok(format!("up to date, {count} packages"));
        }
        if !has_pip(workspace, &python) {
            make(workspace, step, &folder)?;
        }
        install(workspace, step, &python, &file, count)?;
        lock::mark(&folder, &text)?;
        Ok(format!("{count} packages"))
    }
}

fn has_pip(workspace: &Workspace, python: &Path) -> bool {
    python.exists()
        && process::read(cargo::tool(workspace, python).args(["-m", "pip", "--version"])).is_ok()
}

fn make(workspace: &Workspace, step: &Step, folder: &Path) -> Result<()> {
    let base = base_interpreter(workspace)?;
    step.doing(&format!("making {}", workspace.relative(folder)));
    let mut command = cargo::tool(workspace, base);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    process::run(
        step,
        "python -m venv (on Debian it needs the package python3-venv)",
        &mut command,
        |_, _| true,
    )?;
    Ok(())
}

fn install(
    workspace: &Workspace,
    step: &Step,
    python: &Path,
    lock: &Path,
    count: usize,
) -> Result<()> {
    let mut command = cargo::tool(workspace, python);
    // The lock is complete: without --no-deps pip would only spend time to find that out.
    command.args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    command.args(["--progress-bar", "off", "-r"]).arg(lock);
    let seen = std::cell::Cell::new(0);
    process::run(step, "pip install", &mut command, |step, line| {
        if let Some(package) = line.strip_prefix("Collecting ") {
            seen.set(seen.get() + 1);
            let name = package.split_whitespace().next().unwrap_or(package);
            step.progress(seen.get().min(count as u64), count as u64, name);
        } else if line.starts_with("Installing collected packages") {
            step.doing("unpacking");
        }
        true
    })?;
    Ok(())
}

/// `$PYTHON`, or the first Python on the `PATH` that is new enough.
fn base_interpreter(workspace: &Workspace) -> Result<OsString> {
    if let Some(chosen) = env::var_os("PYTHON") {
        return match version(workspace, &chosen) {
            Some(found) if found >= OLDEST => Ok(chosen),
            found => bail!(
                "PYTHON={} is {}; Conductor needs 3.11 or newer",
                chosen.display(),
                described(found)
            ),
        };
    }
    let candidates = ["python3.11", "python3.12", "python3.13", "python3"].map(OsString::from);
    match candidates
        .into_iter()
        .find(|name| version(workspace, name) >= Some(OLDEST))
    {
        Some(name) => Ok(name),
        None => bail!(
            "no Python 3.11 or newer on the PATH (python3 is {}): install one, or name it in the variable PYTHON",
            described(version(workspace, &OsString::from("python3")))
        ),
    }
}

fn version(workspace: &Workspace, python: &OsString) -> Option<(u32, u32)> {
    let mut command = cargo::tool(workspace, python);
    command.args([
        "-c",
        "import sys; print(sys.version_info[0], sys.version_info[1])",
    ]);
    let text = process::read(&mut command).ok()?;
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn described(version: Option<(u32, u32)>) -> String {
    version.map_or_else(
        || "not there".to_owned(),
        |(major, minor)| format!("{major}.{minor}"),
    )
}

fn pins(lock: &str) -> usize {
    lock.lines()
        .filter(|line| line.contains("==") && !line.starts_with('#'))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pinned_packages_count() {
        assert_eq!(
            pins("# pip==1 in a comment\ngradio==6.0\n\nstreamlit==1.0\n"),
            2
        );
    }

    #[test]
    fn the_committed_locks_pin_every_line() {
        for environment in [SANDBOX, TESTS] {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .expect("xtask is in the root");
            let text =
                fs::read_to_string(root.join(environment.lock)).expect("the lock is committed");
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                assert!(
                    line.contains("=="),
                    "{}: `{line}` is not pinned",
                    environment.lock
                );
            }
        }
    }
}
