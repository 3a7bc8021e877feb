//! A shell as a context.

use serde_json::{Value, json};

use super::{Interpreter, of, stdout};

#[tokio::test]
async fn a_shell_keeps_its_state_and_reports_exit_codes() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter
        .bash("echo out; echo err >&2; x=5; cd /tmp; declare -A map=([a]=1)")
        .await;
    assert_eq!(
        (stdout(&lines).as_str(), &of(&lines, "stderr")[0]["text"]),
        ("out\n", &"err\n".into())
    );
    assert_eq!(
        stdout(&interpreter.bash("echo $x $PWD ${map[a]}").await),
        "5 /tmp 1\n"
    );
    let error = |lines: &[Value]| {
        of(lines, "error")
            .first()
            .map(|error| error["value"].clone())
    };
    assert_eq!(
        error(&interpreter.bash("ls /nowhere").await),
        Some("exit code 2".into())
    );
    assert_eq!(
        error(&interpreter.bash("if then").await),
        Some("exit code 2".into())
    );
    assert_eq!(error(&interpreter.bash("true").await), None);
    assert_eq!(
        stdout(&interpreter.bash("cat; echo end").await),
        "end\n",
        "stdin is empty"
    );
    assert_eq!(
        stdout(&interpreter.bash("printf 'gr\u{fc}n %s' \u{1f600}").await),
        "gr\u{fc}n \u{1f600}"
    );
    assert_eq!(
        stdout(&interpreter.bash("seq 100000 | tail -c 7").await),
        "100000\n"
    );

    for code in [
        "echo on; sleep 600; echo after",
        "echo on; while true; do sleep 0.1; done",
        "f() { while true; do sleep 0.1; done; }; echo on; f",
    ] {
        interpreter
            .abandon(json!({ "code": code, "language": "bash" }))
            .await;
        // Of a shell that does not stop by itself, and is replaced, nothing would be kept.
        assert_eq!(stdout(&interpreter.bash("echo $x").await), "5\n", "{code}");
    }

    let lines = interpreter.bash("echo bye; exit 3").await;
    assert_eq!(
        (stdout(&lines).as_str(), error(&lines)),
        ("bye\n", Some("exit code 3".into()))
    );
    let lines = interpreter.bash("echo [$x]").await;
    assert_eq!(stdout(&lines), "[]\n");
    assert!(
        of(&lines, "stderr")[0]["text"]
            .as_str()
            .expect("text")
            .contains("started again"),
        "{lines:#?}"
    );
}
