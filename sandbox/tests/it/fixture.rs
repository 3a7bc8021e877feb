//! The service as a child process, and what tests do with it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv");
/// Far beyond what anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at: what is waited for needs the processors, too.
const LOOK: Duration = Duration::from_millis(5);

/// An identity without rights, present on every machine.
pub const NOBODY: u32 = 65534;

/// A running service. It ends with the test.
pub struct Service {
    pub child: Child,
    pub client: Client,
    pub address: String,
    pub state: PathBuf,
    _folder: TempDir,
}

/// A sandbox of a service.
pub struct Sandbox<'a> {
    pub service: &'a Service,
    pub id: String,
    pub token: Option<String>,
}

/// What a finished process left.
#[derive(Debug, Default)]
pub struct Output {
    pub pid: u64,
    pub stdout: String,
    pub stderr: String,
    pub end: Value,
    pub error: Value,
}

/// What kernels need.
pub const FEW_LIBRARIES: &str = "--preload=ipykernel.kernelapp,ipykernel.ipkernel";

/// As sandboxes are for users: with a zygote, but for its libraries, which take seconds to load, too
/// long for each of many services. With `SANDBOX_TEST_NO_ZYGOTE` set, the same tests say whether
/// sandboxes hold without it, too.
fn zygote() -> &'static [&'static str] {
    match std::env::var_os("SANDBOX_TEST_NO_ZYGOTE") {
        Some(_) => &["--no-zygote"],
        None => &["--wait-for-zygote", FEW_LIBRARIES],
    }
}

pub fn command(state: &Path, venv: &Path) -> Command {
    command_with(state, venv, zygote())
}

fn command_with(state: &Path, venv: &Path, zygote: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--venv"])
        .arg(venv)
        .arg("--state-dir")
        .arg(state)
        // Those in waiting would be counted as those that a test makes.
        .args(zygote)
        .arg("--pool=0");
    command.stdout(Stdio::piped());
    command
}

impl Service {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        let mut command = command(&state, Path::new(VENV));
        command.args(arguments);
        Self::run(command, folder, state)
    }

    /// A service whose zygote has all the libraries, unless told otherwise.
    pub fn start_with_zygote(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        let mut command = command_with(&state, Path::new(VENV), &["--wait-for-zygote"]);
        command.args(arguments);
        Self::run(command, folder, state)
    }

    /// A service of a user without rights, also where the tests run as root. Its environment is the
    /// system's Python with nothing installed: the project's may lie where only its owner may look.
    pub fn start_ordinary(arguments: &[&str]) -> Self {
        Self::start_ordinary_in(arguments, |_| ())
    }

    /// The same, in an environment that was changed before.
    pub fn start_ordinary_in(arguments: &[&str], change: impl FnOnce(&Path)) -> Self {
        let chosen = arguments
            .iter()
            .any(|argument| argument.ends_with("zygote"));
        let wanted = if chosen { &[] } else { zygote() };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        let venv = folder.path().join("venv");
        let made = Command::new("/usr/bin/python3")
            .args(["-m", "venv", "--without-pip"])
            .arg(&venv)
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "this test needs the system's Python with its venv module"
        );
        change(&venv);
        let program = folder.path().join("sandbox");
        std::fs::copy(env!("CARGO_BIN_EXE_sandbox"), &program).expect("a copy of the program");
        for (built, name) in [
            (env!("CARGO_BIN_EXE_sandbox-init"), "sandbox-init"),
            (env!("CARGO_BIN_EXE_shim"), "shim"),
        ] {
            std::fs::copy(built, folder.path().join(name)).expect("a copy of its program");
        }
        let mut command = Command::new(&program);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--venv"])
            .arg(&venv)
            .arg("--state-dir")
            .arg(&state)
            .args(arguments)
            .args(wanted)
            .arg("--pool=0")
            .stdout(Stdio::piped())
            .current_dir("/");
        if nix::unistd::geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("the folder is given away");
            command.uid(NOBODY).gid(NOBODY);
        }
        Self::run(command, folder, state)
    }

    pub fn run(mut command: Command, folder: TempDir, state: PathBuf) -> Self {
        let mut child = command.spawn().expect("the service starts");
        let address = BufReader::new(child.stdout.take().expect("a pipe"))
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                line.strip_prefix("sandbox: listening on ")
                    .map(str::to_owned)
            })
            .expect("the service says where it listens");
        Self {
            child,
            client: Client::new(),
            address,
            state,
            _folder: folder,
        }
    }

    /// Kills the service as a crash would, and starts another on the same directory.
    pub fn crash_and_restart(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        let mut command = command(&self.state, Path::new(VENV));
        let mut child = command.spawn().expect("the service starts again");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        self.address = line
            .trim()
            .strip_prefix("sandbox: listening on ")
            .expect("the address")
            .to_owned();
        self.child = child;
    }

    /// Ends it as an operator would.
    pub fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it can be signalled");
    }

    pub fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address))
    }

    pub async fn create(&self) -> Sandbox<'_> {
        self.create_from(json!({ "templateID": "base", "timeout": 300 }))
            .await
    }

    pub async fn create_from(&self, body: Value) -> Sandbox<'_> {
        let response = self
            .call(Method::POST, "/sandboxes")
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        let created = json(response).await;
        Sandbox {
            service: self,
            id: text(&created["sandboxID"]),
            token: created["envdAccessToken"].as_str().map(str::to_owned),
        }
    }

    /// Host pids of this service's sandboxes' inits.
    pub fn inits(&self) -> Vec<i32> {
        let sandboxes = std::fs::read_dir(self.state.join("sandboxes"))
            .into_iter()
            .flatten()
            .flatten();
        sandboxes
            .filter_map(|sandbox| std::fs::read_to_string(sandbox.path().join("init")).ok())
            .filter_map(|note| note.split_whitespace().next()?.parse().ok())
            .collect()
    }

    pub fn run_directory(&self) -> PathBuf {
        std::fs::read_to_string(self.state.join("run-directory"))
            .expect("a note")
            .into()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

impl Sandbox<'_> {
    /// A request to a port of the sandbox.
    pub fn call(&self, port: u16, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .service
            .call(method, path)
            .header("E2b-Sandbox-Id", &self.id)
            .header("E2b-Sandbox-Port", port.to_string());
        match &self.token {
            Some(token) => request.header("X-Access-Token", token),
            None => request,
        }
    }

    pub fn envd(&self, method: Method, path: &str) -> RequestBuilder {
        self.call(49983, method, path)
    }

    /// A unary call of envd: status and answer.
    pub async fn rpc(&self, name: &str, message: Value) -> (StatusCode, Value) {
        let response = self
            .envd(Method::POST, &format!("/{name}"))
            .json(&message)
            .send()
            .await
            .expect("an answer");
        (response.status(), json(response).await)
    }

    /// Starts a process and returns the open stream.
    pub async fn open(&self, message: Value) -> Events {
        self.stream("process.Process/Start", message, None).await
    }

    pub async fn stream(&self, name: &str, message: Value, timeout: Option<Duration>) -> Events {
        let mut request = self
            .envd(Method::POST, &format!("/{name}"))
            .header("Content-Type", "application/connect+json")
            .body(envelope(&message));
        if let Some(timeout) = timeout {
            request = request.header("Connect-Timeout-Ms", timeout.as_millis().to_string());
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        Events {
            response,
            buffer: Vec::new(),
        }
    }

    /// Runs a shell command to its end.
    pub async fn shell(&self, command: &str) -> Output {
        self.open(json!({ "process": { "cmd": "/bin/bash", "args": ["-l", "-c", command] }, "stdin": false })).await.finish().await
    }

    pub async fn python(&self, code: &str) -> Output {
        self.open(json!({ "process": { "cmd": "python", "args": ["-c", code] }, "stdin": false }))
            .await
            .finish()
            .await
    }

    /// Waits until something listens on a port.
    pub async fn until_open(&self, port: u16) {
        let start = Instant::now();
        loop {
            let status = self
                .call(port, Method::GET, "/")
                .send()
                .await
                .expect("an answer")
                .status();
            if status != StatusCode::BAD_GATEWAY {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "nothing listens on port {port}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The events of a process.
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next message and whether it is the end of the stream.
    pub async fn next(&mut self) -> Option<(bool, Value)> {
        loop {
            if let Some([flags, length @ ..]) = self.buffer.first_chunk::<5>() {
                let (last, length) = (*flags == 2, u32::from_be_bytes(*length) as usize);
                if self.buffer.len() >= 5 + length {
                    let message =
                        serde_json::from_slice(&self.buffer[5..5 + length]).expect("JSON");
                    self.buffer.drain(..5 + length);
                    return Some((last, message));
                }
            }
            self.buffer
                .extend_from_slice(&self.response.chunk().await.ok()??);
        }
    }

    pub async fn pid(&mut self) -> u64 {
        let (_, first) = self.next().await.expect("a first event");
        first["event"]["start"]["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("{first}"))
    }

    /// Everything to the end of the stream.
    pub async fn finish(mut self) -> Output {
        let mut output = Output::default();
        while let Some((last, message)) = self.next().await {
            let event = &message["event"];
            let data = |name: &str| {
                event["data"][name].as_str().map(|data| {
                    String::from_utf8_lossy(&STANDARD.decode(data).expect("base64")).into_owned()
                })
            };
            output.pid = event["start"]["pid"].as_u64().unwrap_or(output.pid);
            output.stdout.extend(data("stdout").or(data("pty")));
            output.stderr.extend(data("stderr"));
            if event["end"].is_object() {
                output.end = event["end"].clone();
            }
            if last {
                output.error = message["error"].clone();
            }
        }
        output
    }
}

pub fn envelope(message: &Value) -> Vec<u8> {
    let json = message.to_string();
    let mut bytes = vec![0];
    bytes.extend_from_slice(&(json.len() as u32).to_be_bytes());
    bytes.extend_from_slice(json.as_bytes());
    bytes
}

pub async fn json(response: Response) -> Value {
    let text = response.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Waits for a condition.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// A process that is there and not merely waiting to be reaped.
pub fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.starts_with(" Z"))
    })
}
