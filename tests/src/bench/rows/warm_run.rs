//! `print(1)` in a session whose kernel runs.

use reqwest::Method;
use serde_json::json;

use super::super::caller::{Caller, text, timed};
use super::super::contestant::Contestant;
use super::super::samples::median;
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::Conductor;

/// One execution is short: a round is the median of so many.
const PER_ROUND: usize = 20;

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().with_all_libraries().await;
    let caller = Caller::of(&conductor);
    let mut kernel = Contestant::start("kernel.py", &[], conductor.folder());
    let first = caller.run_code(&json!({"code": "print(1)"})).await;
    let session = &first["session_id"];
    let path = format!("/session/{}", session.as_str().expect("an id"));
    let sandbox = caller.make_sandbox().await;
    let request = json!({"code": "print(1)", "session_id": session});

    let new = || Samples::new(Unit::Milliseconds);
    let (mut ours, mut bare, mut cold) = (new(), new(), new());
    let (mut direct, mut read) = (new(), new());
    for round in effort.rounds() {
        ours.note(
            round,
            several(async || {
                let reply = caller.run_code(&request).await;
                assert_eq!(reply["output"], "1\n", "{reply}");
            })
            .await,
        );
        let taken = kernel.milliseconds(&format!("warm {PER_ROUND}")).await;
        bare.note(round, median(&taken));
        direct.note(
            round,
            several(async || {
                caller.execute(&sandbox, "print(1)").await;
            })
            .await,
        );
        read.note(
            round,
            several(async || {
                text(caller.host(Method::GET, &path)).await;
            })
            .await,
        );
        cold.note(round, kernel.milliseconds("cold").await[0]);
    }
    kernel.end().await;

    let mut report = Report::default();
    let what = "POST /run_code/ in a session";
    report.line(
        Comparison::of(what, &ours)
            .beside("a bare kernel's execute (jupyter_client)", &bare)
            .must(Bar::AtMostTimes(2.0)),
    );
    report.line(
        Comparison::of(what, &ours)
            .beside("a kernel started for each call", &cold)
            .must(Bar::TimesLess(30.0)),
    );
    report.stage("a bare kernel's execute", &bare);
    report.stage("POST /execute of the sandbox service alone", &direct);
    report.stage("GET /session/{id}: a function with one read", &read);
    report.stage("POST /run_code/: all of it", &ours);
    report
}

/// The median of several calls, in milliseconds.
async fn several(call: impl AsyncFn()) -> f64 {
    let mut taken = Vec::with_capacity(PER_ROUND);
    for _ in 0..PER_ROUND {
        taken.push(timed(call()).await.0);
    }
    median(&taken)
}
