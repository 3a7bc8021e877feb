//! `POST /generate_ui/` with a language model: its program goes live, its failures are named.

mod answers;
mod connections;
mod refusals;
mod streams;

use e2e::{Answer, Conductor, Reply, ScriptedModel};
use reqwest::Method;
use serde_json::{Value, json};

use crate::generate::upload_weather;
use crate::programs::STREAMLIT_SQUARE;

/// Starts without a sandbox, and with little patience.
pub async fn impatient(model: &ScriptedModel) -> Conductor {
    Conductor::start()
        .with_model(model)
        .with_variable("llm_operation_timeout_seconds", "2")
        .with_variable("llm_total_timeout_seconds", "6")
        .with_variable("llm_max_retries", "1")
        .without_sandbox()
        .await
}

pub fn clock() -> Value {
    json!({"prompt": "a clock", "specification": "it shows the time"})
}

/// Asks for an app of a model that answers so each time, and makes sure that nobody sees the key.
///
/// Gives the answer in one piece and the number of requests that it took; the answer by events must
/// end with the same.
pub async fn ask(answer: Answer) -> (Reply, usize) {
    let model = ScriptedModel::deciding(move |_| answer.clone()).await;
    let conductor = impatient(&model).await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let asked = model.requests().len();

    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .header("accept", "text/event-stream")
        .json(&clock());
    let streamed = request.send().await.expect("the host answers");
    let streamed = streamed.text().await.expect("the stream ends");
    let code = &reply.json()["error"]["code"];
    let last = streamed.lines().rfind(|line| line.starts_with("data:"));
    let told = last.is_some_and(|line| line.contains(&code.to_string()));
    assert!(told, "no {code} at the end of {streamed}");

    let key = format!("Bearer {}", ScriptedModel::KEY);
    assert!(model.keys().iter().all(|sent| *sent == key));
    for text in [&reply.body, &streamed, &conductor.logs()] {
        assert!(!text.contains(ScriptedModel::KEY), "{text}");
        assert!(!text.contains(&ScriptedModel::KEY[..8]), "{text}");
    }
    (reply, asked)
}

/// Requires a failure that is not worth another request.
pub async fn fails(answer: Answer, status: u16, code: &str, words: &[&str]) {
    let (reply, asked) = ask(answer).await;
    let message = reply.error(status, code);
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    assert_eq!(asked, 1, "{message}");
}

/// Requires a failure that is worth one more request, as it is configured here.
pub async fn fails_twice(answer: Answer, status: u16, code: &str, words: &[&str]) -> Reply {
    let (reply, asked) = ask(answer).await;
    let message = reply.error(status, code);
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    assert_eq!(asked, 2, "{message}");
    reply
}

pub fn fenced() -> String {
    format!("Here it is:\n```python{STREAMLIT_SQUARE}```\nEnjoy!")
}

#[tokio::test]
async fn the_models_program_goes_live_and_it_saw_columns_but_no_rows() {
    let model = ScriptedModel::saying([Answer::text(fenced())]).await;
    let conductor = Conductor::start().with_model(&model).await;
    let dataset_id = upload_weather(&conductor).await;
    let request = json!({
        "prompt": "show the rain",
        "specification": "rain by day",
        "dataset_id": dataset_id,
    });
    let reply = conductor.post("/generate_ui/", &request).await.ok();

    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    assert_eq!(reply["provider"], "openai");
    assert_eq!(reply["openai_response"], fenced());
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
async fn a_script_may_answer_by_what_it_is_asked() {
    let model = ScriptedModel::deciding(|asked| {
        if asked.says("NameError: boats") {
            Answer::text(fenced())
        } else {
            Answer::text("I would rather not.")
        }
    })
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    reply.error(502, "model_unusable");
    let request = json!({"prompt": "mend it: NameError: boats", "specification": "no more"});
    let reply = conductor.post("/generate_ui/", &request).await.ok();
    assert_eq!(reply["generated_code"], STREAMLIT_SQUARE.trim_start());
}
