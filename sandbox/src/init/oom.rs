//! Who goes when memory runs out: a program of the sandbox, not its init.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::{Step, StepError};

/// Far enough from an ordinary process's 0 that a program of any size goes first. A program may
/// lower its own again: then its own sandbox may end.
const PROGRAMS: i32 = 500;

/// The init's own score, and a higher one for what it starts.
pub struct OomScore {
    file: File,
    own: i32,
}

impl OomScore {
    /// Takes hold of the score. Later, the init may not open even its own files in `/proc`.
    pub fn open() -> Result<Self, StepError> {
        // The change of identity has hidden them; nothing runs inside yet that could look.
        nix::sys::prctl::set_dumpable(true).step("open the OOM score")?;
        let open = || -> io::Result<Self> {
            let mut file = File::options()
                .read(true)
                .write(true)
                .open("/proc/self/oom_score_adj")?;
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            let own = text.trim().parse().unwrap_or(0);
            Ok(Self { file, own })
        };
        open().step("open the OOM score")
    }

    /// Starts something with the higher score: it is inherited, and what has been started is out of
    /// reach for us.
    pub fn raised<T>(&self, start: impl FnOnce() -> T) -> T {
        self.set(self.own.max(PROGRAMS));
        let started = start();
        self.set(self.own);
        started
    }

    fn set(&self, score: i32) {
        // It is only the order in which processes go.
        let _ = self.file.write_all_at(score.to_string().as_bytes(), 0);
    }
}
