//! Ports that are not public, and the host that apps see.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Service, json};
use crate::proxy::ECHO_SERVER;

#[tokio::test]
async fn ports_that_are_not_public_want_the_traffic_token() {
    let service = Service::start();
    let body =
        json!({ "templateID": "base", "timeout": 300, "network": { "allowPublicTraffic": false } });
    let created = service.call(Method::POST, "/v2/sandboxes").json(&body);
    let created = json(created.send().await.unwrap()).await;
    let (id, token) = (
        &created["sandboxID"],
        created["trafficAccessToken"].as_str().unwrap(),
    );
    let call = async |port: u16, path: &str, traffic: Option<&str>| {
        let mut request = service
            .call(Method::GET, path)
            .header("E2b-Sandbox-Id", id.as_str().unwrap())
            .header("E2b-Sandbox-Port", port.to_string())
            .header(
                "X-Access-Token",
                created["envdAccessToken"].as_str().unwrap(),
            );
        if let Some(token) = traffic {
            request = request.header("E2B-Traffic-Access-Token", token);
        }
        request.send().await.unwrap()
    };
    for (presented, words) in [
        (None, "Token header 'e2b-traffic-access-token' is missing"),
        (Some("guess"), "Provided token is invalid"),
    ] {
        for port in [8000, 49999] {
            let refused = call(port, "/health", presented).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN);
            let body = json(refused).await;
            assert!(
                body["message"].as_str().unwrap().contains(words) && body["sandboxId"] == *id,
                "{body}"
            );
        }
    }
    assert_eq!(
        call(8000, "/", Some(token)).await.status(),
        StatusCode::BAD_GATEWAY,
        "nobody listens there"
    );
    assert_eq!(
        call(49999, "/health", Some(token)).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        call(49983, "/health", None).await.status(),
        StatusCode::NO_CONTENT,
        "envd has a token of its own"
    );
    let info = service.call(Method::GET, &format!("/sandboxes/{}", id.as_str().unwrap()));
    assert_eq!(
        json(info.send().await.unwrap()).await["network"]["allowPublicTraffic"],
        false
    );

    let body = json!({ "templateID": "base", "network": { "allowPublicTraffic": false } });
    let insecure = service
        .call(Method::POST, "/sandboxes")
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(insecure.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn apps_see_the_host_that_was_asked_for() {
    let service = Service::start();
    let body = json!({ "templateID": "base", "timeout": 300, "network": { "maskRequestHost": "app-${PORT}.example:8443" } });
    let sandbox = service.create_from(body).await;
    sandbox.app(ECHO_SERVER, 8000).await;
    let seen = sandbox.call(8000, Method::GET, "/").send().await.unwrap();
    assert_eq!(json(seen).await["headers"]["host"], "app-8000.example:8443");
}
