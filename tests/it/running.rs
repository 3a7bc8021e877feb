//! What runs in a session: its log, its interrupt and its new beginning.

use e2e::{Conductor, Events, until};
use futures_util::future::join;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use crate::programs::{GRADIO_MORTAL, GRADIO_SQUARE, STREAMLIT_SQUARE, STREAMLIT_TALKATIVE};

const ENDLESS: &str = "x += 1\nprint('running', flush=True)\nwhile True: pass";

fn path(session: &Value, rest: &str) -> String {
    format!("/session/{}/{rest}", session.as_str().expect("an id"))
}

async fn interrupt(conductor: &Conductor, session: &Value) -> Value {
    let path = path(session, "interrupt");
    conductor.post(&path, &json!({})).await.ok()
}

async fn until_it_prints(events: &mut Events) {
    while events.next().await.expect("the stream goes on").name != "stdout" {}
}

#[tokio::test]
async fn an_endless_run_is_interrupted_by_another_client_and_its_variables_stay() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let other = conductor.run_code("y = 1").await["session_id"].clone();
    let request = json!({"code": ENDLESS, "session_id": session});
    let mut run = conductor.stream(&request).await;
    until_it_prints(&mut run).await;

    assert_eq!(interrupt(&conductor, &session).await["interrupted"], true);
    let events = run.rest().await;
    let done = &events.last().expect("there are events").data;
    let error = &done["error"];
    assert_eq!(
        (&error["kind"], &error["name"]),
        (&json!("killed"), &json!("Interrupted")),
        "{done}"
    );
    assert_eq!(
        (&error["line"], &error["traceback"]),
        (&Value::Null, &json!(""))
    );
    assert_eq!(
        conductor.run_in(&session, "print(x)").await["output"],
        "2\n"
    );
    assert_eq!(conductor.run_in(&other, "print(y)").await["output"], "1\n");
}

#[tokio::test]
async fn a_run_without_a_stream_is_interrupted_too_and_so_is_one_that_waits() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let run = conductor.run_in(&session, ENDLESS);
    let waiting = conductor.run_in(&session, ENDLESS);
    let both = join(run, waiting);
    // One that comes before them finds nothing, and ends nothing.
    let interrupts = async {
        loop {
            interrupt(&conductor, &session).await;
        }
    };
    let (run, waiting) = tokio::select! {
        replies = both => replies,
        () = interrupts => unreachable!("it goes on"),
    };
    assert_eq!(run["error"]["name"], "Interrupted", "{run}");
    assert_eq!(waiting["error"]["name"], "Interrupted", "{waiting}");
}

#[tokio::test]
async fn interrupting_nothing_says_so_and_spares_the_next_run() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let reply = interrupt(&conductor, &session).await;
    assert_eq!(reply["interrupted"], false);
    assert_eq!(
        reply["notices"],
        json!(["nothing was running in this session"])
    );
    let code = "import time; time.sleep(1); print(x)";
    assert_eq!(conductor.run_in(&session, code).await["output"], "1\n");
    let unknown = "/session/0123456789abcdef0123456789abcdef/interrupt";
    conductor
        .post(unknown, &json!({}))
        .await
        .error(404, "not_found");
    conductor
        .get(&path(&session, "interrupt"))
        .await
        .error(405, "method_not_allowed");
}

#[tokio::test]
async fn a_restart_gives_a_fresh_kernel_and_ends_what_runs() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let request = json!({"code": ENDLESS, "session_id": session});
    let mut run = conductor.stream(&request).await;
    until_it_prints(&mut run).await;
    let reply = conductor
        .post(&path(&session, "restart"), &json!({}))
        .await
        .ok();
    assert_eq!(reply["session_id"], session);
    assert_eq!(
        reply["notices"],
        json!(["the kernel was started again; variables are lost"])
    );
    let events = run.rest().await;
    let error = &events.last().expect("there are events").data["error"];
    assert_eq!(error["kind"], "killed", "{error}");
    let reply = conductor.run_in(&session, "print('x' in globals())").await;
    assert_eq!(reply["output"], "False\n", "{reply}");
    assert_eq!(reply["notices"], json!([]));

    let app = json!({"target": "app"});
    let message = conductor.post(&path(&session, "restart"), &app).await;
    assert!(message.error(422, "unusable").contains("no app"));
    let wrong = json!({"target": "world"});
    conductor
        .post(&path(&session, "restart"), &wrong)
        .await
        .error(400, "invalid_field");
}

#[tokio::test]
async fn an_app_starts_again_at_its_address_as_the_same_revision() {
    let conductor = Conductor::start().await;
    let made = conductor.run_code(STREAMLIT_SQUARE).await;
    let session = &made["session_id"];
    let again = conductor
        .post(&path(session, "restart"), &json!({}))
        .await
        .ok();
    assert_eq!(
        (&again["url"], &again["revision"]),
        (&made["url"], &json!(1)),
        "{again}"
    );
    assert_eq!(conductor.open(&made["url"]).await.status, 200);
    let logs = conductor.get(&path(session, "logs")).await.ok();
    let starts = logs["logs"]
        .as_str()
        .expect("text")
        .matches("[conductor] starting")
        .count();
    assert_eq!(starts, 2, "{logs}");

    let list = conductor.control("/v2/sandboxes").await.ok();
    conductor
        .end_sandbox(list[0]["sandboxID"].as_str().expect("an id"))
        .await;
    let again = conductor
        .post(&path(session, "restart"), &json!({}))
        .await
        .ok();
    assert_ne!(
        again["url"], made["url"],
        "another sandbox has another address"
    );
    assert_eq!(
        again["notices"][0],
        "the sandbox was made anew; variables are lost"
    );
    assert_eq!(conductor.open(&again["url"]).await.status, 200);
}

#[tokio::test]
async fn an_apps_start_is_interrupted_and_the_app_before_stays() {
    let conductor = Conductor::start().await;
    let made = conductor.run_code(STREAMLIT_SQUARE).await;
    let session = &made["session_id"];
    let slow = format!("import time\nprint('slow', flush=True)\ntime.sleep(50)\n{GRADIO_SQUARE}");
    let request = json!({"code": slow, "session_id": session});
    let mut run = conductor.stream(&request).await;
    until_it_prints(&mut run).await;
    assert_eq!(interrupt(&conductor, session).await["interrupted"], true);
    let events = run.rest().await;
    let done = &events.last().expect("there are events").data;
    assert_eq!(done["error"]["name"], "Interrupted", "{done}");
    assert_eq!(conductor.open(&made["url"]).await.status, 200);
}

#[tokio::test]
async fn the_log_is_what_the_app_wrote_and_it_is_followed_as_it_grows() {
    let conductor = Conductor::start().await;
    let made = conductor.run_code(STREAMLIT_TALKATIVE).await;
    let session = &made["session_id"];
    let logs = conductor.get(&path(session, "logs")).await.ok();
    assert_eq!(
        (&logs["revision"], &logs["truncated"]),
        (&json!(1), &json!(false))
    );
    let text = logs["logs"].as_str().expect("text");
    assert!(text.contains("serving é\n"), "{text}");
    let tail = conductor.get(&path(session, "logs?tail=10")).await.ok();
    assert_eq!(tail["truncated"], true, "{tail}");
    assert!(tail["logs"].as_str().expect("text").len() <= 10, "{tail}");
    conductor
        .get(&path(session, "logs?tail=all"))
        .await
        .error(400, "bad_request");

    let request = conductor.request(Method::GET, &path(session, "logs"));
    let mut events = conductor.events(request).await;
    let first = events.next().await.expect("the log so far");
    assert_eq!(
        (first.name.as_str(), &first.data["text"]),
        ("logs", &logs["logs"])
    );
    let write = "open('/home/user/.conductor/app_1.log', 'a').write('more\\n')";
    conductor.run_in(session, write).await;
    let more = events.next().await.expect("what came");
    assert_eq!(
        (more.name.as_str(), &more.data["text"]),
        ("logs", &json!("more\n"))
    );

    // With its app the log has ended, too.
    assert_eq!(
        conductor.run_in(session, GRADIO_SQUARE).await["revision"],
        2
    );
    let rest = events.rest().await;
    let done = rest.last().expect("the stream ends well");
    assert_eq!(done.name, "done");
    assert!(done.data["logs"].as_str().expect("text").contains("more\n"));
}

#[tokio::test]
async fn a_session_without_an_app_has_no_log_and_one_without_a_sandbox_the_last_of_it() {
    let conductor = Conductor::start().await;
    let plain = conductor.run_code("x = 1").await["session_id"].clone();
    let message = conductor
        .get(&path(&plain, "logs"))
        .await
        .error(422, "unusable");
    assert!(message.contains("no app"), "{message}");

    let made = conductor.run_code(STREAMLIT_SQUARE).await;
    for sandbox in conductor
        .control("/v2/sandboxes")
        .await
        .ok()
        .as_array()
        .expect("a list")
    {
        conductor
            .end_sandbox(sandbox["sandboxID"].as_str().expect("an id"))
            .await;
    }
    let logs = conductor.get(&path(&made["session_id"], "logs")).await.ok();
    let notice = logs["notices"][0].as_str().expect("a notice");
    assert!(notice.contains("sandbox is gone"), "{logs}");
    assert_eq!(conductor.sandboxes().await, 0, "reading wakes nothing up");
}

#[tokio::test]
async fn an_app_that_keeps_dying_is_started_again_three_times_and_then_its_page_says_so() {
    let conductor = Conductor::start().await;
    let made = conductor.run_code(GRADIO_MORTAL).await;
    let session = &made["session_id"];
    let logs = until("the launcher has given up", async || {
        let logs = conductor.get(&path(session, "logs")).await.ok();
        (logs["stopped"] == true).then_some(logs)
    })
    .await;
    let text = logs["logs"].as_str().expect("text");
    assert_eq!(text.matches("it is started again").count(), 3, "{text}");
    assert_eq!(text.matches("I am <mortal>").count(), 4, "{text}");

    let stopped = until("its address says so", async || {
        let stopped = conductor.open(&made["url"]).await;
        stopped
            .body
            .contains("the app has stopped")
            .then_some(stopped)
    })
    .await;
    assert_eq!(stopped.status, 502, "{}", stopped.body);
    let page = conductor
        .open_with(&made["url"], &[(ACCEPT, "text/html")])
        .await;
    assert_eq!(page.status, 502);
    for part in [
        "ended with exit code 7",
        "I am &lt;mortal&gt;",
        "app_stopped",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }

    let fixed = conductor.run_in(session, STREAMLIT_SQUARE).await;
    assert_eq!(conductor.open(&fixed["url"]).await.status, 200);
}
