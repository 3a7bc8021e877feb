//! Programs are started, heard, spoken to and ended.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Service, envelope, until};

/// What is to be seen of a process before it is over has to come within this time.
const DEADLINE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn output_and_exit_code_are_told_apart() {
    let service = Service::start();
    let sandbox = service
        .create_from(
            json!({ "templateID": "base", "timeout": 300, "envVars": { "GREETING": "hi" } }),
        )
        .await;
    let output = sandbox
        .shell("echo $GREETING $HOME $USER; pwd; echo oops >&2; exit 3")
        .await;
    assert_eq!(output.stdout, "hi /home/user user\n/home/user\n");
    assert_eq!(output.stderr, "oops\n");
    assert_eq!(
        output.end,
        json!({ "exitCode": 3, "exited": true, "status": "exit status 3" })
    );
    assert!(output.error.is_null());
    assert_eq!(sandbox.shell("true").await.end["exitCode"], 0);
}

#[tokio::test]
async fn python_is_the_environments_own() {
    let service = Service::start();
    let sandbox = service.create().await;
    let output = sandbox.python("import pandas, sys; print(sys.prefix.endswith('.venv'), pandas.DataFrame({'a': [1, 2]}).a.sum())").await;
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("True 3\n", "")
    );
    assert_eq!(
        sandbox.shell("command -v python").await.stdout.trim(),
        sandbox
            .python("import sys; print(sys.executable)")
            .await
            .stdout
            .trim()
    );
}

#[tokio::test]
async fn the_request_decides_environment_and_directory() {
    let service = Service::start();
    let sandbox = service.create().await;
    let run = async |process| {
        sandbox
            .open(json!({ "process": process }))
            .await
            .finish()
            .await
    };
    assert_eq!(run(json!({ "cmd": "/bin/sh", "args": ["-c", "echo $A; pwd"], "envs": { "A": "b c" }, "cwd": "/tmp" })).await.stdout, "b c\n/tmp\n");
    let output = run(json!({ "cmd": "/bin/sh", "cwd": "/nowhere" })).await;
    assert_eq!(
        output.error,
        json!({ "code": "invalid_argument", "message": "cwd '/nowhere' does not exist" })
    );
    let output = run(json!({ "cmd": "no-such-program" })).await;
    assert_eq!(output.error["code"], "invalid_argument");
    assert!(
        output.error["message"]
            .as_str()
            .unwrap()
            .contains("no-such-program"),
        "{output:?}"
    );
}

#[tokio::test]
async fn stdin_reaches_the_process_and_closes() {
    let service = Service::start();
    let sandbox = service.create().await;
    let mut events = sandbox
        .open(json!({ "process": { "cmd": "/bin/cat" }, "stdin": true }))
        .await;
    let pid = events.pid().await;
    let selector = json!({ "pid": pid });
    let (status, _) = sandbox
        .rpc(
            "process.Process/SendInput",
            json!({ "process": selector, "input": { "stdin": STANDARD.encode("one\n") } }),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
    let mut stream = envelope(&json!({ "start": { "process": selector } }));
    for text in ["two\n", "three\n"] {
        stream.extend(envelope(
            &json!({ "data": { "input": { "stdin": STANDARD.encode(text) } } }),
        ));
    }
    let response = sandbox
        .envd(Method::POST, "/process.Process/StreamInput")
        .header("Content-Type", "application/connect+json")
        .body(stream)
        .send()
        .await
        .unwrap();
    assert!(!response.text().await.unwrap().contains("error"));
    assert_eq!(
        sandbox
            .rpc("process.Process/CloseStdin", json!({ "process": selector }))
            .await
            .0,
        StatusCode::OK
    );
    let output = events.finish().await;
    assert_eq!(
        (output.stdout.as_str(), &output.end["exitCode"]),
        ("one\ntwo\nthree\n", &json!(0))
    );
}

#[tokio::test]
async fn processes_are_listed_joined_and_killed() {
    let service = Service::start();
    let sandbox = service.create().await;
    let mut events = sandbox.open(json!({ "process": { "cmd": "/bin/bash", "args": ["-c", "read line; echo $line; sleep 1000"] }, "stdin": true, "tag": "mine" })).await;
    let pid = events.pid().await;
    let (_, listed) = sandbox.rpc("process.Process/List", json!({})).await;
    assert_eq!(listed["processes"][0]["pid"], pid);
    assert_eq!(listed["processes"][0]["tag"], "mine");
    // The one who started it leaves; the process stays, and another listens.
    drop(events);
    let mut joined = sandbox
        .stream(
            "process.Process/Connect",
            json!({ "process": { "tag": "mine" } }),
            None,
        )
        .await;
    assert_eq!(joined.pid().await, pid);
    sandbox
        .rpc(
            "process.Process/SendInput",
            json!({ "process": { "pid": pid }, "input": { "stdin": STANDARD.encode("heard\n") } }),
        )
        .await;
    let (_, heard) = joined.next().await.unwrap();
    assert_eq!(heard["event"]["data"]["stdout"], STANDARD.encode("heard\n"));
    assert_eq!(
        sandbox
            .rpc(
                "process.Process/SendSignal",
                json!({ "process": { "pid": pid }, "signal": "SIGNAL_SIGKILL" })
            )
            .await
            .0,
        StatusCode::OK
    );
    let output = joined.finish().await;
    assert_eq!(
        output.end,
        json!({ "exitCode": -1, "exited": false, "status": "signal: killed", "error": "signal: killed" })
    );
    until("the shell's child to be gone, too", async || {
        let count = "ps -e -o args | grep -c '[s]leep 1000'";
        sandbox.shell(count).await.stdout == "0\n"
    })
    .await;
    let (status, error) = sandbox
        .rpc(
            "process.Process/SendSignal",
            json!({ "process": { "pid": pid }, "signal": "SIGNAL_SIGKILL" }),
        )
        .await;
    assert_eq!(
        (status, &error["message"]),
        (
            StatusCode::NOT_FOUND,
            &json!(format!("process with pid {pid} not found"))
        )
    );
}

#[tokio::test]
async fn a_deadline_kills_the_process() {
    let service = Service::start();
    let sandbox = service.create().await;
    let start = Instant::now();
    let message =
        json!({ "process": { "cmd": "/bin/bash", "args": ["-c", "echo early; sleep 1000"] } });
    let output = sandbox
        .stream("process.Process/Start", message, Some(DEADLINE))
        .await
        .finish()
        .await;
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(
        (output.stdout.as_str(), &output.error["code"]),
        ("early\n", &json!("deadline_exceeded"))
    );
    until("the process to end", async || {
        sandbox.rpc("process.Process/List", json!({})).await.1["processes"] == json!([])
    })
    .await;
}

#[tokio::test]
async fn a_background_child_does_not_hold_the_stream() {
    let service = Service::start();
    let sandbox = service.create().await;
    let output = sandbox.shell("sleep 1000 & echo started").await;
    assert_eq!(
        (output.stdout.as_str(), &output.end["exitCode"]),
        ("started\n", &json!(0))
    );
}

#[tokio::test]
async fn a_megabyte_of_output_arrives_whole() {
    let service = Service::start();
    let sandbox = service.create().await;
    let output = sandbox.python("import sys\nfor i in range(100_000): print(i, 'x' * 10)\nprint('last', file=sys.stderr)").await;
    assert_eq!(output.stdout.lines().count(), 100_000);
    assert!(output.stdout.ends_with("99999 xxxxxxxxxx\n"));
    assert_eq!(output.stderr, "last\n");
}

#[tokio::test]
async fn a_terminal_has_size_and_takes_input() {
    let service = Service::start();
    let sandbox = service.create().await;
    let mut events = sandbox.open(json!({ "process": { "cmd": "/bin/bash", "args": ["--norc", "-c", "tty; stty size; read line; stty size; echo got $line"] }, "pty": { "size": { "cols": 91, "rows": 27 } } })).await;
    let pid = events.pid().await;
    let mut seen = String::new();
    while !seen.contains("27 91") {
        let (last, message) = events.next().await.unwrap();
        assert!(!last, "{seen} {message}");
        let data = message["event"]["data"]["pty"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        seen += &String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
    }
    assert!(seen.contains("/dev/pts/"), "{seen}");
    let resized = sandbox
        .rpc(
            "process.Process/Update",
            json!({ "process": { "pid": pid }, "pty": { "size": { "cols": 50, "rows": 10 } } }),
        )
        .await;
    assert_eq!(resized.0, StatusCode::OK);
    sandbox
        .rpc(
            "process.Process/SendInput",
            json!({ "process": { "pid": pid }, "input": { "pty": STANDARD.encode("word\n") } }),
        )
        .await;
    let output = events.finish().await;
    assert!(
        output.stdout.contains("10 50") && output.stdout.contains("got word"),
        "{}",
        output.stdout
    );
    assert_eq!(output.end["exitCode"], 0);
}

#[tokio::test]
async fn only_the_sandboxs_user_exists() {
    let service = Service::start();
    let sandbox = service.create().await;
    let list = async |user: &str| {
        sandbox
            .envd(Method::POST, "/process.Process/List")
            .basic_auth(user, Some(""))
            .json(&json!({}))
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(list("user").await, StatusCode::OK);
    assert_eq!(list("root").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_deadline_holds_also_when_the_client_has_left() {
    let service = Service::start();
    let sandbox = service.create().await;
    let message = json!({ "process": { "cmd": "/bin/sleep", "args": ["1000"] } });
    let mut events = sandbox
        .stream("process.Process/Start", message, Some(DEADLINE))
        .await;
    events.pid().await;
    drop(events);
    until("the process to end", async || {
        sandbox.rpc("process.Process/List", json!({})).await.1["processes"] == json!([])
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_does_not_read_holds_up_nobody_else() {
    let service = Service::start();
    let sandbox = service.create().await;
    let flood = "read line; head -c 40000000 /dev/zero | tr '\\0' x; echo end";
    let message =
        json!({ "process": { "cmd": "/bin/bash", "args": ["-c", flood] }, "stdin": true });
    let mut stalled = sandbox.open(message).await;
    let pid = stalled.pid().await;
    let selector = json!({ "pid": pid });
    let reading = sandbox
        .stream(
            "process.Process/Connect",
            json!({ "process": selector }),
            None,
        )
        .await;
    let name = "process.Process/SendInput";
    let go = json!({ "process": selector, "input": { "stdin": STANDARD.encode("go\n") } });
    assert_eq!(sandbox.rpc(name, go).await.0, StatusCode::OK);
    let output = reading.finish().await;
    assert_eq!(output.stdout.len(), 40_000_000 + "end\n".len());
    assert_eq!(output.end["exitCode"], 0);
    until("the process to be forgotten", async || {
        sandbox.rpc("process.Process/List", json!({})).await.1["processes"] == json!([])
    })
    .await;
    let cut = stalled.finish().await;
    assert_eq!(cut.error["code"], "resource_exhausted");
    assert!(cut.stdout.len() < 40_000_000);
}
