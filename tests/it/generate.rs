//! `POST /generate_ui/` without a model: a sentence and a file become a dashboard that works.

use e2e::pages::{GradioApp, StreamlitApp};
use e2e::{Browser, Conductor, Reply, seattle_weather};
use reqwest::Method;
use serde_json::{Value, json};

/// Uploads Seattle's weather; gives the id.
pub async fn upload_weather(conductor: &Conductor) -> Value {
    let request = conductor.request(Method::POST, "/data/?name=seattle-weather.csv");
    let request = request.body(seattle_weather()).send().await;
    let dataset = Reply::read(request.expect("the host answers")).await.ok();
    dataset["dataset_id"].clone()
}

async fn dashboard(conductor: &Conductor, framework: Value) -> Value {
    let dataset_id = upload_weather(conductor).await;
    let request = json!({
        "prompt": "rain and temperature over time by weather",
        "dataset_id": dataset_id,
        "framework": framework,
    });
    let reply = conductor.post("/generate_ui/", &request).await.ok();
    assert_eq!(reply["provider"], "planner");
    let assumptions = reply["assumptions"].to_string();
    assert!(assumptions.contains("no language model"), "{assumptions}");
    assert_eq!(reply["gradio_ui_response"]["url"], reply["url"]);
    assert_eq!(reply["posted_data"]["code"], reply["generated_code"]);
    assert_eq!(reply["attempt_reports"][0]["findings"], json!([]));
    reply
}

/// Days, and millimetres of rain, of one kind of weather.
fn facts_of(weather: &str) -> (usize, f64) {
    let csv = String::from_utf8(seattle_weather()).expect("UTF-8");
    let rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let rows: Vec<_> = rows.filter(|row| row[5] == weather).collect();
    let rain = rows
        .iter()
        .map(|row| row[1].parse::<f64>().expect("a number"));
    (rows.len(), rain.sum())
}

#[tokio::test]
async fn a_file_and_a_sentence_become_a_streamlit_dashboard_with_working_filters() {
    let conductor = Conductor::start().await;
    let reply = dashboard(&conductor, Value::Null).await;
    assert_eq!(reply["framework"], "streamlit");

    let browser = Browser::start().await;
    let page = StreamlitApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.has_metric("Rows", "1,461").await;
    page.has_metric("Total precipitation", "4,426").await;
    page.has_metric("Average temp max", "16.4").await;
    page.draws_charts(2).await;

    let (days, rain) = facts_of("snow");
    page.choose("Weather", "snow").await;
    page.has_metric("Rows", &days.to_string()).await;
    page.has_metric("Total precipitation", &format!("{rain:.0}"))
        .await;
}

#[tokio::test]
async fn a_file_and_a_sentence_become_a_gradio_dashboard_with_working_filters() {
    let conductor = Conductor::start().await;
    let reply = dashboard(&conductor, json!("gradio")).await;
    assert_eq!(reply["framework"], "gradio");

    let browser = Browser::start().await;
    let page = GradioApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.has_value("Rows", "1,461").await;
    page.has_value("Total precipitation", "4,426").await;
    page.draws_charts(2).await;

    let (days, _) = facts_of("snow");
    page.choose("Weather", "snow").await;
    page.has_value("Rows", &days.to_string()).await;
}

#[tokio::test]
async fn a_sentence_alone_becomes_a_form_that_works() {
    let conductor = Conductor::start().await;
    let prompt = "Build a Streamlit form with a name textbox, an age slider from 18 to 99 and a submit button";
    let reply = conductor
        .post("/generate_ui/", &json!({"prompt": prompt}))
        .await
        .ok();
    let browser = Browser::start().await;
    let page = StreamlitApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.fill("Name", "Ada").await;
    page.press("Submit").await;
    page.shows("Name: Ada").await;

    let prompt =
        "a tip calculator with a bill amount and a slider for the tip from 0 to 30 percent";
    let reply = conductor
        .post("/generate_ui/", &json!({"prompt": prompt}))
        .await
        .ok();
    let page = GradioApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.fill("Amount", "200").await;
    page.has_value("Result", "30").await;
    page.slide("Tip", 5).await;
    page.has_value("Result", "40").await;
}
