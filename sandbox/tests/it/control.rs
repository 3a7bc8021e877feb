//! The control API where E2B's cloud has more than one machine, and where clients ask twice.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Service, json, text};

async fn create(service: &Service, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
    let request = service
        .call(Method::POST, path)
        .header("Idempotency-Key", key)
        .json(&body);
    let response = request.send().await.unwrap();
    (response.status(), json(response).await)
}

#[tokio::test]
async fn a_key_stands_for_one_sandbox_as_long_as_it_lives() {
    let service = Service::start();
    let body = json!({ "templateID": "base", "timeout": 300, "metadata": { "n": "1" } });
    let attempts = (0..4).map(|_| create(&service, "/v2/sandboxes", "key-1", body.clone()));
    let answers = join_all(attempts).await;
    for (status, answer) in &answers {
        assert_eq!(
            (*status, answer),
            (StatusCode::CREATED, &answers[0].1),
            "also the token is the same"
        );
    }
    assert_eq!(service.inits().len(), 1);
    let (status, other) = create(&service, "/v2/sandboxes", "key-2", body.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(other["sandboxID"], answers[0].1["sandboxID"]);
    let changed = json!({ "templateID": "base", "timeout": 300 });
    let (status, refusal) = create(&service, "/v2/sandboxes", "key-1", changed.clone()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        text(&refusal["message"]).contains("use a new key"),
        "{refusal}"
    );
    let (status, _) = create(&service, "/v2/sandboxes", &"k".repeat(256), body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    let path = format!("/sandboxes/{}", text(&answers[0].1["sandboxID"]));
    let killed = service.call(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(killed.status(), StatusCode::NO_CONTENT);
    let (status, fresh) = create(&service, "/v2/sandboxes", "key-1", changed).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_ne!(fresh["sandboxID"], answers[0].1["sandboxID"]);
}

#[tokio::test]
async fn what_one_machine_has_not_says_what_to_do_instead() {
    let service = Service::start();
    let sandbox = service.create().await;
    let id = &sandbox.id;
    for (method, path, words) in [
        (Method::GET, "/snapshots?sandboxID=x".to_owned(), "pause"),
        (
            Method::POST,
            format!("/sandboxes/{id}/snapshots"),
            "no memory image",
        ),
        (
            Method::POST,
            format!("/sandboxes/{id}/fork"),
            "make another one",
        ),
        (Method::POST, "/v3/templates".to_owned(), "--venv"),
        (Method::DELETE, "/templates/abc".to_owned(), "--venv"),
        (Method::GET, "/templates/aliases/x".to_owned(), "--venv"),
        (Method::POST, "/volumes".to_owned(), "files API"),
        (Method::DELETE, "/volumes/v1".to_owned(), "files API"),
        (Method::GET, "/secrets".to_owned(), "--api-key"),
    ] {
        let response = service.call(method, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED, "{path}");
        let answer = json(response).await;
        assert_eq!(answer["code"], 501);
        assert!(text(&answer["message"]).contains(words), "{path}: {answer}");
    }
    for (field, words) in [
        ("mcp", "MCP gateway"),
        ("iam", "identities"),
        ("volumeMounts", "volumeMounts"),
    ] {
        let value = match field {
            "volumeMounts" => json!([{ "name": "v", "path": "/v" }]),
            _ => json!({ "server": {} }),
        };
        let response = service
            .call(Method::POST, "/sandboxes")
            .json(&json!({ "templateID": "base", field: value }))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{field}");
        let answer = json(response).await;
        assert!(
            text(&answer["message"]).contains(words),
            "{field}: {answer}"
        );
    }
    for (method, path, status, words) in [
        (
            Method::PATCH,
            "/sandboxes",
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
        ),
        (
            Method::GET,
            "/files?path=x",
            StatusCode::BAD_REQUEST,
            "E2b-Sandbox-Id",
        ),
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND, "/nowhere"),
    ] {
        let response = service.call(method, path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let answer = json(response).await;
        assert_eq!(answer["code"], status.as_u16());
        assert!(text(&answer["message"]).contains(words), "{answer}");
    }
    let unknown = sandbox.envd(Method::POST, "/init").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert!(text(&json(unknown).await["message"]).contains("/init"));
}
