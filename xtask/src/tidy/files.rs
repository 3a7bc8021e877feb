//! What is in git: no large file, no path of somebody's machine, no secret.

use std::fs;

use anyhow::{Context, Result};

use super::Findings;
use crate::workspace::Workspace;
use crate::{cargo, process};

const LARGEST: u64 = 1_000_000;

/// Folders that exist on one machine only. Written in two parts, so that this file passes its own rule.
const MACHINE_FOLDERS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// The files that git tracks, relative to the root.
pub fn tracked(workspace: &Workspace) -> Result<Vec<String>> {
    // In a container the checkout often belongs to somebody else, which git refuses by default.
    let mut git = cargo::tool(workspace, "git");
    let list = process::read(git.args(["-c", "safe.directory=*", "ls-files", "-z"]))?;
    let files = list.split('\0').filter(|file| !file.is_empty());
    // A file that is deleted but not yet committed is listed, too.
    Ok(files
        .filter(|file| workspace.path(file).is_file())
        .map(str::to_owned)
        .collect())
}

pub fn check(workspace: &Workspace, tracked: &[String]) -> Result<Findings> {
    let mut findings = Findings::new();
    for file in tracked {
        let bytes =
            fs::read(workspace.path(file)).with_context(|| format!("cannot read {file}"))?;
        findings.extend(size(file, bytes.len() as u64));
        if let Ok(text) = String::from_utf8(bytes) {
            findings.extend(lines(file, &text));
        }
    }
    Ok(findings)
}

fn size(file: &str, bytes: u64) -> Option<String> {
    (bytes > LARGEST).then(|| {
        format!(
            "{file}: {} KB; fetch or make what is over 1 MB",
            bytes / 1000
        )
    })
}

fn lines(file: &str, text: &str) -> Findings {
    let mut findings = Findings::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        if let Some(folder) = MACHINE_FOLDERS
            .iter()
            .find(|folder| names_folder(line, folder))
        {
            findings.push(format!(
                "{place}: `{folder}` is a path of one machine; pass it in by an option"
            ));
        }
        if let Some(kind) = secret(line) {
            findings.push(format!(
                "{place}: this looks like {kind}; secrets come in by .env"
            ));
        }
    }
    findings
}

/// Whether the folder stands at the start of a path: `x/work/` is inside another one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || "._-~*}>$)".contains(before))
    })
}

fn secret(line: &str) -> Option<&'static str> {
    let follows = |prefix: &str, length: usize, fits: fn(char) -> bool| {
        line.match_indices(prefix).any(|(start, _)| {
            line[start + prefix.len()..]
                .chars()
                .take_while(|character| fits(*character))
                .count()
                >= length
        })
    };
    if follows("sk-", 24, |character| character.is_ascii_alphanumeric()) {
        return Some("an API key");
    }
    if follows("e2b_", 40, |character| character.is_ascii_hexdigit()) {
        return Some("an E2B key");
    }
    let (_, heading) = line.split_once("-----BEGIN ")?;
    let (algorithm, _) = heading.split_once("PRIVATE KEY-----")?;
    let is_heading = algorithm
        .chars()
        .all(|character| character.is_ascii_uppercase() || character == ' ');
    is_heading.then_some("a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(
                lines("a.rs", &format!("let path = \"{folder}x\";")).len(),
                1
            );
        }
    }

    #[test]
    fn the_same_words_inside_other_paths_are_fine() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(
                lines("a.md", &format!("docs{folder}x and {{state}}{folder}x")),
                Findings::new()
            );
        }
    }

    #[test]
    fn a_large_file_is_found() {
        assert!(size("data.csv", 1_000_001).is_some());
        assert!(size("data.csv", 1_000_000).is_none());
    }

    #[test]
    fn things_that_look_like_secrets_are_found() {
        let key = "a1B2".repeat(10);
        assert_eq!(lines("a", &format!("key = sk-{key}")).len(), 1);
        assert_eq!(lines("a", &format!("e2b_{}", "0f".repeat(20))).len(), 1);
        assert_eq!(
            lines("a", &format!("-----BEGIN RSA {}", "PRIVATE KEY-----")).len(),
            1
        );
        assert_eq!(lines("a", "task-list, sk-test, e2b_key"), Findings::new());
    }
}
