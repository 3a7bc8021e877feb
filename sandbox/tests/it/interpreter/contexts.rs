//! Contexts: their state, their turns, their life.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Interpreter, of, result, stdout};

#[tokio::test]
async fn variables_of_one_execution_are_gone_after_it() {
    let interpreter = Interpreter::start().await;
    let nasty = "it's \"quoted\" \\ $HOME `id`\n";
    for (language, read) in [
        (
            "python",
            "import os; print(os.environ.get('NASTY', 'unset'), os.environ['GREETING'], sep='|', end='')",
        ),
        ("bash", "printf '%s|%s' \"${NASTY-unset}\" \"$GREETING\""),
    ] {
        let env_vars = json!({ "NASTY": nasty, "GREETING": "bye" });
        let lines = interpreter
            .execute(json!({ "code": read, "language": language, "env_vars": env_vars }))
            .await;
        assert_eq!(stdout(&lines), format!("{nasty}|bye"));
        let lines = interpreter
            .execute(json!({ "code": read, "language": language }))
            .await;
        assert_eq!(stdout(&lines), "unset|hi");
    }
    let (status, text) = interpreter
        .refused(
            Method::POST,
            "/execute",
            Some(json!({ "code": "1", "env_vars": { "A=B": "c" } })),
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("A=B"), "{text}");
}

#[tokio::test]
async fn executions_of_one_context_take_turns_in_their_order() {
    let interpreter = Interpreter::start().await;
    // The first executions of all race to make the default context, and make one.
    let counts = join_all((0..5).map(|_| interpreter.python("1"))).await;
    let mut counts: Vec<_> = counts
        .iter()
        .map(|lines| of(lines, "number_of_executions")[0]["execution_count"].as_u64())
        .collect();
    counts.sort();
    assert_eq!(counts, [Some(1), Some(2), Some(3), Some(4), Some(5)]);
    assert_eq!(interpreter.contexts().await.len(), 1);

    interpreter.python("seen = []").await;
    let mut running = Vec::new();
    for n in 0..5 {
        // The head of the answer comes before the turn, so each is in line before the next is sent.
        let body = json!({ "code": format!("import time; seen.append({n}); time.sleep(0.05); seen.append({n})") });
        running.push(interpreter.send(Method::POST, "/execute", Some(body)).await);
    }
    for response in running {
        assert!(
            response
                .text()
                .await
                .expect("text")
                .contains("end_of_execution")
        );
    }
    assert_eq!(
        result(&interpreter.python("seen").await)["json"],
        json!([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    );
}

#[tokio::test]
async fn contexts_are_made_listed_restarted_and_removed() {
    let interpreter = Interpreter::start().await;
    // The one that those use who name none is there from the start, before its kernel is.
    let [default] = &interpreter.contexts().await[..] else {
        panic!("one context")
    };
    assert_eq!(
        (&default["language"], &default["cwd"]),
        (&"python".into(), &"/home/user".into())
    );
    let named = json!({ "code": "mine = 1", "context_id": default["id"] });
    assert!(of(&interpreter.execute(named).await, "error").is_empty());
    assert_eq!(stdout(&interpreter.python("print(mine)").await), "1\n");
    let python = interpreter.create(json!({ "cwd": "/tmp" })).await;
    let bash = interpreter.create(json!({ "language": "bash" })).await;
    assert_eq!(
        (&python["language"], &python["cwd"]),
        (&"python".into(), &"/tmp".into())
    );
    assert_eq!(
        (&bash["language"], &bash["cwd"]),
        (&"bash".into(), &"/home/user".into())
    );
    assert_eq!(interpreter.contexts().await.len(), 3);

    let id = python["id"].as_str().expect("an id");
    let run = async |code: &str| {
        interpreter
            .execute(json!({ "code": code, "context_id": id }))
            .await
    };
    assert_eq!(
        stdout(&run("import os; y = 1; print(os.getcwd())").await),
        "/tmp\n"
    );
    assert_eq!(
        of(&interpreter.python("y").await, "error")[0]["name"],
        "NameError",
        "contexts share nothing"
    );

    let mut running = interpreter
        .send(
            Method::POST,
            "/execute",
            Some(json!({ "code": "print('on')\nwhile True: pass", "context_id": id })),
        )
        .await;
    running.chunk().await.expect("a chunk");
    let restarted = interpreter
        .send(Method::POST, &format!("/contexts/{id}/restart"), None)
        .await;
    assert_eq!(
        (
            restarted.status(),
            restarted.text().await.expect("text").as_str()
        ),
        (StatusCode::OK, "null")
    );
    let lines = running.text().await.expect("text");
    assert!(
        lines.contains("ContextRestarting")
            && lines
                .trim_end()
                .ends_with("{\"type\":\"unexpected_end_of_execution\"}"),
        "{lines}"
    );
    let lines = run("'y' in globals()").await;
    assert_eq!(result(&lines)["text"], "False");
    assert!(
        of(&lines, "stderr").is_empty(),
        "whoever restarts knows what is lost"
    );

    let removed = interpreter
        .send(Method::DELETE, &format!("/contexts/{id}"), None)
        .await;
    assert_eq!(removed.text().await.expect("text"), "null");
    for (method, path) in [
        (Method::POST, format!("/contexts/{id}/restart")),
        (Method::DELETE, format!("/contexts/{id}")),
    ] {
        assert_eq!(
            interpreter.refused(method, &path, None).await,
            (StatusCode::NOT_FOUND, format!("Context {id} not found"))
        );
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_in_words() {
    let interpreter = Interpreter::start().await;
    let refused = async |body: Value| {
        interpreter
            .refused(Method::POST, "/execute", Some(body))
            .await
    };
    let (status, text) = refused(json!({ "code": "1", "language": "r" })).await;
    assert_eq!(
        (status, text.as_str()),
        (
            StatusCode::BAD_REQUEST,
            "language \"r\" is not supported here: use \"python\" or \"bash\""
        )
    );
    let (status, text) =
        refused(json!({ "code": "1", "language": "python", "context_id": "x" })).await;
    assert_eq!(
        (status, text.as_str()),
        (
            StatusCode::BAD_REQUEST,
            "Only one of context_id or language can be provided"
        )
    );
    let (status, text) = refused(json!({ "code": "1", "context_id": "nope" })).await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::NOT_FOUND, "Context nope not found")
    );
    let (status, text) = refused(json!({ "language": "python" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("missing field `code`"), "{text}");
    let (status, text) = interpreter
        .refused(
            Method::POST,
            "/contexts",
            Some(json!({ "cwd": "/nowhere" })),
        )
        .await;
    assert_eq!(
        (status, text.as_str()),
        (StatusCode::BAD_REQUEST, "cwd '/nowhere' does not exist")
    );
    let (status, _) = interpreter
        .refused(
            Method::POST,
            "/contexts",
            Some(json!({ "language": "java" })),
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = interpreter.refused(Method::GET, "/execute", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_execution_streams_its_lines_and_keeps_its_state() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter
        .python("import sys\nx = 20\nprint('out')\nprint('err', file=sys.stderr)\nx + 1")
        .await;
    let kinds: Vec<_> = lines
        .iter()
        .filter_map(|line| line["type"].as_str())
        .collect();
    assert_eq!(kinds.first(), Some(&"number_of_executions"), "{lines:#?}");
    assert_eq!(kinds.last(), Some(&"end_of_execution"));
    assert_eq!(lines[0]["execution_count"], 1);
    assert_eq!(stdout(&lines), "out\n");
    assert_eq!(of(&lines, "stderr")[0]["text"], "err\n");
    assert!(
        of(&lines, "stdout")[0]["timestamp"]
            .as_str()
            .expect("text")
            .starts_with("20")
    );
    assert_eq!(
        *result(&lines),
        json!({ "type": "result", "is_main_result": true, "text": "21" })
    );

    let lines = interpreter
        .python("'GREETING' in __import__('os').environ, x * 2")
        .await;
    assert_eq!(result(&lines)["text"], "(True, 40)");
    assert_eq!(of(&lines, "number_of_executions")[0]["execution_count"], 2);
    assert_eq!(
        result(&interpreter.python("'a string'").await)["text"],
        "a string"
    );
    assert_eq!(
        stdout(&interpreter.python("import os; print(os.getcwd())").await),
        "/home/user\n"
    );
    assert_eq!(
        interpreter
            .send(Method::GET, "/health", None)
            .await
            .text()
            .await
            .expect("text"),
        "\"OK\""
    );
}
