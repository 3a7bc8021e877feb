//! Sandboxes are made, found, kept and ended.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Service, is_alive, json, text, until};

#[tokio::test]
async fn a_sandbox_is_made_found_and_killed() {
    let service = Service::start();
    let created = service
        .call(Method::POST, "/sandboxes")
        .json(&json!({ "templateID": "base", "timeout": 60, "secure": true, "metadata": {}, "envVars": {} }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let created = json(created).await;
    let id = text(&created["sandboxID"]);
    assert!(
        id.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
        "{id}"
    );
    assert_eq!(created["envdVersion"], "0.6.13");
    assert_eq!(
        format!(
            "http://127.0.0.1:{}",
            text(&created["domain"]).strip_prefix("localhost:").unwrap()
        ),
        service.address
    );
    assert!(created["envdAccessToken"].is_string());

    let found = json(
        service
            .call(Method::GET, &format!("/sandboxes/{id}"))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (&found["sandboxID"], &found["state"], &found["templateID"]),
        (&json!(id), &json!("running"), &json!("base"))
    );
    let inits = service.inits();
    assert_eq!(inits.len(), 1);

    let path = format!("/sandboxes/{id}");
    assert_eq!(
        service
            .call(Method::DELETE, &path)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NO_CONTENT
    );
    assert!(
        !is_alive(inits[0]),
        "the tree is dead when the answer comes"
    );
    assert!(service.inits().is_empty());
    assert_eq!(
        std::fs::read_dir(service.run_directory()).unwrap().count(),
        0
    );
    assert_eq!(
        service
            .call(Method::DELETE, &path)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        service
            .call(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn version_two_always_has_a_token() {
    let service = Service::start();
    let created = service
        .call(Method::POST, "/v2/sandboxes")
        .json(&json!({ "templateID": "base" }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let created = json(created).await;
    let health = |token: Option<String>| {
        let mut request = service
            .call(Method::POST, "/process.Process/List")
            .header("E2b-Sandbox-Id", text(&created["sandboxID"]))
            .json(&json!({}));
        if let Some(token) = token {
            request = request.header("X-Access-Token", token);
        }
        request.send()
    };
    assert_eq!(
        health(None).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        health(Some("wrong".to_owned())).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        health(Some(text(&created["envdAccessToken"])))
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_sandbox_ends_when_its_time_is_over() {
    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 1 }))
        .await;
    let path = format!("/sandboxes/{}", sandbox.id);
    until("the end of the sandbox", async || {
        service
            .call(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status()
            == StatusCode::NOT_FOUND
    })
    .await;
    until("its process to end", async || service.inits().is_empty()).await;
}

#[tokio::test]
async fn connecting_extends_and_never_shortens() {
    let service = Service::start();
    let sandbox = service.create().await;
    let end = async || {
        text(
            &json(
                service
                    .call(Method::GET, &format!("/sandboxes/{}", sandbox.id))
                    .send()
                    .await
                    .unwrap(),
            )
            .await["endAt"],
        )
    };
    let first = end().await;
    for version in ["", "/v2"] {
        let path = format!("{version}/sandboxes/{}/connect", sandbox.id);
        let connected = service
            .call(Method::POST, &path)
            .json(&json!({ "timeout": 10 }))
            .send()
            .await
            .unwrap();
        assert_eq!(connected.status(), StatusCode::OK);
        assert_eq!(json(connected).await["sandboxID"], json!(sandbox.id));
    }
    assert_eq!(end().await, first);
    let path = format!("/sandboxes/{}/timeout", sandbox.id);
    assert_eq!(
        service
            .call(Method::POST, &path)
            .json(&json!({ "timeout": 3600 }))
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NO_CONTENT
    );
    assert!(end().await > first);
}

#[tokio::test]
async fn the_list_filters_and_pages() {
    let service = Service::start();
    let mut ids = Vec::new();
    for (index, user) in ["jane doe", "a=b&c", "jane doe"].iter().enumerate() {
        ids.push(service.create_from(json!({ "templateID": format!("t{index}"), "timeout": 60, "metadata": { "user": user } })).await.id);
    }
    let list = async |query: &str| {
        let response = service
            .call(Method::GET, &format!("/v2/sandboxes{query}"))
            .send()
            .await
            .unwrap();
        let token = response
            .headers()
            .get("x-next-token")
            .map(|token| token.to_str().unwrap().to_owned());
        let found: Vec<String> = json(response)
            .await
            .as_array()
            .unwrap()
            .iter()
            .map(|sandbox| text(&sandbox["sandboxID"]))
            .collect();
        (found, token)
    };
    assert_eq!(list("?order=asc").await, (ids.clone(), None));
    assert_eq!(
        list("?metadata=user%3Djane%252520doe&order=asc").await.0,
        [ids[0].clone(), ids[2].clone()]
    );
    assert_eq!(
        list("?metadata=user%3Da%25253Db%252526c").await.0,
        [ids[1].clone()]
    );
    assert_eq!(list("?template=t1").await.0, [ids[1].clone()]);
    assert!(list("?state=paused").await.0.is_empty());
    let (page, token) = list("?limit=2").await;
    assert_eq!(page, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(
        list(&format!("?limit=2&nextToken={}", token.unwrap())).await,
        (vec![ids[0].clone()], None)
    );
    let first = json(
        service
            .call(Method::GET, "/sandboxes")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(first.as_array().unwrap().len(), 3);
    let bad = service
        .call(Method::GET, "/v2/sandboxes?limit=0")
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn wrong_requests_get_a_text_that_helps() {
    let service = Service::start();
    let sandbox = service.create().await;
    let id = &sandbox.id;
    let cases = [
        (
            Method::POST,
            "/sandboxes".to_owned(),
            "{".to_owned(),
            StatusCode::BAD_REQUEST,
            "not the JSON",
        ),
        (
            Method::POST,
            "/sandboxes".to_owned(),
            r#"{"timeout":1}"#.to_owned(),
            StatusCode::BAD_REQUEST,
            "templateID",
        ),
        (
            Method::POST,
            "/sandboxes".to_owned(),
            r#"{"templateID":"base","envVars":{"a=b":"c"}}"#.to_owned(),
            StatusCode::BAD_REQUEST,
            "a=b",
        ),
        (
            Method::POST,
            "/sandboxes/nobody/timeout".to_owned(),
            r#"{"timeout":1}"#.to_owned(),
            StatusCode::NOT_FOUND,
            "was not found",
        ),
        (
            Method::POST,
            format!("/sandboxes/{id}/timeout"),
            "{}".to_owned(),
            StatusCode::BAD_REQUEST,
            "timeout",
        ),
        (
            Method::POST,
            format!("/sandboxes/{id}/fork"),
            String::new(),
            StatusCode::NOT_IMPLEMENTED,
            "fork",
        ),
        (
            Method::POST,
            format!("/sandboxes/{id}/dance"),
            String::new(),
            StatusCode::NOT_FOUND,
            "dance",
        ),
        (
            Method::GET,
            "/nowhere".to_owned(),
            String::new(),
            StatusCode::NOT_FOUND,
            "/nowhere",
        ),
    ];
    for (method, path, body, status, words) in cases {
        let response = service.call(method, &path).body(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let answer: Value = json(response).await;
        assert_eq!(answer["code"], status.as_u16(), "{path}");
        assert!(text(&answer["message"]).contains(words), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_dead_init_ends_its_sandbox() {
    let service = Service::start();
    let sandbox = service.create().await;
    let [init] = service.inits()[..] else {
        panic!("one init")
    };
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(init),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    until("the sandbox to vanish", async || {
        sandbox
            .envd(Method::GET, "/health")
            .send()
            .await
            .unwrap()
            .status()
            == StatusCode::BAD_GATEWAY
    })
    .await;
    until("its directory to vanish", async || {
        service.inits().is_empty()
    })
    .await;
}

#[tokio::test]
async fn ten_sandboxes_come_up_at_once() {
    let service = Service::start();
    let sandboxes = futures_util::future::join_all((0..10).map(|_| service.create())).await;
    let outputs =
        futures_util::future::join_all(sandboxes.iter().map(|sandbox| sandbox.shell("hostname")))
            .await;
    for (sandbox, output) in sandboxes.iter().zip(outputs) {
        assert_eq!(output.stdout.trim(), sandbox.id);
    }
}

#[tokio::test]
async fn a_long_timeout_does_not_overflow() {
    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 86_400 * 365 }))
        .await;
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
    let too_long = service
        .call(Method::POST, "/sandboxes")
        .json(&json!({ "templateID": "base", "timeout": u64::MAX }))
        .send()
        .await
        .unwrap();
    assert_eq!(too_long.status(), StatusCode::BAD_REQUEST);
    // The service is alive.
    tokio::time::timeout(
        Duration::from_secs(10),
        service.call(Method::GET, "/health").send(),
    )
    .await
    .unwrap()
    .unwrap();
}
