//! The compile targets that the components need.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::steps::Step;
use crate::workspace::Workspace;
use crate::{cargo, process};

/// Adds the targets of `rust-toolchain.toml` that are missing.
///
/// rustup would do it by itself at the first command, but automatic installs can be switched off.
pub fn ensure_targets(workspace: &Workspace, step: &Step) -> Result<String> {
    let file = workspace.path("rust-toolchain.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read {}", file.display()))?;
    let missing: Vec<String> = wanted(&text)?
        .into_iter()
        .filter(|target| !installed(workspace, target))
        .collect();
    if missing.is_empty() {
        return Ok("present".to_owned());
    }
    if process::find("rustup").is_none() {
        bail!(
            "the compile targets {} are missing and there is no rustup to add them: install Rust by rustup \
             (https://rustup.rs), or add your distribution's packages of the standard library for them",
            missing.join(" and ")
        );
    }
    step.doing(&missing.join(", "));
    let mut command = cargo::tool(workspace, "rustup");
    command.args(["target", "add"]).args(&missing);
    process::run(step, "rustup target add", &mut command, |step, line| {
        step.doing(line);
        true
    })?;
    Ok(format!("added {}", missing.join(", ")))
}

fn wanted(toolchain_file: &str) -> Result<Vec<String>> {
    let table: toml::Table = toolchain_file
        .parse()
        .context("rust-toolchain.toml is not TOML")?;
    let targets = table
        .get("toolchain")
        .and_then(|toolchain| toolchain.get("targets"));
    let targets = targets
        .and_then(toml::Value::as_array)
        .context("rust-toolchain.toml names no targets")?;
    Ok(targets
        .iter()
        .filter_map(toml::Value::as_str)
        .map(str::to_owned)
        .collect())
}

fn installed(workspace: &Workspace, target: &str) -> bool {
    let mut command: Command = cargo::tool(workspace, "rustc");
    command.args(["--print", "target-libdir", "--target", target]);
    process::read(&mut command).is_ok_and(|folder| std::path::Path::new(folder.trim()).is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_read_from_the_toolchain_file() {
        let targets = wanted("[toolchain]\ntargets = [\"wasm32-wasip2\"]").expect("valid");
        assert_eq!(targets, ["wasm32-wasip2"]);
    }

    #[test]
    fn a_toolchain_file_without_targets_is_an_error() {
        assert!(wanted("[toolchain]\nchannel = \"1.95.0\"").is_err());
    }
}
