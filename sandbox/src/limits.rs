//! What one sandbox may use, and how a limit that was hit is called.

pub mod cause;

use std::fmt;

/// What one sandbox may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of memory, `/dev/shm` and cached files included. `--memory-mib`
    pub memory: u64,
    /// Processes and threads. `--processes`
    pub processes: u64,
    /// Processors, also a part of one. `--cpus`
    pub cpus: f32,
    /// Bytes of files in `/home/user`, `/tmp` and `/var/tmp` together. `--disk-mib`
    pub disk: u64,
    /// Files and directories there. `--files`
    pub files: u64,
    /// Descriptors that one process has open. `--open-files`
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            processes: 256,
            cpus: 2.0,
            disk: 1 << 30,
            files: 100_000,
            open_files: 4096,
        }
    }
}

/// A limit that stops programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::processes`]
    Processes,
    /// [`Limits::disk`]
    Disk,
    /// [`Limits::files`]
    Files,
}

impl Limit {
    /// How `/execute` calls it in the field `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Memory => "out_of_memory",
            Self::Processes => "too_many_processes",
            Self::Disk | Self::Files => "disk_full",
        }
    }
}

impl Limits {
    /// Processors as a whole number, for those who count them.
    pub fn cpu_count(&self) -> u64 {
        (self.cpus.ceil() as u64).max(1)
    }

    /// What a person is told when it is hit: `out of memory (1 GiB)`.
    pub fn text(&self, limit: Limit) -> String {
        match limit {
            Limit::Memory => format!("out of memory ({})", Size(self.memory)),
            Limit::Processes => format!("too many processes ({})", self.processes),
            Limit::Disk => format!("disk full ({})", Size(self.disk)),
            Limit::Files => format!("disk full ({} files)", self.files),
        }
    }
}

/// Bytes, in the largest unit that says them exactly: `1 GiB`, `1536 MiB`.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let exact = |(unit, _): &(u64, &str)| bytes >= *unit && bytes.is_multiple_of(*unit);
        match units.into_iter().find(exact) {
            Some((unit, name)) => write!(formatter, "{} {name}", bytes / unit),
            None => write!(formatter, "{bytes} B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_its_value() {
        let limits = Limits {
            memory: 512 << 20,
            processes: 128,
            ..Limits::default()
        };
        assert_eq!(limits.text(Limit::Memory), "out of memory (512 MiB)");
        assert_eq!(limits.text(Limit::Processes), "too many processes (128)");
        assert_eq!(limits.text(Limit::Disk), "disk full (1 GiB)");
        assert_eq!(limits.text(Limit::Files), "disk full (100000 files)");
    }

    #[test]
    fn a_size_is_said_exactly() {
        for (bytes, text) in [
            (0, "0 B"),
            (1000, "1000 B"),
            (1 << 10, "1 KiB"),
            (1536 << 20, "1536 MiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
