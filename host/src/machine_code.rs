//! Machine code of components in files: compiled once, then mapped by every host that runs it.
//!
//! A mapped file costs memory for the pages that are used, which hosts share and the system may take
//! back. Its content runs as it is, so where it comes from matters: a file counts only if nobody but its
//! owner can write it, and its owner is this user or root. It never changes, because a mapping would
//! change with it: a new one is written beside it and takes its name.
//!
//! This is not wasmtime's own cache: that one packs its files, so that each host has a copy in memory.

use std::fs::{File, Permissions};
use std::hash::{Hash as _, Hasher};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use nix::unistd::{Uid, geteuid};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

#[cfg(test)]
mod tests;

/// How many files are kept, of about 2 MiB each: a component changes often while it is written.
const KEPT: usize = 64;

/// A directory of machine code that is ours.
pub(crate) struct MachineCode {
    directory: PathBuf,
}

impl MachineCode {
    /// Makes the directory if it is absent, and takes it from everybody else.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let directory = std::path::absolute(directory)?;
        // Only the owner, or root, may do this: another's directory is refused.
        let closed = |()| std::fs::set_permissions(&directory, Permissions::from_mode(0o700));
        let made = std::fs::create_dir_all(&directory).and_then(closed);
        made.with_context(|| format!("could not make the directory {} ours", directory.display()))?;
        Ok(Self { directory })
    }

    /// The component of these bytes: from its file, or compiled, and then there is a file.
    pub(crate) fn component(&self, engine: &Engine, wasm: &[u8]) -> anyhow::Result<Component> {
        let path = self.directory.join(name(engine, wasm));
        if let Some(component) = map(engine, &path) {
            return Ok(component);
        }
        let code = engine.precompile_component(wasm);
        let code = code.map_err(|error| anyhow!("{error:#}"))?;
        match self.write(&path, &code) {
            Ok(()) => {
                if let Some(component) = map(engine, &path) {
                    return Ok(component);
                }
            }
            Err(error) => {
                let path = path.display();
                tracing::warn!(
                    "could not keep machine code in {path}, compiled anew at each start: {error}"
                );
            }
        }
        // SAFETY: these are the very bytes that the engine has just made.
        let component = unsafe { Component::deserialize(engine, code) };
        component.map_err(|error| anyhow!("{error:#}"))
    }

    /// Puts a whole file in place, or none; then lets go of what has not been used for longest.
    fn write(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        // Readable and writable for us only, and gone if this fails.
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        file.write_all(code)?;
        // The name must not be on disk before the content.
        file.as_file().sync_all()?;
        file.persist(path)?;
        self.remove_unused()
    }

    fn remove_unused(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            // Another host may be tidying up, too.
            let entry = entry?;
            if let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                files.push((metadata.modified()?, entry.path()));
            }
        }
        files.sort_unstable();
        let unused = files.len().saturating_sub(KEPT);
        for (_, path) in &files[..unused] {
            // A host that has it mapped goes on with it.
            _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}

/// Maps a file of machine code, if there is one to be trusted that fits this engine.
fn map(engine: &Engine, path: &Path) -> Option<Component> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let owner = Uid::from_raw(metadata.uid());
    if !metadata.is_file() || !is_trusted(owner, metadata.mode(), geteuid()) {
        tracing::warn!("{} is not used: others may write it", path.display());
        return None;
    }
    // Used lately; if that cannot be noted, it is only removed too early.
    _ = file.set_modified(SystemTime::now());
    // The very file that was looked at, wherever its name leads by now.
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: only this user and root can have written the file, and this host's `write` names a file
    // only when it is whole, and after what it was made of; nothing changes it afterwards.
    match unsafe { Component::deserialize_file(engine, opened) } {
        Ok(component) => Some(component),
        Err(error) => {
            tracing::warn!("{} is not used: {error:#}", path.display());
            None
        }
    }
}

/// Whether only `user` and root can have written a file.
fn is_trusted(owner: Uid, mode: u32, user: Uid) -> bool {
    let writable_for_others = mode & 0o022 != 0;
    (owner == user || owner.is_root()) && !writable_for_others
}

/// What the machine code depends on: the component, and wasmtime's version and settings.
fn name(engine: &Engine, wasm: &[u8]) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(wasm);
    format!("{:x}.cwasm", hasher.0.finalize())
}

/// What wasmtime tells a hasher goes into the digest.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Only the digest counts.
    fn finish(&self) -> u64 {
        0
    }
}
