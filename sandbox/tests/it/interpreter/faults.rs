//! Callers that leave, code that does not stop, kernels that die.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::{Interpreter, of, stdout};

#[tokio::test]
async fn a_caller_that_goes_away_interrupts_its_code() {
    let interpreter = Interpreter::start().await;
    interpreter.python("kept = 1").await;
    for code in [
        "print('on')\nwhile True: pass",
        "import time; print('on'); time.sleep(600)",
        "import asyncio; print('on'); await asyncio.sleep(600)",
        "import subprocess; print('on'); subprocess.run(['sleep', '600'])",
    ] {
        interpreter.abandon(json!({ "code": code })).await;
        let left = Instant::now();
        assert_eq!(
            stdout(&interpreter.python("print(kept)").await),
            "1\n",
            "{code}"
        );
        assert!(
            left.elapsed() < Duration::from_secs(2),
            "{code}: {:?}",
            left.elapsed()
        );
    }
    // One that waits for its turn has nothing to interrupt.
    let blocking = interpreter
        .send(
            Method::POST,
            "/execute",
            Some(json!({ "code": "import time; time.sleep(0.5); kept += 1" })),
        )
        .await;
    drop(
        interpreter
            .send(
                Method::POST,
                "/execute",
                Some(json!({ "code": "kept = 'never'" })),
            )
            .await,
    );
    blocking.text().await.expect("text");
    assert_eq!(stdout(&interpreter.python("print(kept)").await), "2\n");
}

#[tokio::test]
async fn a_silent_execution_shows_that_it_lives() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter
        .python("import time; time.sleep(5.5); print('done')")
        .await;
    assert_eq!(
        (of(&lines, "keepalive").len(), stdout(&lines).as_str()),
        (1, "done\n")
    );
}

#[tokio::test]
async fn code_that_ignores_its_interrupt_costs_the_context_and_the_next_caller_is_told() {
    let interpreter = Interpreter::start().await;
    interpreter.python("lost = 1").await;
    let deaf = "import time\nprint('on')\nwhile True:\n    try: time.sleep(600)\n    except BaseException: pass";
    interpreter.abandon(json!({ "code": deaf })).await;
    let lines = interpreter.python("print('lost' in globals())").await;
    assert_eq!(stdout(&lines), "False\n");
    assert!(
        of(&lines, "stderr")[0]["text"]
            .as_str()
            .expect("text")
            .contains("variables are gone"),
        "{lines:#?}"
    );
    assert!(of(&interpreter.python("1").await, "stderr").is_empty());
}

#[tokio::test]
async fn a_kernel_that_dies_ends_the_execution_and_the_next_gets_a_new_one() {
    let interpreter = Interpreter::start().await;
    for code in [
        "print('last words'); import os; os._exit(7)",
        "print('last words'); import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    ] {
        let lines = interpreter.python(code).await;
        let error = of(&lines, "error");
        assert_eq!(error[0]["name"], "KernelDied", "{lines:#?}");
        let value = error[0]["value"].as_str().expect("text");
        assert!(
            value.contains("exit code 7") || value.contains("SIGKILL"),
            "{value}"
        );
        assert_eq!(
            lines.last().expect("a line")["type"],
            "unexpected_end_of_execution"
        );
        let lines = interpreter.python("print('fresh')").await;
        assert_eq!(stdout(&lines), "fresh\n");
        assert_eq!(of(&lines, "number_of_executions")[0]["execution_count"], 1);
    }
    // Between executions, too; then the caller has to be told.
    interpreter
        .python("import os, threading\nthreading.Timer(0.1, lambda: os._exit(1)).start()")
        .await;
    let lines = loop {
        let lines = interpreter.python("print('fresh')").await;
        if of(&lines, "number_of_executions")
            .first()
            .is_some_and(|line| line["execution_count"] == 1)
        {
            break lines;
        }
    };
    assert!(stdout(&lines) == "fresh\n");
}
