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

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().await;
    let caller = Caller::of(&conductor);
    let begun = caller.run_code(&json!({"code": "print(1)"})).await;
    let id = begun["session_id"].as_str().expect("an id");
    let path = format!("/session/{id}");
    // The other side answers the very same document.
    let document = text(caller.host(Method::GET, &path)).await;
    let folder = conductor.folder();
    std::fs::write(folder.join("session.json"), document).expect("the folder can be written");
    let over_sqlite = fastapi("sqlite", true, &path, folder).await;
    let over_dict = fastapi("dict", false, &path, folder).await;
    let host = conductor.url("");
    let host = host.strip_prefix("http://").expect("served by http here");

    let mut loads = [host, &over_sqlite.address, &over_dict.address].map(Loads::of);
    for round in effort.rounds() {
        for loads in &mut loads {
            let load = drive(loads.address, &path, 200, TURN).await;
            loads.note(round, load);
        }
    }

    let [ours, sqlite, dict] = &loads;
    let mut report = Report::default();
    let rate = || Comparison::of("requests a second", &ours.rate);
    report.line(
        rate()
            .beside("FastAPI + uvicorn over SQLite", &sqlite.rate)
            .must(Bar::TimesMore(3.0)),
    );
    report.line(
        rate()
            .beside("FastAPI + uvicorn over a dict", &dict.rate)
            .must(Bar::TimesMore(1.0)),
    );
    let slow = || Comparison::of("p99", &ours.slow);
    report.line(
        slow()
            .beside("FastAPI + uvicorn over SQLite", &sqlite.slow)
            .must(Bar::TimesLess(1.0)),
    );
    report.line(
        slow()
            .beside("FastAPI + uvicorn over a dict", &dict.slow)
            .must(Bar::TimesLess(1.0)),
    );
    report.notes.push(
        "one uvicorn process with uvloop and httptools, as `uvicorn[standard]` installs them, without its access log"
            .to_owned(),
    );
    report
}

struct Loads<'a> {
    address: &'a str,
    rate: Samples,
    slow: Samples,
}

impl<'a> Loads<'a> {
    fn of(address: &'a (impl AsRef<str> + ?Sized)) -> Self {
        Self {
            address: address.as_ref(),
            rate: Samples::new(Unit::PerSecond),
            slow: Samples::new(Unit::Milliseconds),
        }
    }

    fn note(&mut self, round: Round, load: Load) {
        self.rate.note(round, load.per_second);
        self.slow.note(round, load.p99_ms);
    }
}

async fn fastapi(name: &'static str, has_database: bool, path: &str, folder: &Path) -> Server {
    let command = |port: u16| {
        let mut command = Command::new(checkout::path(".venv-test/bin/python"));
        command.args(["-m", "uvicorn", "sessions:app", "--app-dir"]);
        command.arg(checkout::path("tests/bench"));
        command.args([
            "--port",
            &port.to_string(),
            "--log-level",
            "warning",
            "--no-access-log",
        ]);
        command.env("SESSION", folder.join("session.json"));
        command.env_remove("DATABASE");
        if has_database {
            command.env("DATABASE", folder.join("sessions.sqlite"));
        }
        command
    };
    Server::start(name, command, path, folder).await
}
