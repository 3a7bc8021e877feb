//! Callers that leave, code that does not stop, kernels that die.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{Interpreter, of, stdout};

#[tokio::test]
async fn a_caller_that_goes_away_interrupts_its_code() {
    let interpreter = Interpreter::start().await;
    interpreter.python("kept = 1").await;
    for code in [
        "print('on')\nwhile True: pass",
        "import time; print('on'); time.sleep(600)",
        "import asyncio; print('on'); await asyncio.sleep(600)",
        "import subprocess; print('on'); subprocess.run(['sleep', '600'])",
    ] {
        interpreter.abandon(json!({ "code": code })).await;
        // Of a kernel that does not stop by itself, and is replaced, nothing would be kept.
        assert_eq!(
            stdout(&interpreter.python("print(kept)").await),
            "1\n",
            "{code}"
        );
    }
    // One that waits for its turn has nothing to interrupt.
    let blocking = interpreter
        .send(
            Method::POST,
            "/execute",
            Some(json!({ "code": "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nkept += 1" })),
        )
        .await;
    drop(
        interpreter
            .send(
                Method::POST,
                "/execute",
                Some(json!({ "code": "kept = 'never'" })),
            )
            .await,
    );
    // As long as it takes to notice that somebody has gone.
    interpreter.bash("sleep 0.5; touch go").await;
    blocking.text().await.expect("text");
    assert_eq!(stdout(&interpreter.python("print(kept)").await), "2\n");
}

#[tokio::test]
async fn a_silent_execution_shows_that_it_lives() {
    let interpreter = Interpreter::start().await;
    let code = "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('done')";
    let begun = Instant::now();
    let mut response = interpreter
        .send(Method::POST, "/execute", Some(json!({ "code": code })))
        .await;
    let mut seen = Vec::new();
    let is_kept_alive = |seen: &[u8]| String::from_utf8_lossy(seen).contains("\"keepalive\"");
    while !is_kept_alive(&seen) {
        let chunk = response.chunk().await.expect("a chunk");
        seen.extend_from_slice(&chunk.expect("it lives until it is told to go"));
    }
    assert!(begun.elapsed() > Duration::from_secs(4), "not all the time");
    interpreter.bash("touch go").await;
    seen.extend_from_slice(&response.bytes().await.expect("the rest"));
    let lines: Vec<serde_json::Value> = String::from_utf8_lossy(&seen)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    assert_eq!(stdout(&lines), "done\n");
}

#[tokio::test]
async fn code_that_ignores_its_interrupt_costs_the_context_and_the_next_caller_is_told() {
    let interpreter = Interpreter::start().await;
    interpreter.python("lost = 1").await;
    let deaf = "import time\nprint('on')\nwhile True:\n    try: time.sleep(600)\n    except BaseException: pass";
    interpreter.abandon(json!({ "code": deaf })).await;
    let lines = interpreter.python("print('lost' in globals())").await;
    assert_eq!(stdout(&lines), "False\n");
    assert!(
        of(&lines, "stderr")[0]["text"]
            .as_str()
            .expect("text")
            .contains("variables are gone"),
        "{lines:#?}"
    );
    assert!(of(&interpreter.python("1").await, "stderr").is_empty());
}

#[tokio::test]
async fn a_kernel_that_dies_ends_the_execution_and_the_next_gets_a_new_one() {
    let interpreter = Interpreter::start().await;
    for code in [
        "print('last words'); import os; os._exit(7)",
        "print('last words'); import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ] {
        let lines = interpreter.python(code).await;
        let error = of(&lines, "error");
        assert_eq!(error[0]["name"], "KernelDied", "{lines:#?}");
        let value = error[0]["value"].as_str().expect("text");
        assert!(
            value.contains("exit code 7") || value.contains("SIGKILL"),
            "{value}"
        );
        assert_eq!(
            lines.last().expect("a line")["type"],
            "unexpected_end_of_execution"
        );
        let lines = interpreter.python("print('fresh')").await;
        assert_eq!(stdout(&lines), "fresh\n");
        assert_eq!(of(&lines, "number_of_executions")[0]["execution_count"], 1);
    }
    // Between executions, too; then the caller has to be told.
    interpreter
        .python("import os, threading\nthreading.Timer(0.1, lambda: os._exit(1)).start()")
        .await;
    let lines = loop {
        let lines = interpreter.python("print('fresh')").await;
        if of(&lines, "number_of_executions")
            .first()
            .is_some_and(|line| line["execution_count"] == 1)
        {
            break lines;
        }
    };
    assert!(stdout(&lines) == "fresh\n");
}

#[tokio::test]
async fn a_flood_stops_with_its_caller() {
    let interpreter = Interpreter::start().await;
    interpreter.python("kept = 1").await;
    for flood in [
        "while True: print('x' * 1000)",
        "import os\nwhile True: os.write(1, b'y' * 100_000)",
        "while True: display('z' * 1000)",
        "import sys\nwhile True: print('e' * 1000, file=sys.stderr)",
    ] {
        let code = format!("print('on', flush=True)\n{flood}");
        interpreter.abandon(json!({ "code": code })).await;
        assert_eq!(
            stdout(&interpreter.python("print(kept)").await),
            "1\n",
            "{flood}"
        );
    }
}

/// The most memory that the service ever took, in kB.
fn peak(interpreter: &Interpreter) -> u64 {
    let lines = std::fs::read_to_string(format!("/proc/{}/status", interpreter.service.child.id()));
    let lines = lines.expect("the service lives");
    let peak = lines.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.expect("its peak").trim().trim_end_matches(" kB");
    peak.parse::<u64>().expect("a number")
}

#[tokio::test]
async fn a_caller_that_does_not_read_holds_the_program_back_and_loses_nothing() {
    let interpreter = Interpreter::start().await;
    let code = "import sys\nfor n in range(200):\n    print(n, 'x' * 1_000_000)\n    if n == 100: display('half')";
    let mut response = interpreter
        .send(Method::POST, "/execute", Some(json!({ "code": code })))
        .await;
    // Long enough for a program that nobody holds back to be done.
    interpreter
        .bash("for n in $(seq 20); do sleep 0.1; done")
        .await;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.expect("a chunk") {
        text.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(text).expect("text");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let output = stdout(&lines);
    assert_eq!(output.lines().count(), 200);
    assert!(output.ends_with('\n') && output.contains("\n199 xxx"));
    assert_eq!(of(&lines, "result").len(), 1);
    let peak = peak(&interpreter);
    assert!(peak < 150_000, "the service took {peak} kB");
}

#[tokio::test]
async fn a_million_lines_arrive() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter
        .python("for n in range(1_000_000): print(n)")
        .await;
    let output = stdout(&lines);
    assert_eq!(output.lines().count(), 1_000_000);
    assert!(output.ends_with("\n999999\n"));
}

#[tokio::test]
async fn code_that_ends_itself_asks_or_digs_too_deep_keeps_the_context() {
    let interpreter = Interpreter::start().await;
    interpreter.python("kept = 1").await;
    for (code, name, value) in [
        ("import sys; sys.exit(3)", "SystemExit", "3"),
        ("exit()", "SystemExit", ""),
        ("quit(1)", "SystemExit", "1"),
        ("input('name? ')", "StdinNotImplementedError", "input"),
        (
            "import getpass; getpass.getpass()",
            "StdinNotImplementedError",
            "getpass",
        ),
        (
            "def f(n): return f(n + 1)\nf(0)",
            "RecursionError",
            "recursion",
        ),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("'\0'", "SyntaxError", "null bytes"),
    ] {
        let lines = interpreter.python(code).await;
        let errors = of(&lines, "error");
        assert_eq!(errors.len(), 1, "{code}: {lines:#?}");
        assert_eq!(errors[0]["name"], name, "{code}");
        let text = errors[0]["value"].as_str().expect("text");
        assert!(text.contains(value), "{code}: {text}");
        assert!(of(&lines, "stderr").is_empty(), "{code}: {lines:#?}");
        assert_eq!(stdout(&interpreter.python("print(kept)").await), "1\n");
    }
}

/// Opens what the kernel is connected by, and writes to it in the kernel's name.
const AS_THE_KERNEL: &str = r#"
import os, socket
def sockets():
    for number in os.listdir("/proc/self/fd"):
        try:
            one = socket.socket(fileno=os.dup(int(number)))
            one.getpeername()
        except OSError:
            continue
        if one.family == socket.AF_UNIX and one.type == socket.SOCK_STREAM:
            yield one
"#;

/// A message that never ends.
const FLOOD: &str = r#"
import select, threading
frame = b"\x03" + (4 << 20).to_bytes(8, "big") + bytes(4 << 20)
def flood(one):
    left = memoryview(frame)
    while True:
        select.select([], [one], [])
        try:
            left = left[one.send(left):] or memoryview(frame)
        except BlockingIOError:
            pass
for one in list(sockets()):
    threading.Thread(target=flood, args=(one,), daemon=True).start()
"#;

#[tokio::test]
async fn what_a_kernel_says_cannot_cost_the_service_or_its_other_sandboxes() {
    let interpreter = Interpreter::start().await;
    let neighbour = interpreter.service.create().await;
    for (attack, sent) in [
        (
            "for one in sockets(): one.send(b'\\x02' + (1 << 62).to_bytes(8, 'big'))",
            "larger than 64 MiB",
        ),
        (
            "for one in sockets(): one.send(b'\\x06' + (1 << 40).to_bytes(8, 'big'))",
            "a command larger than 64 KiB",
        ),
        (
            "for one in sockets(): one.send(b'\\x01\\x00' * 100)",
            "more than 64 parts",
        ),
        (FLOOD, "larger than 64 MiB"),
    ] {
        let code = format!("{AS_THE_KERNEL}\n{attack}\nimport time; time.sleep(600)");
        let lines = interpreter.python(&code).await;
        let error = of(&lines, "error");
        assert_eq!(error.len(), 1, "{attack}: {lines:#?}");
        assert_eq!(
            (&error[0]["name"], &error[0]["kind"]),
            (&json!("KernelDied"), &json!("killed")),
            "{attack}: {lines:#?}"
        );
        let value = error[0]["value"].as_str().expect("text");
        assert!(value.contains(sent), "{attack}: {value}");
        assert_eq!(
            lines.last().expect("a line")["type"],
            "unexpected_end_of_execution"
        );
        assert_eq!(neighbour.shell("echo here").await.stdout, "here\n");
        assert_eq!(stdout(&interpreter.python("print('new')").await), "new\n");
    }
    let peak = peak(&interpreter);
    assert!(peak < 400_000, "the service took {peak} kB");
    // Nothing is left of the service's own sockets.
    let run = std::fs::read_dir(interpreter.service.run_directory()).expect("a directory");
    let names = run.map(|entry| entry.expect("an entry").file_name());
    let sockets: Vec<_> = names
        .filter(|name| name.to_string_lossy().contains(".k"))
        .collect();
    assert!(sockets.is_empty(), "{sockets:?}");
}

#[tokio::test]
async fn an_output_that_is_too_large_for_a_message_is_shortened_or_an_error_of_the_code() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter
        .python("kept = 1; print('x' * (70 << 20))")
        .await;
    assert_eq!(stdout(&lines).len(), (70 << 20) + 1);
    for code in [
        "display({'text/plain': 'x' * (70 << 20)}, raw=True)",
        "raise ValueError('x' * (40 << 20))",
    ] {
        let lines = interpreter.python(code).await;
        let names: Vec<_> = of(&lines, "error")
            .iter()
            .map(|error| error["name"].clone())
            .collect();
        assert_eq!(names, ["ValueError"], "{code}");
        assert_eq!(stdout(&interpreter.python("print(kept)").await), "1\n");
    }
}
