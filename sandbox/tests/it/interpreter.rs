//! The code interpreter with real kernels in real sandboxes, over HTTP as E2B's clients use it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

const VENV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv");

/// A service of its own with one sandbox. It ends with the test.
struct Interpreter {
    service: Child,
    _state: tempfile::TempDir,
    client: reqwest::Client,
    address: String,
    sandbox: String,
}

impl Interpreter {
    async fn start() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let mut service = Command::new(env!("CARGO_BIN_EXE_sandbox"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--venv",
                VENV,
                "--state-dir",
            ])
            .arg(state.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let stdout = BufReader::new(service.stdout.take().expect("a pipe"));
        let address = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()))
            .expect("the service says where it listens");
        let client = reqwest::Client::new();
        let created: Value = client
            .post(format!("{address}/sandboxes"))
            .header("X-API-KEY", "any")
            .json(&json!({ "templateID": "base", "timeout": 300, "envVars": { "GREETING": "hi" } }))
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let sandbox = created["sandboxID"]
            .as_str()
            .unwrap_or_else(|| panic!("{created}"))
            .to_owned();
        Self {
            service,
            _state: state,
            client,
            address,
            sandbox,
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.address))
            .header("E2b-Sandbox-Id", &self.sandbox)
            .header("E2b-Sandbox-Port", "49999");
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    async fn refused(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, String) {
        let response = self.send(method, path, body).await;
        (response.status(), response.text().await.expect("text"))
    }

    async fn execute(&self, body: Value) -> Vec<Value> {
        let response = self.send(Method::POST, "/execute", Some(body)).await;
        let status = response.status();
        let text = response.text().await.expect("text");
        assert_eq!(status, StatusCode::OK, "{text}");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect()
    }

    async fn python(&self, code: &str) -> Vec<Value> {
        self.execute(json!({ "code": code })).await
    }

    async fn bash(&self, code: &str) -> Vec<Value> {
        self.execute(json!({ "code": code, "language": "bash" }))
            .await
    }

    /// Starts code, and goes away once it has printed.
    async fn abandon(&self, body: Value) {
        let mut response = self.send(Method::POST, "/execute", Some(body)).await;
        let mut seen = String::new();
        while !seen.contains("\"stdout\"") {
            let chunk = response
                .chunk()
                .await
                .expect("a chunk")
                .expect("it prints before it ends");
            seen += &String::from_utf8_lossy(&chunk);
        }
    }

    async fn contexts(&self) -> Vec<Value> {
        self.send(Method::GET, "/contexts", None)
            .await
            .json()
            .await
            .expect("JSON")
    }

    async fn create(&self, body: Value) -> Value {
        self.send(Method::POST, "/contexts", Some(body))
            .await
            .json()
            .await
            .expect("JSON")
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        let pid = i32::try_from(self.service.id()).expect("a pid");
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let _ = self.service.wait();
    }
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn stdout(lines: &[Value]) -> String {
    of(lines, "stdout")
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect()
}

fn result(lines: &[Value]) -> &Value {
    of(lines, "result")
        .first()
        .copied()
        .unwrap_or_else(|| panic!("no result in {lines:#?}"))
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

#[tokio::test]
async fn results_come_in_every_form_they_have() {
    let interpreter = Interpreter::start().await;

    let lines = interpreter
        .python(
            "import matplotlib.pyplot as plt\nplt.plot([1, 2], [3, 4]); plt.title('T')\nplt.show()",
        )
        .await;
    let plot = result(&lines);
    assert!(
        plot["png"]
            .as_str()
            .expect("a png")
            .starts_with("iVBORw0KGgo"),
        "{plot}"
    );
    assert_eq!(
        (
            &plot["is_main_result"],
            &plot["chart"]["type"],
            &plot["chart"]["title"]
        ),
        (&false.into(), &"line".into(), &"T".into())
    );

    let code = "import pandas as pd\npd.DataFrame({'n': [1.5, None], 'at': pd.to_datetime(['2020-01-02', None]), 's': ['a', 'b']})";
    let lines = interpreter.python(code).await;
    let table = result(&lines);
    assert!(
        table["html"].as_str().expect("html").contains("<table"),
        "{table}"
    );
    assert_eq!(
        table["data"],
        json!({ "n": [1.5, null], "at": ["2020-01-02T00:00:00", null], "s": ["a", "b"] })
    );

    let lines = interpreter
        .python("import plotly.express as px\npx.bar(x=['a'], y=[1])")
        .await;
    let plotly = result(&lines);
    assert_eq!(plotly["is_main_result"], true);
    assert_eq!(
        plotly["extra"]["application/vnd.plotly.v1+json"]["data"][0]["type"],
        "bar"
    );
    assert!(
        plotly["html"].as_str().expect("html").contains("plotly"),
        "{plotly}"
    );
    let lines = interpreter.python("px.bar(x=['a'], y=[1]).show()").await;
    assert_eq!(
        result(&lines)["extra"]["application/vnd.plotly.v1+json"]["data"][0]["type"],
        "bar"
    );

    let lines = interpreter
        .python("from PIL import Image\nImage.new('RGB', (2, 2))")
        .await;
    assert!(
        result(&lines)["png"]
            .as_str()
            .expect("a png")
            .starts_with("iVBORw0KGgo")
    );
    let lines = interpreter
        .python("Image.new('RGB', (2, 2)).save('/tmp/i.png')")
        .await;
    assert!(result(&lines)["png"].is_string());

    let lines = interpreter
        .python("{'a': [1, None], 'b': {'c': 'd'}}")
        .await;
    assert_eq!(
        result(&lines)["json"],
        json!({ "a": [1, null], "b": { "c": "d" } })
    );
    let lines = interpreter.python("[float('nan'), object]").await;
    assert!(result(&lines)["json"].is_null() && result(&lines)["text"].is_string());
    let lines = interpreter.python("from IPython.display import Markdown, SVG, Latex, HTML\ndisplay(Markdown('*m*'), Latex('$x$'), HTML('<b>'))").await;
    let forms: Vec<_> = of(&lines, "result");
    assert_eq!(
        (&forms[0]["markdown"], &forms[1]["latex"], &forms[2]["html"]),
        (&"*m*".into(), &"$x$".into(), &"<b>".into())
    );
}

#[tokio::test]
async fn an_error_has_name_value_and_a_traceback_without_colours() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter.python("def f():\n    return 1 / 0\nf()").await;
    let errors = of(&lines, "error");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (&errors[0]["name"], &errors[0]["value"]),
        (&"ZeroDivisionError".into(), &"division by zero".into())
    );
    let traceback = errors[0]["traceback"].as_str().expect("text");
    assert!(
        traceback.contains("return 1 / 0") && !traceback.contains('\u{1b}'),
        "{traceback}"
    );
    assert_eq!(
        of(&interpreter.python("print(").await, "error")[0]["name"],
        "SyntaxError"
    );
    assert_eq!(
        of(&interpreter.python("input()").await, "error")[0]["name"],
        "StdinNotImplementedError"
    );
    assert_eq!(
        stdout(&interpreter.python("print('still here')").await),
        "still here\n"
    );
}

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
        assert_eq!(error[0]["name"], "UnexpectedEndOfExecution", "{lines:#?}");
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

#[tokio::test]
async fn contexts_are_made_listed_restarted_and_removed() {
    let interpreter = Interpreter::start().await;
    assert_eq!(interpreter.contexts().await, Vec::<Value>::new());
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
    assert_eq!(interpreter.contexts().await.len(), 2);

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
        let left = Instant::now();
        assert_eq!(stdout(&interpreter.bash("echo $x").await), "5\n", "{code}");
        assert!(
            left.elapsed() < Duration::from_secs(2),
            "{code}: {:?}",
            left.elapsed()
        );
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
