//! The code interpreter with real kernels in real sandboxes, over HTTP as E2B's clients use it.

mod contexts;
mod faults;
mod results;
mod shell;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Service, text};

/// A service of its own with one sandbox. It ends with the test.
struct Interpreter {
    service: Service,
    sandbox: String,
}

impl Interpreter {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(arguments: &[&str]) -> Self {
        let service = Service::start_with(arguments);
        let created: Value = service
            .call(Method::POST, "/sandboxes")
            .json(&json!({ "templateID": "base", "timeout": 300, "envVars": { "GREETING": "hi" } }))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let sandbox = text(&created["sandboxID"]);
        Self { service, sandbox }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self
            .service
            .call(method, path)
            .header("E2b-Sandbox-Id", &self.sandbox)
            .header("E2b-Sandbox-Port", "49999");
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    async fn refused(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, String) {
        let response = self.send(method, path, body).await;
        (response.status(), response.text().await.expect("text"))
    }

    async fn execute(&self, body: Value) -> Vec<Value> {
        let response = self.send(Method::POST, "/execute", Some(body)).await;
        let status = response.status();
        let text = response.text().await.expect("text");
        assert_eq!(status, StatusCode::OK, "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    async fn python(&self, code: &str) -> Vec<Value> {
        self.execute(json!({ "code": code })).await
    }

    async fn bash(&self, code: &str) -> Vec<Value> {
        self.execute(json!({ "code": code, "language": "bash" }))
            .await
    }

    /// Starts code, and goes away once it has printed.
    async fn abandon(&self, body: Value) {
        let mut response = self.send(Method::POST, "/execute", Some(body)).await;
        let mut seen = String::new();
        while !seen.contains("\"stdout\"") {
            let chunk = response
                .chunk()
                .await
                .expect("a chunk")
                .expect("it prints before it ends");
            seen += &String::from_utf8_lossy(&chunk);
        }
    }

    async fn contexts(&self) -> Vec<Value> {
        self.send(Method::GET, "/contexts", None)
            .await
            .json()
            .await
            .expect("JSON")
    }

    async fn create(&self, body: Value) -> Value {
        self.send(Method::POST, "/contexts", Some(body))
            .await
            .json()
            .await
            .expect("JSON")
    }
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn stdout(lines: &[Value]) -> String {
    of(lines, "stdout")
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect()
}

fn result(lines: &[Value]) -> &Value {
    of(lines, "result")
        .first()
        .copied()
        .unwrap_or_else(|| panic!("no result in {lines:#?}"))
}
