//! What is lost in the middle of work: a sandbox, or the whole service.

use std::fs;

use e2e::{Conductor, Events, processes_with, until};
use serde_json::{Value, json};

const MADE_ANEW: &str = "the sandbox was made anew; variables are lost";

/// It starts a process that is found by its name, and never ends.
fn endless(mark: &str) -> String {
    format!(
        "import subprocess, time\n\
         subprocess.Popen(['sleep', '86399.{mark}'])\n\
         print('running', flush=True)\n\
         while True: time.sleep(0.1)"
    )
}

async fn until_it_prints(events: &mut Events) {
    while events.next().await.expect("the stream goes on").name != "stdout" {}
}

fn error_of_the_last(events: &[e2e::Event]) -> Value {
    let done = events.last().expect("there are events");
    assert_eq!(done.name, "done");
    done.data["error"].clone()
}

#[tokio::test]
async fn a_sandbox_that_ends_in_the_middle_of_a_run_is_told_and_replaced() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let list = conductor.control("/v2/sandboxes").await.ok();
    let id = list[0]["sandboxID"].as_str().expect("an id").to_owned();
    let mut neighbour = conductor.neighbour().await;
    let mark = format!("1{}", std::process::id());
    let request = json!({"code": endless(&mark), "session_id": session});
    let mut run = conductor.stream(&request).await;
    until_it_prints(&mut run).await;
    conductor.end_sandbox(&id).await;

    let error = error_of_the_last(&run.rest().await);
    assert_eq!(error["kind"], "killed", "{error}");
    assert_eq!(
        (&error["line"], &error["traceback"]),
        (&Value::Null, &json!(""))
    );
    let said = error["value"].as_str().expect("text");
    assert!(said.contains("the sandbox ended"), "{said}");
    assert_eq!(
        processes_with(&format!("86399.{mark}")),
        Vec::<String>::new()
    );
    neighbour.is_undisturbed().await;

    let reply = conductor.run_in(&session, "print('x' in globals())").await;
    assert_eq!(
        (&reply["output"], &reply["notices"]),
        (&json!("False\n"), &json!([MADE_ANEW]))
    );
}

#[tokio::test]
async fn a_killed_service_leaves_nothing_and_its_sessions_go_on_after_its_start() {
    let mut conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let mark = format!("2{}", std::process::id());
    let request = json!({"code": endless(&mark), "session_id": session});
    let mut run = conductor.stream(&request).await;
    until_it_prints(&mut run).await;
    assert_eq!(processes_with(&format!("86399.{mark}")).len(), 1);
    conductor.crash_sandbox();
    let error = error_of_the_last(&run.rest().await);
    assert_eq!(error["kind"], "killed", "{error}");

    conductor.start_sandbox().await;
    until("nothing of the service before runs", async || {
        processes_with(&format!("86399.{mark}"))
            .is_empty()
            .then_some(())
    })
    .await;
    let folder = conductor.folder().join("sandbox").display().to_string();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("there is /proc");
    assert!(!mounts.contains(&folder), "{mounts}");
    assert_eq!(conductor.sandboxes().await, 0);
    let reply = conductor.run_in(&session, "print('x' in globals())").await;
    assert_eq!(
        (&reply["output"], &reply["notices"]),
        (&json!("False\n"), &json!([MADE_ANEW]))
    );
}
