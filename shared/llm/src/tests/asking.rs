//! What is asked, and what is refused.

use std::time::Duration;

use futures::executor::block_on;
use model::Framework;
use model::ports::{Fakes, SendError};
use serde_json::json;

use super::*;

#[test]
fn what_is_wished_is_asked_for_and_what_is_refused_is_left_out() {
    let chat = Chat {
        form: AnswerForm::JsonObject,
        max_tokens: Some(100),
        temperature: Some(0.5),
        model: Some("large".to_owned()),
        ..Chat::of(vec![
            Message::system("Answer in JSON."),
            Message::user("hi"),
        ])
    };
    let refuse = |message: &str, param: &str| {
        json!({"error": {"message": message, "type": "invalid_request_error", "param": param}})
            .to_string()
    };
    let asked = ask_for(&chat, |http| {
        http.reply(400, &refuse("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens"))
            .reply(400, &refuse("Unsupported value: 'temperature'", "temperature"))
            .reply(400, "{\"detail\": \"response_format is not known\"}")
            .reply(422, "{\"detail\": [{\"loc\": [\"body\", \"stream_options\"]}]}")
            .reply(400, "{\"error\": \"streaming is not possible here\"}")
            .reply(200, "{\"choices\":[{\"message\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}]}")
    });
    assert_eq!(text_of(&asked), "{}");
    let first = &asked.requests[0];
    assert_eq!(first["model"], "large");
    assert_eq!(first["response_format"], json!({"type": "json_object"}));
    assert_eq!(
        (&first["max_tokens"], &first["temperature"]),
        (&json!(100), &json!(0.5))
    );
    let last = &asked.requests[5];
    assert_eq!(last["max_completion_tokens"], 100);
    assert_eq!(last["stream"], false);
    for name in [
        "max_tokens",
        "temperature",
        "response_format",
        "stream_options",
    ] {
        assert!(last.get(name).is_none(), "{name} is in {last}");
    }
    // No attempt of these waited: nothing had failed.
    assert_eq!(asked.took, Duration::ZERO);
}

#[test]
fn refusals_name_the_way_out() {
    let error = |message: &str, code: &str| {
        json!({"error": {"message": message, "code": code, "type": "invalid_request_error"}})
            .to_string()
    };
    let cases: [(u16, String, &[&str]); 14] = [
        (
            401,
            error(
                "Incorrect API key provided: sk-secre****6789.",
                "invalid_api_key",
            ),
            &["OPENAI_API_KEY"],
        ),
        (403, error("no", ""), &["OPENAI_API_KEY", "403"]),
        (
            403,
            error("Project has no access to model `small`", "model_not_found"),
            &["OPENAI_MODEL"],
        ),
        (
            404,
            error("The model `small` does not exist", "model_not_found"),
            &["`small`", "OPENAI_MODEL"],
        ),
        (
            404,
            "{\"error\":{\"message\":\"model \\\"small\\\" not found, try pulling it first\"}}"
                .to_owned(),
            &["pulling", "OPENAI_MODEL"],
        ),
        (
            404,
            "404 page not found".to_owned(),
            &["no chat API", "OPENAI_BASE_URL"],
        ),
        (
            404,
            "{\"detail\":\"Not Found\"}".to_owned(),
            &["no chat API", "OPENAI_BASE_URL"],
        ),
        (
            400,
            error(
                "This model's maximum context length is 8192 tokens. However, you requested 9000.",
                "context_length_exceeded",
            ),
            &["too long", "8192"],
        ),
        (
            400,
            "{\"error\":\"the request exceeds the available context size\"}".to_owned(),
            &["too long"],
        ),
        (
            400,
            error("The response was filtered", "content_filter"),
            &["declines", "word it differently"],
        ),
        (
            429,
            error("You exceeded your current quota", "insufficient_quota"),
            &["used up", "OPENAI_API_KEY"],
        ),
        (402, error("Insufficient balance", ""), &["used up"]),
        (
            400,
            "[{\"error\":{\"message\":\"Invalid JSON payload\",\"status\":\"INVALID_ARGUMENT\"}}]"
                .to_owned(),
            &["400", "Invalid JSON payload"],
        ),
        (
            400,
            format!("{{\"error\":{{\"message\":\"who is {KEY}?\\nand sk-sec***789\"}}}}"),
            &["who is *** and ***"],
        ),
    ];
    for (status, body, words) in cases {
        let asked = ask(|http| http.reply(status, &body));
        assert_eq!(asked.requests.len(), 1, "{body}");
        let text = error_of(asked, words).to_string();
        assert!(!text.contains("secre"), "{text}");
    }
    let moved = ask(|http| {
        http.reply(307, "")
            .with_header("location", "https://elsewhere.example/v1?key=1")
    });
    let text = error_of(moved, &["https://elsewhere.example/v1", "OPENAI_BASE_URL"]).to_string();
    assert!(!text.contains("key=1"), "{text}");
    let not_allowed = SendError::NotAllowed { url: String::new() };
    error_of(ask(|http| http.fail(not_allowed)), &["openai_origin"]);
}

#[test]
fn a_wrong_address_is_named() {
    for address in [
        "localhost:1234/v1",
        "ftp://models.example",
        "http://",
        "not an address",
    ] {
        let config = LlmConfig {
            base_url: address.to_owned(),
            ..config()
        };
        let fakes = Fakes::default();
        let client = Client {
            outside: &fakes,
            config: &config,
        };
        let chat = Chat::of(vec![Message::user("hi")]);
        let error = block_on(client.complete(&chat, async |_: Step<'_>| Ok(())));
        let text = error.expect_err("it is no address").to_string();
        assert!(text.contains("OPENAI_BASE_URL"), "{address}: {text}");
    }
}

#[test]
fn the_model_is_told_columns_and_no_rows() {
    let csv = b"city,temperature\nSeattle,3.5\nSeattle,4.25\nQ7Z,9.125\n";
    let profile = profile::profile(csv, profile::Options::default()).expect("it is a CSV file");
    let prompt = prompts::AppPrompt {
        prompt: "a dashboard",
        framework: Framework::Streamlit,
        dataset: Some((&profile, "w.csv")),
    };
    let messages = prompts::app(&prompt, prompts::PROFILE_BYTES);
    let told = &messages[1].content;
    assert!(
        told.contains("temperature") && told.contains("w.csv"),
        "{told}"
    );
    assert!(!told.contains("4.25"), "{told}");
}

#[test]
fn a_profile_is_trimmed_to_what_the_model_can_read() {
    let names: Vec<String> = (0..400).map(|n| format!("measure_{n}")).collect();
    let row = vec!["1.5"; 400].join(",");
    let csv = format!("{}\n{row}\n{row}\n", names.join(","));
    let profile = profile::profile(csv.as_bytes(), profile::Options::default());
    let profile = profile.expect("it is a CSV file");
    let prompt = prompts::AppPrompt {
        prompt: "a dashboard",
        framework: Framework::Streamlit,
        dataset: Some((&profile, "w.csv")),
    };
    let told = |limit| {
        let content = prompts::app(&prompt, limit).remove(1).content;
        let facts = extract::json(&content).expect("the profile is JSON");
        let size = facts.to_string().len();
        assert!(size <= limit + 64, "{size} for {limit}");
        facts
    };
    let (all, large, small) = (told(1_000_000), told(prompts::PROFILE_BYTES), told(1_000));
    assert!(all["columns"][0]["most_frequent"].is_array());
    assert_eq!(large["columns"].as_array().map(Vec::len), Some(400));
    assert!(large["columns"][0].get("most_frequent").is_none());
    let kept = small["columns"].as_array().expect("columns").len();
    assert_eq!(small["columns_left_out"], 400 - kept);
    assert_eq!(small["columns"][0]["name"], "measure_0");
}
