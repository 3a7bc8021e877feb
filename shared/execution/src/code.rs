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

/// The most bytes of results that a reply carries: a component has little memory.
const RESULTS_LIMIT: usize = 24 * 1024 * 1024;

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
    result_bytes: usize,
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
        let id = workspace.session.id;
        let kept = session::update(self.outside, id, |head| head.keep_output(&outcome.output));
        // The run is done: its reply is not lost because the head could not be changed.
        if let Err(error) = kept.await {
            eprintln!("session.id={id} does not show its latest output: {error}");
        }
        Ok(RunReply {
            output: outcome.output,
            url: None,
            session_id: id,
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
        let first = match self.wait_for_turn(&mut execution, events).await {
            Ok(first) => first,
            Err(TimedOut) => {
                return Err(ExecutionFailure::Busy {
                    session: workspace.session.id,
                    seconds: QUEUE.as_secs(),
                });
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
            // Code that never pauses must not outrun the clock.
            next = if left.is_zero() {
                Err(TimedOut)
            } else {
                self.next(&mut execution, left).await
            };
        }
        if let Some(error) = outcome.error.clone() {
            let _ = events.emit(Event::Error { error }).await;
        }
        Ok(outcome)
    }

    /// The first event of the execution itself: until then, others of its session go first.
    async fn wait_for_turn<B: Body>(
        &self,
        execution: &mut Execution<B>,
        events: &mut impl EventSink,
    ) -> Result<Option<Result<ExecutionEvent, SandboxError>>, TimedOut> {
        let give_up = self.outside.timer().elapsed() + QUEUE;
        loop {
            let left = give_up.saturating_sub(self.outside.timer().elapsed());
            match self.next(execution, left).await? {
                // A keepalive: still waiting. A client that went away ends the wait.
                Some(Ok(ExecutionEvent::Other)) if !left.is_zero() => {
                    events.keep_alive().await.map_err(|_| TimedOut)?;
                }
                Some(Ok(ExecutionEvent::Other)) => return Err(TimedOut),
                first => return Ok(first),
            }
        }
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
                if !self.has_room_for(&result) {
                    self.truncated = true;
                    return Step::GoOn;
                }
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
            ExecutionEvent::TooLong => {
                self.truncated = true;
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

    /// Counts a result against [`RESULTS_LIMIT`].
    fn has_room_for(&mut self, result: &Value) -> bool {
        let texts = result
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.values());
        let bytes: usize = texts.map(|value| value.as_str().map_or(64, str::len)).sum();
        self.result_bytes += bytes;
        self.result_bytes <= RESULTS_LIMIT
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
