//! A client of ours, and how long it waited.

use std::time::Instant;

use reqwest::header::HOST;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::Conductor;

/// The port of a sandbox's code interpreter.
const INTERPRETER: u16 = 49999;

/// Calls a Conductor over connections that it keeps, as any service that uses one would.
pub(super) struct Caller {
    client: Client,
    host: String,
    sandbox: String,
}

impl Caller {
    pub(super) fn of(conductor: &Conductor) -> Self {
        Self {
            client: client(),
            host: conductor.url(""),
            sandbox: format!("http://{}", conductor.sandbox_address()),
        }
    }

    /// A request to the functions.
    pub(super) fn host(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.host))
    }

    /// A request to the sandbox service.
    pub(super) fn sandbox(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.sandbox))
    }

    /// `POST /run_code/`.
    pub(super) async fn run_code(&self, request: &Value) -> Value {
        let reply = json(self.host(Method::POST, "/run_code/").json(request)).await;
        assert!(reply.get("error").is_none_or(Value::is_null), "{reply}");
        reply
    }

    /// Ends a session and its sandbox.
    pub(super) async fn delete_session(&self, id: &Value) {
        let id = id.as_str().expect("an id");
        text(self.host(Method::DELETE, &format!("/session/{id}"))).await;
    }

    /// Makes a sandbox as the functions do.
    pub(super) async fn make_sandbox(&self) -> Made {
        let body = json!({"templateID": "code-interpreter-v1", "timeout": 600, "secure": true});
        let made = json(self.sandbox(Method::POST, "/sandboxes").json(&body)).await;
        let field = |name: &str| {
            made[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: {made}"))
                .to_owned()
        };
        Made {
            id: field("sandboxID"),
            token: field("envdAccessToken"),
        }
    }

    /// Runs code in a sandbox, to the end of its stream.
    pub(super) async fn execute(&self, sandbox: &Made, code: &str) -> String {
        let request = self
            .sandbox(Method::POST, "/execute")
            .json(&json!({"code": code}));
        let request = request.header("E2b-Sandbox-Id", &sandbox.id);
        let request = request.header("E2b-Sandbox-Port", INTERPRETER);
        text(request.header("X-Access-Token", &sandbox.token)).await
    }

    /// Ends a sandbox.
    pub(super) async fn kill(&self, sandbox: &Made) {
        text(self.sandbox(Method::DELETE, &format!("/sandboxes/{}", sandbox.id))).await;
    }

    /// Opens an app by its public address.
    pub(super) fn app(&self, method: Method, address: &Address, path: &str) -> RequestBuilder {
        let Address { connect, host } = address;
        let request = self
            .client
            .request(method, format!("http://{connect}{path}"));
        request.header(HOST, host)
    }
}

/// A sandbox, and what opens it.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) token: String,
}

/// Where an app answers: what to connect to, and what to call it.
pub(super) struct Address {
    pub(super) connect: String,
    pub(super) host: String,
}

/// A client that keeps its connections.
pub(super) fn client() -> Client {
    let client = Client::builder().no_proxy().tcp_nodelay(true).build();
    client.expect("the client needs nothing of the machine")
}

/// A good answer.
pub(super) async fn text(request: RequestBuilder) -> String {
    let answer = request.send().await.expect("the service answers");
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.expect("the answer comes whole");
    assert!(status.is_success(), "{url}: {status}: {text}");
    text
}

/// A good answer's document.
pub(super) async fn json(request: RequestBuilder) -> Value {
    let text = text(request).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// How many milliseconds something took, and what came of it.
pub(super) async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let begun = Instant::now();
    let value = work.await;
    (begun.elapsed().as_secs_f64() * 1000.0, value)
}
