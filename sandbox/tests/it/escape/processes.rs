//! Processes of the machine and of other sandboxes; PID 1; and outliving the sandbox.

use std::process::{Child, Command};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{PLAIN, outcome, outcome_on_the_machine, refused, succeeds_outside};
use crate::fixture::{Events, Sandbox, Service, until};

attempts! { PLAIN;
    see_processes_of_the_machine,
    see_processes_of_another_sandbox,
    signal_a_process_of_the_machine,
    signal_everybody,
    kill_pid_1,
    stop_pid_1,
    trace_pid_1,
    trace_a_sibling,
    read_the_memory_of_pid_1,
    read_the_memory_of_a_sibling,
    take_the_control_socket_of_pid_1,
    outlive_the_sandbox_as_a_daemon,
    outlive_the_sandbox_as_a_stopped_process,
    outlive_the_sandbox_by_forking_on,
    drown_pid_1_in_orphans,
}

/// A process of the machine, of an ordinary user where the service is one.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("86399").spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn see_processes_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let bystander = Bystander::start();
    let pid = bystander.0.id();
    let look = format!("open('/proc/{pid}/environ').read()");
    assert_eq!(outcome_on_the_machine(&look), "done");
    refused(&sandbox, &look, &["ENOENT"]).await;
    let seen = sandbox
        .shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        .await
        .stdout;
    assert!(!seen.contains("86399"), "{seen}");
    let all = sandbox
        .python("import os; print(sorted({open(f'/proc/{n}/comm').read().strip() for n in os.listdir('/proc') if n.isdigit()}))")
        .await
        .stdout;
    // PID 1 and the program itself; where it was forked, its stand-in and the sandbox's fork server.
    let own = [
        "['python', 'sandbox-init']\n",
        "['conductor-zygot', 'python', 'sandbox-init']\n",
    ];
    assert!(own.contains(&all.as_str()), "{all}");
}

async fn see_processes_of_another_sandbox(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let mut events = other
        .open(json!({ "process": { "cmd": "/bin/sleep", "args": ["86398"] } }))
        .await;
    events.pid().await;
    assert!(
        other
            .shell("cat /proc/[0-9]*/cmdline")
            .await
            .stdout
            .contains("86398")
    );
    assert!(
        !sandbox
            .shell("cat /proc/[0-9]*/cmdline")
            .await
            .stdout
            .contains("86398")
    );
}

async fn signal_a_process_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let bystander = Bystander::start();
    let numbers = service.inits().into_iter().chain([
        bystander.0.id() as i32,
        std::process::id() as i32,
        service.child.id() as i32,
    ]);
    for pid in numbers {
        assert_eq!(
            outcome_on_the_machine(&format!("os.kill({pid}, 0)")),
            "done"
        );
        refused(&sandbox, &format!("os.kill({pid}, 0)"), &["ESRCH"]).await;
        refused(&sandbox, &format!("os.killpg({pid}, 0)"), &["ESRCH"]).await;
        refused(&sandbox, &format!("os.pidfd_open({pid})"), &["ESRCH"]).await;
    }
}

async fn signal_everybody(service: Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let mut bystander = Bystander::start();
    let mut events = other
        .open(json!({ "process": { "cmd": "/bin/sleep", "args": ["86397"] } }))
        .await;
    events.pid().await;
    sandbox.shell("kill -9 -1").await;
    assert!(bystander.0.try_wait().unwrap().is_none());
    assert!(
        other
            .shell("cat /proc/[0-9]*/cmdline")
            .await
            .stdout
            .contains("86397")
    );
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

async fn kill_pid_1(service: Service) {
    let sandbox = service.create().await;
    // Sent without an error, and dropped by the kernel.
    for signal in ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGSYS", "SIGHUP"] {
        outcome(&sandbox, &format!("os.kill(1, signal.{signal})")).await;
    }
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

async fn stop_pid_1(service: Service) {
    let sandbox = service.create().await;
    outcome(
        &sandbox,
        "os.kill(1, signal.SIGSTOP)\nos.kill(1, signal.SIGTSTP)",
    )
    .await;
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

const TRACE_ME: u8 = 0;
const ATTACH: u16 = 16;
const SEIZE: u16 = 0x4206;

async fn trace_pid_1(service: Service) {
    let sandbox = service.create().await;
    for request in [ATTACH, SEIZE] {
        let attempt = format!("call({}, {request}, 1, 0, 0)", libc::SYS_ptrace);
        refused(&sandbox, &attempt, &["EPERM"]).await;
    }
}

async fn trace_a_sibling(service: Service) {
    let sandbox = service.create().await;
    let attempt = format!(
        "import subprocess\nchild = subprocess.Popen(['sleep', '60'])\ntry: call({}, {SEIZE}, child.pid, 0, 0)\nfinally: child.kill(); child.wait()",
        libc::SYS_ptrace
    );
    succeeds_outside(&attempt);
    refused(&sandbox, &attempt, &["EPERM"]).await;
    let attempt = format!("call({}, {TRACE_ME}, 0, 0, 0)", libc::SYS_ptrace);
    refused(&sandbox, &attempt, &["EPERM"]).await;
}

async fn read_the_memory_of_pid_1(service: Service) {
    let sandbox = service.create().await;
    for file in [
        "mem",
        "maps",
        "environ",
        "auxv",
        "stack",
        "syscall",
        "io",
        "personality",
    ] {
        let attempt = format!("open('/proc/1/{file}', 'rb').read(1)");
        refused(&sandbox, &attempt, &["EACCES", "EPERM", "ENOENT"]).await;
    }
    refused(&sandbox, "open('/proc/1/oom_score_adj', 'w')", &["EACCES"]).await;
}

async fn read_the_memory_of_a_sibling(service: Service) {
    let sandbox = service.create().await;
    let attempt = |number: i64| {
        format!(
            "buffer = ctypes.create_string_buffer(8)\nvector = struct.pack('PN', ctypes.addressof(buffer), 8)\ncall({number}, os.getpid(), vector, 1, vector, 1, 0)"
        )
    };
    let read = attempt(libc::SYS_process_vm_readv);
    succeeds_outside(&read);
    refused(&sandbox, &read, &["EPERM"]).await;
    refused(&sandbox, &attempt(libc::SYS_process_vm_writev), &["EPERM"]).await;
}

async fn take_the_control_socket_of_pid_1(service: Service) {
    let sandbox = service.create().await;
    let attempt = |pid: &str| {
        format!(
            "call({}, os.pidfd_open({pid}), 3, 0)",
            libc::SYS_pidfd_getfd
        )
    };
    refused(&sandbox, &attempt("1"), &["EPERM"]).await;
    refused(&sandbox, &attempt("os.getpid()"), &["EPERM"]).await;
    refused(
        &sandbox,
        "os.open('/proc/1/fd/3', os.O_RDWR)",
        &["EACCES", "ENOENT"],
    )
    .await;
    let sockets = sandbox
        .shell("ls -l /proc/self/fd | grep -c socket")
        .await
        .stdout;
    assert_eq!(
        sockets, "0\n",
        "a program is born with none of its init's sockets"
    );
}

/// Starts a program with a mark on its command line and waits until it says that it is ready.
async fn start_marked(sandbox: &Sandbox<'_>, mark: &str, code: &str) -> Events {
    let process = json!({ "cmd": "python", "args": ["-c", code, mark] });
    let mut events = sandbox
        .open(json!({ "process": process, "stdin": false }))
        .await;
    while let Some((last, message)) = events.next().await {
        assert!(!last, "{message}");
        if message["event"]["data"]["stdout"].is_string() {
            break;
        }
    }
    events
}

/// The marked program is there, and gone once its sandbox has been killed.
async fn ends_with_its_sandbox(service: &Service, code: &str) {
    let sandbox = service.create().await;
    let mark = format!("mark-{}", sandbox.id);
    let _events = start_marked(&sandbox, &mark, code).await;
    // One look may miss a process that changes its number meanwhile.
    until("the program is seen", async || is_running(&mark)).await;
    let path = format!("/sandboxes/{}", sandbox.id);
    let ended = service.call(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let seen = (0..20).any(|_| is_running(&mark));
    assert!(!seen, "killed means that nothing is left");
}

fn is_running(mark: &str) -> bool {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .any(|process| {
            std::fs::read(process.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(mark))
        })
}

async fn outlive_the_sandbox_as_a_daemon(service: Service) {
    let code = "
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT): signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir('/')
        print('ready', flush=True)
        time.sleep(600)
";
    ends_with_its_sandbox(&service, code).await;
}

async fn outlive_the_sandbox_as_a_stopped_process(service: Service) {
    let code = "
import os, signal, time
child = os.fork()
if child == 0: os.setsid(); os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)
os.waitpid(child, os.WUNTRACED)
print('ready', flush=True)
";
    ends_with_its_sandbox(&service, code).await;
}

async fn outlive_the_sandbox_by_forking_on(service: Service) {
    // No process lives long enough to be aimed at.
    let code = "
import os, time
end = time.monotonic() + 600
print('ready', flush=True)
while time.monotonic() < end:
    if os.fork(): os._exit(0)
";
    ends_with_its_sandbox(&service, code).await;
}

async fn drown_pid_1_in_orphans(service: Service) {
    let sandbox = service.create().await;
    let code = "import os\nfor _ in range(2000):\n  child = os.fork()\n  if child == 0:\n    if os.fork() == 0: os._exit(0)\n    os._exit(0)\n  os.waitpid(child, 0)\nprint('done')";
    assert_eq!(sandbox.python(code).await.stdout, "done\n");
    until("the orphans are reaped", async || {
        sandbox
            .shell("ls -d /proc/[0-9]* | wc -l")
            .await
            .stdout
            .trim()
            .parse::<u32>()
            .unwrap()
            < 6
    })
    .await;
}
