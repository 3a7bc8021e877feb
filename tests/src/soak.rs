//! A soak: many sandboxes made, used and killed, many apps opened and closed; and nothing of it left.

use std::fmt;

use futures_util::{StreamExt, stream};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::wait::{in_time, until};
use crate::{Conductor, Footprint};

/// Sandboxes at a time.
const AT_A_TIME: usize = 4;
/// Of the sandboxes, every so many-th also serves an app.
const WITH_APP: usize = 5;
/// Of the apps, every so many-th is one of Gradio's, which take seconds to start.
const GRADIO: usize = 5;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// Sandboxes in all.
    pub sandboxes: usize,
    /// Apps that are open at once.
    pub apps: usize,
    /// How often they are opened and closed.
    pub rounds: usize,
}

/// What became of it.
pub struct Outcome {
    /// Everything counted: before, while all apps are open, and after.
    pub table: String,
    /// Things that were counted while all apps were open and not before: what is counted is seen.
    pub seen: Vec<&'static str>,
    /// What was left behind.
    pub leaks: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.table)?;
        for leak in &self.leaks {
            writeln!(formatter, "LEFT BEHIND: {leak}")?;
        }
        Ok(())
    }
}

impl Soak {
    /// Does it all to a running Conductor that nobody else uses.
    pub async fn run(self, conductor: &Conductor) -> Outcome {
        // Pools fill and code is compiled at the first use of each kind.
        use_sandboxes(conductor, 2 * AT_A_TIME.min(self.sandboxes)).await;
        use_apps(conductor, self.apps.min(GRADIO + 1), 0).await;
        let before = settle(conductor, None).await;
        eprintln!("warm; {} sandboxes begin", self.sandboxes);
        use_sandboxes(conductor, self.sandboxes).await;
        let mut peak = Footprint::default();
        for round in 1..=self.rounds {
            eprintln!("round {round} of {} apps", self.apps);
            peak = use_apps(conductor, self.apps, round).await;
        }
        let after = settle(conductor, Some(&before)).await;
        Outcome {
            table: after.table(&before, &peak),
            seen: peak.more_of_than(&before),
            leaks: after.leaks_since(&before),
        }
    }
}

/// Counts when nothing runs any more; what ends by itself soon is no leak.
async fn settle(conductor: &Conductor, before: Option<&Footprint>) -> Footprint {
    until("every sandbox has ended", async || {
        (conductor.sandboxes().await == 0).then_some(())
    })
    .await;
    let settled = in_time(async || {
        let now = Footprint::of(conductor);
        before
            .is_none_or(|before| now.leaks_since(before).is_empty())
            .then_some(now)
    });
    settled.await.unwrap_or_else(|| Footprint::of(conductor))
}

async fn use_sandboxes(conductor: &Conductor, count: usize) {
    let client = Client::builder()
        .no_proxy()
        .build()
        .expect("the client needs nothing of the machine");
    let address = format!("http://{}", conductor.sandbox_address());
    let each = |number| {
        use_sandbox(
            Service {
                client: &client,
                address: &address,
            },
            number,
        )
    };
    stream::iter(0..count)
        .for_each_concurrent(AT_A_TIME, each)
        .await;
}

/// The sandbox service, as E2B's clients speak to it.
#[derive(Clone, Copy)]
struct Service<'a> {
    client: &'a Client,
    address: &'a str,
}

async fn use_sandbox(service: Service<'_>, number: usize) {
    let new = json!({"templateID": "base", "timeout": 600});
    let made: Value = service
        .json(service.call(Method::POST, "/sandboxes").json(&new))
        .await;
    let id = made["sandboxID"].as_str().expect("an id");
    let to = |port: u16, method, path: &str| {
        let request = service.call(method, path).header("E2b-Sandbox-Id", id);
        request.header("E2b-Sandbox-Port", port)
    };
    let code = json!({"code": format!("print({number} * 2)")});
    let output = service
        .text(to(49999, Method::POST, "/execute").json(&code))
        .await;
    assert!(
        output.contains(&format!("\"{}\\n\"", number * 2)),
        "{output}"
    );

    let file = to(49983, Method::POST, "/files?path=data.txt");
    let file = file.header("Content-Type", "application/octet-stream");
    service.text(file.body(number.to_string())).await;
    let read = service
        .text(to(49983, Method::GET, "/files?path=data.txt"))
        .await;
    assert_eq!(read, number.to_string());

    let mut command = "cat data.txt; sleep 1000 & setsid sleep 1000 &".to_owned();
    if number.is_multiple_of(WITH_APP) {
        command.push_str(" python -m http.server 8000 > /dev/null 2>&1 &");
    }
    let command = json!({"process": {"cmd": "/bin/bash", "args": ["-c", command]}});
    let mut body = vec![0];
    let command = command.to_string();
    body.extend_from_slice(&(command.len() as u32).to_be_bytes());
    body.extend_from_slice(command.as_bytes());
    let start = to(49983, Method::POST, "/process.Process/Start")
        .header("Content-Type", "application/connect+json");
    let mut events = start.body(body).send().await.expect("the service answers");
    let first = events
        .chunk()
        .await
        .expect("events come")
        .expect("a first event");
    assert!(
        String::from_utf8_lossy(&first).contains("\"pid\""),
        "{first:?}"
    );
    if number.is_multiple_of(WITH_APP) {
        until("the app answers", async || {
            let answer = to(8000, Method::GET, "/")
                .send()
                .await
                .expect("the service answers");
            answer.status().is_success().then_some(())
        })
        .await;
    }
    // With a stream still open, as when people go away.
    let killed = service
        .call(Method::DELETE, &format!("/sandboxes/{id}"))
        .send()
        .await;
    assert_eq!(killed.expect("the service answers").status(), 204);
}

impl Service<'_> {
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.address))
    }

    async fn text(&self, request: RequestBuilder) -> String {
        let answer = request.send().await.expect("the service answers");
        let (status, text) = (
            answer.status(),
            answer.text().await.expect("the answer comes whole"),
        );
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    async fn json(&self, request: RequestBuilder) -> Value {
        let text = self.text(request).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// Opens apps through both routes until all are live at once, counts, and closes them.
async fn use_apps(conductor: &Conductor, count: usize, round: usize) -> Footprint {
    let open = |number: usize| async move {
        let (route, code) = match number % GRADIO {
            0 => ("/gradio_ui/", gradio(number)),
            _ => ("/run_code/", streamlit(number)),
        };
        let reply = conductor.post(route, &json!({"code": code})).await.ok();
        let page = conductor.open(&reply["url"]).await;
        assert_eq!(page.status, 200, "round {round}, app {number}: {reply}");
        reply["session_id"].as_str().expect("an id").to_owned()
    };
    let sessions: Vec<_> = stream::iter(0..count)
        .map(open)
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;
    assert_eq!(conductor.sandboxes().await, count);
    let peak = Footprint::of(conductor);
    let close = |session: String| async move {
        let reply = conductor.delete(&format!("/session/{session}")).await;
        assert!(
            (200..300).contains(&reply.status),
            "{}: {}",
            reply.status,
            reply.body
        );
    };
    stream::iter(sessions)
        .for_each_concurrent(AT_A_TIME, close)
        .await;
    peak
}

fn gradio(number: usize) -> String {
    format!(
        "import gradio as gr\nwith gr.Blocks(title=\"App {number}\") as demo:\n    gr.Markdown(\"{number}\")\ndemo.launch()\n"
    )
}

fn streamlit(number: usize) -> String {
    format!("import streamlit as st\nst.title(\"App {number}\")\n")
}
