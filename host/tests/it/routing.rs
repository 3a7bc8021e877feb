use crate::harness::{client, guest, start};

#[tokio::test]
async fn a_component_learns_its_route_from_headers() {
    let host = guest("")
        .manifest("[[trigger.http]]\nroute = \"/things/:thing_id/parts\"\ncomponent = \"guest\"")
        .start();
    let headers = host.ok("headers?x=1").await;
    let port = host.url.rsplit(':').next().expect("a port");
    for line in [
        "spin-path-info: /headers\n".to_owned(),
        format!("spin-full-url: http://127.0.0.1:{port}/guest/headers?x=1\n"),
        "spin-matched-route: /guest/...\n".into(),
        "spin-base-path: /\n".into(),
        "spin-raw-component-route: /guest/...\n".into(),
        "spin-component-route: /guest\n".into(),
        "spin-client-addr: 127.0.0.1:".into(),
    ] {
        assert!(headers.contains(&line), "{line} is not in\n{headers}");
    }
}

#[tokio::test]
async fn a_parameter_becomes_a_header() {
    let host = guest("")
        .manifest("[[trigger.http]]\nroute = \"/guest/:thing_id\"\ncomponent = \"guest\"")
        .start();
    let headers = host.ok("headers").await;
    assert!(
        headers.contains("spin-path-match-thing-id: headers\n"),
        "{headers}"
    );
    assert!(headers.contains("spin-path-info: \n"), "{headers}");
}

#[tokio::test]
async fn spin_headers_cannot_be_forged() {
    let host = start();
    let headers = client()
        .get(format!("{}/guest/headers", host.url))
        .header("spin-client-addr", "6.6.6.6:6")
        .header("Spin-Invented", "yes")
        .header("accept", "text/html")
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a body");
    assert!(
        !headers.contains("6.6.6.6") && !headers.contains("spin-invented"),
        "{headers}"
    );
    assert!(headers.contains("accept: text/html"), "{headers}");
}

#[tokio::test]
async fn a_sane_request_id_goes_to_the_component_and_back() {
    let host = start();
    let response = client()
        .get(format!("{}/guest/headers", host.url))
        .header("x-request-id", "abc-123")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["x-request-id"], "abc-123");
    assert!(
        response
            .text()
            .await
            .expect("a body")
            .contains("x-request-id: abc-123\n")
    );
    let line = host.log_line("GET /guest/headers").await;
    for part in ["abc-123", "status=200", "guest", "duration_ms="] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn another_request_id_is_replaced() {
    let host = start();
    let response = client()
        .get(format!("{}/guest/hello", host.url))
        .header("x-request-id", "two words")
        .send()
        .await
        .expect("an answer");
    let id = response.headers()["x-request-id"].to_str().expect("text");
    assert!(
        id.len() == 24 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
}

#[tokio::test]
async fn a_path_without_a_route_is_not_found() {
    let host = start();
    let response = client()
        .get(format!("{}/elsewhere", host.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 404);
    let error: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(error["error"]["code"], "not_found");
    assert_eq!(error["error"]["message"], "no route leads to `/elsewhere`");
}

#[tokio::test]
async fn slashes_at_both_ends_are_tolerated() {
    let host = start();
    let response = client()
        .get(format!("{}//guest/hello", host.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn it_says_that_it_is_up_where_spin_does() {
    let host = start();
    let response = client()
        .get(format!("{}/.well-known/spin/health", host.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.text().await.expect("a body"), "OK");
}
