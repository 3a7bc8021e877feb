//! Links in the pages of this repository lead somewhere: to a file, and to a heading in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use super::Findings;
use crate::workspace::Workspace;

pub fn check(workspace: &Workspace, tracked: &[String]) -> Result<Findings> {
    let mut pages = HashMap::new();
    for file in tracked.iter().filter(|file| file.ends_with(".md")) {
        let text = fs::read_to_string(workspace.path(file))
            .with_context(|| format!("cannot read {file}"))?;
        pages.insert(PathBuf::from(file), text);
    }
    let exists = |path: &Path| workspace.path(path).exists();
    let mut findings: Findings = pages
        .iter()
        .flat_map(|(page, text)| check_page(page, text, &pages, &exists))
        .collect();
    findings.sort();
    Ok(findings)
}

fn check_page(
    page: &Path,
    text: &str,
    pages: &HashMap<PathBuf, String>,
    exists: &impl Fn(&Path) -> bool,
) -> Findings {
    let mut findings = Findings::new();
    for (line, target) in links(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (file, anchor) = target
            .split_once('#')
            .map_or((target, None), |(file, anchor)| (file, Some(anchor)));
        let place = format!("{}:{line}", page.display());
        let path = match file {
            "" => page.to_path_buf(),
            file => resolve(page, file),
        };
        if !exists(&path) {
            findings.push(format!("{place}: the link to {target} leads nowhere"));
        } else if let (Some(anchor), Some(text)) = (anchor, pages.get(&path))
            && !anchors(text).iter().any(|heading| heading == anchor)
        {
            findings.push(format!(
                "{place}: {} has no heading #{anchor}",
                path.display()
            ));
        }
    }
    findings
}

/// The path that a link on `page` means, relative to the root.
fn resolve(page: &Path, target: &str) -> PathBuf {
    if let Some(from_root) = target.strip_prefix('/') {
        return PathBuf::from(from_root);
    }
    let mut path = page.parent().unwrap_or(Path::new("")).to_path_buf();
    for component in Path::new(target).components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// Targets of `[text](target)` and `[label]: target`, with their line numbers; code is left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in outside_fences(text) {
        let code = code_spans(line);
        for (start, _) in line.match_indices("](") {
            if code.iter().any(|(from, to)| (*from..*to).contains(&start)) {
                continue;
            }
            let rest = &line[start + 2..];
            let target = rest[..closing(rest)]
                .split_whitespace()
                .next()
                .unwrap_or_default();
            if !target.is_empty() {
                found.push((number, target.trim_matches(['<', '>'])));
            }
        }
        if let Some((_, target)) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            found.push((number, target.split_whitespace().next().unwrap_or_default()));
        }
    }
    found
}

/// Where the parenthesis that a link opened is closed.
fn closing(rest: &str) -> usize {
    let mut open = 1;
    for (index, character) in rest.char_indices() {
        match character {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return index;
        }
    }
    rest.len()
}

/// The ranges of a line that stand between backticks.
fn code_spans(line: &str) -> Vec<(usize, usize)> {
    let ticks: Vec<usize> = line.match_indices('`').map(|(index, _)| index).collect();
    ticks
        .chunks_exact(2)
        .map(|pair| (pair[0], pair[1]))
        .collect()
}

fn outside_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (_, line) in outside_fences(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let anchor: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'))
            .map(|character| if character == ' ' { '-' } else { character })
            .collect();
        let count = seen.entry(anchor.clone()).or_default();
        anchors.push(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings on `docs/page.md`, beside a page `README.md` with a heading.
    fn findings(text: &str) -> Findings {
        let page = PathBuf::from("docs/page.md");
        let pages = HashMap::from([
            (page.clone(), text.to_owned()),
            (
                PathBuf::from("README.md"),
                "# Conductor\n## Two commands, `up` & `test`\n".to_owned(),
            ),
        ]);
        check_page(&page, text, &pages, &|path| {
            pages.contains_key(path) || path == Path::new("docs/a (1).png")
        })
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "# Here\n[a](../README.md) [b](../README.md#two-commands-up--test) [c](#here) \
                    ![d](<a> \"title\") [e](https://example.org/x) [f](/README.md)";
        assert_eq!(findings(&text.replace("<a>", "page.md")), Findings::new());
    }

    #[test]
    fn a_missing_file_and_a_missing_heading_are_found() {
        assert_eq!(
            findings("\n[a](gone.md)"),
            ["docs/page.md:2: the link to gone.md leads nowhere"]
        );
        assert_eq!(
            findings("[a](../README.md#gone)"),
            ["docs/page.md:1: README.md has no heading #gone"]
        );
        assert_eq!(
            findings("[a]: gone.md"),
            ["docs/page.md:1: the link to gone.md leads nowhere"]
        );
        assert_eq!(findings("[a](#gone)").len(), 1);
    }

    #[test]
    fn code_is_left_out() {
        assert_eq!(
            findings("`[a](gone.md)`\n```\n[b](gone.md)\n```"),
            Findings::new()
        );
    }

    #[test]
    fn equal_headings_are_numbered() {
        assert_eq!(anchors("# A b\n# A b\n#no heading\n"), ["a-b", "a-b-1"]);
    }
}
