//! Requests that name another sandbox than the one they have the token of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::PLAIN;
use crate::fixture::{Sandbox, Service, envelope};

attempts! { PLAIN;
    use_the_token_of_another_sandbox,
    use_no_token,
    use_a_token_that_is_nearly_right,
    run_code_with_the_token_of_another_sandbox,
    name_another_sandbox_by_host,
    name_two_sandboxes,
    name_a_sandbox_that_is_none,
    use_the_control_api_by_the_name_of_a_sandbox,
    forge_a_signature,
    use_a_signature_for_another_path,
    use_a_signature_for_another_operation,
    use_a_signature_of_another_sandbox,
    use_a_signature_after_its_time,
    hide_a_second_path_behind_a_signature,
    smuggle_a_request_into_another,
}

async fn two(service: &Service) -> (Sandbox<'_>, Sandbox<'_>) {
    let secure = || json!({ "templateID": "base", "timeout": 300, "secure": true });
    let sandboxes = (
        service.create_from(secure()).await,
        service.create_from(secure()).await,
    );
    sandboxes.1.shell("echo private > note").await;
    let own = sandboxes
        .1
        .envd(Method::GET, "/files?path=note")
        .send()
        .await
        .unwrap();
    assert_eq!(own.text().await.unwrap(), "private\n");
    sandboxes
}

/// A request to a sandbox with any token.
fn with_token(sandbox: &Sandbox<'_>, token: &str, method: Method, path: &str) -> RequestBuilder {
    sandbox
        .service
        .call(method, path)
        .header("E2b-Sandbox-Id", &sandbox.id)
        .header("E2b-Sandbox-Port", "49983")
        .header("X-Access-Token", token)
}

async fn is_turned_away(request: RequestBuilder) {
    has_nothing_private(request.send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
}

async fn has_nothing_private(response: Response, expected: StatusCode) {
    let status = response.status();
    let body = response.text().await.unwrap();
    assert!(
        status == expected && !body.contains("private"),
        "{status}: {body}"
    );
}

const CALLS: [(&str, &str); 4] = [
    (
        "/filesystem.Filesystem/ListDir",
        r#"{"path":"/home/user","depth":1}"#,
    ),
    (
        "/filesystem.Filesystem/Remove",
        r#"{"path":"/home/user/note"}"#,
    ),
    ("/process.Process/List", "{}"),
    (
        "/process.Process/SendSignal",
        r#"{"process":{"pid":1},"signal":"SIGNAL_SIGKILL"}"#,
    ),
];

async fn refused_everything(sandbox: &Sandbox<'_>, token: &str) {
    is_turned_away(with_token(sandbox, token, Method::GET, "/files?path=note")).await;
    is_turned_away(with_token(sandbox, token, Method::POST, "/files?path=note").body("changed"))
        .await;
    for (path, body) in CALLS {
        let call = with_token(sandbox, token, Method::POST, path);
        is_turned_away(call.header("Content-Type", "application/json").body(body)).await;
    }
    let start = json!({ "process": { "cmd": "cat", "args": ["/home/user/note"] } });
    let call = with_token(sandbox, token, Method::POST, "/process.Process/Start");
    is_turned_away(
        call.header("Content-Type", "application/connect+json")
            .body(envelope(&start)),
    )
    .await;
    assert_eq!(sandbox.shell("cat note").await.stdout, "private\n");
}

async fn use_the_token_of_another_sandbox(service: Service) {
    let (sandbox, other) = two(&service).await;
    refused_everything(&other, &sandbox.token.unwrap()).await;
}

async fn use_no_token(service: Service) {
    let (_, other) = two(&service).await;
    refused_everything(&other, "").await;
    let bare = service.call(Method::GET, "/files?path=note");
    is_turned_away(
        bare.header("E2b-Sandbox-Id", &other.id)
            .header("E2b-Sandbox-Port", "49983"),
    )
    .await;
}

async fn use_a_token_that_is_nearly_right(service: Service) {
    let (_, other) = two(&service).await;
    let token = other.token.clone().unwrap();
    let longer = format!("{token}0");
    let (shorter, upper) = (&token[..token.len() - 1], token.to_uppercase());
    for nearly in [&longer, shorter, &upper, "null", "undefined"] {
        if nearly != token {
            is_turned_away(with_token(&other, nearly, Method::GET, "/files?path=note")).await;
        }
    }
}

async fn run_code_with_the_token_of_another_sandbox(service: Service) {
    let (sandbox, other) = two(&service).await;
    let request = service
        .call(Method::POST, "/execute")
        .header("E2b-Sandbox-Id", &other.id)
        .header("E2b-Sandbox-Port", "49999")
        .header("X-Access-Token", sandbox.token.unwrap())
        .json(&json!({ "code": "print(open('note').read())" }));
    is_turned_away(request).await;
    for path in [
        "/execute/",
        "//execute",
        "/execute//",
        "/Execute",
        "/./execute",
        "/%65xecute",
    ] {
        let request = service
            .call(Method::POST, path)
            .header("E2b-Sandbox-Id", &other.id)
            .header("E2b-Sandbox-Port", "49999")
            .json(&json!({ "code": "print(open('note').read())" }));
        is_turned_away(request).await;
    }
    let by_host = service
        .call(Method::POST, "/execute")
        .header("Host", format!("49999-{}.localhost", other.id))
        .json(&json!({ "code": "print(open('note').read())" }));
    is_turned_away(by_host).await;
}

async fn name_another_sandbox_by_host(service: Service) {
    let (sandbox, other) = two(&service).await;
    for host in [
        format!("49983-{}.localhost", other.id),
        format!("49983-{}-{}.localhost", other.id, sandbox.id),
        format!("049983-{}.localhost", other.id),
    ] {
        let request = sandbox
            .envd(Method::GET, "/files?path=note")
            .header("Host", host);
        is_turned_away(request).await;
    }
}

async fn name_two_sandboxes(service: Service) {
    let (sandbox, other) = two(&service).await;
    let token = sandbox.token.clone().unwrap();
    for (first, second) in [(&sandbox.id, &other.id), (&other.id, &sandbox.id)] {
        let response = service
            .call(Method::GET, "/files?path=note")
            .header("E2b-Sandbox-Id", first)
            .header("E2b-Sandbox-Id", second)
            .header("X-Access-Token", &token)
            .send()
            .await
            .unwrap();
        assert!(!response.text().await.unwrap().contains("private"));
    }
    let request = with_token(&other, &token, Method::GET, "/files?path=note");
    is_turned_away(request.header("X-Access-Token", "x")).await;
}

async fn name_a_sandbox_that_is_none(service: Service) {
    let (sandbox, other) = two(&service).await;
    for id in [
        "..",
        "../",
        "*",
        "",
        "0",
        &format!("{}/../{}", sandbox.id, other.id),
        &other.id.to_uppercase(),
    ] {
        let response = service
            .call(Method::GET, "/files?path=note")
            .header("E2b-Sandbox-Id", id)
            .header("X-Access-Token", sandbox.token.as_deref().unwrap())
            .send()
            .await
            .unwrap();
        has_nothing_private(response, StatusCode::BAD_GATEWAY).await;
    }
}

async fn use_the_control_api_by_the_name_of_a_sandbox(service: Service) {
    let (sandbox, other) = two(&service).await;
    // What carries a sandbox's name goes to that sandbox, never to the control API.
    for port in [49983, 49999, 8080] {
        let path = format!("/sandboxes/{}", other.id);
        let response = sandbox
            .call(port, Method::DELETE, &path)
            .send()
            .await
            .unwrap();
        assert_ne!(response.status(), StatusCode::NO_CONTENT, "port {port}");
    }
    assert_eq!(other.shell("cat note").await.stdout, "private\n");
}

fn signature(text: &str) -> String {
    format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)))
}

async fn signed(service: &Service, method: Method, query: &[(&str, &str)]) -> Response {
    let address =
        reqwest::Url::parse_with_params(&format!("{}/files", service.address), query).unwrap();
    service
        .client
        .request(method, address)
        .body("changed")
        .send()
        .await
        .unwrap()
}

/// Neither named by its signature nor by a header.
async fn opens_nothing(sandbox: &Sandbox<'_>, method: Method, query: &[(&str, &str)]) {
    let response = signed(sandbox.service, method.clone(), query).await;
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert!(
        status.is_client_error() && !body.contains("private"),
        "{query:?}: {status} {body}"
    );
    let address =
        reqwest::Url::parse_with_params(&format!("{}/files", sandbox.service.address), query)
            .unwrap();
    let request = sandbox
        .service
        .client
        .request(method, address)
        .body("changed");
    let named = request
        .header("E2b-Sandbox-Id", &sandbox.id)
        .header("E2b-Sandbox-Port", "49983");
    let response = named.send().await.unwrap();
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert!(
        status.is_client_error() && !body.contains("private"),
        "{query:?}: {status} {body}"
    );
    assert_eq!(sandbox.shell("cat note").await.stdout, "private\n");
}

async fn forge_a_signature(service: Service) {
    let (_, other) = two(&service).await;
    let token = other.token.clone().unwrap();
    let right = signature(&format!("note:read::{token}"));
    let answer = signed(
        &service,
        Method::GET,
        &[("path", "note"), ("signature", &right)],
    )
    .await;
    assert_eq!(
        answer.text().await.unwrap(),
        "private\n",
        "a right one opens"
    );
    let guessed = signature(&format!("note:read::{}", other.id));
    for forged in [
        "",
        "v1_",
        "x",
        &guessed,
        &right[..right.len() - 1],
        &right["v1_".len()..],
        &format!("{right}="),
    ] {
        opens_nothing(
            &other,
            Method::GET,
            &[("path", "note"), ("signature", forged)],
        )
        .await;
    }
}

async fn use_a_signature_for_another_path(service: Service) {
    let (_, other) = two(&service).await;
    let signature = signature(&format!("public:read::{}", other.token.clone().unwrap()));
    for path in ["note", "public/../note", "/home/user/note", "./public"] {
        opens_nothing(
            &other,
            Method::GET,
            &[("path", path), ("signature", &signature)],
        )
        .await;
    }
    opens_nothing(
        &other,
        Method::GET,
        &[
            ("path", "note"),
            ("username", "public"),
            ("signature", &signature),
        ],
    )
    .await;
}

async fn use_a_signature_for_another_operation(service: Service) {
    let (_, other) = two(&service).await;
    let token = other.token.clone().unwrap();
    let (read, write) = (
        signature(&format!("note:read::{token}")),
        signature(&format!("note:write::{token}")),
    );
    opens_nothing(
        &other,
        Method::POST,
        &[("path", "note"), ("signature", &read)],
    )
    .await;
    opens_nothing(
        &other,
        Method::GET,
        &[("path", "note"), ("signature", &write)],
    )
    .await;
    let call = service
        .call(
            Method::POST,
            &format!("/process.Process/List?path=note&signature={read}"),
        )
        .header("E2b-Sandbox-Id", &other.id)
        .json(&json!({}));
    is_turned_away(call).await;
}

async fn use_a_signature_of_another_sandbox(service: Service) {
    let (sandbox, other) = two(&service).await;
    let signature = signature(&format!("note:read::{}", sandbox.token.clone().unwrap()));
    opens_nothing(
        &other,
        Method::GET,
        &[("path", "note"), ("signature", &signature)],
    )
    .await;
}

async fn use_a_signature_after_its_time(service: Service) {
    let (_, other) = two(&service).await;
    let signed = signature(&format!(
        "note:read::{}:1000000000",
        other.token.clone().unwrap()
    ));
    for expiry in [
        "1000000000",
        "4000000000",
        "+1000000000",
        "1000000000.0",
        "9999999999999999999999",
        "",
    ] {
        opens_nothing(
            &other,
            Method::GET,
            &[
                ("path", "note"),
                ("signature", &signed),
                ("signature_expiration", expiry),
            ],
        )
        .await;
    }
    // A time that is none, signed by whoever may sign, must not mean "for ever".
    let token = other.token.clone().unwrap();
    for expiry in ["never", "", "9999999999999999999999"] {
        let signed = signature(&format!("note:read::{token}:{expiry}"));
        opens_nothing(
            &other,
            Method::GET,
            &[
                ("path", "note"),
                ("signature", &signed),
                ("signature_expiration", expiry),
            ],
        )
        .await;
    }
}

async fn hide_a_second_path_behind_a_signature(service: Service) {
    let (_, other) = two(&service).await;
    other.shell("echo public > public").await;
    let token = other.token.clone().unwrap();
    let signed = signature(&format!("public:read::{token}"));
    for order in [["note", "public"], ["public", "note"]] {
        let query = [
            ("path", order[0]),
            ("path", order[1]),
            ("signature", &signed),
        ];
        let response = self::signed(&service, Method::GET, &query).await;
        assert!(
            !response.text().await.unwrap().contains("private"),
            "{order:?}"
        );
    }
    // A form's parts have names, too; the signed path is the only one that counts.
    let signed = signature(&format!("public:write::{token}"));
    let part = reqwest::multipart::Part::text("changed").file_name("/home/user/note");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = service.call(
        Method::POST,
        &format!("/files?path=public&signature={signed}"),
    );
    request.multipart(form).send().await.unwrap();
    assert_eq!(other.shell("cat note").await.stdout, "private\n");
}

async fn smuggle_a_request_into_another(service: Service) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let (sandbox, other) = two(&service).await;
    let hidden = format!(
        "GET /files?path=note HTTP/1.1\r\nHost: 49983-{}.localhost\r\n\r\n",
        other.id
    );
    let address = service.address.strip_prefix("http://").unwrap();
    for lengths in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked".to_owned(),
        format!("Content-Length: 4\r\nContent-Length: {}", hidden.len()),
        "Transfer-Encoding: identity, chunked\r\nContent-Length: 4".to_owned(),
    ] {
        let request = format!(
            "POST /process.Process/List HTTP/1.1\r\nHost: localhost\r\nE2b-Sandbox-Id: {}\r\nX-Access-Token: {}\r\nContent-Type: application/json\r\n{lengths}\r\n\r\n0\r\n\r\n{hidden}",
            sandbox.id,
            sandbox.token.as_deref().unwrap()
        );
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("private"));
    }
}
