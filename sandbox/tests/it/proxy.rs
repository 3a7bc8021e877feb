//! Apps inside are reached from outside.

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::fixture::{Sandbox, Service, json};

/// Says what it was asked; `/slow` streams, an event for each `/next`; `/echo` returns the body; each answer closes the connection late.
pub const ECHO_SERVER: &str = r#"
import http.server, json, threading
next_one = threading.Semaphore(1)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass
    def do_GET(self):
        if self.path == '/drop': self.close_connection = True; return
        if self.path == '/slow':
            self.send_response(200); self.send_header('Content-Type', 'text/event-stream'); self.send_header('Connection', 'close'); self.end_headers()
            for i in range(3):
                next_one.acquire(); self.wfile.write(f'data: {i}\n\n'.encode()); self.wfile.flush()
            self.close_connection = True
            return
        if self.path == '/next': next_one.release()
        body = json.dumps({'path': self.path, 'headers': {k.lower(): v for k, v in self.headers.items()}}).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_POST(self):
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size); self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(201); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer(('127.0.0.1', 8000), Handler).serve_forever()
"#;

const WEBSOCKET_SERVER: &str = r#"
import asyncio, websockets
async def echo(connection):
    await connection.send(f"{connection.request.headers['Origin']} {connection.request.headers['Host']} {connection.subprotocol}")
    async for message in connection: await connection.send(message)
async def main():
    async with websockets.serve(echo, '::1', 9000, subprotocols=['streamlit']): await asyncio.Future()
asyncio.run(main())
"#;

impl Sandbox<'_> {
    /// Runs a program in the background until its port is open.
    pub async fn app(&self, program: &str, port: u16) {
        let mut events = self
            .open(json!({ "process": { "cmd": "python", "args": ["-c", program] } }))
            .await;
        events.pid().await;
        self.until_open(port).await;
    }

    fn host(&self, port: u16) -> String {
        format!(
            "{port}-{}.localhost:{}",
            self.id,
            self.service.address.rsplit(':').next().unwrap()
        )
    }
}

#[tokio::test]
async fn an_app_is_reached_by_host_and_by_header() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.app(ECHO_SERVER, 8000).await;
    let host = sandbox.host(8000);
    let by_host = service
        .call(Method::GET, "/a%20path/?q=1&r")
        .header("Host", &host)
        .header("X-API-KEY", "secret")
        .header("Accept-Language", "de")
        .send()
        .await
        .unwrap();
    assert_eq!(by_host.status(), StatusCode::OK);
    let seen = json(by_host).await;
    assert_eq!(
        (
            &seen["path"],
            &seen["headers"]["host"],
            &seen["headers"]["accept-language"]
        ),
        (&json!("/a%20path/?q=1&r"), &json!(host), &json!("de"))
    );
    assert!(seen["headers"]["x-api-key"].is_null(), "{seen}");

    let by_header = json(sandbox.call(8000, Method::GET, "/x").send().await.unwrap()).await;
    assert_eq!(by_header["path"], "/x");
    assert!(
        !by_header.to_string().contains("e2b-sandbox"),
        "{by_header}"
    );
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.app(ECHO_SERVER, 8000).await;
    let big = vec![7_u8; 30 << 20];
    let echoed = sandbox
        .call(8000, Method::POST, "/echo")
        .body(big.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(echoed.status(), StatusCode::CREATED);
    assert!(echoed.bytes().await.unwrap() == big);
    let chunks = futures_util::stream::iter(
        (0..4).map(|number| Ok::<_, std::io::Error>(format!("part {number};"))),
    );
    let echoed = sandbox
        .call(8000, Method::POST, "/echo")
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
        .unwrap();
    assert_eq!(echoed.text().await.unwrap(), "part 0;part 1;part 2;part 3;");

    let mut events = sandbox
        .call(8000, Method::GET, "/slow")
        .send()
        .await
        .unwrap();
    for number in 0..3 {
        let event = events.chunk().await.unwrap().unwrap();
        assert_eq!(event, format!("data: {number}\n\n"));
        // Only now is the next one written.
        let next = sandbox.call(8000, Method::GET, "/next").send().await;
        assert_eq!(next.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(events.text().await.unwrap(), "");
}

#[tokio::test]
async fn many_requests_share_a_connection_and_survive_one_that_breaks() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.app(ECHO_SERVER, 8000).await;
    for _ in 0..20 {
        assert_eq!(
            sandbox
                .call(8000, Method::GET, "/ok")
                .send()
                .await
                .unwrap()
                .status(),
            StatusCode::OK
        );
        let dropped = sandbox
            .call(8000, Method::GET, "/drop")
            .send()
            .await
            .unwrap();
        assert_eq!(dropped.status(), StatusCode::BAD_GATEWAY);
    }
}

#[tokio::test]
async fn websockets_keep_origin_host_and_subprotocol() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.app(WEBSOCKET_SERVER, 9000).await;
    let host = sandbox.host(9000);
    let mut request = format!("ws://{host}/_stream")
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("Origin", "http://elsewhere.example".parse().unwrap());
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", "streamlit".parse().unwrap());
    // `*.localhost` is for browsers: connect to the address and say the host.
    let tcp = TcpStream::connect(service.address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let (mut socket, response) = tokio_tungstenite::client_async(request, tcp).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "streamlit");
    let first = socket.next().await.unwrap().unwrap();
    assert_eq!(
        first.into_text().unwrap().as_str(),
        format!("http://elsewhere.example {host} streamlit")
    );
    for length in [0, 1, 200_000] {
        let message = "x".repeat(length);
        socket.send(message.clone().into()).await.unwrap();
        assert_eq!(
            socket
                .next()
                .await
                .unwrap()
                .unwrap()
                .into_text()
                .unwrap()
                .as_str(),
            message
        );
    }
    // The socket ends with its sandbox.
    service
        .call(Method::DELETE, &format!("/sandboxes/{}", sandbox.id))
        .send()
        .await
        .unwrap();
    assert!(socket.next().await.is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn what_is_not_there_says_so_in_e2bs_words() {
    let service = Service::start();
    let sandbox = service.create().await;
    let closed = sandbox.call(8001, Method::GET, "/").send().await.unwrap();
    assert_eq!(closed.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(
        json(closed).await,
        json!({ "sandboxId": sandbox.id, "message": "The sandbox is running but port is not open", "port": 8001, "code": 502 })
    );
    let page = sandbox
        .call(8001, Method::GET, "/")
        .header("Accept", "text/html,*/*")
        .send()
        .await
        .unwrap();
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<h1>The sandbox is running but port is not open</h1>")
    );

    for port in [49983, 49999, 8000] {
        let absent = service
            .call(Method::GET, "/health")
            .header("E2b-Sandbox-Id", "nobody")
            .header("E2b-Sandbox-Port", port.to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(absent.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(
            json(absent).await,
            json!({ "sandboxId": "nobody", "message": "The sandbox was not found", "code": 502 })
        );
    }
    let absent = service
        .call(Method::GET, "/health")
        .header("Host", "49983-nobody.localhost:7070")
        .send()
        .await
        .unwrap();
    assert_eq!(absent.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn the_host_decides_over_the_headers() {
    let service = Service::start();
    let (sandbox, other) = (service.create().await, service.create().await);
    sandbox.app(ECHO_SERVER, 8000).await;
    let seen = other
        .call(8000, Method::GET, "/mine")
        .header("Host", sandbox.host(8000))
        .send()
        .await
        .unwrap();
    assert_eq!(json(seen).await["path"], "/mine");
}

#[tokio::test]
async fn half_a_request_harms_nobody() {
    let service = Service::start();
    let mut broken = TcpStream::connect(service.address.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    broken
        .write_all(b"GET / HTTP/1.1\r\nHost: \xff\xfe")
        .await
        .unwrap();
    broken.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = broken.read_to_end(&mut rest).await;
    assert_eq!(
        service
            .call(Method::GET, "/health")
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_visitor_of_an_app_cannot_run_code() {
    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 300, "secure": true }))
        .await;
    let token = sandbox.token.clone().unwrap();
    let call = async |path: &str, by_host: bool, token: Option<&str>| {
        let mut request = service
            .call(Method::POST, path)
            .json(&json!({ "code": "1" }));
        request = match by_host {
            true => request.header("Host", sandbox.host(49999)),
            false => request
                .header("E2b-Sandbox-Id", &sandbox.id)
                .header("E2b-Sandbox-Port", "49999"),
        };
        if let Some(token) = token {
            request = request.header("X-Access-Token", token);
        }
        request.send().await.unwrap().status()
    };
    for (path, by_host) in [("/execute", true), ("/execute", false), ("/contexts", true)] {
        assert_eq!(
            call(path, by_host, None).await,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(
            call(path, by_host, Some("guess")).await,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        assert_eq!(
            call(path, by_host, Some(&token)).await,
            StatusCode::OK,
            "{path}"
        );
    }
    assert_eq!(
        call("/contexts", false, None).await,
        StatusCode::OK,
        "E2B's clients send no token here"
    );
}

#[tokio::test]
async fn web_pages_get_apps_and_nothing_else() {
    let service = Service::start();
    let sandbox = service.create().await;
    for (header, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Host", "rebound.example"),
    ] {
        let control = service.call(Method::GET, "/v2/sandboxes");
        let refused = control.header(header, value).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{header}: {value}");
        let by_header = sandbox.call(49999, Method::GET, "/contexts");
        let refused = by_header.header(header, value).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{header}: {value}");
    }
    sandbox.app(ECHO_SERVER, 8000).await;
    let page = service
        .call(Method::GET, "/")
        .header("Host", sandbox.host(8000))
        .header("Sec-Fetch-Site", "cross-site");
    assert_eq!(page.send().await.unwrap().status(), StatusCode::OK);
}
