//! What a client hears while a model answers, and what becomes of a client that leaves.

use e2e::{Answer, Conductor, Event, ScriptedModel, until};
use reqwest::Method;

use super::{clock, impatient};

#[tokio::test]
async fn tokens_are_passed_on_while_the_model_still_writes() {
    let model =
        ScriptedModel::saying([Answer::tokens(["import ", "streamlit"]).stalls_after(2)]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let mut events = conductor.events(request).await;
    let mut text = String::new();
    while text != "import streamlit" {
        let Event { name, data } = events.next().await.expect("the stream goes on");
        if name == "code_delta" {
            text.push_str(data["text"].as_str().expect("a text"));
        }
    }
    // The model still has the connection. It loses it when the client goes away.
    assert_eq!(model.left(), 0);
    drop(events);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_while_nothing_comes_ends_the_request_too() {
    let model = ScriptedModel::saying([Answer::silence()]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let mut events = conductor.events(request).await;
    assert_eq!(events.next().await.expect("a first step").name, "progress");
    until("the model is asked", async || {
        (model.requests().len() == 1).then_some(())
    })
    .await;
    drop(events);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn attempts_and_continuations_are_told() {
    let model = ScriptedModel::saying([
        Answer::refusal(503, "the cluster is busy"),
        Answer::text("```python\nimport streamlit as st\n").cut_off(),
        Answer::text("st.title('Hi')\n```\n"),
    ])
    .await;
    let conductor = impatient(&model).await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let events = conductor.events(request).await.rest().await;
    let told: Vec<&str> = events
        .iter()
        .filter(|event| event.name == "progress")
        .filter_map(|event| event.data["message"].as_str())
        .collect();
    assert!(told[1].contains("the cluster is busy"), "{told:?}");
    assert!(told[2].contains("go on"), "{told:?}");
    let deltas = events.iter().filter(|event| event.name == "code_delta");
    let text: String = deltas
        .filter_map(|event| event.data["text"].as_str())
        .collect();
    assert_eq!(
        text,
        "```python\nimport streamlit as st\nst.title('Hi')\n```\n"
    );
}
