//! `POST /run_code/`: Python becomes output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Conductor, until};
use serde_json::{Value, json};

/// An endless loop that says, in a file, what became of it.
const ENDLESS: &str = r#"
import time
try:
    print("running", flush=True)
    while True:
        time.sleep(0.05)
except BaseException as error:
    open("/tmp/ended", "w").write(type(error).__name__)
    raise
"#;

#[tokio::test]
async fn a_computation_is_answered_in_the_shape_of_source_1() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code("print(6 * 7)").await;

    assert_eq!(reply["output"], "42\n");
    assert_eq!(reply["url"], Value::Null);
    assert_eq!(reply["activity_duration"], "72 hours");
    let session = reply["session_id"].as_str().expect("a session id");
    assert_eq!(session.len(), 32, "{session}");
    assert!(
        session.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{session}"
    );
    assert_eq!(reply.get("error"), None, "{reply}");

    let view = conductor.get(&format!("/session/{session}")).await.ok();
    for field in ["output", "url", "session_id", "activity_duration"] {
        assert_eq!(view[field], reply[field], "{field}");
    }
}

#[tokio::test]
async fn every_spelling_of_the_route_is_understood() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    for path in ["/run_code", "/run_code/", "//run_code", "//run_code/"] {
        let request = json!({"code": "print(x)", "session_id": session});
        let reply = conductor.post(path, &request).await.ok();
        assert_eq!(reply["output"], "1\n", "{path}");
    }
}

#[tokio::test]
async fn output_comes_in_order_and_values_as_results() {
    let conductor = Conductor::start().await;
    let reply = conductor
        .run_code(
            "import sys\n\
             print('one', flush=True)\n\
             print('two', file=sys.stderr, flush=True)\n\
             print('three', flush=True)\n\
             import pandas as pd\n\
             pd.DataFrame({'city': ['Oslo', 'Rome'], 'rain': [3, 5]})",
        )
        .await;
    assert_eq!(reply["output"], "one\ntwo\nthree\n");
    let table = reply["results"][0]["html"].as_str().expect("a table");
    assert!(
        table.contains("<table") && table.contains("Oslo"),
        "{table}"
    );
    assert!(
        reply["results"][0]["text"]
            .as_str()
            .expect("text, too")
            .contains("Rome")
    );
}

#[tokio::test]
async fn a_plot_is_a_png_in_the_results() {
    let conductor = Conductor::start().await;
    let reply = conductor
        .run_code("import matplotlib.pyplot as plt\nplt.plot([1, 4, 9, 16])\nplt.show()")
        .await;
    let png = reply["results"][0]["png"].as_str().expect("a png");
    let png = STANDARD.decode(png.replace('\n', "")).expect("base64");
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
    let (width, height) = (size(16), size(20));
    assert!(width >= 300 && height >= 200, "{width} x {height}");
}

#[tokio::test]
async fn variables_live_on_in_the_session_and_the_environment_in_the_run() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 41").await["session_id"].clone();
    let reply = conductor.run_in(&session, "x + 1").await;
    assert_eq!(reply["results"][0]["text"], "42");
    assert_eq!(reply["session_id"], session);
    assert_eq!(reply["execution_count"], 2);

    let greet = json!({
        "code": "import os; print(os.environ.get('GREETING'))",
        "session_id": session,
        "env": {"GREETING": "hello"},
    });
    assert_eq!(conductor.run(greet).await["output"], "hello\n");

    let other = conductor.run_code("print('x' in globals())").await;
    assert_eq!(other["output"], "False\n", "sessions share nothing");
}

#[tokio::test]
async fn a_stream_tells_the_events_as_they_happen_and_ends_with_the_document() {
    let conductor = Conductor::start().await;
    let code = "import sys\n\
                print('out', flush=True)\n\
                print('err', file=sys.stderr, flush=True)\n\
                display('shown')\n\
                1 / 0";
    let events = conductor.stream(&json!({"code": code})).await.rest().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(
        names,
        ["started", "stdout", "stderr", "result", "error", "done"]
    );
    assert_eq!(events[1].data["text"], "out\n");
    assert_eq!(events[2].data["text"], "err\n");
    assert_eq!(events[4].data["error"]["name"], "ZeroDivisionError");
    let document = &events[5].data;
    assert_eq!(document["output"], "out\nerr\n");
    assert_eq!(document["session_id"], events[0].data["session_id"]);
    assert_eq!(document["error"], events[4].data["error"]);
}

#[tokio::test]
async fn a_stream_does_not_wait_for_the_end() {
    let conductor = Conductor::start().await;
    let mut events = conductor.stream(&json!({"code": ENDLESS})).await;
    let said = until("the first output comes", async || {
        let event = events.next().await.expect("the stream goes on");
        (event.name == "stdout").then_some(event)
    });
    assert_eq!(said.await.data["text"], "running\n");
}

#[tokio::test]
async fn an_exception_is_an_outcome_with_its_line() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code("x = 1\nprint('before')\nx / 0").await;
    let error = &reply["error"];
    assert_eq!(reply["output"], "before\n");
    assert_eq!(error["kind"], "raised");
    assert_eq!(error["name"], "ZeroDivisionError");
    assert_eq!(error["value"], "division by zero");
    assert_eq!(error["line"], 3, "{error}");
    assert!(
        error["traceback"]
            .as_str()
            .expect("a traceback")
            .contains("x / 0"),
        "{error}"
    );

    let reply = conductor.run_code("def f(:\n  pass").await;
    assert_eq!(reply["error"]["name"], "SyntaxError");
    assert_eq!(reply["error"]["line"], 1, "{}", reply["error"]);
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_ended_and_its_session_is_usable_at_once() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 5").await["session_id"].clone();
    let endless = json!({"code": "while True: pass", "session_id": session, "timeout_seconds": 1});
    let reply = conductor.run(endless).await;
    assert_eq!(reply["error"]["kind"], "timeout", "{reply}");
    assert!(
        reply["duration_ms"].as_u64().expect("a number") >= 1_000,
        "{reply}"
    );
    let reply = conductor.run_in(&session, "print(x)").await;
    assert_eq!(reply["output"], "5\n", "{reply}");
}

#[tokio::test]
async fn a_client_that_goes_away_interrupts_its_run() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 5").await["session_id"].clone();
    let request = json!({"code": ENDLESS, "session_id": session});
    let mut events = conductor.stream(&request).await;
    while events.next().await.expect("the stream goes on").name != "stdout" {}
    drop(events);
    let reply = conductor
        .run_in(&session, "print(open('/tmp/ended').read(), x)")
        .await;
    assert_eq!(reply["output"], "KeyboardInterrupt 5\n", "{reply}");
}

#[tokio::test]
async fn runs_of_one_session_wait_for_each_other() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("running = 0").await["session_id"].clone();
    let code = "import time\n\
                running += 1\n\
                time.sleep(0.3)\n\
                print(running)\n\
                running -= 1";
    let runs = (0..4).map(|_| conductor.run_in(&session, code));
    for reply in futures_util::future::join_all(runs).await {
        assert_eq!(reply["output"], "1\n", "{reply}");
    }
}

#[tokio::test]
async fn output_beyond_a_mebibyte_is_left_out_and_said_to_be() {
    let conductor = Conductor::start().await;
    let reply = conductor
        .run_code("print('é' * 1_000_000)\nprint('end')")
        .await;
    let output = reply["output"].as_str().expect("text");
    assert_eq!(reply["truncated"], true);
    assert!(
        output.len() <= 1 << 20 && output.len() > (1 << 20) - 4,
        "{}",
        output.len()
    );
    assert!(output.chars().all(|letter| letter == 'é'));
}

#[tokio::test]
async fn a_program_that_ends_its_own_process_is_named_and_its_session_goes_on() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let reply = conductor.run_in(&session, "import os; os._exit(3)").await;
    assert_eq!(reply["error"]["kind"], "killed", "{reply}");
    let reply = conductor.run_in(&session, "print('again')").await;
    assert_eq!(reply["output"], "again\n", "{reply}");

    let reply = conductor.run_in(&session, "import sys; sys.exit(3)").await;
    assert_eq!(reply["error"]["name"], "SystemExit", "{reply}");
    let reply = conductor.run_in(&session, "print('again')").await;
    assert_eq!(reply["output"], "again\n", "{reply}");
}

#[tokio::test]
async fn a_program_that_asks_for_input_fails_instead_of_waiting() {
    let conductor = Conductor::start().await;
    let reply = conductor.run_code("name = input('Who? ')").await;
    assert_eq!(reply["error"]["kind"], "raised", "{reply}");
    assert_eq!(reply["error"]["line"], 1, "{reply}");
}

#[tokio::test]
async fn programs_have_a_home_of_their_own_and_no_network() {
    let conductor = Conductor::start().await;
    let code = "import os, socket\n\
                print(os.getcwd())\n\
                try:\n    socket.create_connection(('192.0.2.1', 80), 2)\n\
                except OSError as error:\n    print(error.strerror)";
    let reply = conductor.run_code(code).await;
    let output = reply["output"].as_str().expect("text");
    assert!(output.starts_with("/home/user\n"), "{reply}");
    assert!(output.contains("Network is unreachable"), "{reply}");
}
