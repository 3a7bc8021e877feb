//! Following a launcher until its app answers.

use model::event::{Event, EventSink};
use model::ports::Body;
use model::run::ExecutionError;

use super::report::Report;
use crate::client::{ProcessEvent, ProcessEvents, SandboxError};

/// What was seen of a launcher so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The launcher's process.
    pub(super) pid: Option<u32>,
    /// What the program wrote.
    pub(super) output: String,
    /// What the launcher overruled.
    pub(super) notices: Vec<String>,
    pending: Vec<u8>,
}

/// Where an app answers, inside its sandbox.
#[derive(Debug)]
pub(super) struct Answering {
    /// The port.
    pub(super) port: u16,
    /// The path, which is `/` for all but mounted apps.
    pub(super) path: String,
}

/// An app that answers, or why there is none.
type Started = Result<Answering, ExecutionError>;

impl Watch {
    /// Follows the launcher until the app answers (its port) or has failed.
    pub(super) async fn until_ready<B: Body>(
        &mut self,
        process: &mut ProcessEvents<B>,
        events: &mut impl EventSink,
    ) -> Result<Started, SandboxError> {
        while let Some(event) = process.event().await {
            match event? {
                ProcessEvent::Start(pid) => self.pid = Some(pid),
                ProcessEvent::Stdout(bytes) => {
                    self.pending.extend_from_slice(&bytes);
                    while let Some(report) = self.next_report() {
                        if let Some(started) = self.take(report, events).await {
                            return Ok(started);
                        }
                    }
                }
                ProcessEvent::Stderr(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.write(Event::Stderr { text: text.clone() }, &text, events)
                        .await;
                }
                ProcessEvent::End(how) => {
                    return Ok(Err(super::report::launcher_ended(&how, &self.output)));
                }
            }
        }
        let reason = "the stream ended while the app was starting".to_owned();
        Err(SandboxError::Broken {
            what: "start an app",
            reason,
        })
    }

    fn next_report(&mut self) -> Option<Report> {
        let end = self.pending.iter().position(|&byte| byte == b'\n')?;
        let line: Vec<u8> = self.pending.drain(..=end).collect();
        Some(Report::read(&line[..end]))
    }

    async fn take(&mut self, report: Report, events: &mut impl EventSink) -> Option<Started> {
        match report {
            Report::Ready { port, path } => return Some(Ok(Answering { port, path })),
            Report::Notice { text } => self.notices.push(text),
            Report::Failed(error) => return Some(Err(error)),
            Report::Output { stream, text } if stream == "stderr" => {
                self.write(Event::Stderr { text: text.clone() }, &text, events)
                    .await;
            }
            Report::Output { text, .. } => {
                self.write(Event::Stdout { text: text.clone() }, &text, events)
                    .await;
            }
            Report::Other => {}
        }
        None
    }

    async fn write(&mut self, event: Event, text: &str, events: &mut impl EventSink) {
        let room = model::run::OUTPUT_LIMIT.saturating_sub(self.output.len());
        if text.len() <= room {
            self.output.push_str(text);
        }
        // A start runs on to its end without its caller: the session keeps the app.
        let _ = events.emit(event).await;
    }
}
