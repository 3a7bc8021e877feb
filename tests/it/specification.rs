//! `POST /specification/`: a sentence becomes a detailed specification.

use e2e::{Answer, Conductor, Reply, ScriptedModel};
use reqwest::Method;
use serde_json::{Value, json};

use crate::generate::upload_weather;

const TOPICS: [&str; 8] = [
    "purpose",
    "audience",
    "inputs",
    "components",
    "layout",
    "interactions",
    "states",
    "edge_cases",
];

/// What a model writes that keeps to the form.
fn whole() -> String {
    let sections = TOPICS.map(|topic| {
        let title = topic.replace('_', " ");
        format!(
            "## {}{}\n\nThe {title} of the app.\n",
            title[..1].to_uppercase(),
            &title[1..]
        )
    });
    sections.join("\n")
}

#[tokio::test]
async fn a_model_writes_it_by_the_sentence_and_the_columns_and_sees_no_rows() {
    let model = ScriptedModel::deciding(|_| Answer::text(whole())).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let dataset_id = upload_weather(&conductor).await;
    let request = json!({"prompt": "show the rain", "dataset_id": dataset_id});
    let reply = conductor.post("/specification", &request).await.ok();
    assert_eq!(reply["prompt"], whole().trim());
    assert_eq!(
        reply["sections"]["edge_cases"],
        "The edge cases of the app."
    );
    assert_eq!(reply["missing"], json!([]));
    assert_eq!(reply["provider"], "openai");
    assert_eq!(reply["framework"], "streamlit");
    assert_eq!(reply["usage"]["completion_tokens"], 45);

    let told = model.requests()[0]["messages"].to_string();
    for word in [
        "show the rain",
        "precipitation",
        "seattle-weather.csv",
        "Streamlit",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    // The second day of the file: its values stand in no statistic.
    for cell in ["2012-01-02", "10.9", "10.6"] {
        assert!(!told.contains(cell), "{cell} is in {told}");
    }

    // The same, as it is written.
    let request = conductor
        .request(Method::POST, "//specification/")
        .json(&request);
    let events = conductor.events(request).await.rest().await;
    let deltas = events.iter().filter(|event| event.name == "text_delta");
    let pieces: Vec<&str> = deltas
        .filter_map(|event| event.data["text"].as_str())
        .collect();
    assert!(pieces.len() > 10, "{pieces:?}");
    assert_eq!(pieces.concat(), whole());
    let last = events.last().expect("a last event");
    assert_eq!((last.name.as_str(), &last.data), ("done", &reply));
}

#[tokio::test]
async fn what_a_model_leaves_out_is_reported_and_not_made_up() {
    let answers = [
        Answer::text("A clock with two hands."),
        Answer::text(
            "Sure! {\"purpose\": \"To tell the time.\", \"layout\": \"One column.\", \"inputs\": []\n, \"components\": [\"a clock\"],} Enjoy!",
        ),
        Answer::text("<think>Hm.</think>**Purpose**\nTo tell the time.\n**Layout**\nOne column.")
            .without_streaming(),
    ];
    let model = ScriptedModel::saying(answers).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    for (text, missing) in [
        ("A clock with two hands.", 8),
        (
            "## Purpose\n\nTo tell the time.\n\n## Components\n\n- a clock\n\n## Layout\n\nOne column.",
            5,
        ),
        ("**Purpose**\nTo tell the time.\n**Layout**\nOne column.", 6),
    ] {
        let reply = conductor
            .post("/specification/", &json!({"prompt": "a clock"}))
            .await
            .ok();
        assert_eq!(reply["prompt"], text);
        assert_eq!(
            reply["missing"].as_array().map(Vec::len),
            Some(missing),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn without_a_model_the_planner_writes_what_it_understands() {
    let conductor = Conductor::start().without_sandbox().await;
    let dataset_id = upload_weather(&conductor).await;
    for (request, word) in [
        (
            json!({"prompt": "rain by weather", "dataset_id": dataset_id}),
            "Total precipitation",
        ),
        (
            json!({"prompt": "a tip calculator with an amount and a slider for percent"}),
            "`Amount`: a number",
        ),
    ] {
        let reply = conductor.post("/specification/", &request).await.ok();
        let text = reply["prompt"].as_str().expect("a text");
        assert!(text.contains(word), "{word} is not in {text}");
        assert_eq!(reply["provider"], "planner");
        assert_eq!(reply["missing"], json!([]), "{reply}");
        assert!(
            reply["assumptions"]
                .to_string()
                .contains("no language model")
        );
        assert_eq!(reply["usage"], Value::Null);
        let request = conductor
            .request(Method::POST, "/specification/")
            .json(&request);
        let events = conductor.events(request).await.rest().await;
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["text_delta", "done"]);
    }
    let request = json!({"prompt": "something nice"});
    let reply = conductor.post("/specification/", &request).await;
    assert!(reply.error(503, "no_model").contains("OPENAI_API_KEY"));
}

#[tokio::test]
async fn requests_that_are_none_are_refused_before_a_model_is_paid() {
    let model = ScriptedModel::saying([]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let unknown = "0".repeat(32);
    for (request, status, code) in [
        (json!({"prompt": " \n"}), 422, "unusable"),
        (json!({"prompt": "x".repeat(33_000)}), 413, "too_large"),
        (json!({"text": "a clock"}), 400, "invalid_field"),
        (
            json!({"prompt": "x", "dataset_id": unknown}),
            404,
            "not_found",
        ),
        (
            json!({"prompt": "x", "framework": "django"}),
            400,
            "invalid_field",
        ),
    ] {
        conductor
            .post("/specification/", &request)
            .await
            .error(status, code);
    }
    let reply = conductor.get("/specification/").await;
    reply.error(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), "POST");
    let reply = conductor.get("/specification/x").await;
    reply.error(404, "not_found");
    assert_eq!(model.requests().len(), 0);
}

#[tokio::test]
async fn a_profile_that_is_too_long_for_the_model_is_told_in_short() {
    let model = ScriptedModel::deciding(|asked| {
        if asked.last().len() > 2_000 {
            let kind = "invalid_request_error";
            let code = Some("context_length_exceeded");
            Answer::error(400, "too many tokens", kind, code)
        } else {
            Answer::text(whole())
        }
    })
    .await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let names: Vec<String> = (0..40).map(|number| format!("measure_{number}")).collect();
    let row = vec!["1.5"; 40].join(",");
    let csv = format!("{}\n{row}\n{row}\n", names.join(","));
    let request = conductor
        .request(Method::POST, "/data/?name=wide.csv")
        .body(csv);
    let dataset = Reply::read(request.send().await.expect("the host answers"))
        .await
        .ok();
    let request = json!({"prompt": "show it", "dataset_id": dataset["dataset_id"]});
    let reply = conductor.post("/specification/", &request).await.ok();
    assert_eq!(reply["missing"], json!([]));
    assert_eq!(model.requests().len(), 2);
    let told = model.requests()[1]["messages"].to_string();
    assert!(told.contains("measure_0"), "{told}");
}
