//! What envd tells of a running process.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ports::Body;
use serde_json::Value;

use super::SandboxError;
use super::envelopes::{Envelope, Envelopes};
use super::reply::excerpt;

/// What a running process tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessEvent {
    /// It runs, with this process id.
    Start(u32),
    /// It wrote to standard output.
    Stdout(Vec<u8>),
    /// It wrote to standard error.
    Stderr(Vec<u8>),
    /// It ended; the text says how.
    End(String),
}

/// The events of a running process.
#[derive(Debug)]
pub struct ProcessEvents<B> {
    pub(super) envelopes: Envelopes<B>,
}

impl<B: Body> ProcessEvents<B> {
    /// The next event; `None` at the end of the stream.
    pub async fn event(&mut self) -> Option<Result<ProcessEvent, SandboxError>> {
        let what = "start a process";
        let broken = |reason| SandboxError::Broken { what, reason };
        loop {
            let message = match self.envelopes.envelope().await? {
                Ok(Envelope::Message(message)) => message,
                Ok(Envelope::End(trailer)) => {
                    let trailer: Value = serde_json::from_slice(&trailer).unwrap_or_default();
                    let error = trailer.get("error")?;
                    let message = error["message"].as_str().unwrap_or("no reason given");
                    return Some(Err(broken(message.to_owned())));
                }
                Err(error) => return Some(Err(broken(error.to_string()))),
            };
            let Ok(message) = serde_json::from_slice::<Value>(&message) else {
                return Some(Err(broken(format!("`{}` is no event", excerpt(&message)))));
            };
            if let Some(event) = process_event(&message["event"]) {
                return Some(Ok(event));
            }
        }
    }
}

/// Reads one process event; `None` for those that do not concern us. Zero values may be left out.
pub(super) fn process_event(event: &Value) -> Option<ProcessEvent> {
    if let Some(start) = event.get("start") {
        return Some(ProcessEvent::Start(start["pid"].as_u64()?.try_into().ok()?));
    }
    if let Some(end) = event.get("end") {
        let said = end["error"].as_str().or(end["status"].as_str());
        let said = said.map(str::to_owned);
        let code = end["exitCode"].as_i64().unwrap_or(0);
        return Some(ProcessEvent::End(
            said.unwrap_or_else(|| format!("exit status {code}")),
        ));
    }
    let data = event.get("data")?;
    let decode = |name: &str| STANDARD.decode(data.get(name)?.as_str()?).ok();
    decode("stdout")
        .map(ProcessEvent::Stdout)
        .or_else(|| decode("stderr").map(ProcessEvent::Stderr))
}
