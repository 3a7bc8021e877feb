//! The root file system of a sandbox: a small read-only tmpfs with binds into it.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::{Step, StepError, interpreter, proc, storage, watch};
use crate::protocol::{Setup, USER_ID};
use crate::sandbox::{HOME, RUN};

/// The new root is put together on this path of the new mount namespace.
const STAGE: &str = "/tmp";
/// Directories of the system; where they are links into `/usr`, the links are copied.
pub const SYSTEM: [&str; 7] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];
/// Configuration that libraries look for. Nothing here may hold a secret.
const ETC: [&str; 16] = [
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "ssl",
    "timezone",
];
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Settings of the sandbox's own user namespace.
const OF_THE_USER: [(&str, u64); 3] = [
    // Nothing inside needs user namespaces, and they are where kernels break.
    ("max_user_namespaces", 0),
    // Charged to the service's user, too, who has 128 as a rule for all sandboxes and itself.
    ("max_inotify_instances", watch::INSTANCES),
    ("max_inotify_watches", watch::WATCHES),
];

// From linux/mount.h; see mount_setattr(2).
/// Nobody may write by way of the mount.
pub const READ_ONLY: u64 = 1;
const NO_SETUID: u64 = 2;
const NO_DEVICES: u64 = 4;
const NO_PROGRAMS: u64 = 8;

/// Something of the host, held open, and where it appears inside.
pub enum Source {
    /// A detached copy of a mount.
    Tree {
        /// The copy.
        tree: OwnedFd,
        /// Absolute path inside.
        target: PathBuf,
        /// A directory, not a file.
        directory: bool,
    },
    /// A link of the system.
    Link {
        /// Absolute path inside.
        target: PathBuf,
        /// What it says.
        says: PathBuf,
    },
}

impl Source {
    fn target(&self) -> &Path {
        match self {
            Self::Tree { target, .. } | Self::Link { target, .. } => target,
        }
    }
}

/// No mount made from here on reaches the host, nor the other way round.
pub fn make_private() -> Result<(), StepError> {
    rustix::mount::mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .step("make mounts private")
}

/// Takes hold of everything the sandbox will see of the host.
pub fn gather(setup: &Setup) -> Result<Vec<Source>, StepError> {
    let read_only = READ_ONLY | NO_SETUID | NO_DEVICES;
    let mut sources = Vec::new();
    for path in SYSTEM
        .map(PathBuf::from)
        .into_iter()
        .chain(ETC.map(|name| Path::new("/etc").join(name)))
    {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let says = fs::read_link(&path).step("read a system link")?;
                sources.push(Source::Link { target: path, says });
            }
            Ok(_) => sources.push(tree(&path, &path, read_only)?),
            // Distributions differ.
            Err(_) => {}
        }
    }
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        sources.push(tree(&path, &path, NO_SETUID | NO_PROGRAMS)?);
    }
    for path in &setup.read_only {
        if !path.starts_with("/usr") {
            sources.push(tree(path, path, read_only)?);
        }
    }
    Ok(sources)
}

/// Something of the host that may be read and executed, at another place.
pub fn read_only(path: &Path, target: &Path) -> Result<Source, StepError> {
    tree(path, target, READ_ONLY | NO_SETUID | NO_DEVICES)
}

/// A directory of the sandbox's storage.
pub fn writable(path: &Path, target: &Path) -> Result<Source, StepError> {
    let attributes = match target == Path::new(RUN) {
        true => NO_SETUID | NO_DEVICES | NO_PROGRAMS,
        false => NO_SETUID | NO_DEVICES,
    };
    tree(path, target, attributes)
}

fn tree(path: &Path, target: &Path, attributes: u64) -> Result<Source, StepError> {
    let open = || -> io::Result<Source> {
        let directory = fs::metadata(path)?.is_dir();
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = rustix::mount::open_tree(CWD, path, flags)?;
        set_attributes(
            tree.as_fd(),
            c"",
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            attributes,
        )?;
        Ok(Source::Tree {
            tree,
            target: target.to_owned(),
            directory,
        })
    };
    open().step(&format!("take '{}' into the sandbox", path.display()))
}

/// Builds the new root and moves into it. Runs as PID 1: its `/proc` shows the new pid namespace.
pub fn build(
    mut sources: Vec<Source>,
    shim: Vec<Source>,
    setup: &Setup,
    mounted: Option<OwnedFd>,
) -> Result<(), StepError> {
    let stage = Path::new(STAGE);
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", stage, flags, "mode=0755,size=4m")?;
    for directory in [
        "dev/pts", "dev/shm", "etc", "proc", "sys", "var/tmp", "run", "tmp",
    ] {
        fs::create_dir_all(stage.join(directory)).step("make a directory of the new root")?;
    }
    write_configuration(stage, &setup.hostname).step("write /etc")?;
    let scratch = stage.join("tmp");
    sources.extend(storage::gather(&setup.storage, mounted, &scratch)?);
    // A mount hides what lies below it: parents come first.
    sources.sort_by(|a, b| a.target().cmp(b.target()));
    for source in sources {
        let target = source.target().to_owned();
        attach(stage, source).step(&format!("attach '{}'", target.display()))?;
    }
    if let Some(place) = &setup.shim {
        interpreter::build(stage, place, shim)?;
    }
    // The kernel allows a new proc only while the old one is still in sight.
    mount("proc", &stage.join("proc"), flags | MountFlags::NOEXEC, "")?;
    mount(
        "devpts",
        &stage.join("dev/pts"),
        MountFlags::NOSUID | MountFlags::NOEXEC,
        // The machine has a few thousand terminals for everyone.
        "newinstance,ptmxmode=0666,mode=0620,max=256",
    )?;
    let options = format!("mode=1777,size={}", setup.shared_memory);
    mount("tmpfs", &stage.join("dev/shm"), flags, &options)?;
    for (name, most) in OF_THE_USER {
        fs::write(stage.join("proc/sys/user").join(name), most.to_string())
            .step(&format!("limit '{name}'"))?;
    }
    proc::cover(stage)?;
    std::env::set_current_dir(stage).step("enter the new root")?;
    // The old root lands on top of the new one, and is let go: no path leads back.
    nix::unistd::pivot_root(".", ".").step("change the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("let go of the old root")?;
    std::env::set_current_dir("/").step("enter the new root")?;
    set_attributes(CWD, c"/", 0, READ_ONLY | NO_SETUID | NO_DEVICES)
        .step("make the new root read-only")?;
    std::env::set_current_dir(HOME).step("enter the home directory")
}

/// Attaches one source below the new root.
pub fn attach(stage: &Path, source: Source) -> io::Result<()> {
    let place = |target: &Path| stage.join(target.strip_prefix("/").unwrap_or(target));
    match source {
        Source::Link { target, says } => symlink(says, place(&target)),
        Source::Tree {
            tree,
            target,
            directory,
        } => {
            let place = place(&target);
            if directory {
                fs::create_dir_all(&place)?;
            } else if !place.exists() {
                if let Some(parent) = place.parent() {
                    fs::create_dir_all(parent)?;
                }
                File::create(&place)?;
            }
            attach_tree(&tree, &place)
        }
    }
}

/// Mounts a detached tree.
pub fn attach_tree(tree: &OwnedFd, place: &Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    Ok(rustix::mount::move_mount(tree, "", CWD, place, flags)?)
}

fn write_configuration(stage: &Path, hostname: &str) -> io::Result<()> {
    let etc = stage.join("etc");
    fs::write(
        etc.join("passwd"),
        format!(
            "root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:{USER_ID}:{USER_ID}:user:{HOME}:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
    )?;
    fs::write(
        etc.join("group"),
        format!("root:x:0:\nuser:x:{USER_ID}:\nnogroup:x:65534:\n"),
    )?;
    fs::write(
        etc.join("hosts"),
        format!("127.0.0.1 localhost {hostname}\n::1 localhost\n"),
    )?;
    fs::write(etc.join("hostname"), format!("{hostname}\n"))?;
    fs::write(
        etc.join("nsswitch.conf"),
        "passwd: files\ngroup: files\nhosts: files\n",
    )?;
    fs::write(etc.join("resolv.conf"), "")?;
    // The distribution's own profile would take the Python environment off PATH in login shells.
    fs::write(etc.join("profile"), "umask 022\n")?;
    let dev = stage.join("dev");
    symlink("pts/ptmx", dev.join("ptmx"))?;
    symlink("/proc/self/fd", dev.join("fd"))?;
    symlink("/proc/self/fd/0", dev.join("stdin"))?;
    symlink("/proc/self/fd/1", dev.join("stdout"))?;
    symlink("/proc/self/fd/2", dev.join("stderr"))
}

/// Mounts a file system of this kernel's own making.
pub fn mount(kind: &str, target: &Path, flags: MountFlags, options: &str) -> Result<(), StepError> {
    let step = format!("mount {kind}");
    let options = CString::new(options).step(&step)?;
    rustix::mount::mount(kind, target, kind, flags, Some(options.as_c_str())).step(&step)
}

/// `mount_setattr(2)`: adds attributes to a mount, with `AT_RECURSIVE` to all below it.
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    path: &CStr,
    flags: i32,
    attributes: u64,
) -> io::Result<()> {
    #[repr(C)]
    struct MountAttributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let request = MountAttributes {
        set: attributes,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: path is a C string and request a `struct mount_attr` of the size passed; both live
    // through the call, which only reads them.
    let outcome = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            path.as_ptr(),
            flags,
            &request,
            size_of::<MountAttributes>(),
        )
    };
    nix::errno::Errno::result(outcome)?;
    Ok(())
}
