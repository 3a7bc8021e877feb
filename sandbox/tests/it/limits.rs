//! What a sandbox may use, what it is told when it wants more, and that its neighbour never notices.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Sandbox, Service, until};

const SMALL: [&str; 4] = ["--memory-mib", "256", "--processes", "64"];
const NO_MEMORY: &str = "out of memory (256 MiB)";
const NO_PROCESSES: &str = "too many processes (64)";

/// The lines of an execution in the default context of a language.
async fn execute(sandbox: &Sandbox<'_>, language: &str, code: &str) -> Vec<Value> {
    let response = sandbox
        .call(49999, Method::POST, "/execute")
        .json(&json!({ "code": code, "language": language }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    let text = response.text().await.expect("lines");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line["type"] != "keepalive")
        .collect()
}

/// Name, kind and text of an execution's error.
fn error(lines: &[Value]) -> (&str, &str, &str) {
    let error = lines.iter().find(|line| line["type"] == "error");
    let error = error.unwrap_or_else(|| panic!("no error: {lines:#?}"));
    let text = |field: &str| error[field].as_str().unwrap_or("");
    (text("name"), text("kind"), text("value"))
}

async fn stdout(sandbox: &Sandbox<'_>, code: &str) -> String {
    let lines = execute(sandbox, "python", code).await;
    let said = lines.iter().filter(|line| line["type"] == "stdout");
    said.filter_map(|line| line["text"].as_str()).collect()
}

/// The service's control groups, as it notes them.
fn groups(service: &Service) -> Vec<PathBuf> {
    let noted = fs::read_to_string(service.state.join("control-groups")).unwrap_or_default();
    noted.lines().map(PathBuf::from).collect()
}

/// A file of a sandbox's control group, in whichever hierarchy has it.
fn group_file(sandbox: &Sandbox<'_>, names: &[&str]) -> String {
    groups(sandbox.service)
        .iter()
        .flat_map(|group| names.iter().map(|name| group.join(&sandbox.id).join(name)))
        .find_map(|path| fs::read_to_string(path).ok())
        .unwrap_or_else(|| panic!("no {names:?}: this test needs control groups"))
}

#[tokio::test]
async fn a_kernel_that_takes_too_much_memory_is_replaced_and_told_so() {
    let service = Service::start_with(&SMALL);
    let (sandbox, other) = (service.create().await, service.create().await);
    assert_eq!(stdout(&other, "kept = 1; print('up')").await, "up\n");
    let greedy = "all = [bytearray(b'x') * (8 << 20) for _ in range(100)]";
    let lines = execute(&sandbox, "python", greedy).await;
    assert_eq!(error(&lines), ("OutOfMemory", "out_of_memory", NO_MEMORY));
    assert_eq!(stdout(&sandbox, "print('again')").await, "again\n");
    assert_eq!(stdout(&other, "print(kept)").await, "1\n");
}

#[tokio::test]
async fn one_request_for_far_too_much_memory_costs_nothing() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let lines = execute(&sandbox, "python", "kept = 1; bytearray(8 << 30)").await;
    assert_eq!(error(&lines), ("MemoryError", "out_of_memory", NO_MEMORY));
    assert_eq!(stdout(&sandbox, "print(kept)").await, "1\n");
}

#[tokio::test]
async fn a_program_that_is_killed_for_memory_leaves_the_kernel_alone() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let program = "import subprocess, sys; kept = 1\nprogram = [sys.executable, '-c', \"all = [b'x' * (8 << 20) for _ in range(100)]\"]\n";
    let checked = format!("{program}subprocess.run(program, check=True)");
    let lines = execute(&sandbox, "python", &checked).await;
    assert_eq!(
        error(&lines),
        ("CalledProcessError", "out_of_memory", NO_MEMORY)
    );
    let unchecked = format!("{program}_ = subprocess.run(program)");
    let lines = execute(&sandbox, "python", &unchecked).await;
    let notice = lines.iter().find(|line| line["type"] == "stderr");
    assert_eq!(
        notice.expect("a notice")["text"],
        format!("a process was stopped: {NO_MEMORY}\n")
    );
    assert_eq!(stdout(&sandbox, "print(kept)").await, "1\n");
    let lines = execute(&sandbox, "python", "1 / 0").await;
    assert_eq!(error(&lines), ("ZeroDivisionError", "", "division by zero"));
}

#[tokio::test]
async fn an_exception_that_no_limit_is_behind_stays_as_it_was_raised() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let killed = "import subprocess, sys; subprocess.run([sys.executable, '-c', \"all = [b'x' * (8 << 20) for _ in range(100)]\"])";
    let lines = execute(&sandbox, "python", &format!("{killed}\n{{}}['x']")).await;
    assert_eq!(error(&lines), ("KeyError", "", "'x'"));
    for (code, name, value) in [
        ("eval('-' * 100000 + '1')", "MemoryError", ""),
        (
            "raise OSError(28, 'inotify watch limit reached')",
            "OSError",
            "[Errno 28] inotify watch limit reached",
        ),
        (
            "raise OSError(28, 'No space left on device')",
            "OSError",
            "[Errno 28] No space left on device",
        ),
    ] {
        let lines = execute(&sandbox, "python", code).await;
        assert_eq!(error(&lines), (name, "", value), "{code}");
    }
}

#[tokio::test]
async fn shared_memory_is_memory() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let fill = "file = open('/dev/shm/all', 'wb', buffering=0)\nfor _ in range(100): file.write(b'x' * (8 << 20))";
    let (_, kind, value) = {
        let lines = execute(&sandbox, "python", fill).await;
        let (name, kind, value) = error(&lines);
        (name.to_owned(), kind.to_owned(), value.to_owned())
    };
    assert_eq!(
        (kind.as_str(), value.as_str()),
        ("out_of_memory", NO_MEMORY)
    );
    assert_eq!(stdout(&sandbox, "print('works on')").await, "works on\n");
}

#[tokio::test]
async fn a_bomb_of_threads_or_processes_is_told_so() {
    let service = Service::start_with(&["--processes", "64"]);
    let (sandbox, other) = (service.create().await, service.create().await);
    assert_eq!(stdout(&other, "print('up')").await, "up\n");
    for bomb in [
        "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()",
        "import os\nwhile True: os.fork()",
        "import subprocess\nall = []\nwhile True: all.append(subprocess.Popen(['sleep', '600']))",
    ] {
        let lines = execute(&sandbox, "python", bomb).await;
        let (_, kind, value) = error(&lines);
        assert_eq!(
            (kind, value),
            ("too_many_processes", NO_PROCESSES),
            "{bomb}"
        );
        let reached = stdout(
            &other,
            "import os; print(sum(name.isdigit() for name in os.listdir('/proc')) < 10)",
        );
        assert_eq!(reached.await, "True\n");
        // The threads end; copies of the kernel that come out of the code do, too.
        until("room for a process", async || {
            let room = "[program.kill() for program in globals().get('all', [])]; import subprocess; print(subprocess.run(['true']).returncode)";
            stdout(&sandbox, room).await.ends_with("0\n")
        })
        .await;
    }
}

#[tokio::test]
async fn a_shell_is_told_so_too() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let greedy = "python -c \"all = [b'x' * (8 << 20) for _ in range(100)]\"";
    let lines = execute(&sandbox, "bash", greedy).await;
    assert_eq!(error(&lines), ("ExitCode", "out_of_memory", NO_MEMORY));
    let lines = execute(&sandbox, "bash", "false").await;
    assert_eq!(error(&lines), ("ExitCode", "", "exit code 1"));
}

#[tokio::test]
async fn a_kernel_that_dies_of_something_else_says_of_what() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    for (code, how) in [
        (
            "import ctypes; ctypes.string_at(0)",
            "SIGSEGV (segmentation fault)",
        ),
        ("import os; os.abort()", "SIGABRT (abort)"),
        ("import os; os._exit(3)", "exit code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "SIGKILL",
        ),
    ] {
        execute(&sandbox, "python", "lost = 1").await;
        let lines = execute(&sandbox, "python", code).await;
        let (name, kind, value) = error(&lines);
        assert_eq!((name, kind), ("KernelDied", "killed"));
        assert!(
            value.contains(how) && value.contains("variables are lost"),
            "{value}"
        );
        assert_eq!(
            stdout(&sandbox, "print('lost' in globals())").await,
            "False\n"
        );
    }
}

/// What commands are told, by whatever holds them on this machine: control groups or not.
async fn commands_hit_their_limits(service: &Service) {
    let (sandbox, other) = (service.create().await, service.create().await);
    let python = "all = [b'x' * (8 << 20) for _ in range(100)]";
    let end = sandbox.python(python).await.end;
    assert_eq!(
        end["error"],
        format!("signal: killed: {NO_MEMORY}"),
        "{end}"
    );
    let end = sandbox.shell(&format!("python -c \"{python}\"")).await.end;
    assert_eq!(
        end["error"],
        format!("signal: killed: {NO_MEMORY}"),
        "{end}"
    );
    // Spread over many processes, none of which is large.
    let spread = "import os\nfor _ in range(20):\n    if os.fork() == 0:\n        all = [b'x' * (1 << 20) for _ in range(30)]\n        os.read(0, 1); os._exit(0)\nprint(sum(os.waitstatus_to_exitcode(os.wait()[1]) == -9 for _ in range(1)))";
    let message = json!({ "process": { "cmd": "python", "args": ["-c", spread] }, "stdin": true });
    let output = sandbox.open(message).await.finish().await;
    assert_eq!(output.stdout, "1\n", "{output:?}");
    let bomb = "import os, signal\npids = []\ntry:\n    while len(pids) < 500:\n        pid = os.fork()\n        if pid == 0: signal.pause()\n        pids.append(pid)\nexcept OSError as e: print(type(e).__name__)\nprint(30 < len(pids) < 70)\nfor pid in pids: os.kill(pid, 9)";
    assert_eq!(sandbox.python(bomb).await.stdout, "BlockingIOError\nTrue\n");
    for sandbox in [&sandbox, &other] {
        until("room for a process", async || {
            sandbox.shell("echo up").await.stdout == "up\n"
        })
        .await;
    }
}

#[tokio::test]
async fn commands_are_told_so() {
    let service = Service::start_with(&SMALL);
    commands_hit_their_limits(&service).await;
    let sandbox = service.create().await;
    let end = sandbox
        .shell("for i in $(seq 200); do sleep 5 & done 2> /dev/null; exit 3")
        .await
        .end;
    assert!(
        end["error"]
            .as_str()
            .is_some_and(|error| error.ends_with(NO_PROCESSES)),
        "{end}"
    );
}

#[tokio::test]
async fn without_control_groups_limits_hold_as_well() {
    let service = Service::start_ordinary(&SMALL);
    assert_eq!(groups(&service), Vec::<PathBuf>::new());
    commands_hit_their_limits(&service).await;
}

#[tokio::test]
async fn a_program_goes_before_the_init() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    until("the init has its own score back", async || {
        let scores = sandbox
            .shell("cat /proc/1/oom_score_adj /proc/self/oom_score_adj")
            .await;
        scores.stdout == "0\n500\n"
    })
    .await;
}

#[tokio::test]
async fn processors_and_open_files_are_limited() {
    let service = Service::start_with(&["--cpus", "0.5", "--open-files", "100"]);
    let sandbox = service.create().await;
    let quota = group_file(&sandbox, &["cpu.cfs_quota_us", "cpu.max"]);
    assert!(quota == "50000\n" || quota == "50000 100000\n", "{quota}");
    assert_eq!(
        sandbox.shell("ulimit -n; ulimit -c").await.stdout,
        "100\n0\n"
    );
}

#[tokio::test]
async fn control_groups_go_with_what_they_hold() {
    let mut service = Service::start_with(&SMALL);
    let (first, second) = (service.create().await, service.create().await);
    let of = |id: &str| {
        let all = groups(&service).into_iter();
        all.map(|group| group.join(id)).collect::<Vec<_>>()
    };
    let exists = |paths: &[PathBuf]| paths.iter().any(|path| path.exists());
    let (killed, crashed) = (of(&first.id), of(&second.id));
    assert!(killed.iter().all(|path| path.exists()) && !killed.is_empty());
    first.shell("sleep 600 > /dev/null 2>&1 &").await;
    let path = format!("/sandboxes/{}", first.id);
    service.call(Method::DELETE, &path).send().await.unwrap();
    assert!(!exists(&killed) && exists(&crashed));
    drop((first, second));
    let before = groups(&service);
    service.crash_and_restart();
    assert!(!exists(&crashed) && !exists(&before));
    let after = groups(&service);
    assert!(after.iter().all(|path: &PathBuf| Path::exists(path)) && !after.is_empty());
    service.create().await;
    service.stop();
    assert!(!exists(&after));
    // Of one that never comes back, too.
    let mut abandoned = Service::start();
    let left = groups(&abandoned);
    abandoned.child.kill().unwrap();
    abandoned.child.wait().unwrap();
    let living = Service::start();
    assert!(!exists(&left) && groups(&living).iter().all(|path| path.exists()));
    let _another = Service::start();
    assert!(groups(&living).iter().all(|path| path.exists()));
}

#[tokio::test]
async fn metrics_tell_the_limits_and_what_is_used() {
    let service =
        Service::start_with(&["--memory-mib", "512", "--cpus", "1.5", "--disk-mib", "64"]);
    let sandbox = service.create().await;
    let path = format!("/sandboxes/{}", sandbox.id);
    let of_control = async |path: &str| {
        let response = service.call(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        crate::fixture::json(response).await
    };
    let detail = of_control(&path).await;
    assert_eq!(
        (
            &detail["cpuCount"],
            &detail["memoryMB"],
            &detail["diskSizeMB"]
        ),
        (&json!(2), &json!(512), &json!(64))
    );
    stdout(
        &sandbox,
        "held = b'x' * (100 << 20); open('file', 'wb').write(b'x' * (20 << 20))",
    )
    .await;
    let samples = of_control(&format!("{path}/metrics")).await;
    let sample = samples
        .as_array()
        .and_then(|all| all.last())
        .expect("a sample");
    let number = |field: &str| sample[field].as_u64().unwrap_or_else(|| panic!("{sample}"));
    assert_eq!(
        (number("memTotal"), number("diskTotal"), number("cpuCount")),
        (512 << 20, 64 << 20, 2)
    );
    assert!(
        (100 << 20..400 << 20).contains(&number("memUsed")),
        "{sample}"
    );
    assert!(
        (20 << 20..40 << 20).contains(&number("diskUsed")),
        "{sample}"
    );
    let share = sample["cpuUsedPct"].as_f64().expect("a share");
    assert!(share > 0.0 && share <= 100.0, "{sample}");
    assert!(
        sample["timestamp"].is_string() && sample["memCache"].is_u64(),
        "{sample}"
    );
    let later = format!("{path}/metrics?start={}", number("timestampUnix") + 3600);
    assert_eq!(of_control(&later).await, json!([]));
    let response = sandbox.envd(Method::GET, "/metrics").send().await.unwrap();
    let sample = crate::fixture::json(response).await;
    assert_eq!(
        (
            &sample["mem_total"],
            &sample["disk_total"],
            &sample["oom_kills"]
        ),
        (&json!(512 << 20), &json!(64 << 20), &json!(0))
    );
    assert!(
        sample["ts"].is_i64() && sample["cpu_used_pct"].is_f64(),
        "{sample}"
    );
}

#[tokio::test]
async fn metrics_need_no_control_group() {
    let service = Service::start_ordinary(&[]);
    let sandbox = service.create().await;
    let program = "held = b'x' * (100 << 20)\nprint('up', flush=True)\ninput()";
    let message = json!({ "process": { "cmd": "python", "args": ["-c", program] }, "stdin": true });
    let mut events = sandbox.open(message).await;
    events.pid().await;
    until("the program's memory is counted", async || {
        let response = sandbox.envd(Method::GET, "/metrics").send().await.unwrap();
        let sample = crate::fixture::json(response).await;
        sample["mem_used"]
            .as_u64()
            .is_some_and(|used| used > 100 << 20)
            && sample["cpu_used_pct"]
                .as_f64()
                .is_some_and(|share| share > 0.0)
    })
    .await;
}
