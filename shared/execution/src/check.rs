//! Checking a program in the sandbox before it is shown to anybody.
//!
//! The check (`check_app.py` and its package) is uploaded with the launcher, whose ways of running
//! programs it uses, and with the program. It reads the source, runs the program as the launcher would,
//! opens its pages, uses its widgets, calls its endpoints, and tells in one JSON object what it found.

use std::collections::BTreeMap;
use std::time::Duration;

use model::check::CheckReport;
use model::dataset::Codec;
use model::ports::{Body, Outside, Random, Timer};
use model::session::SandboxRef;
use model::{Framework, json};

use crate::client::{ProcessEvent, ProcessEvents, SandboxError};
use crate::programs::{self, new_files};
use crate::{ExecutionFailure, Executor};

const ENTRY: &str = "/home/user/.conductor/check_app.py";

/// How much longer than its own limit a check may take: to start, and to tell.
const GRACE: Duration = Duration::from_secs(30);
/// A report has no more bytes; tracebacks are short.
const REPORT_LIMIT: usize = 4 * 1024 * 1024;

/// A program that is to be checked.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The program.
    pub code: &'a str,
    /// What it is built with.
    pub framework: Framework,
    /// The environment variables that it runs with.
    pub env: &'a BTreeMap<String, String>,
    /// How long one run of it, or one call of an endpoint, may take.
    pub run_limit: Duration,
    /// How long all of the check may take.
    pub limit: Duration,
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// Checks a program in a sandbox, beside whatever runs there; its data must be there already.
    ///
    /// A program that cannot be checked in time, or that takes its process down, is a report, too.
    pub async fn check(
        &self,
        sandbox: &SandboxRef,
        candidate: &Candidate<'_>,
    ) -> Result<CheckReport, ExecutionFailure> {
        let client = self.client();
        // Two checks at once never share a file; it lies where the app will, beside its data.
        let number = u128::from_be_bytes(self.outside.random().bytes());
        let path = format!("/home/user/.conductor_check_{number:032x}.py");
        let programs = [programs::check(), programs::launcher()].concat();
        let files = new_files(&programs, &path, candidate.code);
        client.write_files(sandbox, &files).await?;
        let (run_limit, limit) = (seconds(candidate.run_limit), seconds(candidate.limit));
        let arguments = [
            ENTRY,
            "--framework",
            candidate.framework.name(),
            "--app",
            &path,
            "--remove",
            "--run-seconds",
            &run_limit,
            "--check-seconds",
            &limit,
        ];
        let mut process = client
            .start(sandbox, "python3", &arguments, candidate.env)
            .await?;
        let mut pid = None;
        let report = report_of(&mut process, &mut pid);
        let report = self
            .outside
            .timer()
            .within(candidate.limit + GRACE, report)
            .await;
        if report.is_none()
            && let Some(pid) = pid
        {
            // The worker dies with it.
            let _ = client.signal(sandbox, pid, "SIGNAL_SIGKILL").await;
        }
        Ok(report.unwrap_or_else(|| {
            Ok(CheckReport::unfinished(format!(
                "the check did not end within {limit} s"
            )))
        })?)
    }
}

fn seconds(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) => seconds.to_string(),
        (seconds, millis) => format!("{seconds}.{millis:03}"),
    }
}

/// Follows the check to its end.
async fn report_of<B: Body>(
    process: &mut ProcessEvents<B>,
    pid: &mut Option<u32>,
) -> Result<CheckReport, SandboxError> {
    let (mut written, mut complaint) = (Vec::new(), String::new());
    while let Some(event) = process.event().await {
        match event? {
            ProcessEvent::Start(started) => *pid = Some(started),
            ProcessEvent::Stdout(bytes) if written.len() < REPORT_LIMIT => written.extend(bytes),
            ProcessEvent::Stdout(_) => {}
            ProcessEvent::Stderr(bytes) => complaint.push_str(&String::from_utf8_lossy(&bytes)),
            ProcessEvent::End(how) => {
                return Ok(read(&written).unwrap_or_else(|| {
                    let last = complaint.lines().next_back().unwrap_or_default();
                    CheckReport::unfinished(format!("the check did not report ({how}): {last}"))
                }));
            }
        }
    }
    Err(SandboxError::Broken {
        what: "check a program",
        reason: "the stream ended while the program was being checked".to_owned(),
    })
}

/// Reads what the check wrote: its report is the last line.
fn read(written: &[u8]) -> Option<CheckReport> {
    let mut lines = written.rsplit(|&byte| byte == b'\n');
    let line = lines.find(|line| !line.is_empty())?;
    let report = json::read(line).ok()?;
    (report["event"] == "checked").then(|| serde_json::from_value(report).ok())?
}

#[cfg(test)]
mod tests;
