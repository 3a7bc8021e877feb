//! Reading and writing a group's files.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a value into an existing file, in one piece, as the kernel wants it.
pub fn write(group: &Path, name: &str, value: impl Display) -> io::Result<()> {
    let mut file = File::options().write(true).open(group.join(name))?;
    file.write_all(value.to_string().as_bytes())
}

/// A file that holds one number.
pub fn number(group: &Path, name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(group.join(name))?;
    let number = text.trim().parse();
    number.map_err(|_| io::ErrorKind::InvalidData.into())
}

/// A number of a file whose lines have a name each.
pub fn field(group: &Path, name: &str, key: &str) -> io::Result<u64> {
    let text = fs::read_to_string(group.join(name))?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == key)
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
