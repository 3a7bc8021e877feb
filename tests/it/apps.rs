//! Programs that become live apps, and the way to them.

use e2e::Conductor;
use reqwest::Method;
use reqwest::header::{ACCEPT, HOST};
use serde_json::{Value, json};

use crate::programs::{GRADIO_BROKEN, GRADIO_SQUARE, GRADIO_UNLAUNCHED, STREAMLIT_SQUARE};

#[tokio::test]
async fn a_gradio_app_is_live_whatever_it_says_about_its_server() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code(GRADIO_SQUARE).await;
    assert_eq!(reply["framework"], "gradio", "{reply}");
    assert_eq!(reply["revision"], 1);
    let page = conductor.open(&reply["url"]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Squares"), "{}", page.body);

    let session = reply["session_id"].as_str().expect("an id");
    let view = conductor.get(&format!("/session/{session}")).await.ok();
    assert_eq!(
        (&view["status"], &view["url"]),
        (&json!("live"), &reply["url"])
    );
    let revision = conductor
        .get(&format!("/session/{session}/revisions/1"))
        .await
        .ok();
    assert_eq!(
        (&revision["code"], &revision["status"]),
        (&json!(GRADIO_SQUARE), &json!("ok"))
    );
    conductor
        .get(&format!("/session/{session}/revisions/2"))
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn a_gradio_app_that_never_launches_is_live() {
    let conductor = Conductor::start().await;
    let request = json!({"code": GRADIO_UNLAUNCHED});
    let reply = conductor.post("/gradio_ui/", &request).await.ok();
    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
}

#[tokio::test]
async fn a_streamlit_app_is_live() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code(STREAMLIT_SQUARE).await;
    assert_eq!(reply["framework"], "streamlit", "{reply}");
    assert_eq!(conductor.open(&reply["url"]).await.status, 200);
}

#[tokio::test]
async fn an_app_that_dies_at_its_start_gives_its_traceback_and_the_one_before_stays() {
    let conductor = Conductor::start().await;
    let first = conductor.run_code(STREAMLIT_SQUARE).await;
    let session = &first["session_id"];
    let reply = conductor.run_in(session, GRADIO_BROKEN).await;
    assert_eq!(reply["url"], Value::Null, "{reply}");
    assert!(
        reply["output"]
            .as_str()
            .expect("text")
            .starts_with("brewing\n"),
        "{reply}"
    );
    let error = &reply["error"];
    assert_eq!(
        (&error["kind"], &error["name"]),
        (&json!("raised"), &json!("RuntimeError"))
    );
    assert_eq!(
        (&error["value"], &error["line"]),
        (&json!("no coffee"), &json!(4)),
        "{error}"
    );
    assert!(
        error["traceback"]
            .as_str()
            .expect("text")
            .contains("raise RuntimeError"),
        "{error}"
    );

    let session = session.as_str().expect("an id");
    let view = conductor.get(&format!("/session/{session}")).await.ok();
    assert_eq!(view["url"], first["url"]);
    assert_eq!(conductor.open(&view["url"]).await.status, 200);
    let broken = conductor
        .get(&format!("/session/{session}/revisions/2"))
        .await
        .ok();
    assert_eq!(broken["status"], "broken");
    assert_eq!(broken["error"]["name"], "RuntimeError");
}

#[tokio::test]
async fn a_second_app_is_a_revision_and_the_first_answers_a_while_longer() {
    let conductor = Conductor::start().await;
    let first = conductor.run_code(STREAMLIT_SQUARE).await;
    let second = json!({"code": STREAMLIT_SQUARE, "session_id": first["session_id"]});
    let second = conductor.post("/gradio_ui/", &second).await.ok();
    assert_eq!(second["revision"], 2);
    assert_ne!(second["url"], first["url"]);
    for reply in [&first, &second] {
        assert_eq!(conductor.open(&reply["url"]).await.status, 200);
    }
    let session = first["session_id"].as_str().expect("an id");
    let view = conductor.get(&format!("/session/{session}")).await.ok();
    assert_eq!(view["url"], second["url"]);
    assert_eq!(view["revisions"][1]["parent"], 1, "{view}");
}

#[tokio::test]
async fn an_app_starts_in_a_stream_of_events_too() {
    let conductor = Conductor::start().await;
    let events = conductor
        .stream(&json!({"code": STREAMLIT_SQUARE}))
        .await
        .rest()
        .await;
    assert_eq!(events[0].name, "started");
    assert!(events.iter().any(|event| event.name == "progress"));
    let done = events.last().expect("there are events");
    assert_eq!(done.name, "done");
    assert_eq!(conductor.open(&done.data["url"]).await.status, 200);
}

#[tokio::test]
async fn the_route_for_apps_refuses_a_plain_program() {
    let conductor = Conductor::start().await;
    let request = json!({"code": "print('gradio')"});
    let message = conductor
        .post("/gradio_ui/", &request)
        .await
        .error(422, "unusable");
    assert!(message.contains("/run_code/"), "{message}");
}

#[tokio::test]
async fn an_address_without_an_app_says_what_is_missing() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code(STREAMLIT_SQUARE).await;
    let live = reply["url"].as_str().expect("an address");
    let (_, rest) = live.split_once("://").expect("a scheme");
    let (port, rest) = rest.split_once('-').expect("a port");
    let (id, domain) = rest.split_once('.').expect("a domain");
    assert_ne!(port, "5999");

    let closed = json!(format!("http://5999-{id}.{domain}"));
    let closed = conductor.open(&closed).await;
    assert_eq!(closed.status, 502);
    assert!(closed.body.contains("port is not open"), "{}", closed.body);

    let unknown = format!("{port}-nobody.{}", domain.trim_end_matches('/'));
    let address = format!("http://{}/", conductor.sandbox_address());
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let request = client.request(Method::GET, address).header(HOST, unknown);
    let page = request
        .header(ACCEPT, "text/html")
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status(), 502);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .expect("ASCII")
            .starts_with("text/html")
    );
    let page = page.text().await.expect("a page");
    assert!(
        page.contains("The sandbox was not found") && page.contains("nobody"),
        "{page}"
    );
}
