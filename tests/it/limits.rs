//! Limits that programs hit: each is named, and never looks like a fault of the code.

use e2e::Conductor;
use serde_json::{Value, json};

/// Requires an error of this kind that is the limit's own text.
#[track_caller]
fn is_limit(reply: &Value, kind: &str, value: &str) {
    let error = &reply["error"];
    assert_eq!(
        (&error["kind"], &error["value"], &error["line"]),
        (&json!(kind), &json!(value), &Value::Null),
        "{reply}"
    );
}

#[tokio::test]
async fn a_program_that_needs_more_memory_than_there_is_is_told_so() {
    let conductor = Conductor::start().with_limit("--memory-mib", 256).await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let greedy = "rows = [bytearray(b'x') * (8 << 20) for _ in range(200)]";
    let reply = conductor.run_in(&session, greedy).await;
    is_limit(&reply, "out_of_memory", "out of memory (256 MiB)");
    neighbour.is_undisturbed().await;
    let reply = conductor.run_in(&session, "print('again')").await;
    assert!(
        reply["output"].as_str().expect("text").ends_with("again\n"),
        "{reply}"
    );
}

#[tokio::test]
async fn a_program_that_writes_more_than_the_disk_holds_is_told_so() {
    let conductor = Conductor::start().with_limit("--disk-mib", 64).await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let fill = "with open('big', 'wb') as file:\n    while True: file.write(b'x' * (4 << 20))";
    let reply = conductor.run_in(&session, fill).await;
    is_limit(&reply, "disk_full", "disk full (64 MiB)");
    neighbour.is_undisturbed().await;
    let rest = "import os\nfile = os.open('rest', os.O_CREAT | os.O_WRONLY)\nwhile True: os.write(file, b'x' * 512)";
    let reply = conductor.run_in(&session, rest).await;
    is_limit(&reply, "disk_full", "disk full (64 MiB)");
    let app = conductor
        .run_in(&session, crate::programs::STREAMLIT_SQUARE)
        .await;
    is_limit(&app, "disk_full", "disk full (64 MiB)");
    let tidy = "os.remove('big'); print(x)";
    assert_eq!(conductor.run_in(&session, tidy).await["output"], "1\n");
}

#[tokio::test]
async fn a_program_that_starts_too_many_processes_is_told_so() {
    let conductor = Conductor::start().with_limit("--processes", 64).await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    for crowd in [
        "import subprocess\nall = [subprocess.Popen(['sleep', '600']) for _ in range(200)]",
        "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
    ] {
        let reply = conductor.run_in(&session, crowd).await;
        is_limit(&reply, "too_many_processes", "too many processes (64)");
        neighbour.is_undisturbed().await;
        let path = format!("/session/{}/restart", session.as_str().expect("an id"));
        conductor
            .run_in(&session, "import os; os.system('pkill sleep')")
            .await;
        conductor
            .post(&path, &json!({"target": "kernel"}))
            .await
            .ok();
        assert_eq!(
            conductor.run_in(&session, "print('again')").await["output"],
            "again\n"
        );
    }
}

#[tokio::test]
async fn an_app_that_runs_out_of_memory_at_its_start_is_told_so() {
    let conductor = Conductor::start().with_limit("--memory-mib", 512).await;
    let mut neighbour = conductor.neighbour().await;
    let greedy = "import gradio as gr\nwith gr.Blocks() as demo: gr.Markdown('x')\nrows = [bytearray(b'x') * (8 << 20) for _ in range(200)]";
    let reply = conductor.run_code(greedy).await;
    is_limit(&reply, "out_of_memory", "out of memory (512 MiB)");
    neighbour.is_undisturbed().await;
    let session = reply["session_id"].as_str().expect("an id");
    let logs = conductor
        .get(&format!("/session/{session}/logs"))
        .await
        .ok();
    assert!(
        logs["logs"]
            .as_str()
            .expect("text")
            .contains("out of memory"),
        "{logs}"
    );
}
