//! Cargo, started from within a `cargo run`.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::steps::Step;
use crate::workspace::Workspace;

/// Variables that `cargo run` sets for this process. Build scripts (that of `ring`, for one) watch some
/// of them, so passing them on would rebuild crates whenever `cargo build` and `cargo xtask` alternate.
const SET_BY_CARGO_RUN: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
    "OUT_DIR",
];

/// A cargo command on this checkout and its own target folder, whatever the person's configuration says.
pub fn command(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = tool(
        workspace,
        env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")),
    );
    command.args(arguments);
    command
}

/// Any other tool or service, started at the root with an environment free of cargo's variables.
pub fn tool(workspace: &Workspace, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(workspace.root())
        .env("CARGO_TARGET_DIR", workspace.target());
    for (name, _) in env::vars_os() {
        if SET_BY_CARGO_RUN
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(name);
        }
    }
    match library_path(env::var_os("LD_LIBRARY_PATH"), workspace) {
        Some(path) => command.env("LD_LIBRARY_PATH", path),
        None => command.env_remove("LD_LIBRARY_PATH"),
    };
    command
}

/// Runs cargo within a step, with its own progress as the step's.
pub fn run(step: &Step, what: &str, command: &mut Command) -> Result<()> {
    command
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "120");
    command.env(
        "CARGO_TERM_COLOR",
        if step.terminal() { "always" } else { "never" },
    );
    process::run(step, what, command, |step, line| match progress(line) {
        Some((done, total, what)) => {
            step.progress(done, total, what);
            false
        }
        None => !is_routine(line),
    })?;
    Ok(())
}

/// Reads `Building [===> ] 12/345: serde, syn...`, with or without colours.
fn progress(line: &str) -> Option<(u64, u64, &str)> {
    let (_, after) = line.split_once("] ")?;
    let (counts, what) = after.split_once(':').unwrap_or((after, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?, what.trim()))
}

/// Lines that say only that a crate's turn has come: noise above the error that one wants to see.
fn is_routine(line: &str) -> bool {
    let plain = without_colours(line);
    let word = plain.split_whitespace().next().unwrap_or_default();
    plain.starts_with(' ')
        && matches!(
            word,
            "Compiling" | "Checking" | "Downloading" | "Downloaded" | "Blocking" | "Finished"
        )
}

/// The text without escape sequences (`ESC [ … letter`).
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic());
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    plain
}

/// `cargo run` puts its own folders in front; a service shall not find its libraries there.
fn library_path(inherited: Option<OsString>, workspace: &Workspace) -> Option<OsString> {
    let own = |folder: &Path| {
        folder.starts_with(workspace.target())
            || folder
                .components()
                .any(|part| part.as_os_str() == "toolchains")
    };
    let kept: Vec<_> = env::split_paths(&inherited?)
        .filter(|folder| !folder.as_os_str().is_empty() && !own(folder))
        .collect();
    if kept.is_empty() {
        None
    } else {
        env::join_paths(kept).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_progress_that_cargo_draws() {
        assert_eq!(
            progress("    Building [=====>     ] 120/345: serde, syn..."),
            Some((120, 345, "serde, syn..."))
        );
        assert_eq!(
            progress("\u{1b}[1m\u{1b}[36mBuilding\u{1b}[0m [>  ] 0/3"),
            Some((0, 3, ""))
        );
    }

    #[test]
    fn other_lines_are_not_progress() {
        assert_eq!(progress("   Compiling serde v1.0.0"), None);
        assert_eq!(progress("error[E0308]: mismatched types"), None);
        assert_eq!(progress("note: see [the book] 1/2 way"), None);
    }

    #[test]
    fn routine_lines_are_told_from_errors() {
        assert!(is_routine("   Compiling serde v1.0.0"));
        assert!(is_routine(
            "\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m serde v1.0.0"
        ));
        assert!(!is_routine("error: could not compile `serde`"));
        assert!(!is_routine("   |     Compiler::new()"));
    }

    #[test]
    fn cargo_run_leaves_no_trace_in_the_library_path() {
        let workspace = Workspace::at(Path::new("/src"));
        let inherited =
            OsString::from("/src/target/debug/deps:/opt/lib:/u/.rustup/toolchains/1/lib");
        assert_eq!(
            library_path(Some(inherited), &workspace),
            Some(OsString::from("/opt/lib"))
        );
        assert_eq!(
            library_path(Some(OsString::from("/src/target/debug")), &workspace),
            None
        );
    }
}
