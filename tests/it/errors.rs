//! Requests that fail: the right status, and a text that names the way out.

use e2e::{Conductor, Reply};
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};

const NOBODY: &str = "0123456789abcdef0123456789abcdef";

async fn post_raw(conductor: &Conductor, path: &str, content_type: &str, body: &str) -> Reply {
    let request = conductor.request(Method::POST, path);
    let request = request
        .header(CONTENT_TYPE, content_type)
        .body(body.to_owned());
    Reply::read(request.send().await.expect("the host answers")).await
}

#[tokio::test]
async fn a_wrong_body_is_told_from_a_wrong_field() {
    let conductor = Conductor::start().without_sandbox().await;
    for path in ["/run_code/", "/gradio_ui/", "/generate_ui/"] {
        for body in ["{\"code\": ", "", "code=print(1)"] {
            let reply = post_raw(&conductor, path, "application/json", body).await;
            let message = reply.error(400, "malformed_json");
            assert!(message.contains("no JSON"), "{path} {body}: {message}");
        }
    }
    for (path, body, field) in [
        ("/run_code/", json!({}), "code"),
        ("/run_code/", json!({"code": 7}), "code"),
        (
            "/run_code/",
            json!({"code": "1", "timeout_seconds": "soon"}),
            "timeout_seconds",
        ),
        (
            "/run_code/",
            json!({"code": "1", "timeout_seconds": 601}),
            "timeout_seconds",
        ),
        ("/run_code/", json!({"code": "1", "env": {"A": 1}}), "env"),
        (
            "/run_code/",
            json!({"code": "1", "session_id": "me"}),
            "session_id",
        ),
        (
            "/gradio_ui/",
            json!({"code": "1", "framework": "shiny"}),
            "framework",
        ),
        ("/generate_ui/", json!({"dataset_id": NOBODY}), "prompt"),
        ("/generate_ui/", json!({"prompt": ["a", "b"]}), "prompt"),
    ] {
        let message = conductor
            .post(path, &body)
            .await
            .error(400, "invalid_field");
        assert!(message.contains(field), "{path} {body}: {message}");
    }
    for body in ["[]", "null", "\"print(1)\""] {
        let reply = post_raw(&conductor, "/run_code/", "application/json", body).await;
        reply.error(400, "invalid_field");
    }
}

#[tokio::test]
async fn well_formed_requests_that_cannot_be_done_say_why() {
    let conductor = Conductor::start().without_sandbox().await;
    let empty = conductor.post("/run_code/", &json!({"code": " \n"})).await;
    assert!(empty.error(422, "unusable").contains("`code` is empty"));
    let empty = conductor
        .post("/generate_ui/", &json!({"prompt": ""}))
        .await;
    assert!(empty.error(422, "unusable").contains("`prompt` is empty"));

    let long = "#".repeat((1 << 20) + 1);
    conductor
        .post("/run_code/", &json!({"code": long}))
        .await
        .error(413, "too_large");
    let endless = "#".repeat(5 << 20);
    conductor
        .post("/run_code/", &json!({"code": endless}))
        .await
        .error(413, "too_large");
    let prompt = "rain ".repeat(7_000);
    conductor
        .post("/generate_ui/", &json!({"prompt": prompt}))
        .await
        .error(413, "too_large");

    let reply = post_raw(&conductor, "/run_code/", "application/xml", "<code/>").await;
    let message = reply.error(415, "unsupported_media_type");
    assert!(message.contains("application/json"), "{message}");
}

#[tokio::test]
async fn curl_without_a_content_type_is_understood() {
    let conductor = Conductor::start().await;
    let body = r#"{"code": "print(1)"}"#;
    let form = "application/x-www-form-urlencoded";
    let reply = post_raw(&conductor, "/run_code/", form, body).await.ok();
    assert_eq!(reply["output"], "1\n");
}

#[tokio::test]
async fn what_nobody_made_is_not_found() {
    let conductor = Conductor::start().without_sandbox().await;
    for path in [
        "/session/me",
        "/data/me",
        "/nowhere",
        "/run_code/more",
        "/session/me/revisions/1",
    ] {
        let method = if path == "/run_code/more" {
            Method::POST
        } else {
            Method::GET
        };
        let request = conductor
            .request(method, path)
            .send()
            .await
            .expect("an answer");
        Reply::read(request).await.error(404, "not_found");
    }
    let session = format!("/session/{NOBODY}");
    let unknown = conductor.get(&session).await.error(404, "not_found");
    assert!(unknown.contains(NOBODY), "{unknown}");
    conductor.delete(&session).await.error(404, "not_found");
    for code in ["1", "import streamlit as st\nst.write(1)"] {
        let request = json!({"code": code, "session_id": NOBODY});
        let message = conductor
            .post("/run_code/", &request)
            .await
            .error(404, "not_found");
        assert!(message.contains("session_id"), "{message}");
    }
}

#[tokio::test]
async fn another_method_is_named() {
    let conductor = Conductor::start().without_sandbox().await;
    for (method, path, allowed) in [
        (Method::GET, "/run_code/", "POST"),
        (Method::GET, "/gradio_ui/", "POST"),
        (Method::DELETE, "/generate_ui/", "POST"),
        (Method::GET, "/data/", "POST"),
        (Method::POST, "/session/", "GET"),
        (Method::PUT, "/session/me", "GET, PATCH, DELETE"),
        (Method::POST, "/health", "GET"),
    ] {
        let reply = conductor
            .request(method, path)
            .send()
            .await
            .expect("an answer");
        let reply = Reply::read(reply).await;
        let message = reply.error(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), allowed, "{path}");
        assert!(message.contains(allowed), "{path}: {message}");
    }
}

#[tokio::test]
async fn a_sandbox_service_that_is_down_is_named_and_no_session_is_left() {
    let conductor = Conductor::start().without_sandbox().await;
    let cookie = owner(&conductor).await;
    for (path, body) in [
        ("/run_code/", json!({"code": "print(1)"})),
        (
            "/gradio_ui/",
            json!({"code": "import gradio as gr\ngr.Blocks()"}),
        ),
        ("/generate_ui/", json!({"prompt": "a clock"})),
    ] {
        let request = conductor
            .request(Method::POST, path)
            .header(COOKIE, &cookie)
            .json(&body);
        let reply = Reply::read(request.send().await.expect("an answer")).await;
        let message = reply.error(502, "sandbox_unreachable");
        assert!(message.contains("cargo xtask up"), "{path}: {message}");
    }
    let request = conductor
        .request(Method::GET, "/session/")
        .header(COOKIE, &cookie);
    let list = Reply::read(request.send().await.expect("an answer"))
        .await
        .ok();
    assert_eq!(list["total"], 0, "{list}");

    let health = conductor.get("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["sandbox"]["status"], "down");
    assert_eq!(health.json()["store"]["status"], "up");
}

#[tokio::test]
async fn a_failure_before_the_first_event_is_an_ordinary_error_and_a_later_one_an_event() {
    let conductor = Conductor::start().without_sandbox().await;
    let stream = |path: &str, body: Value| {
        let request = conductor.request(Method::POST, path).json(&body);
        request.header(ACCEPT, "text/event-stream").send()
    };
    let early = stream("/run_code/", json!({"code": "1"}))
        .await
        .expect("an answer");
    Reply::read(early).await.error(502, "sandbox_unreachable");

    let late = stream("/generate_ui/", json!({"prompt": "a clock"}))
        .await
        .expect("an answer");
    let events = e2e::Events::of(late).rest().await;
    let [.., error, done] = events.as_slice() else {
        panic!("an error and an end: {events:?}");
    };
    assert_eq!((error.name.as_str(), done.name.as_str()), ("error", "done"));
    assert_eq!(
        error.data["error"]["code"], "sandbox_unreachable",
        "{error:?}"
    );
    assert_eq!(error.data, done.data);
}

#[tokio::test]
async fn a_sandbox_service_takes_only_its_key() {
    let wrong = Conductor::start()
        .with_sandbox_key("right")
        .with_variable("sandbox_api_key", "wrong-e2e-key")
        .await;
    let reply = wrong.post("/run_code/", &json!({"code": "1"})).await;
    let message = reply.error(502, "sandbox_refused");
    assert!(
        message.contains("E2B_API_KEY") && !message.contains("wrong-e2e-key"),
        "{message}"
    );
    assert!(!wrong.logs().contains("wrong-e2e-key"));

    let right = Conductor::start()
        .with_sandbox_key("right")
        .with_variable("sandbox_api_key", "right")
        .await;
    assert_eq!(right.run_code("print(1)").await["output"], "1\n");
}

#[tokio::test]
async fn a_request_id_that_the_client_gives_is_kept() {
    let conductor = Conductor::start().without_sandbox().await;
    let request = conductor.request(Method::GET, "/session/me");
    let reply = request
        .header("x-request-id", "mine-1")
        .send()
        .await
        .expect("an answer");
    let reply = Reply::read(reply).await;
    reply.error(404, "not_found");
    assert_eq!(reply.header("x-request-id"), "mine-1");
    assert!(
        conductor.logs().contains("mine-1"),
        "it leads to the log line"
    );
}

/// The cookie of a caller that keeps a list.
pub async fn owner(conductor: &Conductor) -> String {
    let reply = conductor.get("/session/").await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.contains("HttpOnly"), "{cookie}");
    cookie
        .split(';')
        .next()
        .expect("a cookie has a value")
        .to_owned()
}

#[tokio::test]
async fn a_page_of_another_site_may_change_nothing() {
    let conductor = Conductor::start()
        .without_sandbox()
        .with_variable("allowed_origins", "https://friend.example")
        .await;
    for (header, value, is_refused) in [
        ("sec-fetch-site", "cross-site", true),
        ("sec-fetch-site", "same-site", true),
        ("sec-fetch-site", "same-origin", false),
        ("origin", "http://7860-abc.localhost:7070", true),
        ("origin", "null", true),
        ("origin", "https://friend.example", false),
    ] {
        let request = conductor
            .request(Method::POST, "/run_code/")
            .header(header, value)
            .body("{");
        let reply = Reply::read(request.send().await.expect("the host answers")).await;
        if is_refused {
            let message = reply.error(403, "foreign_origin");
            assert!(message.contains("allowed_origins"), "{header}: {value}");
        } else {
            reply.error(400, "malformed_json");
        }
    }
}
