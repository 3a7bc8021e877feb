//! The messages of `process.Process`, as proto3's JSON writes them: absent fields have their default.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connect_rpc::RpcError;
use super::process::{Channel, Running};
use crate::process::Exit;

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Start {
    pub process: Config,
    pub stdin: Option<bool>,
    pub pty: Option<Pty>,
    pub tag: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub cmd: String,
    pub args: Vec<String>,
    pub envs: BTreeMap<String, String>,
    pub cwd: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Pty {
    pub size: Size,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

/// Everything that is said about a process that runs.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Message {
    pub process: Selector,
    pub input: Input,
    pub signal: Value,
    pub pty: Option<Pty>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Selector {
    pub pid: Option<u32>,
    pub tag: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Input {
    pub stdin: Option<String>,
    pub pty: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct InputStream {
    pub start: Option<Message>,
    pub data: Option<Message>,
}

/// proto3's JSON takes an enum by name or by number.
pub fn signal(value: &Value) -> Result<Signal, RpcError> {
    match (value.as_str(), value.as_i64()) {
        (Some("SIGNAL_SIGKILL"), _) | (_, Some(9)) => Ok(Signal::SIGKILL),
        (Some("SIGNAL_SIGTERM"), _) | (_, Some(15)) => Ok(Signal::SIGTERM),
        _ => Err(RpcError::invalid_argument(format!(
            "signal is {value}; it must be SIGNAL_SIGKILL or SIGNAL_SIGTERM"
        ))),
    }
}

pub fn view(running: &Running) -> Value {
    let mut view = json!({ "config": running.config, "pid": running.handle.pid() });
    if let Some(tag) = &running.tag {
        view["tag"] = tag.as_str().into();
    }
    view
}

pub fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Stdout => "stdout",
        Channel::Stderr => "stderr",
        Channel::Pty => "pty",
    }
}

/// As Go describes an ended process, and with the limit that stopped it.
pub fn end(exit: Exit, limit: Option<String>) -> Value {
    let mut end = end_of(exit);
    if let Some(limit) = limit {
        let how = match exit {
            // What a shell makes of a program that was killed.
            Exit::Code(137) => "signal: killed",
            _ => end["status"].as_str().unwrap_or_default(),
        };
        end["error"] = format!("{how}: {limit}").into();
    }
    end
}

fn end_of(exit: Exit) -> Value {
    match exit {
        Exit::Code(code) => {
            json!({ "exitCode": code, "exited": true, "status": format!("exit status {code}") })
        }
        Exit::Signal(number) => {
            let status = format!("signal: {}", signal_name(number));
            json!({ "exitCode": -1, "exited": false, "status": status, "error": status })
        }
        Exit::Lost => {
            json!({ "exitCode": -1, "exited": false, "status": "lost with its sandbox", "error": "lost with its sandbox" })
        }
    }
}

fn signal_name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(Signal::SIGKILL) => "killed".to_owned(),
        Ok(Signal::SIGTERM) => "terminated".to_owned(),
        Ok(Signal::SIGINT) => "interrupt".to_owned(),
        Ok(Signal::SIGSEGV) => "segmentation fault".to_owned(),
        Ok(Signal::SIGABRT) => "aborted".to_owned(),
        Ok(Signal::SIGHUP) => "hangup".to_owned(),
        Ok(Signal::SIGPIPE) => "broken pipe".to_owned(),
        Ok(other) => other.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}
