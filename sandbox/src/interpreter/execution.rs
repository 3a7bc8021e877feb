//! One execution, from its request to its last line.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::{FutureExt, MaybeDone, maybe_done};
use futures_util::stream;
use nix::sys::signal::Signal;
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::context::{Context, Engine, Halt, StartError, Turn};
use super::ending::{Done, Ending, Watch};
use super::output::Output;
use crate::meters::Meters;
use crate::sandbox::Sandbox;

/// E2B's clients tell a caller that went away by this, as proxies between do.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long an interrupted program has, by how often it is interrupted: some code takes the first
/// one for its own affair.
const INTERRUPTS: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(1),
];
/// Lines that wait for the network; more wait in the kernel.
const LINES: usize = 16;

/// What to run.
pub(crate) struct Code {
    /// The program.
    pub(crate) text: String,
    /// Set before and restored after.
    pub(crate) env_vars: BTreeMap<String, String>,
}

/// Starts an execution; its lines are the body. Dropping the body interrupts it.
pub(crate) fn start(sandbox: Arc<Sandbox>, context: Arc<Context>, code: Code) -> Body {
    let (outputs, receiver) = mpsc::channel(LINES);
    // Subscribed before the turn is waited for: a restart also stops those who wait.
    let halted = context.halted();
    // In line before the answer begins: turns go by the order of the requests, not of the tasks.
    let mut turn = Box::pin(maybe_done(context.turn()));
    let _ = turn.as_mut().now_or_never();
    let closed = sandbox.closed().clone();
    let tally = Tally {
        meters: sandbox.meters.clone(),
        outcome: None,
    };
    tokio::spawn(async move {
        let last = run(&sandbox, &context, turn, &code, &outputs, halted).await;
        let _ = outputs.send(last).await;
    });
    Body::from_stream(stream::unfold(Some((receiver, closed, tally)), next_line))
}

/// The outcome of code that raised, and of nothing else.
const RAISED: &str = "raised";

/// Counts an execution when its stream is over: read to its end, or given up.
struct Tally {
    meters: Arc<Meters>,
    outcome: Option<&'static str>,
}

impl Tally {
    fn note(&mut self, output: &Output) {
        match output {
            Output::Error { kind, .. } => self.outcome = Some(kind.unwrap_or(RAISED)),
            Output::UnexpectedEndOfExecution if self.outcome == Some(RAISED) => {
                self.outcome = Some("lost");
            }
            Output::EndOfExecution => self.outcome = self.outcome.or(Some("ok")),
            _ => {}
        }
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.meters.executed(self.outcome.unwrap_or("interrupted"));
    }
}

/// The answer where there is no context to run in, because a limit is in the way.
pub(crate) fn refused(error: &StartError) -> Body {
    let lines = [not_started(error), Output::UnexpectedEndOfExecution];
    Body::from(lines.map(|line| line.line()).concat())
}

fn not_started(error: &StartError) -> Output {
    match error.limit() {
        Some((limit, text)) => Output::of_limit(limit, text.to_owned()),
        None => Output::error("UnexpectedEndOfExecution", error.to_string()),
    }
}

/// What the next line is taken from; `None` after the last one.
type Source = Option<(mpsc::Receiver<Output>, CancellationToken, Tally)>;

async fn next_line(source: Source) -> Option<(io::Result<Bytes>, Source)> {
    let (mut outputs, closed, mut tally) = source?;
    let output = match timeout(KEEPALIVE_EVERY, outputs.recv()).await {
        Ok(Some(output)) => output,
        // E2B's clients take a stream that ends well for a run that did; one that is cut makes them
        // look for the sandbox, and say that it was killed.
        Ok(None) if closed.is_cancelled() => {
            return Some((Err(io::Error::other("the sandbox has ended")), None));
        }
        Ok(None) => return None,
        Err(_) => Output::Keepalive,
    };
    tally.note(&output);
    Some((Ok(output.line()), Some((outputs, closed, tally))))
}

/// The whole of it; returns the last line.
async fn run(
    sandbox: &Sandbox,
    context: &Context,
    mut place: Pin<Box<MaybeDone<impl Future<Output = OwnedMutexGuard<Turn>>>>>,
    code: &Code,
    outputs: &mpsc::Sender<Output>,
    mut halted: watch::Receiver<Halt>,
) -> Output {
    tokio::select! {
        biased;
        halt = next_halt(&mut halted) => return cut_short(outputs, halt_error(halt)).await,
        () = outputs.closed() => return Output::EndOfExecution,
        () = place.as_mut() => {}
    }
    let mut turn = place
        .as_mut()
        .take_output()
        .expect("it was waited for, and is taken once");
    let (engine, notice) = match turn.engine(sandbox, context).await {
        Ok(engine) => engine,
        Err(error) => return cut_short(outputs, not_started(&error)).await,
    };
    if let Some(notice) = notice {
        let _ = outputs.send(Output::notice(notice)).await;
    }
    let watch = Watch::new(sandbox);
    let outcome = watch_over(sandbox, engine, code, &watch, outputs, &mut halted).await;
    turn.rest(sandbox);
    match outcome {
        Outcome::Done(Done { failed }) => {
            if let Some(notice) = watch.notice().filter(|_| !failed) {
                let _ = outputs.send(notice).await;
            }
            Output::EndOfExecution
        }
        Outcome::Ended(ending) => {
            turn.give_up(ending.notice.clone());
            match ending.is_wanted() {
                true => Output::EndOfExecution,
                false => cut_short(outputs, ending.output()).await,
            }
        }
        Outcome::Halted(halt) => {
            end(&mut turn);
            cut_short(outputs, halt_error(halt)).await
        }
        Outcome::Deaf => {
            tracing::warn!(
                sandbox.id = sandbox.id,
                context.id = context.id,
                "an execution ignored its interrupt; context {} is started again",
                context.id
            );
            turn.give_up("the code before this did not stop when it was interrupted, so the context was started again: its variables are gone\n".to_owned());
            Output::EndOfExecution
        }
    }
}

enum Outcome {
    /// The code ran to its end, or was interrupted and is over.
    Done(Done),
    /// The engine is gone.
    Ended(Ending),
    /// The engine is killed, for this reason.
    Halted(Halt),
    /// The engine is killed: nobody waits for the code any more, and it did not stop.
    Deaf,
}

/// Runs the code, and stops it when the caller goes away or the context is restarted.
async fn watch_over(
    sandbox: &Sandbox,
    engine: &mut Engine,
    code: &Code,
    watch: &Watch<'_>,
    outputs: &mpsc::Sender<Output>,
    halted: &mut watch::Receiver<Halt>,
) -> Outcome {
    let process = engine.process();
    let execution = engine.execute(&code.text, &code.env_vars, watch, outputs);
    tokio::pin!(execution);
    let over = |outcome: Result<Done, Ending>| outcome.map_or_else(Outcome::Ended, Outcome::Done);
    tokio::select! {
        biased;
        halt = next_halt(halted) => {
            process.signal_group(Signal::SIGKILL);
            return Outcome::Halted(halt);
        }
        outcome = &mut execution => return over(outcome),
        () = outputs.closed() => {}
    }
    // Only when it has really stopped may the next one begin.
    for patience in INTERRUPTS {
        // In a paused sandbox it cannot stop; it would be killed for that.
        tokio::select! {
            () = sandbox.running() => {}
            () = sandbox.closed().cancelled() => {}
        }
        process.signal_group(Signal::SIGINT);
        tokio::select! {
            biased;
            outcome = timeout(patience, &mut execution) => {
                if let Ok(outcome) = outcome {
                    return over(outcome);
                }
            }
            halt = next_halt(halted) => {
                process.signal_group(Signal::SIGKILL);
                return Outcome::Halted(halt);
            }
        }
    }
    process.signal_group(Signal::SIGKILL);
    Outcome::Deaf
}

/// The caller is told about the end at once, so the next execution's caller is not.
fn end(turn: &mut Turn) {
    turn.give_up(String::new());
}

/// Never returns while the context may go on.
async fn next_halt(halted: &mut watch::Receiver<Halt>) -> Halt {
    match halted.changed().await {
        Ok(()) => *halted.borrow(),
        Err(_) => Halt::Remove,
    }
}

fn halt_error(halt: Halt) -> Output {
    match halt {
        Halt::Remove => Output::error(
            "ExecutionAborted",
            "the context was removed while the code ran or waited",
        ),
        Halt::Restart(_) | Halt::No => Output::error(
            "ContextRestarting",
            "the context was restarted while the code ran or waited",
        ),
    }
}

/// Sends why; returns the last line.
async fn cut_short(outputs: &mpsc::Sender<Output>, error: Output) -> Output {
    let _ = outputs.send(error).await;
    Output::UnexpectedEndOfExecution
}
