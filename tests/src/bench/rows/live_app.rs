//! From code to a dashboard that answers 200.

use std::time::Instant;

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::super::app::App;
use super::super::caller::{Address, Caller, text, timed};
use super::super::quiet::until_quiet;
use super::super::server::Server;
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::{Conductor, Events};

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().with_all_libraries().await;
    let mut report = Report::default();
    for app in App::ALL {
        measure_one(app, &conductor, effort, &mut report).await;
    }
    report.notes.push(
        "a Streamlit script of ours has run without an exception when its address is given out; \
         `streamlit run` answers 200 before the script's first line"
            .to_owned(),
    );
    report
}

async fn measure_one(app: App, conductor: &Conductor, effort: Effort, report: &mut Report) {
    let caller = Caller::of(conductor);
    let services = [conductor.sandbox_pid(), conductor.host_pid()];
    let new = || Samples::new(Unit::Milliseconds);
    let (mut ours, mut theirs) = (new(), new());
    let mut stages = Stages::default();
    let request = json!({"code": app.code()});
    for round in effort.rounds() {
        until_quiet(&services).await;
        let (taken, (marks, session)) = timed(until_it_answers(&caller, conductor, &request)).await;
        ours.note(round, taken);
        stages.note(round, &marks, taken);
        caller.delete_session(&session).await;

        until_quiet(&services).await;
        let (taken, server) = timed(Server::start(
            "theirs",
            |port| app.command(port),
            "/",
            conductor.folder(),
        ))
        .await;
        theirs.note(round, taken);
        drop(server);
    }
    let times = match app {
        App::Gradio => 8.0,
        App::Streamlit => 3.0,
    };
    let name = app.name();
    report.line(
        Comparison::of(format!("{name}, by POST /run_code/"), &ours)
            .beside(format!("`{}`", app.command_line()), &theirs)
            .must(Bar::TimesLess(times)),
    );
    for (what, samples) in &stages.0 {
        report.stage(format!("{name}: {what}"), samples);
    }
}

/// Runs the code; how long until which event, and the session.
async fn until_it_answers(
    caller: &Caller,
    conductor: &Conductor,
    request: &Value,
) -> (Vec<Mark>, Value) {
    let begun = Instant::now();
    let call = caller.host(Method::POST, "/run_code/").json(request);
    let call = call.header(ACCEPT, "text/event-stream");
    let mut events = Events::of(call.send().await.expect("the host answers"));
    let mut marks = Vec::new();
    let mut mark = |what| marks.push((what, begun.elapsed().as_secs_f64() * 1000.0));
    let mut done = Value::Null;
    while let Some(event) = events.next().await {
        match event.name.as_str() {
            "started" => mark("a sandbox is there"),
            "progress" => mark("the start begins"),
            "done" => {
                mark("the reply has come");
                done = event.data;
            }
            _ => {}
        }
    }
    let address = address(conductor, &done);
    text(caller.app(Method::GET, &address, "/")).await;
    (marks, done["session_id"].clone())
}

/// Where the app of a reply answers.
pub(super) fn address(conductor: &Conductor, reply: &Value) -> Address {
    let url = reply["url"]
        .as_str()
        .unwrap_or_else(|| panic!("no app: {reply}"));
    let host = url
        .strip_prefix("http://")
        .expect("apps are served by http here");
    Address {
        connect: conductor.sandbox_address().to_owned(),
        host: host.trim_end_matches('/').to_owned(),
    }
}

/// An event, and how many milliseconds after the beginning it came.
type Mark = (&'static str, f64);

/// How long each step took, by the events at their ends.
#[derive(Default)]
struct Stages(Vec<(&'static str, Samples)>);

impl Stages {
    fn note(&mut self, round: super::super::Round, marks: &[Mark], total: f64) {
        let mut before = 0.0;
        for &(what, at) in marks.iter().chain(&[("its address answers 200", total)]) {
            let known = self.0.iter().position(|(known, _)| *known == what);
            let index = known.unwrap_or_else(|| {
                self.0.push((what, Samples::new(Unit::Milliseconds)));
                self.0.len() - 1
            });
            self.0[index].1.note(round, at - before);
            before = at;
        }
    }
}
