//! `conductor_launch.py` with the real frameworks, started as the Spin function starts it.

mod idle;

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const LAUNCHER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/execution/src/app/conductor_launch.py"
);
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python");

/// A launched program. It ends with the test.
struct Launched {
    child: Child,
    reports: Lines<BufReader<ChildStdout>>,
    folder: tempfile::TempDir,
}

impl Launched {
    fn new(framework: &str, program: &str) -> Self {
        Self::with(framework, program, &[])
    }

    fn with(framework: &str, program: &str, options: &[&str]) -> Self {
        assert!(
            Path::new(PYTHON).exists(),
            "{PYTHON} is missing: make it with `cargo xtask up`"
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("app.py"), program).expect("the program is written");
        let mut child = Command::new(PYTHON)
            .args([
                LAUNCHER,
                "--framework",
                framework,
                "--app",
                "app.py",
                "--log",
                "app.log",
            ])
            .args(options)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the launcher starts");
        let reports = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self {
            child,
            reports,
            folder,
        }
    }

    fn next(&mut self) -> Option<Value> {
        let line = self.reports.next()?.expect("reports are text");
        Some(serde_json::from_str(&line).expect("a report is JSON"))
    }

    /// The reports up to the first of this kind, which is last.
    fn until(&mut self, event: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        while let Some(report) = self.next() {
            let found = report["event"] == event;
            seen.push(report);
            if found {
                return seen;
            }
        }
        panic!("no {event:?} among {seen:#?}");
    }

    fn ready(&mut self) -> u16 {
        let seen = self.until("ready");
        let port = seen.last().expect("it was found")["port"]
            .as_u64()
            .expect("a port");
        u16::try_from(port).expect("a port")
    }

    fn failed(&mut self) -> Value {
        self.until("failed").pop().expect("it was found")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill(Pid::from_raw(pid), signal).expect("the launcher runs");
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("app.log")
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status line and what follows of `GET path`.
fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn is_up(port: u16) -> bool {
    get(port, "/").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[test]
fn every_address_a_gradio_program_names_becomes_ours() {
    let mut app = Launched::new(
        "gradio",
        r#"
import gradio as gr
print("before the app")
with gr.Blocks(title="Squares") as demo:
    gr.Markdown("the page")
demo.queue().launch(
    share=True, server_name="0.0.0.0", server_port=7860, inbrowser=True, debug=True, show_error=True
)
"#,
    );
    let seen = app.until("ready");
    let ready = seen.last().expect("it was found");
    let port = u16::try_from(ready["port"].as_u64().expect("a port")).expect("a port");
    assert_ne!(port, 7860);
    assert_eq!(seen[0]["event"], "starting");
    // What is written soon after may come with it.
    let printed = |report: &Value| {
        let text = report["text"].as_str().unwrap_or_default();
        report["event"] == "output" && text.starts_with("before the app\n")
    };
    assert!(seen.iter().any(printed), "{seen:#?}");
    assert!(
        seen.iter().any(|report| report["event"] == "notice"),
        "share was overruled: {seen:#?}"
    );
    let config = get(port, "/config").expect("the app answers");
    assert!(
        config.contains("the page") && config.contains("\"title\":\"Squares\""),
        "{config}"
    );
    let log = std::fs::read_to_string(app.log()).expect("a log");
    assert!(log.contains("before the app"), "{log}");
}

#[test]
fn a_gradio_program_that_never_launches_is_launched() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr\nother = gr.Interface(lambda x: x, 'text', 'text', title='second')\n\
         demo = gr.Interface(lambda x: x, 'text', 'text', title='chosen')\nlast = gr.Blocks(title='third')\n",
    );
    let port = app.ready();
    assert!(
        get(port, "/config")
            .expect("the app answers")
            .contains("\"title\":\"chosen\"")
    );
}

#[test]
fn a_gradio_program_that_takes_its_routes_before_the_launch_has_them() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr\ndemo = gr.Interface(lambda x: x, 'text', 'text', title='routed')\n\
         assert any(getattr(route, 'path', '') == '/config' for route in demo.app.routes), demo.app.routes\n\
         assert demo.app is demo.app\nassert not hasattr(gr.Blocks.__new__(gr.Blocks), 'app')\ndemo.launch()\n",
    );
    let port = app.ready();
    let config = get(port, "/config").expect("the app answers");
    assert!(config.contains("\"title\":\"routed\""), "{config}");
}

#[test]
fn options_that_are_not_about_the_address_stay() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr\ngr.Interface(lambda x: x, 'text', 'text').launch(auth=('me', 'secret'))\n",
    );
    let port = app.ready();
    assert!(
        get(port, "/config")
            .expect("the app answers")
            .starts_with("HTTP/1.1 401")
    );
}

#[test]
fn of_two_gradio_apps_the_first_is_shown_and_that_is_said() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr\nf = lambda x: x\n\
         a = gr.Interface(f, 'text', 'text', title='one')\nb = gr.Interface(f, 'text', 'text', title='two')\n\
         a.launch(prevent_thread_lock=True)\nb.launch()\n",
    );
    let seen = app.until("ready");
    let port = u16::try_from(
        seen.last().expect("found")["port"]
            .as_u64()
            .expect("a port"),
    )
    .expect("a port");
    assert!(
        get(port, "/config")
            .expect("the app answers")
            .contains("\"title\":\"one\"")
    );
    let said = |report: &Value| {
        report["text"]
            .as_str()
            .is_some_and(|text| text.contains("more than one"))
    };
    // The notice may come just after the first app answers.
    assert!(seen.iter().any(said) || said(&app.until("notice").pop().expect("found")));
}

#[test]
fn an_app_in_a_server_of_the_programs_own_is_served_where_it_is_mounted() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr, uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n\
         demo = gr.Interface(lambda x: x, 'text', 'text', title='mounted')\n\
         app = gr.mount_gradio_app(app, demo, path='/ui')\n\
         if __name__ == '__main__':\n    uvicorn.run(app, host='127.0.0.1', port=7860)\n",
    );
    let ready = app.until("ready").pop().expect("found");
    assert_eq!(ready["path"], "/ui/");
    let port = u16::try_from(ready["port"].as_u64().expect("a port")).expect("a port");
    assert!(
        get(port, "/ui/config")
            .expect("the app answers")
            .contains("\"title\":\"mounted\"")
    );
}

#[test]
fn a_program_that_raises_fails_with_its_own_traceback() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr\n\ndef load():\n    return {}['missing']\n\nwith gr.Blocks() as demo:\n    load()\ndemo.launch()\n",
    );
    let failed = app.failed();
    assert_eq!(failed["name"], "KeyError");
    assert_eq!(failed["value"], "'missing'");
    assert_eq!(failed["line"], 4);
    let traceback = failed["traceback"].as_str().expect("text");
    assert!(
        traceback.starts_with(
            "Traceback (most recent call last):\n  File \"app.py\", line 7, in <module>\n"
        ),
        "{traceback}"
    );
    assert!(!traceback.contains("conductor_"), "{traceback}");
    assert_eq!(app.child.wait().expect("it ends").code(), Some(1));
}

#[test]
fn a_syntax_error_fails_with_its_line() {
    for framework in ["gradio", "streamlit"] {
        let failed = Launched::new(framework, "x = 1\nprint(x\ny = 2\n").failed();
        assert_eq!(
            (&failed["name"], &failed["line"]),
            (&"SyntaxError".into(), &2.into())
        );
        assert!(
            failed["traceback"]
                .as_str()
                .expect("text")
                .contains("File \"app.py\", line 2"),
            "{failed}"
        );
    }
}

#[test]
fn a_program_without_an_app_is_told_what_to_do() {
    let failed = Launched::new("gradio", "import gradio as gr\nprint(gr.__name__)\n").failed();
    assert_eq!(failed["name"], "NoApp");
    assert!(
        failed["value"]
            .as_str()
            .expect("text")
            .contains("gr.Blocks()"),
        "{failed}"
    );
}

#[test]
fn a_program_that_ends_its_process_is_reported() {
    let failed = Launched::new(
        "streamlit",
        "import os, streamlit as st\nst.title('x')\nos._exit(3)\n",
    )
    .failed();
    assert_eq!(failed["name"], "EarlyExit");
    assert!(
        failed["value"]
            .as_str()
            .expect("text")
            .contains("exit code 3"),
        "{failed}"
    );
}

#[test]
fn a_streamlit_program_serves_its_page() {
    let mut app = Launched::new(
        "streamlit",
        "import streamlit as st\nimport pandas as pd\nst.title('Numbers')\nn = st.slider('n', 0, 10, 3)\n\
         st.dataframe(pd.DataFrame({'n': range(n)}))\n",
    );
    let port = app.ready();
    assert!(is_up(port));
    assert!(
        get(port, "/_stcore/health")
            .expect("the app answers")
            .ends_with("ok")
    );
}

#[test]
fn a_streamlit_program_that_raises_fails_although_its_server_is_up() {
    let failed = Launched::new(
        "streamlit",
        "import streamlit as st\nst.title('x')\n\ndef ratio(n):\n    return 1 / n\n\nst.metric('r', ratio(0))\n",
    )
    .failed();
    assert_eq!(
        (&failed["name"], &failed["line"]),
        (&"ZeroDivisionError".into(), &5.into())
    );
    let traceback = failed["traceback"].as_str().expect("text");
    assert!(
        traceback.contains("File \"app.py\", line 7") && !traceback.contains("site-packages"),
        "{traceback}"
    );
}

#[test]
fn an_exception_that_a_streamlit_page_shows_fails_too() {
    let failed = Launched::new(
        "streamlit",
        "import streamlit as st\ntry:\n    int('x')\nexcept ValueError as error:\n    st.exception(error)\n",
    )
    .failed();
    assert_eq!(
        (&failed["name"], &failed["line"]),
        (&"ValueError".into(), &3.into())
    );
}

#[test]
fn an_app_that_dies_comes_back_on_its_port_three_times_a_minute() {
    let mut app = Launched::new("streamlit", "import streamlit as st\nst.title('x')\n");
    let ready = app.until("ready").pop().expect("found");
    let mut pid = ready["pid"].as_i64().expect("a pid");
    for _ in 0..3 {
        kill(
            Pid::from_raw(pid.try_into().expect("a pid")),
            Signal::SIGKILL,
        )
        .expect("the app runs");
        let restarted = app.until("restarted").pop().expect("found");
        assert_eq!(
            (&restarted["port"], &restarted["exit_code"]),
            (&ready["port"], &(-9).into())
        );
        pid = restarted["pid"].as_i64().expect("a pid");
    }
    kill(
        Pid::from_raw(pid.try_into().expect("a pid")),
        Signal::SIGKILL,
    )
    .expect("the app runs");
    let reason = app.until("gave_up").pop().expect("found")["reason"].clone();
    let reason = reason.as_str().expect("text");
    assert!(
        reason.contains("killed (SIGKILL), perhaps out of memory"),
        "{reason}"
    );
    // From now on the launcher itself answers there, until it is told to end.
    let port = ready["port"].as_u64().expect("a port") as u16;
    let answer = get(port, "/").expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.0 502") || answer.starts_with("HTTP/1.1 502"),
        "{answer}"
    );
    assert!(answer.contains("stopped"), "{answer}");
    app.signal(Signal::SIGTERM);
    assert_eq!(app.until("stopped").pop().expect("found")["exit_code"], -9);
    assert_eq!(app.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn sigterm_lets_an_app_serve_on_for_a_while() {
    let mut app = Launched::with(
        "gradio",
        "import gradio as gr\ngr.Interface(lambda x: x, 'text', 'text').launch()\n",
        &["--retire-seconds", "2"],
    );
    let port = app.ready();
    let told = Instant::now();
    app.signal(Signal::SIGTERM);
    app.until("retiring");
    assert!(is_up(port));
    app.until("stopped");
    assert!(
        told.elapsed() >= Duration::from_secs(2),
        "{:?}",
        told.elapsed()
    );
    assert!(!is_up(port));
}

#[test]
fn sigint_ends_an_app_at_once() {
    let mut app = Launched::new("streamlit", "import streamlit as st\nst.title('x')\n");
    let port = app.ready();
    app.signal(Signal::SIGINT);
    app.until("stopped");
    assert!(!is_up(port));
}
