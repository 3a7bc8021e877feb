//! The product: host, components and sandbox service, started for one test.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::path::Path;
use std::pin::Pin;

use nix::sys::signal::Signal;
use reqwest::header::{ACCEPT, HOST, HeaderName};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::checkout::{self, program};
use crate::process::Process;
use crate::{Events, Neighbour, Reply, ScriptedModel, zygote};

/// A running Conductor with a state of its own. It ends with the test.
pub struct Conductor {
    // In this order they are dropped: the host may still talk to the sandbox service.
    host: Option<Process>,
    sandbox: Option<Process>,
    host_address: String,
    sandbox_address: String,
    variables: BTreeMap<String, String>,
    zygote: &'static [&'static str],
    sandbox_arguments: Vec<String>,
    client: Client,
    folder: TempDir,
}

/// How a Conductor shall start; await it.
#[must_use = "it starts when it is awaited"]
pub struct Start {
    variables: BTreeMap<String, String>,
    zygote: &'static [&'static str],
    sandbox_arguments: Vec<String>,
    has_sandbox: bool,
}

impl Start {
    /// A scripted language model writes the programs.
    pub fn with_model(self, model: &ScriptedModel) -> Self {
        self.with_variable("openai_base_url", &format!("{}/v1", model.address))
            .with_variable("openai_origin", &model.address)
            .with_variable("openai_api_key", ScriptedModel::KEY)
    }

    /// A variable of `spin.toml` has this value.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The sandbox service takes nobody without this key.
    pub fn with_sandbox_key(mut self, key: &str) -> Self {
        self.sandbox_arguments
            .extend(["--api-key".to_owned(), key.to_owned()]);
        self
    }

    /// Sandboxes have this limit: a flag of the sandbox service, such as `--memory-mib`.
    pub fn with_limit(mut self, flag: &str, limit: u32) -> Self {
        self.sandbox_arguments
            .extend([flag.to_owned(), limit.to_string()]);
        self
    }

    /// All libraries are loaded beforehand, and a sandbox waits for whoever comes: it takes seconds.
    pub fn with_all_libraries(mut self) -> Self {
        self.zygote = zygote::AS_FOR_USERS;
        self
    }

    /// The sandbox service is down.
    pub fn without_sandbox(mut self) -> Self {
        self.has_sandbox = false;
        self
    }

    async fn run(self) -> Conductor {
        let mut conductor = Conductor {
            host: None,
            sandbox: None,
            host_address: "127.0.0.1:0".to_owned(),
            // Nobody listens on port 1.
            sandbox_address: "127.0.0.1:1".to_owned(),
            variables: self.variables,
            zygote: self.zygote,
            sandbox_arguments: self.sandbox_arguments,
            client: Client::builder()
                .no_proxy()
                // A connection from before a restart is of no use after it.
                .pool_max_idle_per_host(0)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("the client needs nothing of the machine"),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        if self.has_sandbox {
            conductor.sandbox_address = "127.0.0.1:0".to_owned();
            conductor.start_sandbox().await;
        }
        conductor.start_host().await;
        conductor
    }
}

impl IntoFuture for Start {
    type Output = Conductor;
    type IntoFuture = Pin<Box<dyn Future<Output = Conductor>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Conductor {
    /// Begins a sentence that says how it shall start.
    pub fn start() -> Start {
        Start {
            variables: BTreeMap::new(),
            zygote: zygote::few_libraries(),
            sandbox_arguments: Vec::new(),
            has_sandbox: true,
        }
    }

    /// Starts the host; where it ran before, at the same address.
    pub async fn start_host(&mut self) {
        let mut command = program("host");
        command
            .args(["up", "--manifest"])
            .arg(checkout::path("spin.toml"));
        command.args(["--listen", &self.host_address, "--state-dir"]);
        command.arg(self.folder.path().join("host"));
        command
            .arg("--cache-dir")
            .arg(checkout::path("target/compiled"));
        // A developer's `.env` must not decide how a test ends.
        let env_file = self.folder.path().join("empty.env");
        std::fs::write(&env_file, "").expect("the temporary folder can be written");
        command.arg("--env-file").arg(env_file);
        command.args(["--shutdown-grace-ms", "1000"]);
        command.envs(self.spin_variables());
        let mut host = Process::start("host", command, Signal::SIGTERM, self.folder.path());
        self.host_address = host.word_after("host: listening on http://").await;
        self.host = Some(host);
    }

    /// Starts the sandbox service; where it ran before, at the same address.
    pub async fn start_sandbox(&mut self) {
        let mut command = program("sandbox");
        command.args(["serve", "--listen", &self.sandbox_address]);
        command.arg("--venv").arg(checkout::path(".venv"));
        command
            .arg("--state-dir")
            .arg(self.folder.path().join("sandbox"));
        command.args(self.zygote).args(&self.sandbox_arguments);
        let mut sandbox = Process::start("sandbox", command, Signal::SIGTERM, self.folder.path());
        self.sandbox_address = sandbox.word_after("sandbox: listening on http://").await;
        self.sandbox = Some(sandbox);
    }

    /// Ends the host in good order.
    pub fn stop_host(&mut self) {
        self.host.take().expect("the host runs").stop();
    }

    /// Ends the sandbox service in good order.
    pub fn stop_sandbox(&mut self) {
        self.sandbox
            .take()
            .expect("the sandbox service runs")
            .stop();
    }

    /// Kills the sandbox service, as a crash would.
    pub fn crash_sandbox(&mut self) {
        self.sandbox
            .take()
            .expect("the sandbox service runs")
            .kill();
    }

    fn spin_variables(&self) -> BTreeMap<String, String> {
        let address = &self.sandbox_address;
        let port = address.rsplit(':').next().expect("an address has a port");
        let origin = format!("http://{address}");
        let mut variables = BTreeMap::from([
            ("sandbox_api_url".to_owned(), origin.clone()),
            ("sandbox_data_url".to_owned(), origin.clone()),
            ("sandbox_origin".to_owned(), origin),
            (
                "sandbox_app_url".to_owned(),
                format!("http://{{port}}-{{id}}.localhost:{port}"),
            ),
        ]);
        variables.extend(self.variables.clone());
        let upper = |name: String| format!("SPIN_VARIABLE_{}", name.to_uppercase());
        variables
            .into_iter()
            .map(|(name, value)| (upper(name), value))
            .collect()
    }

    /// The address of a path, for a browser.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host_address)
    }

    /// A request, for what the short forms below do not say.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path)).await
    }

    /// `POST` of a JSON document.
    pub async fn post(&self, path: &str, document: &Value) -> Reply {
        send(self.request(Method::POST, path).json(document)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Reply {
        send(self.request(Method::DELETE, path)).await
    }

    /// `POST /run_code/`, which must answer 200.
    pub async fn run(&self, request: Value) -> Value {
        self.post("/run_code/", &request).await.ok()
    }

    /// Runs code in a new session.
    pub async fn run_code(&self, code: &str) -> Value {
        self.run(json!({"code": code})).await
    }

    /// Runs code in a session.
    pub async fn run_in(&self, session: &Value, code: &str) -> Value {
        self.run(json!({"code": code, "session_id": session})).await
    }

    /// Another session, which must notice nothing of what happens in the first.
    pub async fn neighbour(&self) -> Neighbour<'_> {
        let made = self.run_code("calls = 0").await;
        Neighbour {
            conductor: self,
            session: made["session_id"].clone(),
            calls: 0,
        }
    }

    /// `POST /run_code/`, answered by events as they happen.
    pub async fn stream(&self, request: &Value) -> Events {
        self.events(self.request(Method::POST, "/run_code/").json(request))
            .await
    }

    /// Any request, answered by events as they happen.
    pub async fn events(&self, request: RequestBuilder) -> Events {
        let request = request.header(ACCEPT, "text/event-stream");
        Events::of(request.send().await.expect("the host answers"))
    }

    /// Opens an app's public address, which only browsers and curl resolve by themselves.
    pub async fn open(&self, url: &Value) -> Reply {
        self.open_with(url, &[]).await
    }

    /// The same with these headers.
    pub async fn open_with(&self, url: &Value, headers: &[(HeaderName, &str)]) -> Reply {
        let url = url.as_str().expect("there is an address");
        let (host, path) = split(url);
        let mut request = self
            .client
            .get(format!("http://{}{path}", self.sandbox_address));
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        send(request.header(HOST, host)).await
    }

    /// A request to the sandbox service's control API.
    pub async fn control(&self, path: &str) -> Reply {
        send(
            self.client
                .get(format!("http://{}{path}", self.sandbox_address)),
        )
        .await
    }

    /// How many sandboxes live.
    pub async fn sandboxes(&self) -> usize {
        let list = self.control("/v2/sandboxes").await.ok();
        list.as_array().expect("a list").len()
    }

    /// Ends a sandbox behind the product's back.
    pub async fn end_sandbox(&self, id: &str) {
        let url = format!("http://{}/sandboxes/{id}", self.sandbox_address);
        let reply = send(self.client.delete(url)).await;
        assert_eq!(reply.status, 204, "{}", reply.body);
    }

    /// The host and port of the sandbox service.
    pub fn sandbox_address(&self) -> &str {
        &self.sandbox_address
    }

    /// The host's process.
    pub(crate) fn host_pid(&self) -> i32 {
        self.host.as_ref().expect("the host runs").pid()
    }

    /// The sandbox service's process.
    pub(crate) fn sandbox_pid(&self) -> i32 {
        let sandbox = self.sandbox.as_ref();
        sandbox.expect("the sandbox service runs").pid()
    }

    /// Where host and sandbox service keep what is theirs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What host and sandbox service have logged.
    pub fn logs(&self) -> String {
        let processes = self.host.iter().chain(&self.sandbox);
        processes.map(Process::log).collect()
    }
}

/// Sends a request and reads its answer.
async fn send(request: RequestBuilder) -> Reply {
    Reply::read(request.send().await.expect("the service answers")).await
}

/// Host and path of an http address.
fn split(url: &str) -> (&str, &str) {
    let rest = url
        .strip_prefix("http://")
        .expect("apps are served by http here");
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}
