//! OpenAI's own Python client, unmodified, against the scripted model: so we know that what our
//! client is tried with is faithful.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use e2e::{Answer, ScriptedModel};
use serde_json::json;

/// What the suite's prompts, which are commands here, are answered with.
struct Script {
    asked_before: Vec<String>,
}

impl Script {
    /// How often this was asked before.
    fn count(&mut self, command: &str) -> usize {
        let before = &mut self.asked_before;
        let count = before.iter().filter(|asked| *asked == command).count();
        before.push(command.to_owned());
        count
    }

    fn answer(&mut self, command: &str) -> Answer {
        let whole = Answer::tokens(["Hello", ", ", "wörld", "! 🎈"]);
        let error = json!({"message": "the engine stopped", "type": "server_error", "code": null});
        match (command, self.count(command)) {
            ("hello", _) => whole,
            ("hello, bit by bit", _) => whole.in_pieces(3).with_comments().line_end("\r\n"),
            ("hello, in CR", _) => whole.in_pieces(5).line_end("\r"),
            ("stop at the limit", _) => whole.cut_off(),
            ("be filtered", _) => Answer::text("I").finish(Some("content_filter")),
            ("refuse", _) => {
                let kind = "invalid_request_error";
                Answer::error(400, "no, thank you", kind, Some("refused"))
            }
            ("be unknown", _) => Answer::refusal(404, "The model does not exist"),
            ("be busy twice", 0) => Answer::refusal(429, "slow down").header("retry-after", "1"),
            ("be busy twice", 1) => {
                let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1));
                Answer::refusal(503, "slow down").header("retry-after", date)
            }
            ("be busy twice", _) => whole,
            ("fail once", 0) => Answer::refusal(500, "oh").header("retry-after-ms", "50"),
            ("fail once", _) => whole,
            ("be busy", _) => Answer::refusal(429, "slow down"),
            ("break off", _) => whole.drops_after(2),
            ("fail underway", _) => whole.fails_after(2, error),
            ("say nothing", _) => Answer::silence(),
            ("stall", _) => whole.stalls_after(1),
            (other, _) => panic!("the script does not know `{other}`"),
        }
    }
}

#[tokio::test]
async fn openais_python_client_streams_retries_and_tells_errors() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let checkout = checkout.expect("this crate lies in the workspace");
    let python = checkout.join(".venv-test/bin/python");
    let file = python.display();
    assert!(
        python.exists(),
        "{file} is not there: run `cargo xtask test`, which makes it"
    );
    let mut script = Script {
        asked_before: Vec::new(),
    };
    let model = ScriptedModel::deciding(move |asked| script.answer(asked.last())).await;
    model.wants_key(ScriptedModel::KEY);
    let mut client = Command::new(python);
    client
        .args(["-B", "-m", "pytest", "-p", "no:cacheprovider"])
        .args(["--color=no", "--tb=short", "-rA", "--show-capture=no"])
        .arg("test_chat.py")
        .current_dir(checkout.join("tests/sdk/openai"))
        .env("OPENAI_API_KEY", ScriptedModel::KEY)
        .env("OPENAI_BASE_URL", format!("{}/v1", model.address));
    // A developer's own settings are not for tests.
    for name in [
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        client.env_remove(name);
    }
    let (well, report) = model.run(client).await;
    assert!(well, "{report}");
    let summary = report.lines().last().unwrap_or_default();
    let all_ran = summary.contains(" passed") && !summary.contains("skipped");
    assert!(all_ran, "{report}");
}
