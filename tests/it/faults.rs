//! Programs that misbehave: each is told by its cause, and nothing else suffers.

use e2e::Conductor;
use serde_json::{Value, json};

/// A program, and what its error says: kind, name and a part of its value.
const PROGRAMS: [(&str, &str, &str, &str); 7] = [
    (
        "name = input('Who? ')",
        "raised",
        "StdinNotImplementedError",
        "input",
    ),
    ("import sys; sys.exit(3)", "raised", "SystemExit", "3"),
    (
        "import os; os._exit(3)",
        "killed",
        "",
        "the next run starts a fresh one",
    ),
    (
        "import ctypes; ctypes.string_at(0)",
        "killed",
        "",
        "the next run starts a fresh one",
    ),
    (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "killed",
        "",
        "the next run starts a fresh one",
    ),
    (
        "def deeper(): deeper()\ndeeper()",
        "raised",
        "RecursionError",
        "recursion",
    ),
    ("raise KeyboardInterrupt", "raised", "KeyboardInterrupt", ""),
];

#[tokio::test]
async fn programs_that_end_themselves_are_outcomes_and_their_sessions_go_on() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    for (code, kind, name, value) in PROGRAMS {
        let error = conductor.run_in(&session, code).await["error"].clone();
        assert_eq!(error["kind"], kind, "{code}: {error}");
        if kind == "killed" {
            assert_eq!(
                (&error["line"], &error["traceback"]),
                (&Value::Null, &json!(""))
            );
        } else {
            assert_eq!(error["name"], name, "{code}: {error}");
        }
        let said = error["value"].as_str().expect("text");
        assert!(said.contains(value), "{code}: {error}");
        let reply = conductor.run_in(&session, "print('again')").await;
        assert_eq!(reply.get("error"), None, "after {code}: {reply}");
        assert!(
            reply["output"].as_str().expect("text").ends_with("again\n"),
            "{reply}"
        );
        neighbour.is_undisturbed().await;
    }
}

#[tokio::test]
async fn a_syntax_error_names_its_line_and_costs_nothing() {
    let conductor = Conductor::start().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    for (code, line) in [
        ("x = 2\ny = (", 2),
        ("def f(:\n  pass", 1),
        ("x = 2\n  x = 3", 2),
    ] {
        let error = conductor.run_in(&session, code).await["error"].clone();
        assert_eq!(
            (&error["kind"], &error["line"]),
            (&json!("raised"), &json!(line)),
            "{error}"
        );
    }
    assert_eq!(
        conductor.run_in(&session, "print(x)").await["output"],
        "1\n"
    );
}

#[tokio::test]
async fn code_that_is_too_much_or_nothing_is_refused_before_it_costs_anything() {
    let conductor = Conductor::start().await;
    for (path, code, status, word) in [
        ("/run_code/", "#".repeat(5 << 20), 413, "too_large"),
        ("/run_code/", "#".repeat((1 << 20) + 1), 413, "too_large"),
        ("/gradio_ui/", "#".repeat(5 << 20), 413, "too_large"),
        ("/run_code/", String::new(), 422, "unusable"),
        ("/run_code/", " \n\t".to_owned(), 422, "unusable"),
    ] {
        let message = conductor.post(path, &json!({"code": code})).await;
        let message = message.error(status, word);
        assert!(
            message.contains("the most is") || message.contains("empty"),
            "{message}"
        );
    }
    assert_eq!(conductor.sandboxes().await, 0);
}

#[tokio::test]
async fn an_endless_loop_ends_by_its_timeout_which_is_named() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    for code in [
        "while True: pass",
        "import time; time.sleep(600)",
        "while True:\n    try:\n        while True: pass\n    except KeyboardInterrupt: pass",
        "while True: print('x' * 1000)",
    ] {
        let request = json!({"code": code, "session_id": session, "timeout_seconds": 2});
        let run = conductor.run(request);
        let (reply, ()) = futures_util::future::join(run, neighbour.is_undisturbed()).await;
        let error = &reply["error"];
        assert_eq!(error["kind"], "timeout", "{code}: {error}");
        assert_eq!(error["value"], "timeout (2 s)", "{code}");
        assert_eq!(
            (&error["line"], &error["traceback"]),
            (&Value::Null, &json!(""))
        );
        let reply = conductor.run_in(&session, "print('again')").await;
        assert!(
            reply["output"].as_str().expect("text").ends_with("again\n"),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn a_million_lines_are_cut_and_the_cut_is_told() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let code = "for n in range(1_000_000): print(n)";
    let request = json!({"code": code, "timeout_seconds": 300});
    let reply = conductor.run(request).await;
    assert_eq!(reply.get("error"), None, "{}", reply["error"]);
    assert_eq!(reply["truncated"], true);
    let output = reply["output"].as_str().expect("text");
    assert!(output.starts_with("0\n1\n2\n") && output.len() <= 1 << 20);
    neighbour.is_undisturbed().await;
    let session = &reply["session_id"];
    assert_eq!(
        conductor.run_in(session, "print(n)").await["output"],
        "999999\n"
    );
}

#[tokio::test]
async fn output_that_is_no_text_is_shown_as_far_as_it_is() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let code = "import os, sys\n\
                os.write(1, bytes(range(256)))\n\
                os.write(1, b'\\nend of bytes\\n')";
    let reply = conductor.run_code(code).await;
    assert_eq!(reply.get("error"), None, "{reply}");
    let session = &reply["session_id"];
    // What is written past Python may come with the next output.
    let next = conductor
        .run_in(session, "print('\\x00\\x1b[31m\\ufffe end')")
        .await;
    assert_eq!(next.get("error"), None, "{next}");
    let output = [&reply, &next]
        .map(|reply| reply["output"].as_str().expect("text"))
        .concat();
    assert!(
        output.contains("end of bytes") && output.contains("\u{1b}[31m"),
        "{output:?}"
    );
    // Half a character is an error of the program's, or a replaced character: never of the service.
    let half = conductor.run_in(session, "print('\\ud800')").await;
    assert!(
        half.get("error")
            .is_none_or(|error| error["kind"] == "raised"),
        "{half}"
    );
    assert_eq!(
        conductor.run_in(session, "print('again')").await["output"],
        "again\n"
    );
    neighbour.is_undisturbed().await;
}
