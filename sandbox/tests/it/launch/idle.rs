//! Apps that nobody looks at, and who comes back to them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{LAUNCHER, Launched, PYTHON, get, is_up};
use crate::fixture::PATIENCE;

/// How long an app is watched, and how often its threads may wake up meanwhile. As they come, Gradio
/// wakes up 1,700 times and Streamlit 120 times.
const WATCHED: Duration = Duration::from_secs(2);
const WAKES: u64 = 30;

/// How often the threads of a process have gone to sleep so far.
fn sleeps(pid: u64) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the app runs");
    let count = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse().expect("a number"))
    };
    tasks.flatten().map(count).sum()
}

fn until_asleep(pid: u64) {
    let start = Instant::now();
    loop {
        let before = sleeps(pid);
        std::thread::sleep(WATCHED);
        let wakes = sleeps(pid).saturating_sub(before);
        if wakes <= WAKES {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{wakes} wakes in {} s",
            WATCHED.as_secs()
        );
    }
}

/// Starts a program; its port and its process once it is ready.
fn started(app: &mut Launched) -> (u16, u64) {
    let ready = app.until("ready").pop().expect("it was found");
    let number = |name: &str| ready[name].as_u64().expect("a number");
    (
        u16::try_from(number("port")).expect("a port"),
        number("pid"),
    )
}

/// Calls an endpoint of a Gradio app; what its stream says, to its end.
fn call(port: u16, name: &str, data: &str) -> String {
    let path = format!("/gradio_api/call/{name}");
    let body = format!("{{\"data\": {data}}}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let body = answer.lines().last().expect("a body");
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    let id = answer["event_id"].as_str().expect("an id");
    get(port, &format!("{path}/{id}")).expect("a stream")
}

#[test]
fn a_gradio_app_sleeps_while_nobody_looks_and_serves_who_comes_back() {
    let mut app = Launched::new(
        "gradio",
        r#"
import time
import gradio as gr

def count(to, progress=gr.Progress()):
    for number in range(int(to)):
        progress(number / to)
        time.sleep(0.02)
        yield f"{number} counted"

with gr.Blocks() as demo:
    to, said = gr.Number(), gr.Textbox()
    gr.Button().click(count, to, said, api_name="count")
    gr.Button().click(lambda text: text[::-1], said, said, api_name="turn")
demo.launch()
"#,
    );
    let (port, pid) = started(&mut app);
    for _ in 0..2 {
        until_asleep(pid);
        let turned = call(port, "turn", r#"["abc"]"#);
        assert!(
            turned.contains("event: complete") && turned.contains("cba"),
            "{turned}"
        );
        let counted = call(port, "count", "[3]");
        let places = ["0 counted", "1 counted", "2 counted", "event: complete"].map(|text| {
            counted
                .find(text)
                .unwrap_or_else(|| panic!("no {text}: {counted}"))
        });
        assert!(places.is_sorted(), "{counted}");
        // More than run at a time: they wait in the queue.
        let callers: Vec<_> = (0..5)
            .map(|_| std::thread::spawn(move || call(port, "count", "[2]")))
            .collect();
        for caller in callers {
            let counted = caller.join().expect("it is answered");
            assert!(counted.contains("event: complete"), "{counted}");
        }
    }
}

#[test]
fn a_mounted_app_sleeps_and_is_closed_from_within() {
    let mut app = Launched::new(
        "gradio",
        "import gradio as gr, uvicorn\nfrom fastapi import FastAPI\napp = FastAPI()\n\
         demo = gr.Interface(lambda x: x, 'text', 'text', api_name='same')\n\
         server = None\n\
         @app.get('/close')\n\
         def close():\n    server.should_exit = True\n\
         start = uvicorn.Server.__init__\n\
         def keep(self, *args, **kwargs):\n    global server\n    server = self\n    start(self, *args, **kwargs)\n\
         uvicorn.Server.__init__ = keep\n\
         app = gr.mount_gradio_app(app, demo, path='/ui')\n\
         uvicorn.run(app)\n",
    );
    let (port, pid) = started(&mut app);
    let date = || {
        let page = get(port, "/ui/").expect("it answers");
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let line = page.lines().find(|line| line.starts_with("date: "));
        line.expect("a date").to_owned()
    };
    let before = date();
    until_asleep(pid);
    assert_ne!(date(), before, "an answer is as old as the sleep before it");
    get(port, "/close").expect("it answers");
    app.until("restarted");
}

#[test]
fn a_streamlit_app_sleeps_while_nobody_looks_and_serves_who_comes_back() {
    let mut app = Launched::new("streamlit", "import streamlit as st\nst.title('Hello')\n");
    let (port, pid) = started(&mut app);
    for _ in 0..2 {
        until_asleep(pid);
        assert!(is_up(port));
    }
}

#[test]
fn a_version_with_other_names_is_left_as_it_is() {
    let script = "import sys; sys.path.insert(0, sys.argv[1]); from conductor_idle import adapt
import gradio, uvicorn
from gradio import queueing
from streamlit.web import bootstrap
del queueing.Queue.push, uvicorn.Server.on_tick, bootstrap._install_config_watchers
def state():
    return [dict(vars(thing)) for thing in (queueing, queueing.Queue, uvicorn.Server, bootstrap)]
before = state()
for framework in ('gradio', 'streamlit'):
    adapt(framework)
assert state() == before";
    let folder = std::path::Path::new(LAUNCHER).parent().expect("a folder");
    let output = Command::new(PYTHON)
        .args(["-B", "-c", script])
        .arg(folder)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:?}");
}
