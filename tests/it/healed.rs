//! Every broken program of `tests/checked/broken` becomes a live app, by a model that mends only what it
//! is told of.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::pages::{GradioApp, StreamlitApp};
use e2e::{Answer, Asked, Browser, Conductor, Reply, ScriptedModel};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};

use crate::check::{PROGRAMS, programs, wanted};
use crate::mends::{MENDS, Mend};

/// Which findings a request to mend tells, if it is one.
pub fn findings_told(asked: &Asked) -> Option<Vec<Value>> {
    let (_, told) = asked.last().split_once("What was found:\n```json\n")?;
    let (told, _) = told.split_once("\n```")?;
    serde_json::from_str(told).ok()
}

/// Writes the broken program that the prompt names. Mends it, as a whole or by a patch, only if it is
/// told kind, line and message of what is wrong; else it writes the same again.
fn answer(asked: &Asked, broken: &BTreeMap<String, String>) -> Answer {
    let is_meant = |mend: &&Mend| asked.last().contains(&format!("`{}`", mend.name));
    let mend = MENDS.iter().find(is_meant).expect("the prompt names one");
    let program = &broken[mend.name];
    let fenced = |program: &str| Answer::text(format!("```python\n{program}```\n"));
    let Some(told) = findings_told(asked) else {
        return fenced(program);
    };
    let wanted = wanted(program);
    let fits = wanted.len() == told.len()
        && wanted
            .iter()
            .zip(&told)
            .all(|(wanted, told)| wanted.fits(told));
    let message = told.iter().any(|told| {
        let message = told["message"].as_str().unwrap_or_default();
        message.contains(mend.message)
    });
    if !fits || !message {
        eprintln!("{}: wanted {wanted:?}, was told {told:?}", mend.name);
        return fenced(program);
    }
    if mend.name.len().is_multiple_of(2) {
        Answer::text(mend.patch())
    } else {
        fenced(&mend.program(program))
    }
}

async fn doctor() -> (ScriptedModel, BTreeMap<String, String>) {
    let broken: BTreeMap<String, String> = programs("broken")
        .into_iter()
        .map(|(name, text)| (name.trim_end_matches(".py").to_owned(), text))
        .collect();
    let names: Vec<&str> = MENDS.iter().map(|mend| mend.name).collect();
    assert_eq!(names, broken.keys().collect::<Vec<_>>());
    let known = broken.clone();
    let model = ScriptedModel::deciding(move |asked| answer(asked, &known)).await;
    (model, broken)
}

async fn upload_sales(conductor: &Conductor) -> Value {
    let sales = std::fs::read(Path::new(PROGRAMS).join("sales.csv")).expect("the data is there");
    let request = conductor.request(Method::POST, "/data/?name=sales.csv");
    let reply = request.body(sales).send().await.expect("the host answers");
    Reply::read(reply).await.ok()["dataset_id"].clone()
}

/// Asks for the app; gives the reply.
async fn heal(conductor: &Conductor, mend: &Mend, dataset: &Value) -> Value {
    let request = json!({
        "prompt": format!("the app `{}`", mend.name),
        "specification": "as the test has it",
        "framework": mend.name.split('_').next(),
        "dataset_id": dataset,
    });
    conductor.post("/generate_ui/", &request).await.ok()
}

/// What is not as it should be with a healed app.
async fn complaint(
    conductor: &Conductor,
    mend: &Mend,
    broken: &str,
    reply: &Value,
) -> Option<String> {
    let says = |what: &str| Some(format!("{}: {what}: {reply:#}", mend.name));
    let reports = reply["attempt_reports"].as_array()?;
    if reply["url"].is_null() || reply["attempts"] != 2 || reports.len() != 2 {
        return says("it is not live after one attempt to mend it");
    }
    let forms = [&reports[0]["form"], &reports[1]["form"]];
    let form = if mend.name.len().is_multiple_of(2) {
        "patch"
    } else {
        "program"
    };
    if forms != ["program", form] || reports[1]["findings"] != json!([]) {
        return says("its reports are not right");
    }
    if reply["generated_code"] != mend.program(broken) {
        return says("it is another program");
    }
    let page = conductor.open(&reply["url"]).await;
    if page.status != 200 {
        return says(&format!("it answers {}", page.status));
    }
    let shown = if mend.name.starts_with("gradio") {
        "gradio"
    } else {
        "streamlit"
    };
    if !page.body.to_lowercase().contains(shown) {
        return says(&format!("its page is not one of {shown}"));
    }
    None
}

async fn all_become_live_apps(framework: &str) {
    let (model, broken) = doctor().await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_all_libraries()
        .await;
    let dataset = upload_sales(&conductor).await;
    let (conductor, dataset, broken) = (&conductor, &dataset, &broken);
    let mends = MENDS.iter().filter(|mend| mend.name.starts_with(framework));
    let complaints: Vec<String> = stream::iter(mends)
        .map(|mend| async move {
            let reply = heal(conductor, mend, dataset).await;
            let complaint = complaint(conductor, mend, &broken[mend.name], &reply).await;
            // So many apps at once would only be a burden.
            let session = reply["session_id"].as_str().expect("an id");
            let ended = conductor.delete(&format!("/session/{session}")).await;
            assert_eq!(ended.status, 204);
            complaint
        })
        .buffer_unordered(2)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn every_broken_gradio_program_becomes_a_live_app() {
    all_become_live_apps("gradio").await;
}

#[tokio::test]
async fn every_broken_streamlit_program_becomes_a_live_app() {
    all_become_live_apps("streamlit").await;
}

#[tokio::test]
async fn healed_apps_work_in_a_browser() {
    let (model, _) = doctor().await;
    let conductor = Conductor::start().with_model(&model).await;
    let dataset = upload_sales(&conductor).await;
    let healed = async |name: &str| {
        let mend = MENDS.iter().find(|mend| mend.name == name);
        let reply = heal(&conductor, mend.expect("it is there"), &dataset).await;
        reply["url"].as_str().expect("an address").to_owned()
    };
    let browser = Browser::start().await;

    let url = healed("gradio_type_error_in_a_callback").await;
    let page = GradioApp::open(&browser, &url).await;
    page.press("Calculate").await;
    page.has_value("Result", "Tip: 4.00").await;

    let url = healed("streamlit_experimental_rerun").await;
    let page = StreamlitApp::open(&browser, &url).await;
    page.press("Add one").await;
    page.has_metric("Count", "1").await;

    let url = healed("streamlit_broken_page").await;
    let page = StreamlitApp::open(&browser, &url).await;
    page.has_metric("Orders", "60").await;
}
