use super::*;
use futures::executor::block_on;
use model::Framework;
use model::ports::{ManualTimer, ScriptedHttp};

fn config(key: &str) -> LlmConfig {
    LlmConfig::read(|name| {
        match name {
            "openai_api_key" => key,
            "openai_base_url" => "http://127.0.0.1:9/v1/",
            "openai_model" => "small",
            _ => "",
        }
        .to_owned()
    })
    .expect("an address of one's own is a model")
}

fn answer(status: u16, body: &str) -> Result<Completion, LlmError> {
    let http = ScriptedHttp::default().reply(status, body);
    let messages = [Message {
        role: "user",
        content: "hi".into(),
    }];
    block_on(complete(
        &http,
        &ManualTimer::default(),
        &config("sk-secret"),
        &messages,
    ))
}

#[test]
fn without_a_key_and_an_address_there_is_no_model() {
    assert_eq!(LlmConfig::read(|_| String::new()), None);
}

#[test]
fn asks_with_model_and_key_and_reads_text_and_usage() {
    let body = r#"{"choices":[{"message":{"content":"hello"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
    let completion = answer(200, body).expect("it is scripted");
    assert_eq!(completion.text, "hello");
    assert_eq!(
        completion.usage,
        Some(Usage {
            prompt_tokens: 3,
            completion_tokens: 1
        })
    );
    let request = request(&config("sk-secret"), &[]).expect("the address is valid");
    assert_eq!(request.uri(), "http://127.0.0.1:9/v1/chat/completions");
    assert_eq!(request.headers()["authorization"], "Bearer sk-secret");
}

#[test]
fn refusals_name_the_way_out_and_never_the_key() {
    let refused = answer(
        401,
        r#"{"error":{"message":"Incorrect API key sk-secret"}}"#,
    );
    let text = refused.expect_err("401 is refused").to_string();
    assert!(
        text.contains("OPENAI_API_KEY") && !text.contains("sk-secret"),
        "{text}"
    );
    assert!(!format!("{:?}", config("sk-secret")).contains("sk-secret"));
    let echo = answer(500, r#"{"error":{"message":"who is sk-secret?"}}"#);
    let text = echo.expect_err("500 is no answer").to_string();
    assert!(
        text.contains("who is ***?") && !text.contains("sk-secret"),
        "{text}"
    );
    let cut = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"length"}]}"#;
    assert_eq!(answer(200, cut), Err(LlmError::CutOff));
    assert!(matches!(
        answer(429, "{}"),
        Err(LlmError::RateLimited { .. })
    ));
    assert!(matches!(
        answer(200, "<html>"),
        Err(LlmError::Unreadable { .. })
    ));
}

#[test]
fn the_model_is_told_columns_and_no_rows() {
    let csv = b"city,temperature\nSeattle,3.5\nSeattle,4.25\nQ7Z,9.125\n";
    let profile = profile::profile(csv, profile::Options::default()).expect("it is a CSV file");
    let messages = prompts::app(&prompts::AppPrompt {
        prompt: "a dashboard",
        framework: Framework::Streamlit,
        dataset: Some((&profile, "w.csv")),
    });
    let told = &messages[1].content;
    assert!(
        told.contains("temperature") && told.contains("w.csv"),
        "{told}"
    );
    assert!(!told.contains("4.25"), "{told}");
}
