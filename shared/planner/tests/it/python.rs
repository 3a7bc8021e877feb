//! Runs programs with the project's Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use model::Framework;
use planner::Plan;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with one program and its data.
pub struct App {
    pub plan: Plan,
    pub code: String,
    folder: TempDir,
}

/// Plans an app, writes it beside its data, and checks the program as text.
pub fn app(prompt: &str, framework: Framework, data: Option<(&str, &str)>) -> App {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let profile = data.map(|(_, csv)| {
        profile::profile(csv.as_bytes(), profile::Options::default()).expect("the data is good")
    });
    let dataset = profile
        .as_ref()
        .zip(data)
        .map(|(profile, (name, _))| (profile, name));
    let plan = planner::plan(prompt, Some(framework), dataset);
    let code = planner::render(&plan);
    assert_eq!(
        model::framework::of_program(&code),
        Some(framework),
        "{code}"
    );
    write(folder.path(), "app.py", &code);
    if let Some((name, csv)) = data {
        write(folder.path(), name, csv);
    }
    App { plan, code, folder }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file can be written");
}

/// Fails if one of the programs has a mistake that shows without running it.
pub fn lint(apps: &[App]) {
    run(
        &[
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--no-cache",
            "--select",
            "E9,F,I",
        ],
        apps,
    );
}

/// Fails if one of the programs is not laid out as a person's formatter would leave it.
pub fn check_format(apps: &[App]) {
    run(
        &["-m", "ruff", "format", "--isolated", "--no-cache", "--diff"],
        apps,
    );
}

/// What the programs show, as the driver of their framework tells it.
pub fn drive(apps: &[App], framework: Framework) -> Vec<Value> {
    let driver = match framework {
        Framework::Streamlit => "drive_streamlit.py",
        Framework::Gradio => "drive_gradio.py",
    };
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it")
        .join(driver);
    let output = run(&[driver.to_str().expect("the path is UTF-8")], apps);
    let reports: Vec<Value> = output
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("the driver writes JSON"))
        .collect();
    assert_eq!(reports.len(), apps.len(), "{output}");
    reports
}

/// Runs Python with the folders of the apps as the last arguments.
fn run(arguments: &[&str], apps: &[App]) -> String {
    let mut command = python();
    command
        .args(arguments)
        .args(apps.iter().map(|app| app.folder.path()));
    finish(command)
}

/// Runs a piece of Python.
pub fn evaluate(code: &str) -> String {
    let folder = TempDir::new().expect("a temporary folder can be made");
    write(folder.path(), "code.py", code);
    let mut command = python();
    command.arg(folder.path().join("code.py"));
    finish(command)
}

fn finish(mut command: Command) -> String {
    let output = command.output().expect("Python can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}\n{errors}",
        output.status
    );
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "which Python a test takes is up to its machine"
)]
fn python() -> Command {
    let environment = std::env::var_os("CONDUCTOR_VENV").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv"),
        PathBuf::from,
    );
    let python = environment.join("bin/python");
    assert!(
        python.exists(),
        "there is no Python at {}: run `cargo xtask up` once, or name an environment in CONDUCTOR_VENV",
        python.display()
    );
    let mut command = Command::new(python);
    // Nothing of these programs may leave the machine.
    command.env("GRADIO_ANALYTICS_ENABLED", "False");
    command.env("STREAMLIT_BROWSER_GATHER_USAGE_STATS", "false");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}
