//! Puts the frontend's files where the `static` function serves them.
//!
//! Everything but `index.html` gets a name with a hash of its content, so that a browser may keep it for
//! ever, and every file a compressed twin beside it.

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

pub fn build(workspace: &Workspace) -> Result<String> {
    build_in(&workspace.path("frontend"))
}

fn build_in(frontend: &Path) -> Result<String> {
    let mut assets = read_assets(frontend)?;
    let entry = assets.iter().position(|(name, _)| name == ENTRY);
    let entry = entry.with_context(|| format!("{} is missing", frontend.join(ENTRY).display()))?;
    let (_, page) = assets.remove(entry);
    let mut page = String::from_utf8(page).context("frontend/index.html is not UTF-8")?;

    let dist = frontend.join("dist");
    let fresh = frontend.join("dist.new");
    remove(&fresh)?;
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    for (name, content) in &assets {
        let hashed = hashed_name(name, content);
        page = page.replace(&format!("\"{name}\""), &format!("\"{hashed}\""));
        page = page.replace(&format!("\"/{name}\""), &format!("\"/{hashed}\""));
        write_with_twin(&fresh.join(hashed), content)?;
    }
    write_with_twin(&fresh.join(ENTRY), page.as_bytes())?;

    // The finished folder replaces the old one, so that a running host never serves half of it for long.
    remove(&dist)?;
    fs::rename(&fresh, &dist).with_context(|| format!("cannot put {} in place", dist.display()))?;
    Ok(format!("{} files", assets.len() + 1))
}

/// The files right below `frontend/` that are for the browser.
fn read_assets(frontend: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut assets = Vec::new();
    let entries =
        fs::read_dir(frontend).with_context(|| format!("cannot list {}", frontend.display()))?;
    for entry in entries {
        let path = entry?.path();
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if path.is_file()
            && matches!(
                extension,
                "html" | "css" | "js" | "svg" | "png" | "ico" | "woff2"
            )
        {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let content =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            assets.push((name, content));
        }
    }
    assets.sort();
    Ok(assets)
}

/// `app.1a2b3c4d5e6f.js`, the form by which the `static` function knows that it may be kept for ever.
fn hashed_name(name: &str, content: &[u8]) -> String {
    let digest: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    format!("{stem}.{}.{extension}", &digest[..HASH_DIGITS])
}

fn write_with_twin(path: &Path, content: &[u8]) -> Result<()> {
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
    fn the_page_names_its_assets_by_their_hashed_names() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let page = r#"<link href="/style.css"><script src="app.js"></script>"#;
        fs::write(folder.path().join("index.html"), page).expect("written");
        fs::write(folder.path().join("style.css"), "body{}").expect("written");
        fs::write(folder.path().join("app.js"), "1").expect("written");
        fs::write(folder.path().join("Cargo.toml"), "").expect("written");

        build_in(folder.path()).expect("it builds");

        let dist = folder.path().join("dist");
        let style = hashed_name("style.css", b"body{}");
        let script = hashed_name("app.js", b"1");
        let built = fs::read_to_string(dist.join("index.html")).expect("there");
        assert_eq!(
            built,
            format!(r#"<link href="/{style}"><script src="{script}"></script>"#)
        );
        let mut names: Vec<_> = fs::read_dir(dist)
            .expect("there")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        let mut wanted = vec![
            "index.html".to_owned(),
            "index.html.gz".to_owned(),
            format!("{style}.gz"),
            style,
            format!("{script}.gz"),
            script,
        ];
        wanted.sort();
        assert_eq!(names, wanted);
    }

    #[test]
    fn a_changed_asset_has_another_name() {
        assert_ne!(hashed_name("app.js", b"1"), hashed_name("app.js", b"2"));
        assert!(hashed_name("app.min.js", b"1").starts_with("app.min."));
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
