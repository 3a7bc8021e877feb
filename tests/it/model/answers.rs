//! What a model answers, in every form and in none.

use std::time::{Duration, SystemTime};

use e2e::{Answer, Conductor, ScriptedModel};
use serde_json::{Value, json};

use super::{ask, clock, fails, fails_twice, fenced};
use crate::programs::STREAMLIT_SQUARE;

/// Each of these answers holds the same program, however it comes.
#[tokio::test]
async fn every_form_of_an_answer_becomes_the_same_program() {
    let text = fenced;
    let bare = STREAMLIT_SQUARE;
    let half = 60;
    let answers = [
        Answer::text(text()).in_pieces(1),
        Answer::text(text()).in_pieces(7).line_end("\r\n"),
        Answer::text(text()).in_pieces(11).line_end("\r"),
        Answer::text(text()).with_comments().without_usage(),
        Answer::text(text()).without_done(),
        Answer::text(text()).finish(None),
        Answer::text(text()).without_streaming().in_pieces(100),
        Answer::text(bare),
        Answer::text(json!({"code": bare}).to_string()),
        Answer::text(format!("~~~py{bare}~~~")),
        Answer::text(format!(
            "```bash\npip install streamlit\n```\n```python{bare}```"
        )),
        // These are cut, and continued by the answer behind each.
        Answer::text(&text()[..half]).cut_off(),
        Answer::text(&text()[half..]),
        Answer::text(text()).drops_after(20),
        Answer::text(text()),
        Answer::text(text()).stalls_after(20),
        Answer::text(text()),
        Answer::text(text()).fails_after(20, json!({"message": "overloaded", "code": 503})),
        Answer::text(text()),
        // These fail before any text, and the answer behind each is the second attempt.
        Answer::refusal(500, "once"),
        Answer::text(text()),
        Answer::refusal(429, "slow down").header("retry-after", "1"),
        Answer::text(text()),
        Answer::text(text()).without_streaming().drops_after(40),
        Answer::text(text()),
        Answer::refusal(503, "a date").header("retry-after", in_a_second()),
        Answer::text(text()),
        Answer::tokens([""; 0]),
        Answer::text(text()),
        // A server that does not know how to count.
        Answer::refusal(400, "unknown field `stream_options`"),
        Answer::text(text()),
    ];
    let (all, apps) = (answers.len(), answers.len() - 10);
    let model = ScriptedModel::saying(answers).await;
    // One session's apps go on for a minute each: they share a sandbox's memory, and the libraries.
    let conductor = Conductor::start()
        .with_model(&model)
        .with_all_libraries()
        .with_variable("llm_operation_timeout_seconds", "2")
        .await;
    let mut request = clock();
    for n in 0..apps {
        let reply = conductor.post("/generate_ui/", &request).await.ok();
        let code = reply["generated_code"].as_str().expect("code");
        assert_eq!(code.trim(), STREAMLIT_SQUARE.trim(), "app {n}: {reply}");
        assert_eq!(reply["error"], Value::Null, "app {n}");
        request["session_id"] = reply["session_id"].clone();
    }
    assert_eq!(model.requests().len(), all);
}

fn in_a_second() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1))
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let whole = |content_type, body: &str| Answer::raw(200, content_type, body);
    for (answer, word) in [
        (
            whole("text/html", "<!doctype html><title>Log in</title>"),
            "an HTML page",
        ),
        (whole("application/json", "<html>"), "an HTML page"),
        (whole("application/json", "{\"ok\": true}"), "no `choices`"),
        (
            whole("text/event-stream", "data: {nonsense}\n\n"),
            "no JSON",
        ),
        (
            whole("image/png", "\u{1}PNG and so on"),
            "neither JSON nor a stream",
        ),
        (
            Answer::text("import x").babbles_after(1, "data: }{\n\n"),
            "no JSON",
        ),
    ] {
        fails(answer, 502, "model_unusable", &[word]).await;
    }
    fails_twice(Answer::text(" \n"), 502, "model_unusable", &["empty"]).await;
    // It is told that there is no program in its answer, once.
    let prose = Answer::text("I would rather not.");
    fails_twice(prose, 502, "model_unusable", &["no Python program"]).await;
}

#[tokio::test]
async fn half_a_program_is_continued_and_never_run() {
    // It never comes to its end, however often it is asked to go on.
    let (reply, asked) =
        ask(Answer::text("```python\nimport gradio as gr\nx = [\n").cut_off()).await;
    let message = reply.error(502, "model_unusable");
    assert!(
        message.contains("cut off") && asked > 1,
        "{asked}: {message}"
    );
    // It says that it is at its end, twice; it is told, and does so again.
    let open = Answer::text("```python\nimport gradio as gr\nwith gr.Blocks() as demo:\n");
    let (reply, asked) = ask(open).await;
    let message = reply.error(502, "model_unusable");
    assert!(message.contains("cut off"), "{message}");
    assert_eq!(asked, 4);
}

#[tokio::test]
async fn giant_answers_are_bounded() {
    let giant = Answer::tokens(vec!["x".repeat(64 * 1024); 20]);
    fails(giant, 502, "model_unusable", &["more than 1048576 bytes"]).await;
    let line = Answer::raw(200, "text/event-stream", "x".repeat(5 * 1024 * 1024));
    fails(line, 502, "model_unusable", &["more than 4194304 bytes"]).await;
    let refusal = Answer::raw(
        400,
        "application/json",
        format!("\"{}\"", "x".repeat(5 * 1024 * 1024)),
    );
    fails(refusal, 502, "model_refused", &["400"]).await;
}
