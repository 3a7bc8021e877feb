//! `POST /generate-code/`: code with explanations, as plain text, as events or as a document.

use e2e::{Answer, Conductor, Reply, ScriptedModel, until};
use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::model::impatient;

const ANSWER: &str =
    "It prints a square.\n\n```python\nprint(7 * 7)\n```\n\nRun it with Python. Grüße!\n";

/// A request for a square.
fn square(conductor: &Conductor) -> RequestBuilder {
    let request = conductor.request(Method::POST, "/generate-code/");
    request.json(&json!({"prompt": "a square"}))
}

/// Asks as source 4's client does: for nothing in particular.
async fn text(conductor: &Conductor) -> Reply {
    Reply::read(square(conductor).send().await.expect("the host answers")).await
}

#[tokio::test]
async fn an_answer_comes_as_text_as_events_and_as_a_document() {
    let model = ScriptedModel::deciding(|_| Answer::text(ANSWER)).await;
    let conductor = impatient(&model).await;
    let plain = text(&conductor).await;
    assert_eq!((plain.status, plain.body.as_str()), (200, ANSWER));
    assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
    assert_ne!(plain.header("x-request-id"), "");

    let request = square(&conductor).header("accept", "application/json");
    let document = Reply::read(request.send().await.expect("the host answers"))
        .await
        .ok();
    assert_eq!(document["text"], ANSWER);
    assert_eq!(document["code"], "print(7 * 7)\n");
    assert_eq!(
        document["blocks"],
        json!([{"language": "python", "code": "print(7 * 7)\n"}])
    );
    assert_eq!(document["provider"], "openai");
    assert_eq!(document["usage"]["prompt_tokens"], 120);

    let events = conductor.events(square(&conductor)).await.rest().await;
    let deltas = events.iter().filter(|event| event.name == "code_delta");
    let pieces: Vec<&str> = deltas
        .filter_map(|event| event.data["text"].as_str())
        .collect();
    assert!(pieces.len() > 5, "{pieces:?}");
    assert_eq!(pieces.concat(), ANSWER);
    let last = events.last().expect("a last event");
    assert_eq!((last.name.as_str(), &last.data), ("done", &document));
    assert!(
        model.requests()[0]["messages"]
            .to_string()
            .contains("a square")
    );
}

#[tokio::test]
async fn text_is_passed_on_while_the_model_still_writes_and_who_leaves_ends_its_work() {
    // Between two words nothing may be sent: that the client left is found out all the same.
    let model = ScriptedModel::saying([Answer::tokens(["print", "(7)"]).stalls_after(2)]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let response = square(&conductor).send().await.expect("the host answers");
    let mut chunks = response.bytes_stream();
    let mut text = Vec::new();
    while text != b"print(7)" {
        text.extend(
            chunks
                .next()
                .await
                .expect("it goes on")
                .expect("it goes well"),
        );
    }
    assert_eq!(model.left(), 0);
    drop(chunks);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn wrong_requests_are_refused_before_a_model_is_paid() {
    let model = ScriptedModel::saying([]).await;
    let conductor = impatient(&model).await;
    for (request, status, code) in [
        (json!({"prompt": ""}), 422, "unusable"),
        (json!({"prompt": "x".repeat(33_000)}), 413, "too_large"),
        (json!({"invalid": "payload"}), 400, "invalid_field"),
        (json!({"prompt": 7}), 400, "invalid_field"),
        (json!("a square"), 400, "invalid_field"),
    ] {
        conductor
            .post("/generate-code/", &request)
            .await
            .error(status, code);
    }
    let request = conductor.request(Method::POST, "/generate-code/");
    let reply = Reply::read(
        request
            .body("{\"prompt\": ")
            .send()
            .await
            .expect("an answer"),
    )
    .await;
    reply.error(400, "malformed_json");
    let request = conductor.request(Method::POST, "/generate-code/");
    let request = request.header("content-type", "text/csv").body("prompt");
    Reply::read(request.send().await.expect("an answer"))
        .await
        .error(415, "unsupported_media_type");
    let reply = conductor.get("/generate-code/").await;
    reply.error(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
    conductor
        .get("/generate-code/x")
        .await
        .error(404, "not_found");
    assert_eq!(model.requests().len(), 0);
}

#[tokio::test]
async fn the_address_is_taken_with_and_without_slashes_and_browsers_may_ask_first() {
    let model = ScriptedModel::deciding(|_| Answer::text(ANSWER)).await;
    let site = "https://page.example";
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("allowed_origins", site)
        .without_sandbox()
        .await;
    for path in ["/generate-code", "/generate-code/", "//generate-code/"] {
        let request = json!({"prompt": "a square"});
        let reply = conductor.post(path, &request).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ANSWER), "{path}");
        let request = conductor
            .request(Method::OPTIONS, path)
            .header("origin", site);
        let reply = Reply::read(request.send().await.expect("an answer")).await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), site);
        assert!(
            reply
                .header("access-control-allow-methods")
                .contains("POST")
        );
    }
    let request = square(&conductor).header("origin", site);
    let reply = Reply::read(request.send().await.expect("an answer")).await;
    assert_eq!(reply.header("access-control-allow-origin"), site);
    let request = square(&conductor).header("origin", "https://elsewhere.example");
    Reply::read(request.send().await.expect("an answer"))
        .await
        .error(403, "foreign_origin");
}

/// Before the first word a failure has a status of its own, whatever form was asked for.
#[tokio::test]
async fn a_failure_before_the_first_word_has_its_own_status() {
    let key = format!("bad key {}", ScriptedModel::KEY);
    let cases = [
        (
            Answer::silence(),
            504,
            "model_timeout",
            "llm_operation_timeout_seconds",
        ),
        (
            Answer::text("x").without_streaming().stalls_after(3),
            504,
            "model_timeout",
            "2 s",
        ),
        (
            Answer::refusal(401, key),
            502,
            "model_key_refused",
            "OPENAI_API_KEY",
        ),
        (
            Answer::refusal(429, "slow down").header("retry-after", "86400"),
            429,
            "model_busy",
            "slow down",
        ),
        (Answer::refusal(500, "oh no"), 502, "model_failing", "oh no"),
        (
            Answer::text("x").drops_after(0),
            502,
            "model_failing",
            "breaks off",
        ),
        (
            Answer::refusal(404, "The model `m` does not exist"),
            502,
            "model_unknown",
            "OPENAI_MODEL",
        ),
        (Answer::text(""), 502, "model_unusable", "empty"),
        (
            Answer::raw(200, "text/html", "<html>"),
            502,
            "model_unusable",
            "an HTML page",
        ),
        (
            Answer::text("").finish(Some("content_filter")),
            422,
            "model_declined",
            "content filter",
        ),
    ];
    for (answer, status, code, word) in cases {
        let model = ScriptedModel::deciding(move |_| answer.clone()).await;
        let conductor = impatient(&model).await;
        let reply = text(&conductor).await;
        let message = reply.error(status, code);
        assert!(message.contains(word), "`{word}` is not in: {message}");
        if status == 429 {
            assert_eq!(reply.header("retry-after"), "86400");
        }
        for said in [&reply.body, &conductor.logs()] {
            assert!(!said.contains(&ScriptedModel::KEY[..8]), "{said}");
        }
    }
}

/// How a stream of text, and one of events, end after words that nothing follows.
async fn broken(first: Answer, then: Answer) -> (String, Vec<Value>) {
    let mut is_first = false;
    let model = ScriptedModel::deciding(move |_| {
        is_first = !is_first;
        if is_first {
            first.clone()
        } else {
            then.clone()
        }
    })
    .await;
    let conductor = impatient(&model).await;
    let plain = text(&conductor).await;
    assert_eq!(plain.status, 200);
    let events = conductor.events(square(&conductor)).await.rest().await;
    let last = events.len() - 2;
    let names = [events[last].name.as_str(), events[last + 1].name.as_str()];
    assert_eq!(names, ["error", "done"]);
    assert_eq!(events[last].data, events[last + 1].data);
    assert!(!conductor.logs().contains(ScriptedModel::KEY));
    (
        plain.body,
        events.into_iter().map(|event| event.data).collect(),
    )
}

#[tokio::test]
async fn a_failure_after_the_first_word_is_the_last_line_or_the_last_events() {
    let half = || Answer::tokens(["print", "(7)"]);
    let refused = Answer::refusal(401, format!("bad key {}", ScriptedModel::KEY));
    let (plain, events) = broken(half().drops_after(2), refused).await;
    let (words, line) = plain.split_once('\n').expect("two lines");
    assert_eq!(words, "print(7)");
    assert!(line.starts_with("[error: model_key_refused: "), "{line}");
    assert!(line.ends_with("OPENAI_API_KEY]\n"), "{line}");
    assert_eq!(
        events[events.len() - 1]["error"]["code"],
        "model_key_refused"
    );

    // The words that came are at the end of their line already.
    let (plain, _) = broken(
        Answer::text("one\n").fails_after(2, json!({"message": "overloaded", "code": 503})),
        Answer::refusal(400, "I am confused"),
    )
    .await;
    assert!(plain.starts_with("one\n[error: model_refused: "), "{plain}");
    assert_eq!(plain.lines().count(), 2, "{plain}");

    let (plain, events) = broken(half().stalls_after(2), Answer::silence()).await;
    let line = plain.lines().last().expect("a last line");
    assert!(line.starts_with("[error: model_timeout: "), "{plain}");
    assert_eq!(events[events.len() - 1]["error"]["code"], "model_timeout");

    let filtered = half().finish(Some("content_filter"));
    let (plain, _) = broken(filtered.clone(), filtered).await;
    assert!(plain.contains("\n[error: model_declined: "), "{plain}");
}

#[tokio::test]
async fn a_broken_stream_is_continued_once_and_nothing_is_doubled() {
    let half = ANSWER.find("7)").expect("it is there");
    let again = ANSWER[..half].rfind('\n').expect("a line") + 1;
    for first in [
        Answer::text(&ANSWER[..half]).drops_after(100),
        Answer::text(&ANSWER[..half]).cut_off(),
        Answer::text(&ANSWER[..half]).stalls_after(100),
        Answer::text(&ANSWER[..half]).fails_after(100, json!({"message": "busy", "code": 503})),
    ] {
        // The second half begins with the line that was cut, as it is asked to.
        let model = ScriptedModel::deciding(move |asked| {
            let messages = asked.body["messages"].as_array().expect("messages");
            if messages.len() == 2 {
                first.clone()
            } else {
                Answer::text(&ANSWER[again..])
            }
        })
        .await;
        let conductor = impatient(&model).await;
        assert_eq!(text(&conductor).await.body, ANSWER);
        assert_eq!(model.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_model_that_wants_to_be_left_alone_is_asked_again_and_one_without_streaming_is_read() {
    let model = ScriptedModel::saying([
        Answer::refusal(429, "slow down").header("retry-after", "1"),
        Answer::text(ANSWER),
        Answer::text(ANSWER).without_streaming(),
        Answer::refusal(400, "streaming is not possible here"),
        Answer::text(ANSWER).without_streaming(),
    ])
    .await;
    let conductor = impatient(&model).await;
    let events = conductor.events(square(&conductor)).await.rest().await;
    let told = &events[0].data["message"];
    let told = told.as_str().expect("a message");
    assert!(
        told.contains("slow down") && told.ends_with("asking again in 1.0 s"),
        "{told}"
    );
    assert_eq!(events.last().expect("an end").data["text"], ANSWER);
    assert_eq!(text(&conductor).await.body, ANSWER);
    assert_eq!(text(&conductor).await.body, ANSWER);
    assert_eq!(model.requests()[4]["stream"], false);
}

#[tokio::test]
async fn without_a_model_the_planner_explains_what_it_understands() {
    let conductor = Conductor::start().without_sandbox().await;
    let request = json!({"prompt": "a tip calculator with an amount and a slider for percent"});
    let plain = conductor.post("/generate-code/", &request).await;
    assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        plain
            .body
            .starts_with("`Tip calculator` is a small Gradio app."),
        "{}",
        plain.body
    );
    let request = conductor
        .request(Method::POST, "/generate-code/")
        .json(&request)
        .header("accept", "application/json");
    let document = Reply::read(request.send().await.expect("an answer"))
        .await
        .ok();
    assert_eq!(document["text"], plain.body);
    assert_eq!(document["provider"], "planner");
    let code = document["code"].as_str().expect("code");
    assert!(code.contains("import gradio as gr"), "{code}");
    assert!(
        document["assumptions"]
            .to_string()
            .contains("no language model")
    );

    for accept in ["*/*", "text/event-stream", "application/json"] {
        let request = square(&conductor).header("accept", accept);
        let request = request.json(&json!({"prompt": "binary search in Rust"}));
        let reply = Reply::read(request.send().await.expect("an answer")).await;
        assert!(reply.error(503, "no_model").contains("OPENAI_API_KEY"));
    }
}
