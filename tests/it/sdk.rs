//! E2B's own SDKs, unmodified, against the sandbox service: a test per suite in `tests/sdk/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::SandboxService;

/// The key that the clients present.
const KEY: &str = "the-key-of-the-suites";
/// Limits that a test reaches soon.
const SMALL: [&str; 6] = [
    "--memory-mib",
    "256",
    "--disk-mib",
    "64",
    "--processes",
    "64",
];

#[tokio::test]
async fn python_sandboxes() {
    python("test_sandboxes.py", &[]).await;
}

#[tokio::test]
async fn python_code() {
    python("test_code.py", &[]).await;
}

#[tokio::test]
async fn python_results() {
    python("test_results.py", &[]).await;
}

#[tokio::test]
async fn python_files() {
    python("test_files.py", &[]).await;
}

#[tokio::test]
async fn python_commands() {
    python("test_commands.py", &[]).await;
}

#[tokio::test]
async fn python_hosts() {
    python("test_hosts.py", &[]).await;
}

#[tokio::test]
async fn python_keys() {
    python("test_keys.py", &["--api-key", KEY]).await;
}

#[tokio::test]
async fn python_network() {
    let outside = ["--allow-egress", "127.0.0.2"];
    let elsewhere = ["--allow-egress", "example.com"];
    python("test_network.py", &[outside, elsewhere].concat()).await;
}

#[tokio::test]
async fn python_limits() {
    python("test_limits.py", &SMALL).await;
}

#[tokio::test]
async fn python_watching() {
    python("test_watching.py", &[]).await;
}

#[tokio::test]
async fn python_file_addresses() {
    python("test_file_addresses.py", &[]).await;
}

#[tokio::test]
async fn async_python_sandboxes() {
    python("test_sandboxes_async.py", &[]).await;
}

#[tokio::test]
async fn async_python_code() {
    python("test_code_async.py", &[]).await;
}

#[tokio::test]
async fn async_python_files() {
    python("test_files_async.py", &[]).await;
}

#[tokio::test]
async fn async_python_commands() {
    python("test_commands_async.py", &[]).await;
}

#[tokio::test]
async fn javascript_sandboxes() {
    javascript("sandboxes.test.mjs", &[]).await;
}

#[tokio::test]
async fn javascript_code() {
    javascript("code.test.mjs", &[]).await;
}

#[tokio::test]
async fn javascript_results() {
    javascript("results.test.mjs", &[]).await;
}

#[tokio::test]
async fn javascript_files() {
    javascript("files.test.mjs", &[]).await;
}

#[tokio::test]
async fn javascript_commands() {
    javascript("commands.test.mjs", &[]).await;
}

#[tokio::test]
async fn python_pausing() {
    python("test_pausing.py", &[]).await;
}

#[tokio::test]
async fn javascript_pausing() {
    javascript("pausing.test.mjs", &[]).await;
}

#[tokio::test]
async fn python_not_here() {
    python("test_not_here.py", &[]).await;
}

#[tokio::test]
async fn javascript_not_here() {
    javascript("not_here.test.mjs", &[]).await;
}

#[tokio::test]
async fn python_metrics() {
    python("test_metrics.py", &SMALL).await;
}

#[tokio::test]
async fn javascript_metrics() {
    javascript("metrics.test.mjs", &SMALL).await;
}

/// Runs a file of pytest's against a service with these options.
async fn python(suite: &str, options: &[&str]) {
    let mut command = Command::new(installed(".venv-test/bin/python"));
    command
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider"])
        .args(["--color=no", "--tb=short", "-rA", "--show-capture=no"])
        .arg(suite)
        .current_dir(checkout("tests/sdk/python"));
    let report = run(suite, command, options).await;
    let summary = report.lines().last().unwrap_or_default();
    let all_ran = summary.contains(" passed") && !summary.contains("skipped");
    assert!(all_ran, "{suite} left tests out:\n{report}");
}

/// Runs a file of node's test runner against a service with these options.
async fn javascript(suite: &str, options: &[&str]) {
    installed("tests/sdk/javascript/node_modules");
    let mut command = Command::new("node");
    // After a refused run the SDK leaves a timer behind, which would hold the process for a minute.
    command
        .args(["--test-force-exit", "--test-reporter=tap", suite])
        .current_dir(checkout("tests/sdk/javascript"));
    let report = run(suite, command, options).await;
    let count = |what: &str| {
        let count = report
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(what));
        count.and_then(|count| count.parse::<usize>().ok())
    };
    let (all, passed) = (count("# tests "), count("# pass "));
    assert!(
        all > Some(0) && all == passed,
        "{suite} left tests out:\n{report}"
    );
}

/// Runs a suite, which must end well; what it wrote.
async fn run(suite: &str, mut command: Command, options: &[&str]) -> String {
    let service = SandboxService::start(options).await;
    // A developer's own settings, and a key for the cloud, are not for tests.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("E2B_") {
            command.env_remove(name);
        }
    }
    command
        .env("E2B_API_KEY", KEY)
        .env("E2B_API_URL", service.url())
        .env("E2B_SANDBOX_URL", service.url());
    let (well, report) = service.run(command).await;
    assert!(well, "{suite} failed:\n{report}");
    report
}

/// A path in the checkout that `cargo xtask test` makes.
fn installed(path: &str) -> PathBuf {
    let file = checkout(path);
    assert!(
        file.exists(),
        "{} is not there: run `cargo xtask test`, which installs it",
        file.display()
    );
    file
}

fn checkout(path: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder.expect("this crate lies in the workspace").join(path)
}
