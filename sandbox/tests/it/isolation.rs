//! What a sandbox cannot see, reach or do; and that it works for ordinary users, too.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Service, command};

#[tokio::test]
async fn there_is_a_loopback_and_no_other_network() {
    let service = Service::start();
    let sandbox = service.create().await;
    let interfaces = sandbox
        .python("import socket; print([name for _, name in socket.if_nameindex()])")
        .await;
    assert_eq!(interfaces.stdout, "['lo']\n");
    // A listener of the host, on its loopback.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let attempt = sandbox.python(&format!("import socket\ntry: socket.create_connection(('127.0.0.1', {port}), 5); print('connected')\nexcept OSError as e: print(type(e).__name__)")).await;
    assert_eq!(attempt.stdout, "ConnectionRefusedError\n");
}

#[tokio::test]
async fn only_its_own_processes_are_visible() {
    let service = Service::start();
    let (sandbox, other) = (service.create().await, service.create().await);
    let mut events = other
        .open(json!({ "process": { "cmd": "/bin/sleep", "args": ["987654"] } }))
        .await;
    events.pid().await;
    let seen = sandbox.shell("ps -e -o args=").await.stdout;
    assert!(
        !seen.contains("987654") && seen.lines().count() <= 4,
        "{seen}"
    );
    sandbox.shell("kill -9 1; kill -9 -1").await;
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
    assert_eq!(other.shell("echo up").await.stdout, "up\n");
}

#[tokio::test]
async fn the_hosts_files_and_other_sandboxes_are_out_of_sight() {
    let service = Service::start();
    let (sandbox, other) = (service.create().await, service.create().await);
    other
        .shell("echo private > ~/note; echo private > /tmp/note")
        .await;
    let seen = sandbox
        // A checkout below /tmp has its Python environment there, inside, too.
        .shell("cat /home/user/note /tmp/note; find /home /tmp -path $VIRTUAL_ENV -prune -o ! -type d -print")
        .await
        .stdout;
    assert_eq!(seen, "");
    let state = service.state.display();
    assert_ne!(
        sandbox
            .shell(&format!(
                "ls {state} || ls /etc/shadow || ls /var/log || ls /boot"
            ))
            .await
            .end["exitCode"],
        0
    );
}

#[tokio::test]
async fn there_are_no_privileges_to_use() {
    let service = Service::start();
    let sandbox = service.create().await;
    let status = sandbox
        .shell("id -u; grep -E '^(Cap|NoNewPrivs)' /proc/self/status | tr -d '\\t'")
        .await
        .stdout;
    let nothing = "0".repeat(16);
    assert_eq!(
        status,
        format!(
            "1000\nCapInh:{nothing}\nCapPrm:{nothing}\nCapEff:{nothing}\nCapBnd:{nothing}\nCapAmb:{nothing}\nNoNewPrivs:1\n"
        )
    );
    for attempt in [
        "mount -t tmpfs none /tmp",
        "unshare -U true",
        "hostname other",
        "touch /new",
        "touch /usr/new",
        "touch $VIRTUAL_ENV/new",
        "cat /proc/1/environ",
        "ls /proc/1/fd/",
        "chroot / true",
    ] {
        assert_ne!(sandbox.shell(attempt).await.end["exitCode"], 0, "{attempt}");
    }
}

#[tokio::test]
async fn the_init_cannot_be_killed_or_traced_from_inside() {
    let service = Service::start();
    let sandbox = service.create().await;
    let attempt = "import ctypes, os, signal\nos.kill(1, signal.SIGKILL)\nlibc = ctypes.CDLL(None, use_errno=True)\nprint(libc.ptrace(16, 1, 0, 0))";
    assert_eq!(sandbox.python(attempt).await.stdout, "-1\n");
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

#[tokio::test]
async fn nothing_inherited_is_passed_on() {
    let service = Service::start();
    let sandbox = service.create().await;
    let descriptors = sandbox.shell("ls /proc/self/fd | wc -l").await.stdout;
    assert_eq!(
        descriptors, "4\n",
        "the three standard ones, and that of ls"
    );
    let variables = sandbox
        .shell("env | cut -d= -f1 | sort | tr '\\n' ' '")
        .await
        .stdout;
    assert_eq!(
        variables,
        "E2B_SANDBOX E2B_SANDBOX_ID HOME LANG LOGNAME PATH PWD SHELL SHLVL USER VIRTUAL_ENV _ "
    );
}

#[tokio::test]
async fn an_ordinary_user_can_run_the_service() {
    let service = Service::start_ordinary(&[]);
    let sandbox = service.create().await;
    let output = sandbox.python("import os, socket; open('file', 'w').write('x'); print(os.getuid(), os.listdir(), [name for _, name in socket.if_nameindex()])").await;
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("1000 ['file'] ['lo']\n", "")
    );
    sandbox
        .shell("mkdir -p locked/in; chmod 0 locked/in locked")
        .await;
    assert_eq!(
        service
            .call(Method::DELETE, &format!("/sandboxes/{}", sandbox.id))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        std::fs::read_dir(service.state.join("sandboxes"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn without_namespaces_the_service_refuses_to_start() {
    let folder = tempfile::tempdir().unwrap();
    // A user namespace whose limit of further ones is zero stands for a machine that forbids them.
    let mut shell = std::process::Command::new("unshare");
    shell
        .args(["--user", "--map-root-user", "sh"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = shell.spawn().expect("unshare, of util-linux");
    let service = command(
        &folder.path().join("state"),
        Path::new(crate::fixture::VENV),
    );
    let words: Vec<_> = std::iter::once(service.get_program())
        .chain(service.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && exec {}",
        words.join(" ")
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    let outcome = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(
        !outcome.status.success()
            && said.contains("make namespaces")
            && said.contains("--insecure-no-isolation"),
        "{said}"
    );
}

#[tokio::test]
async fn told_so_the_service_runs_without_isolation() {
    let service = Service::start_with(&["--insecure-no-isolation"]);
    let sandbox = service.create().await;
    let output = sandbox
        .shell("pwd; echo $HOME; setsid sleep 54321 > /dev/null 2>&1 &")
        .await;
    assert!(output.stdout.contains(&sandbox.id), "{output:?}");
    sandbox
        .envd(Method::POST, "/files?path=/home/user/a/b.txt")
        .header("Content-Type", "application/octet-stream")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(sandbox.shell("cat a/b.txt").await.stdout, "x");
    assert_eq!(
        service
            .call(Method::DELETE, &format!("/sandboxes/{}", sandbox.id))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NO_CONTENT
    );
    let processes = std::process::Command::new("ps")
        .args(["-e", "-o", "args="])
        .output()
        .unwrap();
    assert!(
        !String::from_utf8_lossy(&processes.stdout).contains("sleep 54321"),
        "orphans end with their sandbox"
    );
}
