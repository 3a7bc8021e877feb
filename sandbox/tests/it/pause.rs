//! A paused sandbox stands still, is out of reach, and goes on where it was.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fixture::{Sandbox, Service, is_alive, json, text, until};

async fn post(service: &Service, path: &str, body: Value) -> (StatusCode, Value) {
    let response = service
        .call(Method::POST, path)
        .json(&body)
        .send()
        .await
        .unwrap();
    let status = response.status();
    let body = response.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn pause(sandbox: &Sandbox<'_>) {
    let path = format!("/sandboxes/{}/pause", sandbox.id);
    let (status, answer) = post(sandbox.service, &path, json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
}

async fn connect(sandbox: &Sandbox<'_>) -> StatusCode {
    let path = format!("/v2/sandboxes/{}/connect", sandbox.id);
    post(sandbox.service, &path, json!({ "timeout": 60 }))
        .await
        .0
}

async fn detail(sandbox: &Sandbox<'_>) -> Value {
    let path = format!("/sandboxes/{}", sandbox.id);
    json(
        sandbox
            .service
            .call(Method::GET, &path)
            .send()
            .await
            .unwrap(),
    )
    .await
}

async fn execute(sandbox: &Sandbox<'_>, code: &str) -> String {
    let request = sandbox.call(49999, Method::POST, "/execute");
    let response = request.json(&json!({ "code": code })).send().await.unwrap();
    response.text().await.unwrap()
}

#[tokio::test]
async fn it_is_out_of_reach_and_comes_back_with_its_variables() {
    let service = Service::start();
    let sandbox = service.create().await;
    execute(&sandbox, "x = 41").await;
    sandbox.shell("echo kept > file").await;
    pause(&sandbox).await;
    assert_eq!(detail(&sandbox).await["state"], "paused");
    for port in [49983, 49999, 8000] {
        let request = sandbox.call(port, Method::GET, "/health");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(json(answer).await["message"], "The sandbox was not found");
    }
    assert_eq!(connect(&sandbox).await, StatusCode::CREATED);
    assert_eq!(connect(&sandbox).await, StatusCode::OK);
    assert_eq!(detail(&sandbox).await["state"], "running");
    assert!(execute(&sandbox, "x + 1").await.contains(r#""text":"42""#));
    assert_eq!(sandbox.shell("cat file").await.stdout, "kept\n");
}

#[tokio::test]
async fn nothing_in_it_runs_until_it_is_resumed() {
    for service in [
        Service::start(),
        Service::start_ordinary(&[]),
        Service::start_with(&["--insecure-no-isolation"]),
        // Without control groups, too: by signals to one process after another.
        Service::start_ordinary(&["--insecure-no-isolation"]),
    ] {
        let sandbox = service.create().await;
        let [init] = service.inits()[..] else {
            panic!("one init")
        };
        let other = service.create().await;
        // What starts others without end, in a session of its own, and ignores signals.
        let start = "nohup setsid sh -c 'trap \"\" TERM INT CONT; while true; do /bin/true; done' > /dev/null 2>&1 &";
        sandbox.shell(start).await;
        let stands_still = async || {
            let before = activity(init);
            other.shell("seq 50000 > /dev/null").await;
            activity(init) == before
        };
        // It may be late with its start, and with its turn at a processor.
        until("the test to see what runs", async || !stands_still().await).await;
        pause(&sandbox).await;
        assert!(stands_still().await, "all of it, at once");
        assert_ne!(activity(init).len(), 0);
        assert_eq!(connect(&sandbox).await, StatusCode::CREATED);
        until("it to go on", async || !stands_still().await).await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_sandbox_between_the_two() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("for i in $(seq 8); do (while true; do /bin/true; done) > /dev/null 2>&1 & done")
        .await;
    let host = service.address.trim_start_matches("http://");
    for waited in 0..20 {
        let path = format!("/sandboxes/{}/pause", sandbox.id);
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        let mut caller = TcpStream::connect(host).await.unwrap();
        caller.write_all(head.as_bytes()).await.unwrap();
        // Each time it gets a little further.
        for _ in 0..waited {
            detail(&sandbox).await;
        }
        drop(caller);
        until("it to be usable", async || {
            connect(&sandbox).await;
            let answer = execute(&sandbox, "print('up')");
            let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
            answer.is_ok_and(|text| text.contains("up\\n"))
        })
        .await;
    }
}

/// The processes below one, and what each of them has done so far.
fn activity(init: i32) -> Vec<(i32, String)> {
    let switches =
        |pid| std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    below(init)
        .into_iter()
        .map(|pid| (pid, switches(pid)))
        .collect()
}

/// All processes below one.
fn below(pid: i32) -> Vec<i32> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children
            .split_whitespace()
            .filter_map(|child| child.parse().ok())
        {
            found.push(child);
            found.extend(below(child));
        }
    }
    found
}

#[tokio::test]
async fn a_running_execution_goes_on_after_it() {
    let service = Service::start();
    let sandbox = service.create().await;
    let code = "import os, time\nopen('begun', 'w')\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('done')";
    let running = execute(&sandbox, code);
    let meanwhile = async {
        until("the code to run", async || {
            sandbox.shell("ls").await.stdout.contains("begun")
        })
        .await;
        pause(&sandbox).await;
        assert_eq!(connect(&sandbox).await, StatusCode::CREATED);
        sandbox.shell("touch go").await;
    };
    let (output, ()) = futures_util::join!(running, meanwhile);
    assert!(output.contains(r#""text":"done\n""#), "{output}");
}

#[tokio::test]
async fn a_caller_that_goes_away_while_it_is_paused_costs_no_variables() {
    let service = Service::start();
    let sandbox = service.create().await;
    execute(&sandbox, "x = 41").await;
    let mut running = sandbox
        .call(49999, Method::POST, "/execute")
        .json(&json!({ "code": "import time; print('begun', flush=True); time.sleep(1000)" }))
        .send()
        .await
        .unwrap();
    let mut seen = String::new();
    while !seen.contains("begun\\n") {
        seen += &String::from_utf8_lossy(&running.chunk().await.unwrap().unwrap());
    }
    pause(&sandbox).await;
    drop(running);
    assert_eq!(connect(&sandbox).await, StatusCode::CREATED);
    let output = execute(&sandbox, "x + 1").await;
    assert!(output.contains(r#""text":"42""#), "{output}");
}

#[tokio::test]
async fn wrong_turns_are_refused() {
    let service = Service::start();
    let sandbox = service.create().await;
    let path = |operation: &str| format!("/sandboxes/{}/{operation}", sandbox.id);
    assert_eq!(
        post(&service, &path("resume"), json!({})).await.0,
        StatusCode::CONFLICT
    );
    pause(&sandbox).await;
    let (status, answer) = post(&service, &path("pause"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        text(&answer["message"]).contains("already paused"),
        "{answer}"
    );
    let (status, answer) = post(&service, &path("timeout"), json!({ "timeout": 9 })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(text(&answer["message"]).contains("paused"), "{answer}");
    let resumed = post(
        &service,
        &path("resume"),
        json!({ "timeout": 60, "autoPause": true }),
    )
    .await;
    assert_eq!(
        (resumed.0, &resumed.1["sandboxID"]),
        (StatusCode::CREATED, &json!(sandbox.id))
    );
    assert_eq!(detail(&sandbox).await["lifecycle"]["onTimeout"], "pause");
    for operation in ["pause", "resume", "connect"] {
        let path = format!("/sandboxes/nobody/{operation}");
        assert_eq!(
            post(&service, &path, json!({})).await.0,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn the_lists_tell_paused_from_running() {
    let service = Service::start();
    let (sandbox, other) = (service.create().await, service.create().await);
    pause(&sandbox).await;
    let list = async |path: &str| {
        let answer = json(service.call(Method::GET, path).send().await.unwrap()).await;
        let all = answer.as_array().unwrap().iter();
        all.map(|found| (text(&found["sandboxID"]), text(&found["state"])))
            .collect::<Vec<_>>()
    };
    let paused = (sandbox.id.clone(), "paused".to_owned());
    let running = (other.id.clone(), "running".to_owned());
    let (one, two) = ([paused.clone()], [running.clone()]);
    assert_eq!(list("/v2/sandboxes?order=asc").await, [paused, running]);
    assert_eq!(list("/v2/sandboxes?state=paused").await, one);
    assert_eq!(list("/v2/sandboxes?state=running").await, two);
    assert_eq!(list("/v2/sandboxes?state=running,paused").await.len(), 2);
    assert_eq!(list("/sandboxes").await, two);
}

#[tokio::test]
async fn it_is_paused_when_its_time_is_over_if_it_was_made_so() {
    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 1, "autoPause": true }))
        .await;
    assert_eq!(
        detail(&sandbox).await["lifecycle"],
        json!({ "autoResume": false, "onTimeout": "pause" })
    );
    until("the pause", async || {
        detail(&sandbox).await["state"] == "paused"
    })
    .await;
    let health = sandbox.envd(Method::GET, "/health").send().await.unwrap();
    assert_eq!(health.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(connect(&sandbox).await, StatusCode::CREATED);
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

#[tokio::test]
async fn traffic_brings_it_back_if_it_was_made_so() {
    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 60, "autoPause": true, "autoResume": { "enabled": true } }))
        .await;
    execute(&sandbox, "x = 41").await;
    pause(&sandbox).await;
    let outputs = futures_util::join!(execute(&sandbox, "x + 1"), sandbox.shell("echo up"));
    assert!(outputs.0.contains(r#""text":"42""#), "{}", outputs.0);
    assert_eq!(outputs.1.stdout, "up\n");
    let found = detail(&sandbox).await;
    assert_eq!(found["state"], "running");
    assert_eq!(
        found["lifecycle"],
        json!({ "autoResume": true, "onTimeout": "pause" })
    );
}

#[tokio::test]
async fn it_ends_by_a_kill_or_when_it_was_kept_long_enough() {
    let service = Service::start_with(&["--keep-paused-seconds", "1"]);
    let sandbox = service.create().await;
    sandbox.shell("setsid sleep 1000 > /dev/null 2>&1 &").await;
    let processes = below(service.inits()[0]);
    pause(&sandbox).await;
    let path = format!("/sandboxes/{}", sandbox.id);
    until("the end of the paused sandbox", async || {
        let found = service.call(Method::GET, &path).send().await.unwrap();
        found.status() == StatusCode::NOT_FOUND
    })
    .await;
    until("its processes to end", async || {
        !processes.iter().any(|pid| is_alive(*pid))
    })
    .await;

    let service = Service::start();
    let sandbox = service.create().await;
    let inits = service.inits();
    pause(&sandbox).await;
    let path = format!("/sandboxes/{}", sandbox.id);
    let killed = service.call(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(killed.status(), StatusCode::NO_CONTENT);
    assert!(!is_alive(inits[0]));
    assert_eq!(connect(&sandbox).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_paused_sandbox_dies_with_a_killed_service() {
    let mut service = Service::start();
    let sandbox = service.create().await;
    sandbox.shell("setsid sleep 1000 > /dev/null 2>&1 &").await;
    let inits = service.inits();
    let processes = below(inits[0]);
    assert_ne!(processes, [0; 0]);
    pause(&sandbox).await;
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    until("all of it to end", async || {
        !inits.iter().chain(&processes).any(|pid| is_alive(*pid))
    })
    .await;
}
