//! Builds the guest component once and runs the host with it, on a free port.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::sync::watch;

/// How long anything may take before a test gives up.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What is to be run: an application with the guest at `/guest/...`.
pub struct Builder {
    pub directory: TempDir,
    manifest: String,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A running host; it is killed when dropped.
pub struct Host {
    pub url: String,
    pub directory: TempDir,
    child: Child,
    log: watch::Receiver<String>,
}

/// An application whose guest component has these further manifest lines.
pub fn guest(component: &str) -> Builder {
    let manifest = format!(
        r#"
spin_manifest_version = 2
application = {{ name = "test", version = "0.1.0" }}
[[trigger.http]]
route = "/guest/..."
component = "guest"
[component.guest]
source = "{}"
{component}
"#,
        guest_wasm().display()
    );
    Builder {
        directory: tempfile::tempdir().expect("a temporary directory"),
        manifest,
        listen: "127.0.0.1:0".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
    }
}

/// Starts the guest with nothing granted.
pub fn start() -> Host {
    guest("").start()
}

impl Builder {
    /// Adds lines at the end of the manifest.
    pub fn manifest(mut self, lines: &str) -> Self {
        self.manifest.push_str(lines);
        self
    }

    pub fn listen(mut self, address: &str) -> Self {
        self.listen = address.into();
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Writes a file beside the manifest.
    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("the directory is made");
        std::fs::write(path, content).expect("the file is written");
        self
    }

    pub fn start(self) -> Host {
        let mut child = self.command().spawn().expect("the host starts");
        let mut announcement = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout
            .read_line(&mut announcement)
            .expect("the host says where it listens");
        let log = collect(child.stderr.take().expect("stderr is piped"));
        let Some(url) = announcement.trim().strip_prefix("host: listening on ") else {
            _ = child.wait();
            panic!("the host did not start: {announcement}{}", *log.borrow());
        };
        Host {
            url: url.into(),
            directory: self.directory,
            child,
            log,
        }
    }

    /// Runs a host that is expected to give up at once, and returns what it said.
    pub fn fails(&self) -> String {
        let mut child = self.command().spawn().expect("the host starts");
        let mut announcement = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout
            .read_line(&mut announcement)
            .expect("standard output can be read");
        if !announcement.is_empty() {
            _ = child.kill();
            _ = child.wait();
            panic!("the host did not give up: {announcement}");
        }
        let Output { status, stderr, .. } = child.wait_with_output().expect("the host ended");
        assert!(!status.success());
        String::from_utf8(stderr).expect("the host writes UTF-8")
    }

    /// Compiles the components, and starts nothing.
    pub fn compile(&self) {
        let manifest = self.write_manifest();
        let status = Command::new(env!("CARGO_BIN_EXE_host"))
            .args(["compile", "--manifest"])
            .arg(&manifest)
            .args(&self.arguments)
            .status();
        assert!(status.expect("the host starts").success());
    }

    fn write_manifest(&self) -> PathBuf {
        let manifest = self.directory.path().join("spin.toml");
        std::fs::write(&manifest, &self.manifest).expect("the manifest is written");
        manifest
    }

    fn command(&self) -> Command {
        let manifest = self.write_manifest();
        let mut command = Command::new(env!("CARGO_BIN_EXE_host"));
        command
            .args(["up", "--listen", &self.listen])
            .arg("--manifest")
            .arg(&manifest)
            .arg("--state-dir")
            .arg(self.directory.path().join("state"))
            .args(&self.arguments)
            .env_remove("RUST_LOG")
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self
            .arguments
            .iter()
            .any(|argument| argument == "--cache-dir")
        {
            command
                .arg("--cache-dir")
                .arg(target_directory().join("guest/compiled"));
        }
        command
    }
}

impl Host {
    pub async fn get(&self, path: &str) -> reqwest::Response {
        let request = client()
            .get(format!("{}/guest/{path}", self.url))
            .timeout(DEADLINE);
        request.send().await.expect("the host answers")
    }

    /// Status and body.
    pub async fn text(&self, path: &str) -> (u16, String) {
        let response = self.get(path).await;
        (
            response.status().as_u16(),
            response.text().await.expect("the body is whole"),
        )
    }

    /// The body of an answer that must be a success.
    pub async fn ok(&self, path: &str) -> String {
        let (status, text) = self.text(path).await;
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Waits until the log holds `text`, and returns the line.
    pub async fn log_line(&self, text: &str) -> String {
        self.log_line_with(&[text]).await
    }

    /// Waits until a line of the log holds all `parts`, and returns it.
    pub async fn log_line_with(&self, parts: &[&str]) -> String {
        let wanted = |line: &&str| parts.iter().all(|part| line.contains(part));
        let mut log = self.log.clone();
        let found = log.wait_for(|log| log.lines().any(|line| wanted(&line)));
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(Ok(log)) => log.lines().find(wanted).unwrap_or_default().into(),
            _ => panic!("the log has no {parts:?}:\n{}", self.log()),
        }
    }

    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("the host can be signalled");
    }

    /// Waits for the process to end; the state directory stays.
    pub fn wait(mut self) -> (Option<i32>, TempDir) {
        let status = self.child.wait().expect("the host can be waited for");
        (
            status.code(),
            std::mem::replace(
                &mut self.directory,
                tempfile::tempdir().expect("a directory"),
            ),
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A client that keeps no connection, so that tests do not depend on each other's.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

fn collect(mut stream: impl Read + Send + 'static) -> watch::Receiver<String> {
    let (log, reader) = watch::channel(String::new());
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            log.send_modify(|log| log.push_str(&String::from_utf8_lossy(&buffer[..length])));
        }
    });
    reader
}

fn target_directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory")
        .to_owned()
}

/// The guest, built for wasm32-wasip2 into a target directory of its own.
fn guest_wasm() -> &'static Path {
    static GUEST: OnceLock<PathBuf> = OnceLock::new();
    GUEST.get_or_init(|| {
        let target = target_directory().join("guest");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest/Cargo.toml");
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--locked",
                "--release",
                "--target",
                "wasm32-wasip2",
                "--manifest-path",
            ])
            .arg(manifest)
            .arg("--target-dir")
            .arg(&target)
            .output()
            .expect("cargo runs");
        assert!(
            built.status.success(),
            "the guest does not build; is the target there (rustup target add wasm32-wasip2)?\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
        target.join("wasm32-wasip2/release/guest.wasm")
    })
}
