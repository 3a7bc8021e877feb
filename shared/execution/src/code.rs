//! A piece of Python becomes its output.

use std::collections::BTreeMap;
use std::time::Duration;

use model::dataset::Codec;
use model::event::{ClientGone, Event, EventSink};
use model::ports::{Body, Outside, Timer};
use model::run::{
    ErrorKind, ExecutionError, OUTPUT_LIMIT, RunReply, RunRequest, line_in_traceback,
};
use model::session;
use serde_json::Value;

use crate::client::{Execution, ExecutionEvent, SandboxError};
use crate::provision::Workspace;
use crate::{ExecutionFailure, Executor};

/// How long a run waits for the runs of its session that go first.
const QUEUE: Duration = Duration::from_secs(30);

/// Names that the interpreter gives to the end of a kernel under its code (SANDBOX_PROTOCOL §2).
const KERNEL_ENDED: [&str; 4] = [
    "WebSocketError",
    "ContextRestarting",
    "ExecutionAborted",
    "UnexpectedEndOfExecution",
];

/// What came of an execution.
#[derive(Debug, Default)]
struct Outcome {
    output: String,
    truncated: bool,
    results: Vec<Value>,
    error: Option<ExecutionError>,
    execution_count: Option<u64>,
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// Runs a plain program in its session's kernel.
    ///
    /// A sandbox that is gone is replaced once, and the reply's `notices` say so.
    pub async fn run(
        &self,
        request: &RunRequest,
        events: &mut impl EventSink,
    ) -> Result<RunReply, ExecutionFailure> {
        let begun = self.outside.timer().elapsed();
        let mut workspace = self.open(request.session_id, events).await?;
        let mut outcome = self.attempt(&workspace, request, events).await;
        if let Err(ExecutionFailure::Sandbox(SandboxError::Gone(_))) = outcome {
            self.reopen(&mut workspace, events).await?;
            outcome = self.attempt(&workspace, request, events).await;
        }
        let outcome = outcome?;
        let session = session::update(self.outside, workspace.session.id, |head| {
            head.keep_output(&outcome.output);
        })
        .await?;
        Ok(RunReply {
            output: outcome.output,
            url: None,
            session_id: session.id,
            activity_duration: self.lifetimes.activity_duration(),
            results: outcome.results,
            error: outcome.error,
            notices: workspace.notices,
            execution_count: outcome.execution_count,
            duration_ms: self.milliseconds_since(begun),
            truncated: outcome.truncated,
            framework: None,
            revision: None,
        })
    }

    pub(crate) fn milliseconds_since(&self, begun: Duration) -> u64 {
        let elapsed = self.outside.timer().elapsed().saturating_sub(begun);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    async fn attempt(
        &self,
        workspace: &Workspace,
        request: &RunRequest,
        events: &mut impl EventSink,
    ) -> Result<Outcome, ExecutionFailure> {
        let client = self.client();
        let env: &BTreeMap<String, String> = &request.env;
        let mut execution = client
            .execute(&workspace.sandbox, &request.code, env)
            .await?;
        let first = match self.next(&mut execution, QUEUE).await {
            Ok(first) => first,
            Err(TimedOut) => {
                let (session, seconds) = (workspace.session.id, QUEUE.as_secs());
                return Err(ExecutionFailure::Busy { session, seconds });
            }
        };
        let mut outcome = Outcome::default();
        let timeout = request.timeout();
        let deadline = self.outside.timer().elapsed() + timeout;
        let mut next = Ok(first);
        // Leaving this loop drops the execution, which interrupts code that still runs.
        loop {
            match next {
                Ok(Some(event)) => match outcome.take(event?, events).await {
                    Step::GoOn => {}
                    Step::Over => break,
                },
                Ok(None) => {
                    outcome.fail(ErrorKind::Killed, "SandboxEnded", SANDBOX_ENDED.to_owned());
                    break;
                }
                Err(TimedOut) => {
                    let value = format!("timeout ({} s)", timeout.as_secs());
                    outcome.fail(ErrorKind::Timeout, "TimeoutError", value);
                    break;
                }
            }
            let left = deadline.saturating_sub(self.outside.timer().elapsed());
            next = self.next(&mut execution, left).await;
        }
        if let Some(error) = outcome.error.clone() {
            let _ = events.emit(Event::Error { error }).await;
        }
        Ok(outcome)
    }

    /// The next event, unless `limit` passes first.
    async fn next<B: Body>(
        &self,
        execution: &mut Execution<B>,
        limit: Duration,
    ) -> Result<Option<Result<ExecutionEvent, SandboxError>>, TimedOut> {
        self.outside
            .timer()
            .within(limit, execution.event())
            .await
            .ok_or(TimedOut)
    }
}

const SANDBOX_ENDED: &str = "the sandbox ended while the code ran; run it again to get a new one";

struct TimedOut;

enum Step {
    GoOn,
    Over,
}

impl Outcome {
    async fn take(&mut self, event: ExecutionEvent, events: &mut impl EventSink) -> Step {
        let told = match event {
            ExecutionEvent::Started(count) => {
                self.execution_count = Some(count);
                Ok(())
            }
            ExecutionEvent::Stdout(text) => {
                let text = self.append(text);
                events.emit(Event::Stdout { text }).await
            }
            ExecutionEvent::Stderr(text) => {
                let text = self.append(text);
                events.emit(Event::Stderr { text }).await
            }
            ExecutionEvent::Result(result) => {
                self.results.push(result.clone());
                events.emit(Event::Result { result }).await
            }
            ExecutionEvent::Error {
                name,
                value,
                traceback,
            } => {
                let ended = KERNEL_ENDED.contains(&name.as_str());
                let kind = if ended {
                    ErrorKind::Killed
                } else {
                    ErrorKind::Raised
                };
                let line = line_in_traceback(&traceback, "<ipython-input");
                self.error = Some(ExecutionError {
                    kind,
                    name,
                    value,
                    traceback,
                    line,
                });
                Ok(())
            }
            ExecutionEvent::End => return Step::Over,
            ExecutionEvent::Other => events.keep_alive().await,
        };
        match told {
            Ok(()) => Step::GoOn,
            Err(ClientGone) => {
                self.fail(ErrorKind::Killed, "Interrupted", ClientGone.to_string());
                Step::Over
            }
        }
    }

    /// Adds what still fits under the limit; gives what was added.
    fn append(&mut self, mut text: String) -> String {
        let room = OUTPUT_LIMIT - self.output.len();
        if text.len() > room {
            self.truncated = true;
            let fits = (0..=room).rev().find(|&at| text.is_char_boundary(at));
            text.truncate(fits.unwrap_or(0));
        }
        self.output.push_str(&text);
        text
    }

    fn fail(&mut self, kind: ErrorKind, name: &str, value: String) {
        if self.error.is_none() {
            let (name, traceback) = (name.to_owned(), String::new());
            self.error = Some(ExecutionError {
                kind,
                name,
                value,
                traceback,
                line: None,
            });
        }
    }
}

#[cfg(test)]
mod tests;
