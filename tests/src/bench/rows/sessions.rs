//! `GET /session/{id}` beside the usual service: FastAPI and uvicorn, over SQLite and over a dict.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::super::caller::{Caller, text};
use super::super::load::{Load, drive};
use super::super::server::Server;
use super::super::{Bar, Comparison, Effort, Report, Round, Samples, Unit};
use crate::{Conductor, checkout};

/// How long one turn is.
const TURN: Duration = Duration::from_secs(1);

/// One service of the other side.
#[derive(Clone, Copy)]
struct Other {
    who: &'static str,
    /// What `tests/bench/sessions.py` calls it.
    store: &'static str,
    /// With the faster loop and parser that uvicorn takes when they are installed.
    is_tuned: bool,
    /// How many times as many requests ours must answer.
    times: Option<f64>,
}

const OTHERS: [Other; 4] = [
    Other {
        who: "FastAPI + uvicorn over SQLite",
        store: "sqlite",
        is_tuned: false,
        times: Some(3.0),
    },
    Other {
        who: "FastAPI + uvicorn over a dict",
        store: "dict",
        is_tuned: false,
        times: Some(1.0),
    },
    Other {
        who: "SQLite, tuned",
        store: "sqlite-kept",
        is_tuned: true,
        times: None,
    },
    Other {
        who: "a dict, tuned",
        store: "dict",
        is_tuned: true,
        times: None,
    },
];

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().with_all_libraries().await;
    let caller = Caller::of(&conductor);
    let begun = caller.run_code(&json!({"code": "print(1)"})).await;
    let id = begun["session_id"].as_str().expect("an id");
    let path = format!("/session/{id}");
    // The other side answers the very same document.
    let document = text(caller.host(Method::GET, &path)).await;
    let folder = conductor.folder();
    std::fs::write(folder.join("session.json"), document).expect("the folder can be written");
    let mut theirs = Vec::new();
    for other in OTHERS {
        let server = other.start(&path, folder).await;
        theirs.push((other, server, Loads::new()));
    }

    let host = conductor.url("");
    let host = host.strip_prefix("http://").expect("served by http here");
    let mut ours = Loads::new();
    for round in effort.rounds() {
        ours.note(round, drive(host, &path, 200, TURN).await);
        for (_, server, loads) in &mut theirs {
            loads.note(round, drive(&server.address, &path, 200, TURN).await);
        }
    }

    let mut report = Report::default();
    for (other, _, loads) in &theirs {
        let line = Comparison::of("requests a second", &ours.rate).beside(other.who, &loads.rate);
        report.line(match other.times {
            Some(times) => line.must(Bar::TimesMore(times)),
            None => line,
        });
    }
    for (other, _, loads) in &theirs {
        let line = Comparison::of("p99", &ours.slow).beside(other.who, &loads.slow);
        report.line(match other.times {
            Some(_) => line.must(Bar::TimesLess(1.0)),
            None => line,
        });
    }
    report.notes.push(
        "one uvicorn process each, without its access log (ours writes one); tuned: with uvloop and httptools, and a \
         connection that each thread keeps"
            .to_owned(),
    );
    report
}

struct Loads {
    rate: Samples,
    slow: Samples,
}

impl Loads {
    fn new() -> Self {
        Self {
            rate: Samples::new(Unit::PerSecond),
            slow: Samples::new(Unit::Milliseconds),
        }
    }

    fn note(&mut self, round: Round, load: Load) {
        self.rate.note(round, load.per_second);
        self.slow.note(round, load.p99_ms);
    }
}

impl Other {
    async fn start(self, path: &str, folder: &Path) -> Server {
        let command = |port: u16| {
            let mut command = Command::new(checkout::path(".venv-test/bin/python"));
            command.args(["-m", "uvicorn", "sessions:app", "--app-dir"]);
            command.arg(checkout::path("tests/bench"));
            command.args(["--port", &port.to_string()]);
            command.args(["--log-level", "warning", "--no-access-log"]);
            let (event_loop, http) = match self.is_tuned {
                true => ("uvloop", "httptools"),
                false => ("asyncio", "h11"),
            };
            command.args(["--loop", event_loop, "--http", http]);
            command.env("SESSION", folder.join("session.json"));
            command.env("STORE", self.store);
            command
        };
        Server::start("fastapi", command, path, folder).await
    }
}
