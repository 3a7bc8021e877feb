//! The service as a whole: whom it serves, what it counts, and what is left of it.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Service, is_alive, json, text, until};

#[tokio::test]
async fn keys_are_asked_for_once_there_are_any() {
    let service = Service::start_with(&["--api-key", "one", "--api-key", "two"]);
    let list = async |key: Option<&str>| {
        let request = service.call(Method::GET, "/sandboxes");
        key.map_or(request.try_clone().unwrap(), |key| {
            request.header("X-API-KEY", key)
        })
        .send()
        .await
        .unwrap()
        .status()
    };
    assert_eq!(list(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(list(Some("three")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(list(Some("two")).await, StatusCode::OK);
}

#[tokio::test]
async fn stopping_the_service_leaves_nothing() {
    let mut service = Service::start();
    let sandbox = service.create().await;
    let mut events = sandbox
        .open(json!({ "process": { "cmd": "/bin/sleep", "args": ["1000"] } }))
        .await;
    events.pid().await;
    let (inits, runs) = (service.inits(), service.run_directory());
    assert_eq!(inits.len(), 1);
    drop(events);
    service.stop();
    assert!(!is_alive(inits[0]));
    assert!(!runs.exists());
    assert!(!service.state.join("sandboxes").exists());
}

#[tokio::test]
async fn a_killed_service_leaves_no_process_and_the_next_one_cleans_up() {
    let mut service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("setsid sleep 1000 > /dev/null 2>&1 & echo kept > ~/file")
        .await;
    let id = sandbox.id.clone();
    let (inits, runs) = (service.inits(), service.run_directory());
    service.crash_and_restart();
    until("the init to end", async || !is_alive(inits[0])).await;
    assert!(!runs.exists());
    assert!(!service.state.join("sandboxes").join(&id).exists());
    let next = service.create().await;
    assert_eq!(next.shell("ls -A ~").await.stdout, "");
}

#[tokio::test]
async fn two_services_do_not_share_a_directory() {
    let service = Service::start();
    let second = crate::fixture::command(&service.state, crate::fixture::VENV.as_ref())
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(
        said.contains("another sandbox service uses") && said.contains("--state-dir"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_environment_is_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let outcome =
        crate::fixture::command(&folder.path().join("state"), &folder.path().join("no-venv"))
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
    assert!(!outcome.status.success());
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(
        said.contains("no-venv") && said.contains("cargo xtask up"),
        "{said}"
    );
}

#[tokio::test]
async fn what_the_service_counts_is_there_for_prometheus() {
    let service = Service::start_with(&["--api-key", "key"]);
    let metrics = async || {
        let request = service
            .call(Method::GET, "/metrics")
            .header("X-API-KEY", "key");
        let answer = request.send().await.unwrap();
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/plain")
        );
        answer.text().await.unwrap()
    };
    let refused = service.call(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let request = service
        .call(Method::POST, "/sandboxes")
        .header("X-API-KEY", "key");
    let created = request
        .json(&json!({ "templateID": "base" }))
        .send()
        .await
        .unwrap();
    let id = text(&json(created).await["sandboxID"]);
    for code in ["1", "1 / 0", "2"] {
        let execute = service
            .call(Method::POST, "/execute")
            .json(&json!({ "code": code }));
        let execute = execute
            .header("E2b-Sandbox-Id", &id)
            .header("E2b-Sandbox-Port", "49999");
        execute.send().await.unwrap().text().await.unwrap();
    }
    let told = metrics().await;
    for line in [
        "conductor_sandboxes{state=\"running\"} 1",
        "conductor_sandboxes_created_total 1",
        "conductor_sandboxes_ended_total 0",
        "conductor_sandbox_create_seconds_count 1",
        "conductor_executions_total{outcome=\"ok\"} 2",
        "conductor_executions_total{outcome=\"raised\"} 1",
    ] {
        assert!(told.contains(&format!("{line}\n")), "{line}\n{told}");
    }
    for (method, path, status) in [
        (Method::POST, "pause", StatusCode::NO_CONTENT),
        (Method::PUT, "network", StatusCode::NOT_FOUND),
    ] {
        let call = service.call(method, &format!("/sandboxes/{id}/{path}"));
        let call = call.header("X-API-KEY", "key").json(&json!({}));
        assert_eq!(call.send().await.unwrap().status(), status, "{path}");
    }
    let told = metrics().await;
    assert!(told.contains("conductor_sandboxes{state=\"paused\"} 1\n"));
    let kill = service
        .call(Method::DELETE, &format!("/sandboxes/{id}"))
        .header("X-API-KEY", "key");
    assert_eq!(kill.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert!(
        metrics()
            .await
            .contains("conductor_sandboxes_ended_total 1\n")
    );
}

#[tokio::test]
async fn a_service_without_its_init_program_names_it_at_start() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let alone = folder.path().join("sandbox");
    std::fs::hard_link(env!("CARGO_BIN_EXE_sandbox"), &alone).unwrap();
    let outcome = std::process::Command::new(alone)
        .args(["serve", "--listen", "127.0.0.1:0", "--venv"])
        .arg(crate::fixture::VENV)
        .arg("--state-dir")
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    assert!(!outcome.status.success());
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(
        said.contains("sandbox-init") && said.contains("cargo xtask build"),
        "{said}"
    );
}
