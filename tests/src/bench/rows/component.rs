//! A component that only says hello: what the host itself takes for a request.

use std::time::Duration;

use nix::sys::signal::Signal;

use super::super::load::drive;
use super::super::usage::{peak_mib, processor_seconds, resident_mib};
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::checkout;
use crate::process::Process;

/// How long one turn is.
const TURN: Duration = Duration::from_secs(2);
/// The component of the host's own tests.
const GUEST: &str = "target/guest/wasm32-wasip2/release/guest.wasm";

pub(super) async fn measure(effort: Effort) -> Report {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let guest = checkout::path(GUEST);
    assert!(
        guest.exists(),
        "{GUEST} is not there: `cargo xtask bench` builds it"
    );
    let manifest = format!(
        "spin_manifest_version = 2\n\
         application = {{ name = \"trivial\", version = \"0.1.0\" }}\n\
         [[trigger.http]]\nroute = \"/guest/...\"\ncomponent = \"guest\"\n\
         [component.guest]\nsource = \"{}\"\n",
        guest.display()
    );
    let file = folder.path().join("spin.toml");
    std::fs::write(&file, manifest).expect("the folder can be written");
    let mut command = checkout::program("host");
    command
        .args(["up", "--listen", "127.0.0.1:0", "--manifest"])
        .arg(file);
    command.arg("--state-dir").arg(folder.path().join("state"));
    command
        .arg("--cache-dir")
        .arg(checkout::path("target/compiled"));
    let mut host = Process::start("host", command, Signal::SIGTERM, folder.path());
    let address = host.word_after("host: listening on http://").await;
    let new = Samples::new;
    let (mut rate, mut slow) = (new(Unit::PerSecond), new(Unit::Milliseconds));
    let mut used = new(Unit::Milliseconds);
    let idle = resident_mib(host.pid());
    for round in effort.rounds() {
        let before = processor_seconds(&[host.pid()]);
        let load = drive(&address, "/guest/hello", 200, TURN).await;
        let seconds = processor_seconds(&[host.pid()]) - before;
        let answers = load.per_second * TURN.as_secs_f64();
        used.note(round, seconds * 1000.0 / answers);
        rate.note(round, load.per_second);
        slow.note(round, load.p99_ms);
    }
    let peak = peak_mib(host.pid());

    let memory = |value| Samples::one(Unit::Mebibytes, value);
    let mut report = Report::default();
    report.line(Comparison::of("requests a second", &rate).must(Bar::AtLeast(7000.0)));
    report.line(Comparison::of("p99", &slow));
    // Other programs on the machine hardly change this one.
    report.stage("processor time of the host for each", &used);
    report.line(Comparison::of(
        "resident memory of the host at its most",
        &memory(peak),
    ));
    report.line(Comparison::of(
        "resident memory of the host before",
        &memory(idle),
    ));
    report
}
