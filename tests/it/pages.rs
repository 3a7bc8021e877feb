//! What people see: apps and the home page in a real Chromium.

use e2e::pages::{GradioApp, HomePage, StreamlitApp};
use e2e::{Answer, Browser, Conductor, ScriptedModel, seattle_weather};
use reqwest::Method;
use reqwest::header::ACCEPT;

use crate::programs::{GRADIO_MORTAL, GRADIO_SQUARE, STREAMLIT_SQUARE};

#[tokio::test]
async fn a_gradio_slider_moves_and_the_result_changes() {
    let conductor = Conductor::start().with_all_libraries().await;
    let reply = conductor.run_code(GRADIO_SQUARE).await;
    let browser = Browser::start().await;
    let page = GradioApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.has_value("Area", "100").await;
    page.slide("Side", 2).await;
    page.has_value("Area", "144").await;
}

#[tokio::test]
async fn a_streamlit_slider_moves_and_the_result_changes() {
    let conductor = Conductor::start().with_all_libraries().await;
    let reply = conductor.run_code(STREAMLIT_SQUARE).await;
    let browser = Browser::start().await;
    let page = StreamlitApp::open(&browser, reply["url"].as_str().expect("an address")).await;
    page.shows("The area is 100.").await;
    page.slide("Side", 2).await;
    page.shows("The area is 144.").await;
}

#[tokio::test]
async fn the_home_page_is_drawn_and_says_what_is_up() {
    let conductor = Conductor::start().await;
    let browser = Browser::start().await;
    let page = HomePage::open(&browser, &conductor).await;
    assert!(browser.title().await.contains("Conductor"));
    page.has_health("up").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_home_page_says_what_is_down() {
    let conductor = Conductor::start().without_sandbox().await;
    let browser = Browser::start().await;
    HomePage::open(&browser, &conductor)
        .await
        .has_health("down")
        .await;
}

#[tokio::test]
async fn a_person_builds_a_dashboard_in_the_page() {
    let conductor = Conductor::start().with_all_libraries().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("seattle-weather.csv");
    std::fs::write(&file, seattle_weather()).expect("the folder can be written");

    let browser = Browser::start().await;
    let home = HomePage::open(&browser, &conductor).await;
    home.build(&file, "rain and temperature over time by weather")
        .await;
    home.has_histogram("-1.6 to 35.6, median 15.6").await;
    home.has_status("done").await;
    home.lists_a_session().await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
    home.enter_preview().await;
    let app = StreamlitApp::here(&browser).await;
    app.has_metric("Rows", "1,461").await;
    app.open_the_sidebar().await;
    app.choose("Weather", "snow").await;
    app.has_metric("Rows", "26").await;
}

#[tokio::test]
async fn a_person_watches_a_program_being_written_stops_it_and_has_it_written_again() {
    let specification = || Answer::text("## Purpose\nIt shows squares.");
    let pieces = || {
        let lines = STREAMLIT_SQUARE.trim_start().split_inclusive('\n');
        let lines = lines.map(str::to_owned);
        std::iter::once("```python\n".to_owned())
            .chain(lines)
            .chain(["```\n".to_owned()])
    };
    let model = ScriptedModel::saying([
        specification(),
        Answer::tokens(pieces()).stalls_after(4),
        specification(),
        Answer::tokens(pieces()),
    ])
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let browser = Browser::start().await;
    let home = HomePage::open(&browser, &conductor).await;
    home.ask("squares in Streamlit").await;
    home.has_code("st.title(\"Squares\")").await;
    home.has_status("working").await;
    home.stop_building().await;
    home.has_status("failed").await;
    assert!(!home.shows_a_result().await, "half a program is none");

    home.ask("squares in Streamlit").await;
    home.has_status("done").await;
    home.enter_preview().await;
    StreamlitApp::here(&browser)
        .await
        .shows("The area is 100.")
        .await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_person_runs_python_in_the_page() {
    let conductor = Conductor::start().await;
    let browser = Browser::start().await;
    let home = HomePage::open(&browser, &conductor).await;
    home.run("x = 6\nprint(x * 7)").await;
    home.has_status("done").await;
    home.has_output("42").await;
    home.run("import matplotlib.pyplot as plt\nplt.plot([x, 1])\nplt.show()")
        .await;
    home.has_picture().await;
    home.run("x / 0").await;
    home.has_error("division by zero").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_person_stops_a_run_in_the_page_and_goes_on() {
    let conductor = Conductor::start().await;
    let browser = Browser::start().await;
    let home = HomePage::open(&browser, &conductor).await;
    home.run("x = 6\nprint('running', flush=True)\nwhile True: pass")
        .await;
    home.has_output("running").await;
    home.stop().await;
    home.has_status("failed").await;
    home.has_notice("Interrupted").await;
    home.run("print(x * 7)").await;
    home.has_output("42").await;
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_person_sees_why_an_app_has_stopped_and_starts_it_again() {
    let conductor = Conductor::start().with_all_libraries().await;
    let browser = Browser::start().await;
    let home = HomePage::open(&browser, &conductor).await;
    home.run(GRADIO_MORTAL).await;
    home.has_status("done").await;
    // The page looks after the app, loads its last words, and those tell it what they are.
    home.has_error("The app has stopped").await;
    home.has_logs("the app has stopped: it ended with exit code 7")
        .await;
    home.restart_app().await;
    home.has_status("done").await;
}

#[tokio::test]
async fn the_start_is_a_page_for_browsers_and_a_signpost_for_others() {
    let conductor = Conductor::start().await;
    let request = conductor
        .request(Method::GET, "/")
        .header(ACCEPT, "text/html,*/*;q=0.8");
    let page = request.send().await.expect("an answer");
    assert_eq!(page.status(), 200);
    assert!(page.headers().contains_key("content-security-policy"));
    assert!(
        page.text()
            .await
            .expect("a page")
            .contains("<title>Conductor")
    );

    let signpost = conductor.get("/").await;
    assert_eq!(
        (signpost.status, signpost.header("location")),
        (307, "/docs")
    );
    let docs = conductor.get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(docs.body.contains("/run_code/"), "{}", docs.body);

    let health = conductor.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (200, &serde_json::json!("up"))
    );
}
