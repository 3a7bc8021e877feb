//! What envd tells of a running process.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ports::Body;
use serde_json::Value;

use super::SandboxError;
use super::envelopes::Envelopes;

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
        loop {
            let message = match self.envelopes.message("start a process").await? {
                Ok(message) => message,
                Err(error) => return Some(Err(error)),
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
