//! The README's lines for the shell, as printed.

use std::path::Path;
use std::process::{Command, Stdio};

use e2e::Conductor;

/// The fenced blocks below a heading, in one script.
fn script_below(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(path).expect("there is a README");
    let (_, section) = readme.split_once(heading).expect("it has the heading");
    let section = section
        .split("\n## ")
        .next()
        .expect("a text has a beginning");
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .collect()
}

#[tokio::test]
async fn the_lines_of_the_readme_work_as_printed() {
    let conductor = Conductor::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = script_below("## Three minutes");
    assert!(script.matches("curl").count() >= 6, "{script}");
    let script = script.replace("http://127.0.0.1:3000", &conductor.url(""));
    let script = format!("set -eu -o pipefail\n{script}");
    let directory = folder.path().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(directory)
            .stdin(Stdio::null())
            .output()
            .expect("there is bash")
    })
    .await
    .expect("it does not panic");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );

    assert!(said.contains(r#""output":"42\n""#), "{said}");
    assert!(
        said.contains(r#""text":"42""#),
        "the state of the session: {said}"
    );
    let plot = std::fs::read(folder.path().join("plot.png")).expect("there is a plot");
    assert!(plot.starts_with(b"\x89PNG"));
    assert_eq!(
        said.matches(r#""url":"http://"#).count(),
        2,
        "two apps: {said}"
    );
    let dashboard = said
        .trim()
        .lines()
        .last()
        .expect("the last line is the dashboard");
    let page = conductor.open(&serde_json::json!(dashboard)).await;
    assert_eq!(page.status, 200, "{said}");
}
