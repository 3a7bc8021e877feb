//! Files of the machine, of other sandboxes, and those that all sandboxes share.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{PLAIN, outcome, outcome_on_the_machine, refused};
use crate::fixture::{Sandbox, Service};

attempts! { PLAIN;
    read_a_file_of_the_machine,
    read_another_sandboxs_files,
    find_other_sandboxes_by_guessing,
    walk_out_through_proc,
    walk_out_through_a_root_of_ones_own,
    climb_out_with_dots,
    open_a_file_by_its_handle,
    write_to_the_python_environment,
    replace_a_module_of_the_python_environment,
    write_to_the_system,
    make_a_device_node,
    run_a_program_from_the_run_directory,
}

/// A file of the machine that everybody may read.
pub struct Secret {
    _folder: TempDir,
    pub path: PathBuf,
}

impl Secret {
    pub fn place() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    pub fn is_untouched(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == "secret")
    }
}

const OUT_OF_SIGHT: [&str; 2] = ["ENOENT", "EACCES"];

async fn read_a_file_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let read = format!("open('{}').read()", secret.path.display());
    assert_eq!(outcome_on_the_machine(&read), "done");
    refused(&sandbox, &read, &OUT_OF_SIGHT).await;
    for path in [
        "/etc/shadow",
        "/etc/gshadow",
        "/var/log",
        "/boot",
        "/etc/hosts.allow",
        "/opt",
    ] {
        refused(
            &sandbox,
            &format!("os.open('{path}', os.O_RDONLY)"),
            &OUT_OF_SIGHT,
        )
        .await;
    }
}

async fn read_another_sandboxs_files(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let note = "echo private > ~/note; echo private > /tmp/note; echo private > /var/tmp/note; \
        echo private > /dev/shm/note; echo private > /run/conductor/note";
    other.shell(note).await;
    for place in [
        "/home/user",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run/conductor",
    ] {
        refused(&sandbox, &format!("open('{place}/note')"), &["ENOENT"]).await;
    }
    let state = service.state.join("sandboxes").join(&other.id);
    let open = format!("os.open('{}', os.O_RDONLY)", state.display());
    refused(&sandbox, &open, &OUT_OF_SIGHT).await;
}

async fn find_other_sandboxes_by_guessing(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let search = format!(
        "for folder, _, names in os.walk('/'):\n  if folder.startswith('/proc'): continue\n  \
         if '{0}' in folder or '{0}' in names: raise OSError(errno.EEXIST, folder)",
        other.id
    );
    assert_eq!(outcome(&sandbox, &search).await, "done");
    // By its own name, so that the search is known to search.
    sandbox
        .shell(&format!("mkdir -p ~/deep/{}", other.id))
        .await;
    refused(&sandbox, &search, &["EEXIST"]).await;
}

async fn walk_out_through_proc(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let path = secret.path.display();
    for way in [
        "/proc/1/root",
        "/proc/1/cwd",
        "/proc/1/fd",
        "/proc/1/map_files",
    ] {
        refused(
            &sandbox,
            &format!("os.listdir('{way}')"),
            &["EACCES", "EPERM"],
        )
        .await;
    }
    for way in [
        "/proc/self/root",
        "/proc/thread-self/root",
        "/proc/self/cwd/../..",
    ] {
        refused(&sandbox, &format!("open('{way}{path}')"), &OUT_OF_SIGHT).await;
    }
    let test = std::process::id();
    refused(
        &sandbox,
        &format!("open('/proc/{test}/root{path}')"),
        &["ENOENT"],
    )
    .await;
    refused(
        &sandbox,
        "os.open('/proc/1/ns/mnt', os.O_RDONLY)",
        &["EACCES"],
    )
    .await;
}

async fn walk_out_through_a_root_of_ones_own(service: Service) {
    let sandbox = service.create().await;
    // The classical way out of a changed root: change it again while outside of it.
    let attempt = "here = os.open('/', os.O_RDONLY)\nos.mkdir('below')\nos.chroot('below')\nos.fchdir(here)\nfor _ in range(50): os.chdir('..')\nos.chroot('.')";
    refused(&sandbox, attempt, &["EPERM"]).await;
}

async fn climb_out_with_dots(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let path = format!("{}{}", "/..".repeat(40), secret.path.display());
    refused(&sandbox, &format!("open('{path}')"), &OUT_OF_SIGHT).await;
    let climb = "for _ in range(60): os.chdir('..')\nif os.stat('.').st_ino != os.stat('/').st_ino: raise OSError(errno.EEXIST, '')";
    assert_eq!(outcome(&sandbox, climb).await, "done");
}

async fn open_a_file_by_its_handle(service: Service) {
    let sandbox = service.create().await;
    // The handle of a file system's root directory is easily guessed.
    let attempt = format!(
        "handle = struct.pack('IiII', 8, 1, 2, 0)\ncall({}, os.open('/usr', os.O_RDONLY), handle, 0)",
        libc::SYS_open_by_handle_at
    );
    refused(&sandbox, &attempt, &["EPERM"]).await;
}

async fn write_to_the_python_environment(service: Service) {
    let sandbox = service.create().await;
    for place in [
        "os.path.join(sys.prefix, 'new')",
        "os.path.join(sys.prefix, 'pyvenv.cfg')",
        "os.path.join(sys.base_prefix, 'new')",
        "os.__file__",
        "sys.executable",
    ] {
        let write = format!("os.open({place}, os.O_WRONLY | os.O_CREAT)");
        refused(&sandbox, &write, &["EROFS", "EACCES"]).await;
    }
}

async fn replace_a_module_of_the_python_environment(service: Service) {
    let sandbox = service.create().await;
    sandbox.shell("echo 'evil = True' > json.py").await;
    let module = "os.path.join(os.path.dirname(os.__file__), 'json/__init__.py')";
    for attempt in [
        format!("os.rename('json.py', {module})"),
        format!("os.unlink({module})"),
        format!("os.link({module}, 'link')"),
        format!("os.chmod({module}, 0o666)"),
        format!("os.utime({module})"),
        format!("os.truncate({module}, 0)"),
        format!("os.setxattr({module}, 'user.note', b'x')"),
        "os.symlink('/home/user', os.path.join(sys.prefix, 'lib/python3/dist'))".to_owned(),
    ] {
        refused(
            &sandbox,
            &attempt,
            &["EROFS", "EACCES", "EXDEV", "EPERM", "ENOENT"],
        )
        .await;
    }
    let other = service.create().await;
    let loaded = other
        .python("import json; print(hasattr(json, 'evil'))")
        .await;
    assert_eq!(loaded.stdout, "False\n");
}

async fn write_to_the_system(service: Service) {
    let sandbox = service.create().await;
    for path in [
        "/new",
        "/usr/new",
        "/usr/bin/env",
        "/etc/passwd",
        "/etc/new",
        "/etc/ld.so.preload",
        "/bin/sh",
        "/lib/new",
        "/dev/new",
        "/sys/new",
        "/run/new",
        "/home/new",
        "/var/new",
        "/proc/new",
    ] {
        let write = format!("os.open('{path}', os.O_WRONLY | os.O_CREAT)");
        refused(&sandbox, &write, &["EROFS", "EACCES", "ENOENT"]).await;
    }
    for attempt in [
        "os.rename('/usr', '/usr2')",
        "os.rmdir('/sys')",
        "os.chmod('/', 0o777)",
    ] {
        refused(&sandbox, attempt, &["EROFS", "EBUSY", "EPERM", "EACCES"]).await;
    }
}

async fn make_a_device_node(service: Service) {
    let sandbox = service.create().await;
    for (kind, major, minor) in [("S_IFBLK", 8, 0), ("S_IFBLK", 7, 0), ("S_IFCHR", 1, 1)] {
        let attempt = format!(
            "import stat\nos.mknod('node', stat.{kind} | 0o666, os.makedev({major}, {minor}))"
        );
        refused(&sandbox, &attempt, &["EPERM", "EACCES"]).await;
    }
    let devices = inside(&sandbox, "ls -A /dev").await;
    assert_eq!(
        devices,
        "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"
    );
}

async fn run_a_program_from_the_run_directory(service: Service) {
    let sandbox = service.create().await;
    let attempt = "import shutil\nshutil.copy('/usr/bin/true', '/run/conductor/true')\nos.execv('/run/conductor/true', ['true'])";
    refused(&sandbox, attempt, &["EACCES"]).await;
}

async fn inside(sandbox: &Sandbox<'_>, command: &str) -> String {
    let output = sandbox.shell(command).await.stdout;
    output.split_whitespace().collect::<Vec<_>>().join(" ")
}
