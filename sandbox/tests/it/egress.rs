//! The way out: through the proxy, to whom operator and caller allow, and nowhere else.
//!
//! The servers here listen on 127.0.0.2, which no sandbox reaches unless the operator's flag names
//! it, and which `NO_PROXY` does not exempt.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use crate::fixture::{Sandbox, Service, json, until};

/// A web server: `/` tells the `Host` it was asked by, `/echo` streams the body back.
async fn web_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hello =
        async |headers: http::HeaderMap| format!("hello {}", headers["host"].to_str().unwrap());
    let app = Router::new()
        .route("/", get(hello))
        .route("/echo", post(async |body: Body| body));
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Hands out whatever connects.
async fn bare_server() -> (SocketAddr, mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = sender.send(stream).await;
        }
    });
    (address, receiver)
}

fn allowing(entry: impl ToString) -> Service {
    Service::start_with(&["--allow-egress", &entry.to_string()])
}

impl Service {
    async fn create_with(&self, network: Value) -> Sandbox<'_> {
        let mut body = json!({ "templateID": "base", "timeout": 300 });
        body.as_object_mut()
            .unwrap()
            .extend(network.as_object().unwrap().clone());
        self.create_from(body).await
    }

    async fn refused(&self, network: Value) -> (StatusCode, String) {
        let mut body = json!({ "templateID": "base" });
        body.as_object_mut()
            .unwrap()
            .extend(network.as_object().unwrap().clone());
        let request = self.call(Method::POST, "/v2/sandboxes").json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, json(response).await["message"].to_string())
    }
}

impl Sandbox<'_> {
    async fn update_network(&self, network: Value) -> StatusCode {
        let path = format!("/sandboxes/{}/network", self.id);
        let request = self.service.call(Method::PUT, &path).json(&network);
        request.send().await.unwrap().status()
    }

    async fn info(&self) -> Value {
        let request = self
            .service
            .call(Method::GET, &format!("/sandboxes/{}", self.id));
        json(request.send().await.unwrap()).await
    }

    /// What curl says about an address: its status, or the proxy's, and the body.
    async fn curl(&self, arguments: &str) -> String {
        let command =
            format!("curl -sS -m 30 -w '%{{http_code}}/%{{http_connect}}' {arguments} 2>&1");
        self.shell(&command).await.stdout
    }
}

#[tokio::test]
async fn every_client_gets_out_to_whom_the_operator_allows() {
    let server = web_server().await;
    let service = allowing(server);
    let sandbox = service.create().await;
    let hello = format!("hello {server}");
    for program in [
        format!("import urllib.request as u; print(u.urlopen('http://{server}/').read().decode())"),
        format!("import requests; print(requests.get('http://{server}/').text)"),
        format!("import httpx; print(httpx.get('http://{server}/').text)"),
        format!(
            "import http.client as h; c = h.HTTPConnection('127.0.0.1', 3128); c.set_tunnel('127.0.0.2', {}); c.request('GET', '/'); print(c.getresponse().read().decode())",
            server.port()
        ),
    ] {
        let output = sandbox.python(&program).await;
        assert_eq!(
            output.stdout,
            format!("{hello}\n"),
            "{program}\n{}",
            output.stderr
        );
    }
    for arguments in [
        format!("http://{server}/"),
        format!("--proxytunnel http://{server}/"),
        format!("--noproxy '*' --unix-socket /run/conductor/egress.sock http://{server}/"),
    ] {
        let said = sandbox.curl(&arguments).await;
        assert!(
            said.starts_with(&format!("{hello}200/")),
            "{arguments}: {said}"
        );
    }
}

#[tokio::test]
async fn the_way_out_is_the_same_where_the_service_is_an_ordinary_users() {
    let (server, other) = (web_server().await, web_server().await);
    let service = Service::start_ordinary(&["--allow-egress", &server.to_string()]);
    let sandbox = service.create().await;
    for door in ["", "--noproxy '*' --unix-socket /run/conductor/egress.sock"] {
        let said = sandbox.curl(&format!("{door} http://{server}/")).await;
        assert!(said.starts_with(&format!("hello {server}200")), "{said}");
        let said = sandbox.curl(&format!("{door} http://{other}/")).await;
        assert!(said.ends_with("403/000"), "{said}");
    }
}

#[tokio::test]
async fn nobody_gets_out_without_being_allowed_to() {
    let server = web_server().await;
    let other = web_server().await;
    let service = allowing(server);
    let offline = service
        .create_with(json!({ "allow_internet_access": false }))
        .await;
    let seen = offline
        .shell("env | grep -i proxy; ls /run/conductor; curl -sS -x 127.0.0.1:3128 http://127.0.0.2/ 2>&1")
        .await
        .stdout;
    assert!(
        !seen.to_lowercase().contains("_proxy")
            && !seen.contains("egress")
            && seen.contains("Failed to connect"),
        "{seen}"
    );
    let sandbox = service.create().await;
    let said = sandbox.curl(&format!("http://{other}/")).await;
    assert!(
        said.contains(&format!("egress to {other} refused")) && said.ends_with("403/000"),
        "{said}"
    );
    let tunnel = sandbox
        .curl(&format!("--proxytunnel http://{other}/"))
        .await;
    assert!(tunnel.ends_with("000/403"), "{tunnel}");
    let named = sandbox
        .python("import requests\ntry: requests.get('https://example.invalid/')\nexcept Exception as e: print(e)")
        .await
        .stdout;
    assert!(
        named.contains("egress to example.invalid:443 refused") && named.contains("--allow-egress"),
        "the reason stands in the client's own error: {named}"
    );
    let direct = sandbox
        .curl(&format!("--noproxy '*' http://{server}/"))
        .await;
    assert!(direct.contains("Failed to connect"), "{direct}");
}

#[tokio::test]
async fn without_the_operators_word_there_is_no_proxy() {
    let service = Service::start();
    let sandbox = service
        .create_with(json!({ "allow_internet_access": true }))
        .await;
    assert_eq!(sandbox.info().await["allowInternetAccess"], false);
    assert_eq!(
        sandbox
            .shell("env | grep -i proxy; ls /run/conductor | grep -v zygote")
            .await
            .stdout,
        ""
    );
    let (status, message) = service
        .refused(json!({ "network": { "allowOut": ["example.com"] } }))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(
        message.contains("'example.com'") && message.contains("--allow-egress example.com"),
        "{message}"
    );
}

#[tokio::test]
async fn everybody_public_does_not_mean_this_machine() {
    let server = web_server().await;
    let service = allowing("*");
    let sandbox = service.create().await;
    let port = server.port();
    for host in [
        "127.0.0.2",
        "localhost",
        "LOCALHOST.",
        "2130706434",
        "0x7f000002",
        "0177.0.0.2",
        "127.2",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "169.254.169.254",
        "[64:ff9b::7f00:2]",
    ] {
        let said = sandbox
            .python(&format!(
                "import http.client as h\nc = h.HTTPConnection('127.0.0.1', 3128)\nc.request('GET', 'http://{host}:{port}/', headers={{'Host': '{host}:{port}'}})\nr = c.getresponse()\nprint(r.status, r.read().decode())"
            ))
            .await;
        assert!(
            said.stdout.starts_with("403 ") && said.stdout.contains("not a public one"),
            "{host}: {said:?}"
        );
    }
}

#[tokio::test]
async fn a_callers_list_narrows_and_can_be_changed() {
    let (one, other) = (web_server().await, web_server().await);
    let service = allowing("127.0.0.0/8");
    let sandbox = service
        .create_with(json!({ "network": { "allowOut": [one.to_string()] } }))
        .await;
    let info = sandbox.info().await;
    assert_eq!(
        info["network"],
        json!({ "allowOut": [one.to_string()], "allowPublicTraffic": true })
    );
    assert_eq!(info["allowInternetAccess"], true);
    let reaches = async |server: SocketAddr| {
        sandbox
            .curl(&format!("http://{server}/"))
            .await
            .contains("hello")
    };
    assert!(reaches(one).await && !reaches(other).await);

    let both =
        json!({ "allowOut": [one.to_string(), other.to_string()], "denyOut": ["0.0.0.0/0"] });
    assert_eq!(
        sandbox.update_network(both.clone()).await,
        StatusCode::NO_CONTENT
    );
    assert!(reaches(one).await && reaches(other).await);
    assert_eq!(sandbox.info().await["network"]["denyOut"], both["denyOut"]);

    assert_eq!(
        sandbox
            .update_network(json!({ "denyOut": ["127.0.0.2"] }))
            .await,
        StatusCode::NO_CONTENT
    );
    assert!(!reaches(one).await);
    assert_eq!(
        sandbox
            .update_network(json!({ "allow_internet_access": false }))
            .await,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        sandbox
            .shell("env | grep -ci proxy; ls /run/conductor | grep -v ^zygote")
            .await
            .stdout,
        "0\n"
    );
    assert_eq!(
        sandbox.update_network(json!({})).await,
        StatusCode::NO_CONTENT
    );
    assert!(reaches(one).await && reaches(other).await);
    assert_eq!(
        sandbox
            .update_network(json!({ "allowOut": ["10.0.0.1"] }))
            .await,
        StatusCode::FORBIDDEN
    );
    assert!(reaches(one).await, "what was refused changed nothing");
}

/// Opens a tunnel, says so, and says when it ends.
fn tunnel_to(server: SocketAddr) -> Value {
    let program = format!(
        "import socket\ns = socket.create_connection(('127.0.0.1', 3128))\ns.sendall(b'CONNECT {server} HTTP/1.1\\r\\nHost: {server}\\r\\n\\r\\n')\nassert s.recv(4096).startswith(b'HTTP/1.1 200'), 'no tunnel'\ns.sendall(b'through')\nprint(s.recv(100).decode(), flush=True)\ntry: s.recv(1)\nexcept OSError: pass\nprint('cut', flush=True)"
    );
    json!({ "process": { "cmd": "python", "args": ["-c", program] } })
}

#[tokio::test]
async fn an_open_tunnel_is_cut_when_it_is_no_longer_allowed() {
    let (server, mut connections) = bare_server().await;
    let service = allowing("127.0.0.0/8");
    let sandbox = service.create().await;
    let mut events = sandbox.open(tunnel_to(server)).await;
    events.pid().await;
    let mut tunnel = connections.recv().await.unwrap();
    let mut said = [0; 7];
    tunnel.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"through");
    tunnel.write_all(b"back").await.unwrap();
    assert!(events.next().await.unwrap().1["event"]["data"].is_object());
    // A change that still allows it leaves it alone.
    let allowed = json!({ "allowOut": ["127.0.0.2"] });
    assert_eq!(
        sandbox.update_network(allowed).await,
        StatusCode::NO_CONTENT
    );
    let others = json!({ "allowOut": ["127.0.0.3"] });
    assert_eq!(sandbox.update_network(others).await, StatusCode::NO_CONTENT);
    assert_eq!(events.finish().await.stdout, "cut\n");
    assert_eq!(tunnel.read(&mut said).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn the_proxy_ends_with_its_sandbox() {
    let (server, mut connections) = bare_server().await;
    let service = allowing(server);
    let sandbox = service.create().await;
    let _events = sandbox.open(tunnel_to(server)).await;
    let mut tunnel = connections.recv().await.unwrap();
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{}/fd", service.child.id()))
            .unwrap()
            .count()
    };
    let with_tunnel = descriptors();
    let kill = service.call(Method::DELETE, &format!("/sandboxes/{}", sandbox.id));
    assert_eq!(kill.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let mut rest = Vec::new();
    // The bytes that were under way, then the end.
    let _ = tunnel.read_to_end(&mut rest).await;
    until("listeners and tunnel are closed", async || {
        descriptors() + 4 < with_tunnel
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_down_is_a_bad_gateway() {
    // A port that is taken, so that nobody else listens there either.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let closed = taken.local_addr().unwrap();
    let service =
        Service::start_with(&["--allow-egress", "127.0.0.2", "--allow-egress", "*.invalid"]);
    let sandbox = service.create().await;
    let said = sandbox.curl(&format!("http://{closed}/")).await;
    assert!(
        said.contains("does not accept the connection") && said.ends_with("502/000"),
        "{said}"
    );
    let said = sandbox.curl("http://nobody.invalid/").await;
    assert!(
        said.contains("nobody.invalid:80 cannot be reached") && said.ends_with("502/000"),
        "{said}"
    );
    let (silent, mut connections) = bare_server().await;
    let hang_up = tokio::spawn(async move { drop(connections.recv().await) });
    let said = sandbox.curl(&format!("http://{silent}/")).await;
    assert!(
        said.contains("without an answer") && said.ends_with("502/000"),
        "{said}"
    );
    hang_up.await.unwrap();
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let server = web_server().await;
    let service = allowing(server);
    let sandbox = service.create().await;
    sandbox.shell("head -c 40000000 /dev/urandom > sent").await;
    for arguments in [
        "",
        "--proxytunnel",
        "-H 'Expect: 100-continue'",
        "-H 'Transfer-Encoding: chunked'",
    ] {
        let command = format!(
            "curl -sS {arguments} --data-binary @sent -o received http://{server}/echo && cmp sent received && echo same"
        );
        let output = sandbox.shell(&command).await;
        assert_eq!(output.stdout, "same\n", "{arguments}: {}", output.stderr);
    }
}

#[tokio::test]
async fn a_sandbox_has_so_many_connections_and_no_more() {
    let server = web_server().await;
    let service = allowing(server);
    let sandbox = service.create().await;
    let said = sandbox
        .python("import socket\nopen = [socket.create_connection(('127.0.0.1', 3128)) for _ in range(129)]\nprint(open[-1].recv(100).decode())")
        .await;
    assert!(
        said.stdout
            .starts_with("HTTP/1.1 503 this sandbox has 128 connections"),
        "{said:?}"
    );
    let said = sandbox.curl(&format!("http://{server}/")).await;
    assert!(said.contains("hello"), "they are free again: {said}");
}

#[tokio::test]
async fn what_cannot_be_had_is_said_when_it_is_asked_for() {
    let service = allowing("example.com:443");
    for (network, status, words) in [
        (
            json!({ "allowOut": ["http://example.com"] }),
            400,
            "network.allowOut",
        ),
        (json!({ "denyOut": ["example.com"] }), 400, "only addresses"),
        (
            json!({ "allowOut": ["example.com:80"] }),
            403,
            "--allow-egress example.com:80",
        ),
        (
            json!({ "allowOut": ["10.0.0.1"] }),
            403,
            "--allow-egress 10.0.0.1",
        ),
        (
            json!({ "rules": { "example.com": [] } }),
            400,
            "network.rules",
        ),
        (
            json!({ "egressProxy": { "address": "proxy.example:1080" } }),
            400,
            "network.egressProxy",
        ),
        (json!({ "httpsPorts": [443] }), 400, "network.httpsPorts"),
        (
            json!({ "maskRequestHost": "user@example.com" }),
            400,
            "maskRequestHost",
        ),
        (
            json!({ "allowOut": vec!["example.com"; 257] }),
            400,
            "257 entries",
        ),
    ] {
        let (refused, message) = service.refused(json!({ "network": network })).await;
        assert!(
            refused == status && message.contains(words),
            "{network}: {refused} {message}"
        );
    }
    let insecure = Service::start_with(&["--insecure-no-isolation"]);
    let (refused, message) = insecure
        .refused(json!({ "allow_internet_access": false }))
        .await;
    assert!(
        refused == 400 && message.contains("without isolation"),
        "{message}"
    );
}

#[tokio::test]
async fn an_entry_that_means_nobody_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        crate::fixture::command(folder.path(), std::path::Path::new(crate::fixture::VENV));
    let output = command
        .args(["--allow-egress", "http://example.com"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("'http://example.com' is no host name"),
        "{said}"
    );
}
