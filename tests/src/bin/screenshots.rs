//! `screenshots FOLDER`: pictures of the pages, to be looked at by people.

use std::path::{Path, PathBuf};

use e2e::pages::{GradioApp, HomePage, StreamlitApp};
use e2e::{Answer, Browser, Conductor, ScriptedModel, seattle_weather};
use serde_json::json;

const GRADIO: &str = "import gradio as gr\n\
    gr.Interface(lambda x: x * x, gr.Slider(0, 100, 7, label=\"Side\"), gr.Number(label=\"Area\")).launch()";
const STREAMLIT: &str = "import streamlit as st\n\
    x = st.slider(\"Side\", 0, 100, 7)\n\
    st.metric(\"Area\", x * x)";
const PLOT: &str = "import matplotlib.pyplot as plt\n\
    plt.plot([1, 4, 9, 16])\n\
    plt.show()";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = std::env::args()
        .nth(1)
        .expect("say which folder the pictures go to");
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let conductor = Conductor::start().await;
    let browser = Browser::start().await;
    let camera = Camera {
        browser: &browser,
        folder: &folder,
    };

    for (name, code) in [("gradio", GRADIO), ("streamlit", STREAMLIT)] {
        let reply = conductor.run_code(code).await;
        let url = reply["url"].as_str().expect("the app is live").to_owned();
        if name == "gradio" {
            GradioApp::open(&browser, &url)
                .await
                .has_value("Area", "0")
                .await;
        } else {
            StreamlitApp::open(&browser, &url)
                .await
                .has_metric("Area", "49")
                .await;
        }
        camera.take(name).await;
    }
    home(&camera, &conductor).await;
    dashboards(&camera, &conductor).await;
    writing(&camera).await;
}

/// A program that a model is writing, and one that it mended.
async fn writing(camera: &Camera<'_>) {
    let fenced = |code: &str| format!("```python\n{code}\n```\n");
    let lines = fenced(STREAMLIT);
    let lines = lines.split_inclusive('\n').map(str::to_owned);
    let specification = || Answer::text("## Purpose\nIt squares a number.");
    let model = ScriptedModel::saying([
        specification(),
        Answer::tokens(lines).stalls_after(4),
        specification(),
        Answer::text(fenced(&STREAMLIT.replace("import streamlit as st", ""))),
        Answer::text(fenced(STREAMLIT)),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    for (scheme, name) in [("light", "writing"), ("dark", "mended")] {
        camera.browser.prefer_colours(scheme).await;
        camera.browser.open("about:blank").await;
        let page = HomePage::open(camera.browser, &conductor).await;
        page.ask("squares").await;
        if name == "writing" {
            page.has_code("st.slider").await;
        } else {
            page.has_status("done").await;
            page.enter_preview().await;
            StreamlitApp::here(camera.browser)
                .await
                .has_metric("Area", "49")
                .await;
        }
        camera.take(name).await;
    }
}

async fn home(camera: &Camera<'_>, conductor: &Conductor) {
    for (scheme, width, name) in [
        ("light", 1280, "home-light"),
        ("dark", 1280, "home-dark"),
        ("light", 390, "home-phone"),
        ("dark", 390, "home-phone-dark"),
    ] {
        camera.browser.prefer_colours(scheme).await;
        camera.browser.resize(width, 1400).await;
        HomePage::open(camera.browser, conductor)
            .await
            .has_health("up")
            .await;
        camera.take(name).await;
    }
    camera.browser.prefer_colours("light").await;
    camera.browser.resize(1280, 1400).await;
    let page = HomePage::open(camera.browser, conductor).await;
    page.run(PLOT).await;
    page.has_picture().await;
    page.has_status("done").await;
    camera.take("run-python").await;
    page.run("rows = [1, 2]\nrows[7]").await;
    page.has_error("IndexError").await;
    camera.take("run-error").await;
}

async fn dashboards(camera: &Camera<'_>, conductor: &Conductor) {
    let data = tempfile::tempdir().expect("a temporary folder");
    let file = data.path().join("seattle-weather.csv");
    std::fs::write(&file, seattle_weather()).expect("the folder can be written");
    let prompt = "rain and temperature over time by weather";
    for (scheme, width, name) in [
        ("light", 1280, "build-light"),
        ("dark", 1280, "build-dark"),
        ("light", 390, "build-phone"),
    ] {
        camera.browser.prefer_colours(scheme).await;
        camera.browser.resize(width, 1400).await;
        // The session that is open stands in the address: away from it first.
        camera.browser.open("about:blank").await;
        let page = HomePage::open(camera.browser, conductor).await;
        page.build(&file, prompt).await;
        page.has_status("done").await;
        page.enter_preview().await;
        StreamlitApp::here(camera.browser)
            .await
            .draws_charts(2)
            .await;
        camera.take(name).await;
    }
    camera.browser.prefer_colours("light").await;
    camera.browser.resize(1280, 1400).await;
    let bytes = std::fs::read(&file).expect("it was just written");
    let upload = conductor.request(reqwest::Method::POST, "/data/?name=seattle-weather.csv");
    let upload = upload.body(bytes).send().await.expect("an answer");
    let dataset = e2e::Reply::read(upload).await.ok();
    for framework in ["streamlit", "gradio"] {
        let request = json!({
            "prompt": prompt, "dataset_id": dataset["dataset_id"], "framework": framework,
        });
        let reply = conductor.post("/generate_ui/", &request).await.ok();
        let url = reply["url"].as_str().expect("the app is live");
        if framework == "gradio" {
            GradioApp::open(camera.browser, url)
                .await
                .draws_charts(2)
                .await;
        } else {
            StreamlitApp::open(camera.browser, url)
                .await
                .draws_charts(2)
                .await;
        }
        camera.take(&format!("dashboard-{framework}")).await;
    }
}

/// Takes pictures of what the browser shows.
struct Camera<'a> {
    browser: &'a Browser,
    folder: &'a Path,
}

impl Camera<'_> {
    async fn take(&self, name: &str) {
        let path = self.folder.join(format!("{name}.png"));
        std::fs::write(&path, self.browser.screenshot().await).expect("the folder can be written");
        println!("{}", path.display());
    }
}
