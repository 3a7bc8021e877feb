//! The README's lines for the shell and for `.env`, as printed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Answer, Conductor, ScriptedModel};
use serde_json::json;

use crate::programs::STREAMLIT_SQUARE;

/// The fenced blocks of a language below a heading.
fn blocks_below(heading: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(path).expect("there is a README");
    let (_, section) = readme.split_once(heading).expect("it has the heading");
    let section = section
        .split("\n## ")
        .next()
        .expect("a text has a beginning");
    let fence = format!("```{language}\n");
    let blocks = section.split(&fence).skip(1);
    blocks
        .filter_map(|block| block.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// Runs lines for the shell, with this Conductor in place of the printed one; gives what they said.
async fn run(script: &str, conductor: &Conductor, folder: &Path) -> String {
    let script = script.replace("http://127.0.0.1:3000", &conductor.url(""));
    let script = format!("set -eu -o pipefail\n{script}");
    let directory = folder.to_owned();
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
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaints}");
    said
}

#[tokio::test]
async fn the_lines_of_the_readme_work_as_printed() {
    let conductor = Conductor::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = blocks_below("## Three minutes", "sh").concat();
    assert!(script.matches("curl").count() >= 6, "{script}");
    let said = run(&script, &conductor, folder.path()).await;
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
    let page = conductor.open(&json!(dashboard)).await;
    assert_eq!(page.status, 200, "{said}");
}

const SPECIFICATION: &str = "## Purpose\n\nIt squares.";

/// A model that writes what it is asked for.
async fn model() -> ScriptedModel {
    ScriptedModel::deciding(|asked| {
        if asked.says("You write specifications") {
            Answer::text(SPECIFICATION)
        } else {
            Answer::text(format!("Here it is:\n```python{STREAMLIT_SQUARE}```\n"))
        }
    })
    .await
}

/// Each service is played by the scripted one, at the path that the README gives it.
#[tokio::test]
async fn each_model_of_the_readme_is_asked_where_and_with_what_it_says() {
    let settings = blocks_below("## With a language model", "dotenv");
    assert_eq!(settings.len(), 5, "{settings:?}");
    for lines in settings {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        let pairs: BTreeMap<&str, &str> = pairs.collect();
        let model = model().await;
        let base_url = pairs.get("OPENAI_BASE_URL").copied();
        let base_url = base_url.unwrap_or("https://api.openai.com/v1");
        let path = base_url.splitn(4, '/').nth(3).expect("it has a path");
        let mut start = Conductor::start()
            .without_sandbox()
            .with_variable("openai_base_url", &format!("{}/{path}", model.address))
            .with_variable("openai_origin", &model.address);
        for (name, variable) in [
            ("OPENAI_API_KEY", "openai_api_key"),
            ("OPENAI_MODEL", "openai_model"),
        ] {
            if let Some(value) = pairs.get(name) {
                start = start.with_variable(variable, value);
            }
        }
        let conductor = start.await;
        let reply = conductor
            .post("/specification/", &json!({"prompt": "a square"}))
            .await
            .ok();
        assert_eq!(reply["prompt"], SPECIFICATION, "{lines}");
        let key = pairs.get("OPENAI_API_KEY");
        let key = key.map_or_else(String::new, |key| format!("Bearer {key}"));
        assert_eq!(model.keys(), [key], "{lines}");
        assert_eq!(model.paths(), [format!("/{path}/chat/completions")]);
        let name = pairs.get("OPENAI_MODEL").unwrap_or(&"gpt-4o-mini");
        assert_eq!(model.requests()[0]["model"], *name);
        let health = conductor.get("/health").await.json();
        assert_eq!(health["model"]["status"], "up", "{lines}: {health}");
    }
}

#[tokio::test]
async fn with_a_model_the_lines_of_the_readme_make_an_app_a_specification_and_code() {
    let model = model().await;
    let conductor = Conductor::start().with_model(&model).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = blocks_below("## With a language model", "sh").concat();
    let said = run(&script, &conductor, folder.path()).await;
    let (url, rest) = said.split_once('\n').expect("several lines");
    assert_eq!(conductor.open(&json!(url)).await.status, 200, "{said}");
    let code = rest.strip_prefix(SPECIFICATION).expect("a specification");
    assert!(code.contains("```python\nimport streamlit as st"), "{said}");
}
