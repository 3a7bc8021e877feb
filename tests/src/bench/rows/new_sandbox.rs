//! A new sandbox with its first `print(1)`: alone, by a function, and ten in a row.

use serde_json::json;

use super::super::caller::{Caller, Made, timed};
use super::super::contestant::Contestant;
use super::super::quiet::until_quiet;
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::Conductor;

/// More than any pool holds ready by default.
const BURST: usize = 10;

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().with_all_libraries().await;
    let caller = Caller::of(&conductor);
    let services = [conductor.sandbox_pid(), conductor.host_pid()];
    let mut kernel = Contestant::start("kernel.py", &[], conductor.folder());

    let new = || Samples::new(Unit::Milliseconds);
    let (mut alone, mut by_function, mut cold) = (new(), new(), new());
    let (mut made, mut first_print) = (new(), new());
    let (mut ten, mut ten_cold, mut last_of_ten) = (new(), new(), new());
    for round in effort.rounds() {
        until_quiet(&services).await;
        let (making, sandbox) = timed(caller.make_sandbox()).await;
        let (printing, ()) = timed(print(&caller, &sandbox)).await;
        alone.note(round, making + printing);
        made.note(round, making);
        first_print.note(round, printing);
        caller.kill(&sandbox).await;

        until_quiet(&services).await;
        cold.note(round, kernel.milliseconds("cold").await[0]);

        let request = json!({"code": "print(1)"});
        let (taken, reply) = timed(caller.run_code(&request)).await;
        assert_eq!(reply["output"], "1\n", "{reply}");
        by_function.note(round, taken);
        caller.delete_session(&reply["session_id"]).await;

        until_quiet(&services).await;
        let mut sandboxes = Vec::new();
        let mut slowest_end = 0.0;
        let (taken, ()) = timed(async {
            for _ in 0..BURST {
                let (one, sandbox) = timed(new_with_print(&caller)).await;
                slowest_end = one;
                sandboxes.push(sandbox);
            }
        })
        .await;
        ten.note(round, taken);
        last_of_ten.note(round, slowest_end);
        for sandbox in &sandboxes {
            caller.kill(sandbox).await;
        }

        until_quiet(&services).await;
        ten_cold.note(
            round,
            kernel.milliseconds(&format!("burst {BURST}")).await[0],
        );
    }
    kernel.end().await;

    let mut report = Report::default();
    let others = "a kernel started by jupyter_client, and its print";
    report.line(
        Comparison::of("by the sandbox service", &alone)
            .beside(others, &cold)
            .must(Bar::TimesLess(5.0)),
    );
    report.line(
        Comparison::of("by POST /run_code/, a new session", &by_function)
            .beside(others, &cold)
            .must(Bar::TimesLess(5.0)),
    );
    report.line(
        Comparison::of("ten in a row, by the sandbox service", &ten)
            .beside("ten such kernels in a row", &ten_cold)
            .must(Bar::TimesLess(5.0)),
    );
    report.stage("POST /sandboxes", &made);
    report.stage("POST /execute, the first", &first_print);
    report.stage("the last of ten in a row", &last_of_ten);
    report.notes.push(
        "a sandbox is namespaces, limits, a disk and a kernel; the other side is a kernel only"
            .to_owned(),
    );
    report
}

async fn new_with_print(caller: &Caller) -> Made {
    let sandbox = caller.make_sandbox().await;
    print(caller, &sandbox).await;
    sandbox
}

async fn print(caller: &Caller, sandbox: &Made) {
    let events = caller.execute(sandbox, "print(1)").await;
    assert!(events.contains("\"1\\n\""), "{events}");
}
