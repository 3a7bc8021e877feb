//! Puts the frontend's files where the `static` function serves them.
//!
//! Everything but `index.html` gets a name with a hash, so that a browser may keep it for ever, and every
//! file a compressed twin beside it. The hash is that of all files together: modules that import each
//! other in a circle could not have one of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::workspace::Workspace;

const ENTRY: &str = "index.html";
const HASH_DIGITS: usize = 12;

/// Files by their paths below `frontend/`, with `/`.
type Assets = BTreeMap<String, Vec<u8>>;

pub fn build(workspace: &Workspace) -> Result<String> {
    build_in(&workspace.path("frontend"))
}

fn build_in(frontend: &Path) -> Result<String> {
    let mut assets = Assets::new();
    read_assets(frontend, "", &mut assets)?;
    assets
        .get(ENTRY)
        .with_context(|| format!("{} is missing", frontend.join(ENTRY).display()))?;
    let hash = hash(&assets);
    let renamed: BTreeMap<&str, String> = assets
        .keys()
        .filter(|name| *name != ENTRY)
        .map(|name| (name.as_str(), hashed_name(name, &hash)))
        .collect();

    let dist = frontend.join("dist");
    let fresh = frontend.join("dist.new");
    remove(&fresh)?;
    for (name, content) in &assets {
        let target = fresh.join(renamed.get(name.as_str()).unwrap_or(name));
        let content = match name.rsplit('.').next() {
            Some("html" | "css" | "js") => {
                let text = std::str::from_utf8(content)
                    .with_context(|| format!("frontend/{name} is not UTF-8"))?;
                rename_references(name, text, &renamed).into_bytes()
            }
            _ => content.clone(),
        };
        write_with_twin(&target, &content)?;
    }

    // The finished folder replaces the old one, so that a running host never serves half of it for long.
    remove(&dist)?;
    fs::rename(&fresh, &dist).with_context(|| format!("cannot put {} in place", dist.display()))?;
    Ok(format!("{} files", assets.len()))
}

/// The files below `frontend/` that are for the browser.
fn read_assets(folder: &Path, prefix: &str, assets: &mut Assets) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let file_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = format!("{prefix}{file_name}");
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if path.is_dir() && !matches!(file_name.as_str(), "dist" | "dist.new" | "node_modules") {
            read_assets(&path, &format!("{name}/"), assets)?;
        } else if matches!(
            extension,
            "html" | "css" | "js" | "svg" | "png" | "ico" | "woff2"
        ) {
            let content =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            assets.insert(name, content);
        }
    }
    Ok(())
}

fn hash(assets: &Assets) -> String {
    let mut digest = Sha256::new();
    for (name, content) in assets {
        digest.update(name);
        digest.update([0]);
        digest.update(content.len().to_le_bytes());
        digest.update(content);
    }
    let hex: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    hex[..HASH_DIGITS].to_owned()
}

/// `js/app.1a2b3c4d5e6f.js`, the form by which the `static` function knows that it may be kept for ever.
fn hashed_name(name: &str, hash: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("{stem}.{hash}.{extension}")
}

/// Replaces quoted paths of assets, from the root (`"/js/app.js"`) or from the file that names them
/// (`"./dom.js"`), and those in a `url(…)`.
fn rename_references(file: &str, text: &str, renamed: &BTreeMap<&str, String>) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut text = text.to_owned();
    for (name, hashed) in renamed {
        let mut spellings = vec![(format!("/{name}"), format!("/{hashed}"))];
        let (from, to) = (relative(folder, name), relative(folder, hashed));
        spellings.push((format!("./{from}"), format!("./{to}")));
        spellings.push((from, to));
        for (from, to) in spellings {
            for (open, close) in [('"', '"'), ('\'', '\''), ('(', ')')] {
                text = text.replace(
                    &format!("{open}{from}{close}"),
                    &format!("{open}{to}{close}"),
                );
            }
        }
    }
    text
}

/// The path from a folder to a file, both below `frontend/`.
fn relative(folder: &str, file: &str) -> String {
    let folder: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let file: Vec<&str> = file.split('/').collect();
    let shared = folder
        .iter()
        .zip(&file)
        .take_while(|(left, right)| left == right)
        .count();
    let ups = std::iter::repeat_n("..", folder.len() - shared);
    ups.chain(file[shared..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

fn write_with_twin(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    let twin = format!("{}.gz", path.display());
    fs::write(&twin, encoder.finish()?).with_context(|| format!("cannot write {twin}"))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_hashed_names_wherever_they_stand() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sources = [
            (
                "index.html",
                r#"<link href="/style.css"><script src="js/app.js"></script>"#,
            ),
            ("style.css", "body{background:url(icon.svg)}"),
            ("icon.svg", "<svg/>"),
            (
                "js/app.js",
                r#"import { a } from "./lib/dom.js"; "style.css is not a path""#,
            ),
            ("js/lib/dom.js", "import '../app.js';"),
            ("README.md", "not for the browser"),
        ];
        for (name, text) in sources {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }

        build_in(folder.path()).expect("it builds");

        let dist = folder.path().join("dist");
        let mut assets = Assets::new();
        read_assets(folder.path(), "", &mut assets).expect("read");
        let hash = hash(&assets);
        let read = |name: &str| fs::read_to_string(dist.join(name)).expect("it is there");
        assert_eq!(
            read("index.html"),
            format!(r#"<link href="/style.{hash}.css"><script src="js/app.{hash}.js"></script>"#)
        );
        assert_eq!(
            read(&format!("style.{hash}.css")),
            format!("body{{background:url(icon.{hash}.svg)}}")
        );
        assert_eq!(
            read(&format!("js/app.{hash}.js")),
            format!(r#"import {{ a }} from "./lib/dom.{hash}.js"; "style.css is not a path""#)
        );
        assert_eq!(
            read(&format!("js/lib/dom.{hash}.js")),
            format!("import '../app.{hash}.js';")
        );
        assert!(dist.join("index.html.gz").exists() && !dist.join("README.md").exists());
    }

    #[test]
    fn a_changed_asset_changes_the_names() {
        let assets = |text: &str| Assets::from([("app.js".to_owned(), text.as_bytes().to_vec())]);
        assert_ne!(hash(&assets("1")), hash(&assets("2")));
        assert_eq!(hashed_name("js/app.min.js", "0f"), "js/app.min.0f.js");
    }

    #[test]
    fn a_frontend_without_a_page_is_an_error() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(
            build_in(folder.path())
                .expect_err("no page")
                .to_string()
                .ends_with("index.html is missing")
        );
    }
}
