//! The mark of an environment that is complete: the fingerprint of the lock it was made from.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

const MARKER: &str = ".conductor-lock";

/// Whether `folder` was made from a lock of this text, to the end.
pub fn made_from(folder: &Path, text: &str) -> bool {
    fs::read_to_string(folder.join(MARKER)).is_ok_and(|marked| marked == fingerprint(text))
}

/// Notes that `folder` is complete.
pub fn mark(folder: &Path, text: &str) -> Result<()> {
    let marker = folder.join(MARKER);
    fs::write(&marker, fingerprint(text))
        .with_context(|| format!("cannot write {}", marker.display()))
}

fn fingerprint(lock: &str) -> String {
    let digest = Sha256::digest(lock.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_from_the_lock_that_it_was_marked_with() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(!made_from(folder.path(), "gradio==6.0"));
        mark(folder.path(), "gradio==6.0").expect("written");
        assert!(made_from(folder.path(), "gradio==6.0"));
        assert!(!made_from(folder.path(), "gradio==6.1"));
    }
}
