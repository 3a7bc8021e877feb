//! The programs of the Python environment, with the shim where the interpreter was.
//!
//! A file system of its own lies on the environment's `bin`: links to the environment's programs in
//! their order, and to the shim under every name that the interpreter has. So it serves whoever
//! starts Python, by whatever path.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::mount::MountFlags;

use super::root::{self, Source};
use super::{Step, StepError};
use crate::protocol::Shim;
use crate::sandbox::RUN;

/// In the environment's `bin`.
const OWN: &str = ".conductor";
/// In the run directory.
pub const SOCKET: &str = "zygote.sock";

/// Takes hold of what goes there.
pub fn gather(shim: &Shim) -> Result<Vec<Source>, StepError> {
    let own = shim.bin.join(OWN);
    Ok(vec![
        root::read_only(&shim.program, &own.join("shim"))?,
        root::read_only(&shim.bin, &own.join("bin"))?,
    ])
}

/// Lays it out below `stage`, which has the environment already.
pub fn build(stage: &Path, shim: &Shim, sources: Vec<Source>) -> Result<(), StepError> {
    let bin = stage.join(shim.bin.strip_prefix("/").unwrap_or(&shim.bin));
    let names = fs::read_dir(&bin)
        .and_then(|entries| {
            let name = |entry: io::Result<fs::DirEntry>| Ok(PathBuf::from(entry?.file_name()));
            entries.map(name).collect::<io::Result<Vec<_>>>()
        })
        .step("list the environment's programs")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    root::mount("tmpfs", &bin, flags, "mode=0755,size=1m")?;
    let build = || -> io::Result<()> {
        let own = bin.join(OWN);
        fs::create_dir(&own)?;
        for source in sources {
            root::attach(stage, source)?;
        }
        // A copied interpreter (`venv --copies`) lies where the shim is now, too.
        let interpreter = match shim.interpreter.strip_prefix(&shim.bin) {
            Ok(name) => Path::new("bin").join(name),
            Err(_) => shim.interpreter.clone(),
        };
        symlink(interpreter, own.join("python"))?;
        symlink(Path::new(RUN).join(SOCKET), own.join("socket"))?;
        for name in names {
            let leads = match name.to_string_lossy().starts_with("python") {
                true => Path::new(OWN).join("shim"),
                false => Path::new(OWN).join("bin").join(&name),
            };
            symlink(leads, bin.join(name))?;
        }
        let mount = fs::File::open(&bin)?;
        root::set_attributes(mount.as_fd(), c"", libc::AT_EMPTY_PATH, root::READ_ONLY)
    };
    build().step("put the shim in the interpreter's place")
}
