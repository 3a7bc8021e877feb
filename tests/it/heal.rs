//! `POST /generate_ui/` with a model whose programs do not work at once.

use std::time::Duration;

use e2e::{Answer, Conductor, Event, Reply, ScriptedModel, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::healed::findings_told;
use crate::programs::STREAMLIT_SQUARE;

/// A program with a name that nothing defines.
fn broken(name: &str) -> String {
    format!("import streamlit as st\n\nst.title('Squares')\nst.write({name})\n")
}

fn fenced(program: &str) -> Answer {
    Answer::text(format!("```python\n{program}```\n"))
}

fn patch(search: &str, replace: &str) -> Answer {
    Answer::text(format!(
        "<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"
    ))
}

/// An app that is specified already: the model is asked for code at once.
fn squares() -> Value {
    json!({"prompt": "squares", "specification": "a slider and its square", "framework": "streamlit"})
}

async fn generate(conductor: &Conductor, request: &Value) -> Value {
    conductor.post("/generate_ui/", request).await.ok()
}

/// A session with a live app; gives its id and address.
async fn with_a_live_app(conductor: &Conductor) -> (String, Value) {
    let made = conductor
        .post("/gradio_ui/", &json!({"code": STREAMLIT_SQUARE}))
        .await
        .ok();
    let session = made["session_id"].as_str().expect("an id").to_owned();
    (session, made["url"].clone())
}

async fn session(conductor: &Conductor, id: &str) -> Value {
    conductor.get(&format!("/session/{id}")).await.ok()
}

/// What of each attempt is told: what was asked, in which form the program came, what was found.
fn told(reply: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let reports = reply["attempt_reports"].as_array().expect("a list");
    reports
        .iter()
        .map(|report| {
            assert!(
                report["seconds"]
                    .as_f64()
                    .is_some_and(|seconds| seconds > 0.0)
            );
            let findings = report["findings"].as_array().expect("a list");
            let kinds = findings.iter().map(|finding| text(&finding["kind"]));
            (
                text(&report["asked"]),
                text(&report["form"]),
                kinds.collect(),
            )
        })
        .collect()
}

fn attempt(asked: &str, form: &str, kinds: &[&str]) -> (String, String, Vec<String>) {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    (asked.to_owned(), form.to_owned(), kinds)
}

#[tokio::test]
async fn the_way_from_a_sentence_to_an_app_is_told_step_by_step() {
    let model = ScriptedModel::saying([
        Answer::text("## Purpose\nShows the square of a number.\n"),
        fenced(&broken("sides")),
        fenced(STREAMLIT_SQUARE.trim_start()),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&json!({"prompt": "squares, please", "framework": "streamlit"}));
    let events = conductor.events(request).await.rest().await;
    let steps: Vec<&str> = events
        .iter()
        .filter_map(|event| event.data["step"].as_str())
        .collect();
    let wanted = [
        "specification",
        "code",
        "check",
        "heal",
        "check",
        "start",
        "live",
    ];
    assert_eq!(steps, wanted, "{events:?}");
    let text = |name: &str| -> String {
        let deltas = events.iter().filter(|event| event.name == name);
        deltas
            .filter_map(|event| event.data["text"].as_str())
            .collect()
    };
    assert!(text("text_delta").starts_with("## Purpose"));
    assert!(text("code_delta").contains("st.write(sides)"));
    let mending = events.iter().find(|event| event.data["step"] == "heal");
    let message = &mending.expect("it is told").data["message"];
    assert_eq!(
        message,
        "line 4: NameError: name 'sides' is not defined; mending it, attempt 1 of 5"
    );
    assert!(
        events.iter().all(|event| event.name != "error"),
        "{events:?}"
    );

    let Event { name, data: reply } = events.last().expect("a last event");
    assert_eq!(name, "done");
    assert_eq!(conductor.open(&reply["url"]).await.status, 200);
    assert_eq!(
        told(reply),
        [
            attempt("code", "program", &["undefined_name"]),
            attempt("heal", "program", &[])
        ]
    );
    assert_eq!(reply["error"], Value::Null);
    assert!(
        reply["specification"]
            .as_str()
            .is_some_and(|text| text.contains("the square"))
    );
    // Three answers, and all are counted.
    assert_eq!(
        reply["usage"],
        json!({"prompt_tokens": 360, "completion_tokens": 135})
    );
    let asked = model.requests();
    assert_eq!(asked.len(), 3);
    let messages = |index: usize| asked[index]["messages"].to_string();
    assert!(messages(0).contains("squares, please"));
    for index in [1, 2] {
        assert!(messages(index).contains("squares, please"), "{index}");
        assert!(
            messages(index).contains("Shows the square of a number."),
            "{index}"
        );
    }
    assert_eq!(conductor.sandboxes().await, 1);
}

#[tokio::test]
async fn a_model_that_never_mends_ends_in_its_bound_and_the_last_good_app_stays_live() {
    let mut count = 0;
    let model = ScriptedModel::deciding(move |_| {
        count += 1;
        fenced(&broken(&format!(
            "side_{}",
            ["a", "b", "c", "d"][count - 1]
        )))
    })
    .await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("heal_attempts", "2")
        .await;
    let (id, url) = with_a_live_app(&conductor).await;
    let mut request = squares();
    request["session_id"] = json!(id);
    let reply = generate(&conductor, &request).await;

    assert_eq!(reply["url"], Value::Null);
    assert_eq!(reply["attempts"], 3);
    assert_eq!(reply["gave_up"], json!({"why": "spent", "attempts": 2}));
    assert_eq!(reply["error"]["kind"], "raised");
    assert_eq!(reply["error"]["name"], "undefined_name");
    assert_eq!(reply["error"]["line"], 4);
    let value = reply["error"]["value"].as_str().expect("a text");
    assert!(value.contains("side_c"), "{value}");
    let found = &["undefined_name"][..];
    assert_eq!(
        told(&reply),
        [
            attempt("code", "program", found),
            attempt("heal", "program", found),
            attempt("heal", "program", found)
        ]
    );
    assert_eq!(model.requests().len(), 3);
    let notices = reply["gradio_ui_response"]["notices"].to_string();
    assert!(notices.contains("gave up after 2 attempts"), "{notices}");
    assert!(notices.contains("revision 1 stays live"), "{notices}");

    assert_eq!(conductor.open(&url).await.status, 200);
    let session = session(&conductor, &id).await;
    assert_eq!(session["url"], url);
    assert_eq!(session["revision"], 1);
    assert_eq!(session["revisions"][1]["status"], "broken");
    let kept = conductor
        .get(&format!("/session/{id}/revisions/2"))
        .await
        .ok();
    assert_eq!(kept["code"], broken("side_c"));
    assert_eq!(kept["prompt"], "squares");
    assert_eq!(kept["error"]["line"], 4);
}

#[tokio::test]
async fn a_finding_that_comes_back_ends_it_early_and_without_an_app_before() {
    let model = ScriptedModel::saying([
        fenced(&broken("side")),
        fenced(&format!("# mended, surely\n{}", broken("side"))),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let reply = generate(&conductor, &squares()).await;
    assert_eq!(reply["url"], Value::Null);
    assert_eq!(reply["attempts"], 2);
    assert_eq!(reply["gave_up"]["why"], "repeated");
    assert_eq!(reply["error"]["line"], 5);
    let id = reply["session_id"].as_str().expect("an id");
    let session = session(&conductor, id).await;
    assert_eq!(session["url"], Value::Null);
    assert_eq!(session["revisions"][0]["status"], "broken");
}

#[tokio::test]
async fn a_patch_that_does_not_fit_is_told_to_the_model_and_one_that_does_is_made() {
    let model = ScriptedModel::saying([
        fenced(&broken("side")),
        patch("st.write(size)", "st.write(3)"),
        patch("st.title('Squares')", "st.title('Squares')\nside = 3"),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let reply = generate(&conductor, &squares()).await;
    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    let mended = broken("side").replace("'Squares')", "'Squares')\nside = 3");
    assert_eq!(reply["generated_code"], mended);
    assert_eq!(
        told(&reply),
        [
            attempt("code", "program", &["undefined_name"]),
            attempt("heal", "none", &[]),
            attempt("heal", "patch", &[])
        ]
    );
    let problem = reply["attempt_reports"][1]["problem"]
        .as_str()
        .expect("a text");
    assert!(problem.contains("`st.write(size)`"), "{problem}");
    let last = model.requests()[2]["messages"][1]["content"].to_string();
    assert!(last.contains("`st.write(size)`"), "{last}");
}

#[tokio::test]
async fn an_answer_without_code_is_told_to_the_model_and_counts() {
    let model = ScriptedModel::saying([
        Answer::text("What a nice idea!"),
        fenced(&broken("side")),
        Answer::text("You forgot to define side."),
        fenced(STREAMLIT_SQUARE.trim_start()),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let reply = generate(&conductor, &squares()).await;
    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    assert_eq!(
        told(&reply),
        [
            attempt("code", "none", &[]),
            attempt("code", "program", &["undefined_name"]),
            attempt("heal", "none", &[]),
            attempt("heal", "program", &[])
        ]
    );
    for index in [1, 3] {
        let asked = model.requests()[index]["messages"].to_string();
        assert!(asked.contains("it holds no Python program"), "{asked}");
    }
}

#[tokio::test]
async fn a_model_that_fails_while_it_mends_is_named_with_what_is_wrong() {
    let quota = Answer::error(
        429,
        "no more",
        "insufficient_quota",
        Some("insufficient_quota"),
    );
    for (failure, words) in [
        (Answer::refusal(500, "out of order"), "out of order"),
        (quota, "used up"),
        (Answer::text("import").drops_after(0), "breaks off"),
    ] {
        let model = ScriptedModel::deciding(move |asked| {
            if findings_told(asked).is_some() {
                failure.clone()
            } else {
                fenced(&broken("side"))
            }
        })
        .await;
        let conductor = Conductor::start()
            .with_model(&model)
            .with_variable("llm_max_retries", "1")
            .await;
        let (id, url) = with_a_live_app(&conductor).await;
        let mut request = squares();
        request["session_id"] = json!(id);
        let reply = generate(&conductor, &request).await;
        assert_eq!(reply["gave_up"]["why"], "model", "{reply}");
        let reason = reply["gave_up"]["reason"].as_str().expect("a text");
        assert!(reason.contains(words), "{reason}");
        assert_eq!(reply["attempt_reports"][1]["problem"], reason);
        assert_eq!(reply["error"]["name"], "undefined_name");
        assert_eq!(session(&conductor, &id).await["url"], url);
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_the_model_mends_ends_that_and_the_program_is_kept() {
    let model = ScriptedModel::deciding(|asked| {
        if findings_told(asked).is_some() {
            Answer::tokens(["import ", "streamlit"]).stalls_after(2)
        } else {
            fenced(&broken("side"))
        }
    })
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let (id, url) = with_a_live_app(&conductor).await;
    let mut body = squares();
    body["session_id"] = json!(id);
    let request = conductor.request(Method::POST, "/generate_ui/").json(&body);
    let mut events = conductor.events(request).await;
    while events.next().await.expect("it goes on").data["step"] != "heal" {}
    until("the model mends", async || {
        (model.requests().len() == 2).then_some(())
    })
    .await;
    drop(events);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
    until("the program is kept", async || {
        let session = session(&conductor, &id).await;
        assert_eq!(session["url"], url);
        (session["revisions"][1]["status"] == "broken").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_sandbox_that_ends_while_the_model_writes_is_replaced_before_the_check() {
    let slow = fenced(STREAMLIT_SQUARE.trim_start()).pausing(Duration::from_millis(50));
    let model = ScriptedModel::saying([slow]).await;
    let conductor = Conductor::start().with_model(&model).await;
    let (id, _) = with_a_live_app(&conductor).await;
    let mut body = squares();
    body["session_id"] = json!(id);
    let request = conductor.request(Method::POST, "/generate_ui/").json(&body);
    let mut events = conductor.events(request).await;
    while events.next().await.expect("it goes on").name != "code_delta" {}
    let sandboxes = conductor.control("/v2/sandboxes").await.ok();
    let sandbox = sandboxes[0]["sandboxID"].as_str().expect("an id");
    conductor.end_sandbox(sandbox).await;
    let events = events.rest().await;
    let reply = &events.last().expect("a last event").data;
    assert_eq!(reply["error"], Value::Null, "{reply}");
    assert_eq!(conductor.open(&reply["url"]).await.status, 200);
    let notices = reply["gradio_ui_response"]["notices"].to_string();
    assert!(notices.contains("made anew"), "{notices}");
    assert_eq!(told(reply), [attempt("code", "program", &[])]);
}

#[tokio::test]
async fn a_sandbox_that_ends_in_the_middle_of_a_check_does_not_cost_the_app() {
    let program = "import time\nimport streamlit as st\n\nopen('/home/user/begun', 'w').close()\ntime.sleep(4)\nst.title('Slow')\n";
    let model = ScriptedModel::saying([fenced(program)]).await;
    let conductor = Conductor::start().with_model(&model).await;
    let (id, _) = with_a_live_app(&conductor).await;
    let mut body = squares();
    body["session_id"] = json!(id);
    let request = conductor.request(Method::POST, "/generate_ui/").json(&body);
    let mut events = conductor.events(request).await;
    while events.next().await.expect("it goes on").data["step"] != "check" {}
    until("the program runs", async || {
        let look = "import os; print(os.path.exists('/home/user/begun'))";
        let seen = conductor.run_in(&json!(id), look).await;
        (seen["output"] == "True\n").then_some(())
    })
    .await;
    let sandboxes = conductor.control("/v2/sandboxes").await.ok();
    let sandbox = sandboxes[0]["sandboxID"].as_str().expect("an id");
    conductor.end_sandbox(sandbox).await;
    let events = events.rest().await;
    let reply = &events.last().expect("a last event").data;
    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    let notices = reply["gradio_ui_response"]["notices"].to_string();
    assert!(
        notices.contains("could not be checked to its end"),
        "{notices}"
    );
    assert!(notices.contains("made anew"), "{notices}");
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn with_no_attempts_a_program_is_only_checked() {
    let model = ScriptedModel::saying([fenced(&broken("side"))]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("heal_attempts", "0")
        .await;
    let reply = generate(&conductor, &squares()).await;
    assert_eq!(reply["url"], Value::Null);
    assert_eq!(reply["gave_up"], json!({"why": "off"}));
    assert_eq!(reply["error"]["line"], 4);
    assert_eq!(model.requests().len(), 1);
}

#[tokio::test]
async fn a_session_that_has_used_its_tokens_asks_no_model_again() {
    // Each answer counts 165 tokens.
    let model = ScriptedModel::saying([
        fenced(&broken("side")),
        fenced(&broken("size")),
        fenced(STREAMLIT_SQUARE.trim_start()),
    ])
    .await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("session_token_budget", "300")
        .await;
    let mut request = squares();
    let reply = generate(&conductor, &request).await;
    assert_eq!(reply["gave_up"]["why"], "model");
    let reason = reply["gave_up"]["reason"].as_str().expect("a text");
    assert!(reason.contains("330 of its 300 tokens"), "{reason}");
    request["session_id"] = reply["session_id"].clone();
    let reply: Reply = conductor.post("/generate_ui/", &request).await;
    let message = reply.error(422, "model_budget");
    assert!(message.contains("session_token_budget"), "{message}");
    assert_eq!(model.requests().len(), 2);
    let id = request["session_id"].as_str().expect("an id");
    assert_eq!(session(&conductor, id).await["tokens"], 330);
    // Another session has tokens of its own.
    let reply = generate(&conductor, &squares()).await;
    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
}
