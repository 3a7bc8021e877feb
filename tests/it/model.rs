//! `POST /generate_ui/` with a language model: its program goes live, its failures are named.

use e2e::{Answer, Conductor, Reply, ScriptedModel};
use serde_json::{Value, json};

use crate::generate::upload_weather;
use crate::programs::STREAMLIT_SQUARE;

/// Asks for an app of a model that answers so, and makes sure that nobody sees the key.
async fn ask(answer: Answer) -> Reply {
    let model = ScriptedModel::saying([answer]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("llm_total_timeout_seconds", "2")
        .without_sandbox()
        .await;
    let reply = conductor
        .post("/generate_ui/", &json!({"prompt": "a clock"}))
        .await;
    assert_eq!(model.requests().len(), 1);
    assert_eq!(model.keys(), [format!("Bearer {}", ScriptedModel::KEY)]);
    assert!(!reply.body.contains(ScriptedModel::KEY), "{}", reply.body);
    assert!(!conductor.logs().contains(ScriptedModel::KEY));
    reply
}

#[tokio::test]
async fn the_models_program_goes_live_and_it_saw_columns_but_no_rows() {
    let text = format!("Here it is:\n```python{STREAMLIT_SQUARE}```\nEnjoy!");
    let model = ScriptedModel::saying([Answer::Text(text.clone())]).await;
    let conductor = Conductor::start().with_model(&model).await;
    let dataset_id = upload_weather(&conductor).await;
    let request = json!({"prompt": "show the rain", "dataset_id": dataset_id});
    let reply = conductor.post("/generate_ui/", &request).await.ok();

    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    assert_eq!(reply["provider"], "openai");
    assert_eq!(reply["openai_response"], text);
    assert_eq!(reply["generated_code"], STREAMLIT_SQUARE.trim_start());
    assert_eq!(reply["usage"]["completion_tokens"], 45);

    let asked = &model.requests()[0];
    assert_eq!(asked["messages"][0]["role"], "system");
    let told = asked["messages"].to_string();
    for word in [
        "show the rain",
        "precipitation",
        "temp_max",
        "drizzle",
        "seattle-weather.csv",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    // The second day of the file: its values stand in no statistic.
    for cell in ["2012-01-02", "10.9", "10.6"] {
        assert!(!told.contains(cell), "{cell} is in {told}");
    }
    assert!(!conductor.logs().contains(ScriptedModel::KEY));

    let session = reply["session_id"].as_str().expect("an id");
    let revision = conductor
        .get(&format!("/session/{session}/revisions/1"))
        .await
        .ok();
    assert_eq!(revision["prompt"], "show the rain");
    assert_ne!(revision["code"], Value::Null);
}

#[tokio::test]
async fn a_model_that_refuses_the_key_is_named_with_the_variable() {
    let refusal = Answer::Refusal(401, format!("wrong key {}", ScriptedModel::KEY));
    let message = ask(refusal).await.error(502, "model_key_refused");
    assert!(message.contains("OPENAI_API_KEY"), "{message}");
}

#[tokio::test]
async fn a_busy_model_is_named_with_what_it_said() {
    let refusal = Answer::Refusal(429, "slow down, please".to_owned());
    let message = ask(refusal).await.error(429, "model_busy");
    assert!(message.contains("slow down, please"), "{message}");
}

#[tokio::test]
async fn a_failing_model_is_named_with_its_status_and_without_the_key() {
    let refusal = Answer::Refusal(500, format!("who is {}?", ScriptedModel::KEY));
    let message = ask(refusal).await.error(502, "model_refused");
    assert!(
        message.contains("500") && message.contains("OPENAI_MODEL"),
        "{message}"
    );
}

#[tokio::test]
async fn answers_that_hold_no_program_are_refused() {
    for (answer, word) in [
        (
            Answer::Garbage("<html>login</html>".to_owned()),
            "cannot be read",
        ),
        (
            Answer::Text("I would rather not.".to_owned()),
            "no Python program",
        ),
        (
            Answer::CutOff("```python\nimport gradio as gr\n```".to_owned()),
            "cut off",
        ),
        (
            Answer::Text("```python\nimport gradio as gr\n".to_owned()),
            "cut off",
        ),
    ] {
        let message = ask(answer).await.error(502, "model_unusable");
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test]
async fn a_silent_model_is_given_up_in_time() {
    let message = ask(Answer::Silence).await.error(504, "model_timeout");
    assert!(message.contains("llm_total_timeout_seconds"), "{message}");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_with_the_variable() {
    let conductor = Conductor::start()
        .without_sandbox()
        .with_variable("openai_base_url", "http://127.0.0.1:1/v1")
        .with_variable("openai_origin", "http://127.0.0.1:1")
        .await;
    let reply = conductor
        .post("/generate_ui/", &json!({"prompt": "a clock"}))
        .await;
    let message = reply.error(502, "model_unreachable");
    assert!(message.contains("OPENAI_BASE_URL"), "{message}");
}
