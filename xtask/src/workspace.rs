//! Where things are in this checkout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// A checkout of the repository (the main one or a git worktree).
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this command was started in.
    ///
    /// `cargo run` says at run time which one that is. A path compiled in would be that of the checkout
    /// where the binary was built, which is another one when several worktrees share a target folder.
    pub fn find() -> Result<Self> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(manifest_dir) => PathBuf::from(manifest_dir),
            None => env::current_dir().context("the working directory is gone")?,
        };
        match start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        {
            Some(root) => Ok(Self {
                root: root.to_path_buf(),
            }),
            None => bail!(
                "{} is not inside a checkout of Conductor: change into one",
                start.display()
            ),
        }
    }

    /// A checkout at a known place, for tests.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Always this checkout's own `target/`, because `spin.toml` names the components there.
    pub fn target(&self) -> PathBuf {
        self.path("target")
    }

    /// The names of the components: the folders below `functions/`, sorted.
    pub fn functions(&self) -> Result<Vec<String>> {
        let folder = self.path("functions");
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// A path as a person at the root of the checkout would type it.
    pub fn relative<'path>(&self, path: &'path Path) -> std::path::Display<'path> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
