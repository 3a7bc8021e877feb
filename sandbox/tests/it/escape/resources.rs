//! More of the machine than a sandbox may have. The limits are low: what fails to hold does no harm.

use reqwest::StatusCode;
use serde_json::json;

use super::{PRELUDE, outcome, refused};
use crate::fixture::{Events, Sandbox, Service, until};

const LOW: [&str; 10] = [
    "--disk-mib",
    "16",
    "--files",
    "1000",
    "--open-files",
    "64",
    "--memory-mib",
    "128",
    "--processes",
    "32",
];

attempts! { LOW;
    take_more_disk,
    take_more_disk_with_a_sparse_file,
    take_more_files,
    take_the_disk_of_another_sandbox,
    take_more_shared_memory,
    take_more_open_files,
    take_more_terminals,
    take_more_memory,
    take_more_memory_with_many_processes,
    take_more_processes,
    take_more_threads,
    fill_the_service_with_output,
    leave_descriptors_under_way,
    take_all_inotify_instances,
    keep_memory_that_no_process_has,
}

async fn take_more_disk(service: Service) {
    let sandbox = service.create().await;
    for place in ["/home/user", "/tmp", "/var/tmp"] {
        let write = format!(
            "with open('{place}/file', 'wb') as file:\n  for _ in range(40): file.write(bytes(1 << 20))"
        );
        refused(&sandbox, &write, &["ENOSPC"]).await;
        sandbox.shell(&format!("rm -f {place}/file")).await;
    }
}

async fn take_more_disk_with_a_sparse_file(service: Service) {
    let sandbox = service.create().await;
    let reserve = "os.posix_fallocate(os.open('file', os.O_RDWR | os.O_CREAT), 0, 40 << 20)";
    refused(&sandbox, reserve, &["ENOSPC"]).await;
    let fill = "fd = os.open('sparse', os.O_RDWR | os.O_CREAT)\nos.ftruncate(fd, 40 << 20)\nfor at in range(0, 40 << 20, 4096): os.pwrite(fd, bytes(4096), at)\nos.fsync(fd)";
    refused(&sandbox, fill, &["ENOSPC"]).await;
}

async fn take_more_files(service: Service) {
    let sandbox = service.create().await;
    let make = "for number in range(5000): os.symlink('x', f'link-{number}')";
    refused(&sandbox, make, &["ENOSPC"]).await;
}

async fn take_the_disk_of_another_sandbox(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    sandbox.shell("cat /dev/zero > file").await;
    let write = "with open('file', 'wb') as file: file.write(bytes(10 << 20))";
    assert_eq!(outcome(&other, write).await, "done");
}

async fn take_more_shared_memory(service: Service) {
    let sandbox = service.create().await;
    let write = "with open('/dev/shm/file', 'wb') as file:\n  for _ in range(3000): file.write(bytes(1 << 20))";
    refused(&sandbox, write, &["ENOSPC", "ENOMEM"]).await;
}

async fn take_more_open_files(service: Service) {
    let sandbox = service.create().await;
    let open = "files = []\nfor _ in range(5000): files.append(os.dup(0))";
    refused(&sandbox, open, &["EMFILE"]).await;
}

async fn take_more_terminals(service: Service) {
    let sandbox = service.create().await;
    // Each process may open fewer than the limit of files; together they try for more than there are.
    let code = "
import os
held, hold = os.pipe()
counted, count = os.pipe()
for _ in range(20):
    if os.fork() == 0:
        os.close(hold)
        ends = []
        try:
            for _ in range(25): ends.append(os.open('/dev/ptmx', os.O_RDWR))
        except OSError: pass
        os.write(count, bytes([len(ends)]))
        os.read(held, 1)
        os._exit(0)
print(sum(os.read(counted, 1)[0] for _ in range(20)))
";
    let terminals = sandbox.python(code).await.stdout;
    assert_eq!(terminals, "256\n");
}

async fn take_more_memory(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let code = "print('begun', flush=True)\ntaken = []\nfor _ in range(60): taken.append(b'x' * (10 << 20))\nprint('done')";
    let output = sandbox.python(code).await;
    assert_eq!(output.stdout, "begun\n", "{output:?}");
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
    assert_eq!(other.shell("echo up").await.stdout, "up\n");
}

async fn take_more_memory_with_many_processes(service: Service) {
    let sandbox = service.create().await;
    // Each is well below the limit, all together far above it.
    let code = "
import os
print('begun', flush=True)
held, hold = os.pipe()
children = []
for _ in range(12):
    child = os.fork()
    if child == 0:
        taken = b'x' * (40 << 20)
        os.close(hold)
        os.read(held, 1)
        os._exit(0)
    children.append(child)
import time
end = time.monotonic() + 50
ended = 0
while ended == 0 and time.monotonic() < end:
    for child in children:
        if os.waitpid(child, os.WNOHANG)[0]: ended += 1
print('done' if ended == 0 else 'some were ended')
";
    let output = sandbox.python(code).await;
    // Either some of them were ended, or all of them.
    let ended = ["begun\n", "begun\nsome were ended\n"];
    assert!(ended.contains(&output.stdout.as_str()), "{output:?}");
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

async fn take_more_processes(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let fork = "
held, hold = os.pipe()
for _ in range(100):
    if os.fork() == 0:
        os.close(hold); os.read(held, 1); os._exit(0)";
    refused(&sandbox, fork, &["EAGAIN"]).await;
    assert_eq!(other.shell("echo up").await.stdout, "up\n");
}

async fn take_more_threads(service: Service) {
    let sandbox = service.create().await;
    let start = "
import threading
end = threading.Event()
try:
    for _ in range(100): threading.Thread(target=end.wait, daemon=True).start()
except RuntimeError: raise OSError(errno.EAGAIN, '')
finally: end.set()";
    refused(&sandbox, start, &["EAGAIN"]).await;
}

async fn fill_the_service_with_output(service: Service) {
    let sandbox = service.create().await;
    let code = "import sys\nfor _ in range(400): sys.stdout.buffer.write(bytes(1 << 20))";
    let process = json!({ "cmd": "python", "args": ["-c", code] });
    // Nobody reads this stream on.
    let mut events = sandbox
        .open(json!({ "process": process, "stdin": false }))
        .await;
    let pid = events.pid().await;
    let mut asleep = 0;
    until("the program waits for its reader", async || {
        let state = sandbox
            .shell(&format!("cut -d' ' -f3 /proc/{pid}/stat"))
            .await
            .stdout;
        asleep = if state == "S\n" { asleep + 1 } else { 0 };
        asleep == 20
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kilobytes < 200 << 10, "{peak}");
}

/// Runs Python that says `ready` and holds what it took until the stream is dropped; with what it said.
async fn hold(sandbox: &Sandbox<'_>, code: &str) -> (Events, String) {
    let code = format!(
        "{PRELUDE}\n{code}\nopen('taken', 'w').write(taken)\nos.rename('taken', 'ready')\nsignal.pause()"
    );
    let process = json!({ "cmd": "python", "args": ["-c", code] });
    let mut events = sandbox
        .open(json!({ "process": process, "stdin": false }))
        .await;
    events.pid().await;
    let mut taken = String::new();
    until("the program holds what it can get", async || {
        // Also seen by the service: a program can be started all the while.
        taken = sandbox.shell("cat ready 2> /dev/null").await.stdout;
        !taken.is_empty()
    })
    .await;
    (events, taken)
}

async fn leave_descriptors_under_way(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let code = "
import array
one, two = socket.socketpair()
one.setblocking(False)
taken = ''
try:
    for _ in range(100):
        one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [two.fileno()] * 253))])
except OSError as e: taken = errno.errorcode[e.errno]";
    let (_held, taken) = hold(&sandbox, code).await;
    assert_eq!(taken, "ETOOMANYREFS");
    let third = service.create().await;
    for sandbox in [&sandbox, &other, &third] {
        assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
        let answer = sandbox
            .envd(reqwest::Method::GET, "/files?path=/etc/hostname")
            .send()
            .await;
        assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    }
}

async fn take_all_inotify_instances(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let code = "
taken = 0
while libc.inotify_init1(0) != -1: taken += 1
taken = f'{taken} {errno.errorcode[ctypes.get_errno()]}'";
    let (_held, taken) = hold(&sandbox, code).await;
    assert_eq!(taken, "48 EMFILE");
    let watch = async |sandbox: &Sandbox<'_>| {
        let message = json!({ "path": "/home/user" });
        sandbox
            .rpc("filesystem.Filesystem/CreateWatcher", message)
            .await
    };
    let (_, refusal) = watch(&sandbox).await;
    assert_eq!(refusal["code"], "resource_exhausted", "{refusal}");
    let (status, answer) = watch(&other).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// Ways to fill memory, 40 MiB after 40 MiB, that no process has mapped.
const UNMAPPED: [&str; 2] = [
    "for _ in range(20): fd = os.dup(os.memfd_create('x')); [os.write(fd, bytes(1 << 20)) for _ in range(40)]; os.dup(fd)",
    "
libc.shmat.restype = ctypes.c_void_p
for _ in range(20):
    segment = libc.shmget(0, 40 << 20, 0o1600)
    if segment == -1: raise OSError(ctypes.get_errno(), '')
    at = libc.shmat(segment, None, 0)
    ctypes.memset(at, 1, 40 << 20)
    libc.shmdt(ctypes.c_void_p(at))",
];

async fn keep_memory_that_no_process_has(service: Service) {
    let other = service.create().await;
    for attempt in UNMAPPED {
        let sandbox = service.create().await;
        // Killed by its control group, or refused.
        refused(&sandbox, attempt, &["", "ENOSYS", "ENOMEM"]).await;
    }
    assert_eq!(other.shell("echo up").await.stdout, "up\n");
}

#[tokio::test]
async fn memory_that_no_process_has_cannot_be_had_where_none_counts_it() {
    let service = Service::start_ordinary(&LOW);
    let sandbox = service.create().await;
    for attempt in UNMAPPED {
        refused(&sandbox, attempt, &["ENOSYS"]).await;
    }
    for queue in ["libc.msgget(0, 0o1600)", "libc.semget(0, 1, 0o1600)"] {
        let get = format!("if {queue} == -1: raise OSError(ctypes.get_errno(), '')");
        refused(&sandbox, &get, &["ENOSYS"]).await;
    }
}
