//! The command that a person types, until the page can be opened.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reqwest::Client;

use super::super::caller::{text, timed};
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::checkout;
use crate::process::Process;
use crate::wait::PATIENCE;

const LOOK: Duration = Duration::from_millis(5);
/// Kept between runs, as a person's is; not the person's own, which may be in use.
const STATE: &str = "target/bench-state";

pub(super) async fn measure(effort: Effort) -> Report {
    let mut ours = Samples::new(Unit::Milliseconds);
    let mut stages: Vec<(String, Samples)> = Vec::new();
    for round in effort.rounds() {
        let (taken, log) = once().await;
        ours.note(round, taken);
        for (what, taken) in steps(&log) {
            match stages.iter_mut().find(|(known, _)| *known == what) {
                Some((_, samples)) => samples.note(round, taken),
                None => {
                    let mut samples = Samples::new(Unit::Milliseconds);
                    samples.note(round, taken);
                    stages.push((what, samples));
                }
            }
        }
    }
    let mut report = Report::default();
    report.line(Comparison::of("until the page answers", &ours).must(Bar::AtMost(3000.0)));
    report.stages = stages
        .into_iter()
        .filter(|(_, samples)| !samples.values().is_empty())
        .collect();
    report
        .notes
        .push("steps as `up` shows them, to a tenth of a second".to_owned());
    report
}

async fn once() -> (f64, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new("cargo");
    command.current_dir(checkout::path(""));
    command.args([
        "xtask",
        "up",
        "--port",
        "0",
        "--sandbox-port",
        "0",
        "--state-dir",
        STATE,
    ]);
    let client = Client::builder().no_proxy().build();
    let client = client.expect("the client needs nothing of the machine");
    let (taken, mut up) = timed(async {
        let up = Process::start("up", command, Signal::SIGINT, folder.path());
        let (mut up, page) = address(up).await;
        text(client.get(&page).header("accept", "text/html")).await;
        assert!(up.ended().is_none(), "it ended by itself:\n{}", up.log());
        up
    })
    .await;
    up.stop();
    (taken, up.log())
}

/// The address behind the words `start here`.
async fn address(mut up: Process) -> (Process, String) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = up.log();
        let said = log.lines().find_map(|line| line.split_once("start here"));
        if let Some((_, page)) = said {
            return (up, page.trim().to_owned());
        }
        assert!(
            up.ended().is_none() && Instant::now() < deadline,
            "`cargo xtask up` does not come up:\n{log}"
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// `✓ start sandbox    0.4 s  listening …`
fn steps(log: &str) -> Vec<(String, f64)> {
    let step = |line: &str| {
        let (title, rest) = line.strip_prefix("✓ ")?.split_at_checked(22)?;
        let mut words = rest.split_whitespace();
        let seconds: f64 = words.next()?.parse().ok()?;
        (words.next()? == "s").then(|| (title.trim().to_owned(), seconds * 1000.0))
    };
    log.lines().filter_map(step).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn steps_are_read_as_up_writes_them() {
        let log = "… start sandbox\n✓ start sandbox             0.4 s  listening on 127.0.0.1:1\n";
        assert_eq!(super::steps(log), [("start sandbox".to_owned(), 400.0)]);
    }
}
