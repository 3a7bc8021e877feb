//! Restarts and crashes: sessions stay, sandboxes are made anew, and the caller is told.

use e2e::{Conductor, Reply, until};
use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use crate::errors::owner;
use crate::generate::upload_weather;
use crate::programs::STREAMLIT_SQUARE;

const MADE_ANEW: &str = "the sandbox was made anew; variables are lost";

async fn list(conductor: &Conductor, cookie: &str) -> Value {
    let request = conductor
        .request(Method::GET, "/session/")
        .header(COOKIE, cookie);
    Reply::read(request.send().await.expect("an answer"))
        .await
        .ok()
}

#[tokio::test]
async fn sessions_outlive_the_host_and_their_kernels_too() {
    let mut conductor = Conductor::start().await;
    let cookie = owner(&conductor).await;
    let mut ids = Vec::new();
    for code in ["x = 1", "x = 2"] {
        let request = conductor
            .request(Method::POST, "/run_code/")
            .header(COOKIE, &cookie);
        let reply = request
            .json(&json!({"code": code}))
            .send()
            .await
            .expect("an answer");
        ids.push(Reply::read(reply).await.ok()["session_id"].clone());
    }
    conductor.stop_host();
    conductor.start_host().await;

    let list = list(&conductor, &cookie).await;
    assert_eq!(list["total"], 2, "{list}");
    let listed: Vec<&Value> = (0..2)
        .map(|at| &list["sessions"][at]["session_id"])
        .collect();
    assert_eq!(listed, [&ids[1], &ids[0]], "the newest comes first");
    assert_eq!(conductor.run_in(&ids[1], "print(x)").await["output"], "2\n");

    let stranger = owner(&conductor).await;
    assert_eq!(self::list(&conductor, &stranger).await["total"], 0);
}

#[tokio::test]
async fn a_crash_of_the_sandbox_service_costs_variables_only_and_the_reply_says_so() {
    let mut conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    conductor.crash_sandbox();
    let request = json!({"code": "print('x' in globals())", "session_id": session});
    let reply = conductor.post("/run_code/", &request).await;
    assert!(
        reply
            .error(502, "sandbox_unreachable")
            .contains("cargo xtask up")
    );

    conductor.start_sandbox().await;
    let reply = conductor.run(request).await;
    assert_eq!(reply["output"], "False\n");
    assert_eq!(reply["session_id"], session);
    assert_eq!(reply["notices"], json!([MADE_ANEW]));
    let reply = conductor.run_in(&session, "print(1)").await;
    assert_eq!(reply["notices"], json!([]), "it is said once");
}

#[tokio::test]
async fn a_restart_of_everything_brings_app_and_data_back() {
    let mut conductor = Conductor::start().await;
    let dataset_id = upload_weather(&conductor).await;
    let request = json!({"prompt": "rain by weather", "dataset_id": dataset_id});
    let made = conductor.post("/generate_ui/", &request).await.ok();
    let session = &made["session_id"];
    conductor.stop_host();
    conductor.stop_sandbox();
    conductor.start_sandbox().await;
    conductor.start_host().await;

    let path = format!("/session/{}", session.as_str().expect("an id"));
    let view = conductor.get(&path).await.ok();
    assert_eq!(view["dataset_id"], dataset_id);
    let reply = conductor
        .run_in(
            session,
            "print(len(open('seattle-weather.csv').readlines()))",
        )
        .await;
    assert_eq!(
        reply["output"].as_str().map(str::trim),
        Some("1462"),
        "{reply}"
    );
    let notices = reply["notices"].as_array().expect("a list");
    assert_eq!(notices[0], MADE_ANEW);

    let view = conductor.get(&path).await.ok();
    let url = view["url"].as_str().expect("the app is live again");
    assert_ne!(
        view["url"], made["url"],
        "another sandbox has another address"
    );
    assert!(
        notices[1].as_str().expect("text").contains(url),
        "{notices:?}"
    );
    assert_eq!(conductor.open(&view["url"]).await.status, 200);
}

#[tokio::test]
async fn a_sandbox_that_was_ended_from_outside_is_replaced() {
    let conductor = Conductor::start().await;
    let made = conductor.run_code(STREAMLIT_SQUARE).await;
    let list = conductor.control("/v2/sandboxes").await.ok();
    let id = list[0]["sandboxID"].as_str().expect("an id").to_owned();
    conductor.end_sandbox(&id).await;

    let again = conductor
        .run_in(&made["session_id"], STREAMLIT_SQUARE)
        .await;
    assert_eq!(again["notices"][0], MADE_ANEW, "{again}");
    assert_eq!(again["revision"], 2);
    assert_eq!(conductor.open(&again["url"]).await.status, 200);
}

#[tokio::test]
async fn a_sandbox_that_ends_in_the_middle_of_a_run_costs_that_run_only() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let list = conductor.control("/v2/sandboxes").await.ok();
    let id = list[0]["sandboxID"].as_str().expect("an id").to_owned();
    let code = "import time; print('begun', flush=True); time.sleep(1000)";
    let request = json!({"code": code, "session_id": session});
    let mut run = conductor.stream(&request).await;
    while run.next().await.expect("it goes on").name != "stdout" {}
    conductor.end_sandbox(&id).await;

    let events = run.rest().await;
    let done = events.last().expect("there are events");
    assert_eq!(done.name, "done", "{events:?}");
    assert_eq!(done.data["error"]["kind"], "killed", "{events:?}");
    assert_eq!(done.data["output"], "begun\n");
    let again = conductor.run_in(&session, "print('fine')").await;
    assert_eq!(again["output"], "fine\n", "{again}");
    assert_eq!(again["notices"][0], MADE_ANEW);
}

#[tokio::test]
async fn a_deleted_session_is_gone_with_its_sandbox() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    assert_eq!(conductor.sandboxes().await, 1);
    let path = format!("/session/{}", session.as_str().expect("an id"));
    assert_eq!(conductor.delete(&path).await.status, 204);
    until("the sandbox has ended", async || {
        (conductor.sandboxes().await == 0).then_some(())
    })
    .await;
    conductor.get(&path).await.error(404, "not_found");
    conductor.delete(&path).await.error(404, "not_found");
    let request = json!({"code": "1", "session_id": session});
    conductor
        .post("/run_code/", &request)
        .await
        .error(404, "not_found");
}

#[tokio::test]
async fn a_session_is_named_and_prolonged() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let path = format!("/session/{}", session.as_str().expect("an id"));
    let before = conductor.get(&path).await.ok();
    let change = json!({"title": "Übung", "extend": true});
    let request = conductor.request(Method::PATCH, &path).json(&change);
    let after = Reply::read(request.send().await.expect("an answer"))
        .await
        .ok();
    assert_eq!(after["title"], "Übung");
    assert_eq!(after["status"], "idle");
    assert!(
        after["expires_at"].as_str() >= before["expires_at"].as_str(),
        "{after}"
    );
    assert_eq!(conductor.get(&path).await.ok(), after);
}
