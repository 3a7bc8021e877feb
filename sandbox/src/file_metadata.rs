//! What callers attach to a file: extended attributes `user.e2b.<key>`.
//!
//! The init reads them by path, with the rights of the sandbox; the service writes them, on a file
//! that the init has opened for it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{
    XattrFlags, flistxattr, fremovexattr, fsetxattr, getxattr, listxattr, listxattr_query,
};
use rustix::io::Errno;

/// Before the caller's key.
const PREFIX: &str = "user.e2b.";
/// The kernel takes names of 255 bytes.
pub const LONGEST_KEY: usize = 255 - PREFIX.len();
/// All names and values together: what ext4 keeps for a file in one block.
pub const MOST_BYTES: usize = 4096;
/// The kernel's own limits of a list and of a value.
const LIST_BYTES: usize = 64 << 10;

/// Why metadata cannot be attached to any file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Longer than the system takes.
    #[error("metadata key '{0}' is longer than {LONGEST_KEY} bytes; shorten it")]
    LongKey(String),
    /// Not text that can travel in a header.
    #[error(
        "metadata '{0}' contains something else than printable ASCII; encode it, for example as base64"
    )]
    NotAscii(String),
    /// More than fits.
    #[error(
        "the metadata takes {0} bytes, more than {MOST_BYTES}; shorten it, or put it into a file of its own"
    )]
    TooMuch(usize),
    /// `X-Metadata-`, and nothing after it.
    #[error("the header 'X-Metadata-' names no key; write X-Metadata-<key>")]
    NoKey,
}

/// Checks what a caller wants to attach, as far as that can be said without the file.
pub fn check(metadata: &BTreeMap<String, Vec<u8>>) -> Result<(), MetadataError> {
    let printable = |bytes: &[u8]| bytes.iter().all(|byte| (0x20..=0x7e).contains(byte));
    for (key, value) in metadata {
        if key.is_empty() {
            return Err(MetadataError::NoKey);
        }
        if key.len() > LONGEST_KEY {
            return Err(MetadataError::LongKey(key.clone()));
        }
        if !printable(key.as_bytes()) || !printable(value) {
            return Err(MetadataError::NotAscii(key.clone()));
        }
    }
    let bytes = metadata
        .iter()
        .map(|(key, value)| PREFIX.len() + key.len() + value.len())
        .sum();
    if bytes > MOST_BYTES {
        return Err(MetadataError::TooMuch(bytes));
    }
    Ok(())
}

/// What is attached to a file, or to what a link leads to; nothing, where that cannot be read.
pub fn of_path(path: &Path) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    // Most files have none: that is one cheap call.
    let mut list = match listxattr_query(path) {
        Ok(0) | Err(_) => return metadata,
        Ok(length) => vec![0; length.min(LIST_BYTES)],
    };
    let Ok(length) = listxattr(path, &mut list[..]) else {
        return metadata;
    };
    for name in names(&list[..length]) {
        let mut value = vec![0; MOST_BYTES];
        let Ok(length) = getxattr(path, format!("{PREFIX}{name}"), &mut value[..]) else {
            continue;
        };
        value.truncate(length);
        // A program inside may attach any bytes; what is no text cannot be told.
        if let Ok(value) = String::from_utf8(value) {
            metadata.insert(name, value);
        }
    }
    metadata
}

/// Replaces everything that is attached to a file.
pub fn replace(file: &File, metadata: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let mut list = vec![0; LIST_BYTES];
    let there = match flistxattr(file, &mut list[..]) {
        Ok(length) => names(&list[..length]),
        // A file system without attributes; that matters only if there are some to keep.
        Err(Errno::OPNOTSUPP) if metadata.is_empty() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for name in there.iter().filter(|name| !metadata.contains_key(*name)) {
        match fremovexattr(file, format!("{PREFIX}{name}")) {
            Ok(()) | Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for (key, value) in metadata {
        fsetxattr(file, format!("{PREFIX}{key}"), value, XattrFlags::empty())?;
    }
    Ok(())
}

/// Our names in a list of the kernel's, without the prefix.
fn names(list: &[u8]) -> Vec<String> {
    list.split(|&byte| byte == 0)
        .filter_map(|name| std::str::from_utf8(name).ok()?.strip_prefix(PREFIX))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(key: &str, value: &str) -> Result<(), MetadataError> {
        check(&BTreeMap::from([(key.to_owned(), value.into())]))
    }

    #[test]
    fn only_what_a_header_and_a_file_can_hold_is_taken() {
        assert_eq!(checked("author", "Jane Doe <jane@example.org>"), Ok(()));
        assert_eq!(checked(&"k".repeat(246), ""), Ok(()));
        let long = "k".repeat(247);
        assert_eq!(checked(&long, ""), Err(MetadataError::LongKey(long)));
        assert_eq!(
            checked("k", "größe"),
            Err(MetadataError::NotAscii("k".to_owned()))
        );
        assert_eq!(
            checked("k", "a\tb"),
            Err(MetadataError::NotAscii("k".to_owned()))
        );
        assert_eq!(checked("", "v"), Err(MetadataError::NoKey));
        assert_eq!(checked("k", &"v".repeat(4086)), Ok(()));
        assert_eq!(
            checked("k", &"v".repeat(4087)),
            Err(MetadataError::TooMuch(4097))
        );
    }
}
