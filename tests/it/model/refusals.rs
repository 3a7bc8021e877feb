//! What a model or its service says instead of an answer.

use e2e::{Answer, Conductor, ScriptedModel};
use serde_json::json;

use super::{clock, fails, fails_twice};

#[tokio::test]
async fn a_key_that_is_refused_is_named_by_its_variable() {
    let key = ScriptedModel::KEY;
    let quoted = format!(
        "Incorrect API key provided: {}****{}.",
        &key[..8],
        &key[20..]
    );
    for (status, message) in [
        (401, format!("wrong key {key}")),
        (401, quoted),
        (403, "no".to_owned()),
    ] {
        fails(
            Answer::refusal(status, message),
            502,
            "model_key_refused",
            &["OPENAI_API_KEY"],
        )
        .await;
    }
    // An error in the stream may be one of the key, too.
    let error = json!({"message": format!("bad {key}"), "type": "authentication_error"});
    let underway = Answer::text("x").fails_after(0, error);
    fails(underway, 502, "model_key_refused", &["OPENAI_API_KEY"]).await;
}

#[tokio::test]
async fn a_model_that_wants_a_key_and_gets_none_is_named_with_the_variable() {
    let model = ScriptedModel::saying([]).await;
    model.wants_key("sk-another");
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("openai_api_key", "")
        .without_sandbox()
        .await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let message = reply.error(502, "model_key_refused");
    assert!(message.contains("set OPENAI_API_KEY"), "{message}");
    assert_eq!(model.keys(), [""]);
}

#[tokio::test]
async fn a_busy_model_is_named_with_what_it_said_and_when_it_may_be_asked_again() {
    let busy = Answer::refusal(429, "slow down, please").header("retry-after", "1");
    let words = ["slow down, please", "try again in 1 s"];
    let reply = fails_twice(busy, 429, "model_busy", &words).await;
    assert_eq!(reply.header("retry-after"), "1");
    // A pause beyond the total timeout is not begun.
    let away = Answer::refusal(429, "come tomorrow").header("retry-after", "86400");
    fails(away, 429, "model_busy", &["come tomorrow", "86400 s"]).await;
    let used_up = Answer::error(
        429,
        "You exceeded your quota",
        "insufficient_quota",
        Some("insufficient_quota"),
    );
    fails(used_up, 502, "model_quota", &["used up", "OPENAI_API_KEY"]).await;
}

#[tokio::test]
async fn a_failing_model_is_named_with_its_status_and_without_the_key() {
    let message = format!("who is {}?", ScriptedModel::KEY);
    fails_twice(
        Answer::refusal(500, message),
        502,
        "model_failing",
        &["500", "2 times", "who is ***"],
    )
    .await;
    let page = Answer::raw(502, "text/html", "<html><h1>Bad Gateway</h1></html>");
    fails_twice(page, 502, "model_failing", &["502", "an HTML page"]).await;
    let broken = Answer::text("import x").drops_after(0);
    fails_twice(broken, 502, "model_failing", &["breaks off"]).await;
    let overloaded = Answer::text("x").fails_after(0, json!({"message": "overloaded"}));
    fails_twice(overloaded, 502, "model_failing", &["overloaded"]).await;
}

#[tokio::test]
async fn an_unknown_model_and_an_address_without_an_api_are_told_apart() {
    let unknown = Answer::error(
        404,
        "The model `gpt-9` does not exist",
        "invalid_request_error",
        Some("model_not_found"),
    );
    fails(unknown, 502, "model_unknown", &["gpt-9", "OPENAI_MODEL"]).await;
    let nothing = Answer::raw(404, "text/plain", "404 page not found");
    fails(
        nothing,
        502,
        "model_unreachable",
        &["no chat API", "OPENAI_BASE_URL"],
    )
    .await;
    let moved =
        Answer::raw(308, "text/plain", "").header("location", "https://elsewhere.example/v1");
    fails(
        moved,
        502,
        "model_unreachable",
        &["https://elsewhere.example/v1", "OPENAI_BASE_URL"],
    )
    .await;
    let refused = Answer::refusal(400, "'frobnicate' is no field");
    fails(refused, 502, "model_refused", &["400", "frobnicate"]).await;
}

#[tokio::test]
async fn what_the_caller_can_change_is_told_as_that() {
    let long = Answer::error(
        400,
        "This model's maximum context length is 8192 tokens",
        "invalid_request_error",
        Some("context_length_exceeded"),
    );
    fails(long, 422, "model_context", &["too long", "8192 tokens"]).await;
    let filtered = Answer::text("import stre").finish(Some("content_filter"));
    fails(
        filtered,
        422,
        "model_declined",
        &["content filter", "word it differently"],
    )
    .await;
    let filtered = Answer::error(
        400,
        "The prompt was filtered",
        "content_filter",
        Some("content_filter"),
    );
    fails(
        filtered,
        422,
        "model_declined",
        &["The prompt was filtered"],
    )
    .await;
}
