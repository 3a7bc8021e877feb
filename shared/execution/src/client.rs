//! A client of the E2B protocol (`SANDBOX_PROTOCOL.md` §5): what our functions ask of a sandbox.
//!
//! It builds requests and reads replies; sending the bytes is the [`Http`] port's. Every call
//! names its sandbox by headers, so that one address can serve all (`sandbox_data_url`), and also
//! uses the sandbox's own host where the service is reached by wildcard DNS.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName};
use http::{Method, Request, Response, StatusCode};
use model::ports::{Body, Http, SendError, Timer};
use model::session::SandboxRef;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::SandboxConfig;

mod contexts;
mod envelopes;
pub mod event;
mod files;
mod lines;
mod metrics;
mod process;
mod reply;
mod watch;

use envelopes::Envelopes;
pub use event::ExecutionEvent;
pub use files::{FilePart, From};
use lines::{Line, Lines};
pub use metrics::Metrics;
pub use process::{ProcessEvent, ProcessEvents};
use reply::{accepted, done, excerpt, reply};
pub use watch::DirectoryWatch;

/// The port of envd: files and processes.
pub const ENVD_PORT: u16 = 49_983;
/// How long the service may take to begin its answer; uploads of 50 MB are sent in that time.
const PATIENCE: Duration = Duration::from_secs(120);
/// Our key for the service.
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The version of the Connect protocol.
static CONNECT_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
/// Which sandbox is meant, and which of its ports.
static SANDBOX_ID: HeaderName = HeaderName::from_static("e2b-sandbox-id");
static SANDBOX_PORT: HeaderName = HeaderName::from_static("e2b-sandbox-port");
/// The token for files and processes.
static ACCESS_TOKEN: HeaderName = HeaderName::from_static("x-access-token");
/// The token for all ports.
static TRAFFIC_TOKEN: HeaderName = HeaderName::from_static("e2b-traffic-access-token");
/// The port of the code interpreter.
pub const INTERPRETER_PORT: u16 = 49_999;

/// The sandbox service did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// The sandbox is not there (any more): expired, killed, or lost with its service.
    #[error("sandbox {0} is gone")]
    Gone(String),
    /// The service cannot be reached.
    #[error(
        "the sandbox service does not answer ({0}): check `sandbox_api_url`, or start it with `cargo xtask up`"
    )]
    Unreachable(SendError),
    /// The service took too long to begin its answer.
    #[error(
        "the sandbox service did not answer within {seconds} s: try again, and look at its log if it stays"
    )]
    TimedOut {
        /// How long it was waited for.
        seconds: u64,
    },
    /// The service refused.
    #[error("the sandbox service answered {status} to {what}: {message}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The key is wrong.
    #[error("the sandbox service refuses the key: check `sandbox_api_key` (E2B_API_KEY)")]
    KeyRefused,
    /// The service said something that is not the protocol, or stopped in the middle.
    #[error("the sandbox service broke off during {what}: {reason}")]
    Broken {
        /// What was asked.
        what: &'static str,
        /// What was wrong.
        reason: String,
    },
}

/// A client of one sandbox service.
#[derive(Debug)]
pub struct Client<'a, H, T> {
    http: &'a H,
    timer: &'a T,
    config: &'a SandboxConfig,
}

/// A file for a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct NewFile<'a> {
    /// Its absolute path inside.
    pub path: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
}

impl<'a, H: Http, T: Timer> Client<'a, H, T> {
    /// A client that sends through `http`.
    pub fn new(http: &'a H, timer: &'a T, config: &'a SandboxConfig) -> Self {
        Self {
            http,
            timer,
            config,
        }
    }

    /// Makes a sandbox that lives `seconds`.
    pub async fn create(&self, seconds: u64, session: &str) -> Result<SandboxRef, SandboxError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            #[serde(rename = "sandboxID")]
            sandbox_id: String,
            domain: Option<String>,
            envd_access_token: Option<String>,
            traffic_access_token: Option<String>,
        }
        let what = "create a sandbox";
        let body = json!({
            "templateID": self.config.template,
            "timeout": seconds.min(self.config.max_seconds),
            "secure": true,
            "metadata": {"session": session},
            "envVars": {},
        });
        // v1 is in every specification seen; newer services may have only v2.
        let mut response = self
            .control(Method::POST, "/sandboxes", Some(&body))
            .await?;
        if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::GONE) {
            response = self
                .control(Method::POST, "/v2/sandboxes", Some(&body))
                .await?;
        }
        let created: Created = reply(what, response).await?;
        Ok(SandboxRef {
            id: created.sandbox_id,
            domain: created.domain,
            access_token: created.envd_access_token,
            traffic_token: created.traffic_access_token,
        })
    }

    /// Sets the end of a sandbox's life to `seconds` from now.
    pub async fn set_timeout(
        &self,
        sandbox: &SandboxRef,
        seconds: u64,
    ) -> Result<(), SandboxError> {
        let path = format!("/sandboxes/{}/timeout", sandbox.id);
        let body = json!({"timeout": seconds.min(self.config.max_seconds)});
        let response = self.control(Method::POST, &path, Some(&body)).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(SandboxError::Gone(sandbox.id.clone()));
        }
        done("set a sandbox's timeout", response).await
    }

    /// Ends a sandbox; one that is already gone is fine.
    pub async fn kill(&self, sandbox: &SandboxRef) -> Result<(), SandboxError> {
        let path = format!("/sandboxes/{}", sandbox.id);
        let response = self.control(Method::DELETE, &path, None).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        done("kill a sandbox", response).await
    }

    /// Runs code in the sandbox's default Python context. Dropping the answer interrupts the code.
    pub async fn execute(
        &self,
        sandbox: &SandboxRef,
        code: &str,
        env: &BTreeMap<String, String>,
    ) -> Result<Execution<H::Body>, SandboxError> {
        let body = json!({"code": code, "context_id": null, "language": null, "env_vars": env});
        let response = self
            .data(
                sandbox,
                INTERPRETER_PORT,
                "/execute",
                "application/json",
                json_bytes(&body),
            )
            .await?;
        let response = accepted("run code", sandbox, response).await?;
        Ok(Execution {
            lines: Lines::new(response.into_body()),
        })
    }

    /// Writes files, making their folders; one request for all.
    pub async fn write_files(
        &self,
        sandbox: &SandboxRef,
        files: &[NewFile<'_>],
    ) -> Result<(), SandboxError> {
        let boundary = boundary_for(files);
        let size = files.iter().map(|file| file.bytes.len() + 1_024).sum();
        let mut body = Vec::with_capacity(size);
        for file in files {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                file.path
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(file.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={boundary}");
        let response = self.data(sandbox, ENVD_PORT, "/files", &kind, body).await?;
        done(
            "write files",
            accepted("write files", sandbox, response).await?,
        )
        .await
    }

    /// Starts a process; it lives on when the answer is dropped.
    pub async fn start(
        &self,
        sandbox: &SandboxRef,
        command: &str,
        args: &[&str],
        env: &BTreeMap<String, String>,
    ) -> Result<ProcessEvents<H::Body>, SandboxError> {
        let request = json!({
            "process": {"cmd": command, "args": args, "envs": env, "cwd": "/home/user"},
            "stdin": false,
        });
        let body = envelopes::wrap(&json_bytes(&request));
        let kind = "application/connect+json";
        let path = "/process.Process/Start";
        let response = self.data(sandbox, ENVD_PORT, path, kind, body).await?;
        let response = accepted("start a process", sandbox, response).await?;
        Ok(ProcessEvents {
            envelopes: Envelopes::new(response.into_body()),
        })
    }

    /// Sends a signal (`SIGNAL_SIGTERM` or `SIGNAL_SIGKILL`) to a process.
    pub async fn signal(
        &self,
        sandbox: &SandboxRef,
        pid: u32,
        signal: &str,
    ) -> Result<(), SandboxError> {
        let body = json_bytes(&json!({"process": {"pid": pid}, "signal": signal}));
        let path = "/process.Process/SendSignal";
        let response = self
            .data(sandbox, ENVD_PORT, path, "application/json", body)
            .await?;
        done(
            "signal a process",
            accepted("signal a process", sandbox, response).await?,
        )
        .await
    }

    /// The status with which an app answers a GET of `path`, as its public address would.
    pub async fn app_status(
        &self,
        sandbox: &SandboxRef,
        port: u16,
        path: &str,
    ) -> Result<StatusCode, SandboxError> {
        let url = format!("{}{path}", self.config.data_address(sandbox, port));
        let request = self
            .named(sandbox, port, Request::get(url))
            .body(Vec::new());
        Ok(self.sent(request).await?.status())
    }

    async fn control(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<H::Body>, SandboxError> {
        let url = format!("{}{path}", self.config.api_url);
        let mut request = Request::builder().method(method).uri(url);
        if !self.config.api_key.is_empty() {
            request = request.header(&API_KEY, self.config.api_key.reveal());
        }
        let body = body.map(json_bytes);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        self.sent(request.body(body.unwrap_or_default())).await
    }

    async fn data(
        &self,
        sandbox: &SandboxRef,
        port: u16,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response<H::Body>, SandboxError> {
        let url = format!("{}{path}", self.config.data_address(sandbox, port));
        let request = self.named(sandbox, port, Request::post(url));
        let request = request.header(CONTENT_TYPE, content_type);
        self.sent(request.header(&CONNECT_PROTOCOL_VERSION, "1").body(body))
            .await
    }

    async fn get(
        &self,
        sandbox: &SandboxRef,
        port: u16,
        path: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<Response<H::Body>, SandboxError> {
        let url = format!("{}{path}", self.config.data_address(sandbox, port));
        let mut request = self.named(sandbox, port, Request::get(url));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.sent(request.body(Vec::new())).await
    }

    /// Adds the headers that name the sandbox and prove that we may use it.
    fn named(
        &self,
        sandbox: &SandboxRef,
        port: u16,
        mut request: http::request::Builder,
    ) -> http::request::Builder {
        request = request
            .header(&SANDBOX_ID, &sandbox.id)
            .header(&SANDBOX_PORT, port.to_string());
        // An app is the user's code: it never sees the token for files and processes.
        let is_app = !matches!(port, ENVD_PORT | INTERPRETER_PORT);
        for (name, token) in [
            (
                &ACCESS_TOKEN,
                sandbox.access_token.as_ref().filter(|_| !is_app),
            ),
            (&TRAFFIC_TOKEN, sandbox.traffic_token.as_ref()),
        ] {
            if let Some(token) = token {
                request = request.header(name, token);
            }
        }
        request
    }

    async fn sent(
        &self,
        request: http::Result<Request<Vec<u8>>>,
    ) -> Result<Response<H::Body>, SandboxError> {
        let request = request.map_err(|error| SandboxError::Broken {
            what: "build a request",
            reason: format!("{error}: check the `sandbox_…_url` variables"),
        })?;
        match self.timer.within(PATIENCE, self.http.send(request)).await {
            Some(sent) => sent.map_err(SandboxError::Unreachable),
            None => Err(SandboxError::TimedOut {
                seconds: PATIENCE.as_secs(),
            }),
        }
    }
}

/// A running execution.
#[derive(Debug)]
pub struct Execution<B> {
    lines: Lines<B>,
}

impl<B: Body> Execution<B> {
    /// The next event; `None` when the stream is over, be it after [`ExecutionEvent::End`] or not.
    pub async fn event(&mut self) -> Option<Result<ExecutionEvent, SandboxError>> {
        let what = "run code";
        let broken = |reason| Err(SandboxError::Broken { what, reason });
        Some(match self.lines.line().await? {
            Ok(Line::TooLong) => Ok(ExecutionEvent::TooLong),
            Ok(Line::Whole(line)) => match event::parse(&line) {
                Some(event) => Ok(event),
                None => broken(format!("`{}` is no event", excerpt(&line))),
            },
            // The sandbox or its service ended under the code.
            Err(_) => return None,
        })
    }
}

fn json_bytes(value: &Value) -> Vec<u8> {
    model::json::write(value).into_bytes()
}

/// A boundary that stands in none of the files.
fn boundary_for(files: &[NewFile<'_>]) -> String {
    let stands_in = |boundary: &str| {
        files.iter().any(|file| {
            file.bytes
                .windows(boundary.len())
                .any(|window| window == boundary.as_bytes())
        })
    };
    (0u32..)
        .map(|count| format!("conductor-boundary-{count:08x}"))
        .find(|boundary| !stands_in(boundary))
        .expect("files are finite")
}

#[cfg(test)]
mod tests;
