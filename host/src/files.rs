//! `files`: what a component may read, as read-only directories.
//!
//! A directory is shown as it is. Single files are copied at start into one directory per
//! component, because a directory is the smallest thing that WASI can show: showing the file's own
//! directory would show its neighbours, too.

use std::path::{Component as PathPart, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use crate::manifest::FilesEntry;

/// A directory and where the component sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) directory: PathBuf,
    pub(crate) destination: String,
}

/// The mounts for a component's `files`; paths are relative to `base`, copies go to `copies`.
pub(crate) fn mounts(
    entries: &[FilesEntry],
    base: &Path,
    copies: &Path,
) -> anyhow::Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    let mut files = Vec::new();
    for entry in entries {
        let (source, destination) = placement(entry)?;
        let path = base.join(source);
        if path.is_dir() {
            mounts.push(Mount {
                directory: path,
                destination,
            });
        } else {
            ensure!(
                path.is_file(),
                "`files` names {}, which does not exist; build it or correct the path",
                path.display()
            );
            files.push((path, destination));
        }
    }
    if !files.is_empty() {
        ensure!(
            mounts.iter().all(|mount| mount.destination != "/"),
            "`files` shows a directory at `/` and single files beside it; put the files into the directory"
        );
        copy(&files, copies)?;
        mounts.push(Mount {
            directory: copies.to_owned(),
            destination: "/".into(),
        });
    }
    Ok(mounts)
}

fn placement(entry: &FilesEntry) -> anyhow::Result<(&Path, String)> {
    match entry {
        FilesEntry::Path(path) => {
            let text = path
                .to_str()
                .context("`files` names a path that is not UTF-8")?;
            ensure!(
                !text.contains(['*', '?', '[']),
                "`files` holds the pattern `{text}`, and patterns are not supported by this host; \
                 name a directory, or write {{ source = …, destination = … }}"
            );
            let inside = path
                .components()
                .all(|part| matches!(part, PathPart::Normal(_) | PathPart::CurDir));
            ensure!(
                inside,
                "`files` names `{text}`, which is outside the manifest's directory"
            );
            Ok((path, format!("/{}", text.trim_start_matches("./"))))
        }
        FilesEntry::Placement {
            source,
            destination,
        } => {
            if !destination.starts_with('/') || destination.split('/').any(|part| part == "..") {
                bail!(
                    "`files` has the destination `{destination}`, which must be an absolute path"
                );
            }
            Ok((source, destination.clone()))
        }
    }
}

fn copy(files: &[(PathBuf, String)], copies: &Path) -> anyhow::Result<()> {
    if copies.exists() {
        std::fs::remove_dir_all(copies)
            .with_context(|| format!("could not clear {}", copies.display()))?;
    }
    for (source, destination) in files {
        let copy = copies.join(destination.trim_start_matches('/'));
        let directory = copy.parent().unwrap_or(copies);
        std::fs::create_dir_all(directory)
            .and_then(|()| std::fs::copy(source, &copy))
            .with_context(|| {
                format!("could not copy {} to {}", source.display(), copy.display())
            })?;
    }
    Ok(())
}
