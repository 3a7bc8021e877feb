//! What `up` prints once everything answers.

use std::time::Duration;

use crate::steps::seconds;
use crate::up::Addresses;
use crate::up::settings::Settings;
use crate::workspace::Workspace;

pub fn render(
    up: &Addresses,
    settings: &Settings,
    workspace: &Workspace,
    elapsed: Duration,
) -> String {
    let host = up.host;
    let mut rows = vec![
        ("start here", format!("http://{host}/")),
        ("API", format!("http://{host}/docs")),
    ];
    match up.sandbox {
        Some(sandbox) => {
            rows.push((
                "dashboards",
                format!("http://<port>-<id>.localhost:{}", sandbox.port()),
            ));
            rows.push(("sandbox", format!("http://{sandbox}")));
        }
        None => rows.push((
            "sandbox",
            settings
                .sandboxes_elsewhere()
                .unwrap_or_default()
                .to_owned(),
        )),
    }
    rows.push(("model", model(settings)));
    rows.push(("logs", workspace.relative(&up.logs).to_string()));
    if let Some(unwell) = &up.unwell {
        rows.push(("not well", unwell.clone()));
    }
    let rows: String = rows
        .iter()
        .map(|(name, value)| format!("  {name:<11} {value}\n"))
        .collect();
    let body = r#"{"code": "print(6 * 7)"}"#;
    format!(
        "Conductor is up, {} after the command\n\n{rows}\n  try it      curl http://{host}/run_code/ -d '{body}'\n\nCtrl-C stops everything.",
        seconds(elapsed)
    )
}

fn model(settings: &Settings) -> String {
    if !settings.has_model() {
        return "built-in planner (set OPENAI_API_KEY in .env for a model)".to_owned();
    }
    let name = settings.get("openai_model").unwrap_or("the default model");
    format!(
        "{name} at {}",
        settings
            .get("openai_origin")
            .unwrap_or("https://api.openai.com")
    )
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn the_table_names_every_address_and_a_first_call() {
        let up = Addresses {
            host: ([127, 0, 0, 1], 3000).into(),
            sandbox: Some(([127, 0, 0, 1], 7070).into()),
            unwell: None,
            logs: PathBuf::from("/src/.conductor/logs"),
        };
        let settings = Settings::read(Path::new("/nonexistent/.env")).expect("no file is fine");
        let text = render(
            &up,
            &settings,
            &Workspace::at(Path::new("/src")),
            Duration::from_secs(2),
        );
        for part in [
            "http://127.0.0.1:3000/docs",
            "localhost:7070",
            ".conductor/logs",
            "curl ",
            "Ctrl-C",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(!text.contains("/src/"));
    }
}
