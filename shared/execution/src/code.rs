//! A piece of Python becomes its output.

use std::collections::BTreeMap;
use std::time::Duration;

use model::dataset::Codec;
use model::event::{ClientGone, Event, EventSink};
use model::ports::{Body, Outside, Timer};
use model::run::{ErrorKind, ExecutionError, OUTPUT_LIMIT, RunReply, RunRequest};
use model::session;
use serde_json::Value;

use crate::client::{Execution, ExecutionEvent, SandboxError};
use crate::limit::{self, Raised};
use crate::provision::Workspace;
use crate::stop::{CutShort, StopWatch, interrupted};
use crate::{ExecutionFailure, Executor};

/// How long a run waits for the runs of its session that go first.
const QUEUE: Duration = Duration::from_secs(30);

/// How long a stream may stay open after its last event. Read to its end, its connection serves the next run.
const TO_THE_END: Duration = Duration::from_millis(50);

/// The most bytes of results that a reply carries: a component has little memory.
const RESULTS_LIMIT: usize = 24 * 1024 * 1024;

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
        let mut stop = self.stop_watch_of(&workspace);
        let mut outcome = self.attempt(&workspace, request, &mut stop, events).await;
        if let Err(ExecutionFailure::Sandbox(SandboxError::Gone(_))) = outcome {
            self.reopen(&mut workspace, events).await?;
            stop = self.stop_watch_of(&workspace);
            outcome = self.attempt(&workspace, request, &mut stop, events).await;
        }
        let outcome = outcome?;
        let id = workspace.session.id;
        let kept = session::update(self.outside, id, |head| {
            head.keep_output(&outcome.output);
            stop.acknowledge(head);
        });
        // The run is done: its reply is not lost because the head could not be changed.
        if let Err(error) = kept.await {
            eprintln!("session.id={id} does not show its latest output: {error}");
        }
        self.tell_that_it_stopped(&stop, &workspace.sandbox).await;
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
        stop: &mut StopWatch<'_>,
        events: &mut impl EventSink,
    ) -> Result<Outcome, ExecutionFailure> {
        let client = self.client();
        let env: &BTreeMap<String, String> = &request.env;
        let mut execution = client
            .execute(&workspace.sandbox, &request.code, env)
            .await?;
        let first = match self.wait_for_turn(&mut execution, stop, events).await {
            Err(CutShort::TimedOut) => {
                return Err(ExecutionFailure::Busy {
                    session: workspace.session.id,
                    seconds: QUEUE.as_secs(),
                });
            }
            first => first,
        };
        let mut outcome = Outcome::default();
        let timeout = request.timeout();
        let deadline = self.outside.timer().elapsed() + timeout;
        let mut next = first;
        // Leaving this loop drops the execution, which interrupts code that still runs.
        loop {
            match next {
                Ok(Some(event)) => match outcome.take(event?, events).await {
                    Step::GoOn => {}
                    Step::Over => break,
                    Step::Ended => {
                        let end = execution.event();
                        self.outside.timer().within(TO_THE_END, end).await;
                        break;
                    }
                },
                Ok(None) => {
                    outcome.fail(ErrorKind::Killed, "SandboxEnded", SANDBOX_ENDED.to_owned());
                    break;
                }
                Err(CutShort::TimedOut) => {
                    let value = format!("timeout ({} s)", timeout.as_secs());
                    outcome.fail(ErrorKind::Timeout, "TimeoutError", value);
                    break;
                }
                Err(CutShort::Stopped) => {
                    outcome.error.get_or_insert_with(interrupted);
                    break;
                }
            }
            // Code that never pauses must not outrun the clock, so it is looked at first.
            let left = deadline.saturating_sub(self.outside.timer().elapsed());
            next = self.unless_stopped(stop, left, execution.event()).await;
        }
        drop(execution);
        if let Some(error) = &mut outcome.error
            && self.config.leaves_limits_unnamed()
        {
            limit::name_inferred(&client, &workspace.sandbox, error).await;
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
        stop: &mut StopWatch<'_>,
        events: &mut impl EventSink,
    ) -> Result<Option<Result<ExecutionEvent, SandboxError>>, CutShort> {
        let give_up = self.outside.timer().elapsed() + QUEUE;
        loop {
            let left = give_up.saturating_sub(self.outside.timer().elapsed());
            match self.unless_stopped(stop, left, execution.event()).await? {
                // A keepalive: still waiting. A client that went away ends the wait.
                Some(Ok(ExecutionEvent::Other)) => {
                    events.keep_alive().await.map_err(|_| CutShort::TimedOut)?;
                }
                first => return Ok(first),
            }
        }
    }
}

const SANDBOX_ENDED: &str = "the sandbox ended while the code ran; run it again to get a new one";

enum Step {
    GoOn,
    /// Nobody waits for the rest.
    Over,
    /// The code came to its end.
    Ended,
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
                kind,
            } => {
                let raised = Raised {
                    name,
                    value,
                    traceback,
                    kind,
                };
                self.error = Some(raised.into_error());
                Ok(())
            }
            ExecutionEvent::TooLong => {
                self.truncated = true;
                Ok(())
            }
            ExecutionEvent::End => return Step::Ended,
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

    /// The code did not come to its end; what it raised itself before goes first.
    fn fail(&mut self, kind: ErrorKind, name: &str, value: String) {
        self.error
            .get_or_insert_with(|| ExecutionError::without_traceback(kind, name, value));
    }
}

#[cfg(test)]
mod tests;
