//! `process.Process`: starting programs, hearing them, speaking to them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::connect_rpc::{self, Messages, Outgoing, RpcError};
use super::process::{Channel, Event, Running};
use crate::process::{Exit, Spawn, SpawnError};
use crate::sandbox::Sandbox;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Start {
    process: Config,
    stdin: Option<bool>,
    pty: Option<Pty>,
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    cmd: String,
    args: Vec<String>,
    envs: BTreeMap<String, String>,
    cwd: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pty {
    size: Size,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Size {
    cols: u16,
    rows: u16,
}

/// Everything that is said about a process that runs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    process: Selector,
    input: Input,
    signal: Value,
    pty: Option<Pty>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Selector {
    pid: Option<u32>,
    tag: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    stdin: Option<String>,
    pty: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InputStream {
    start: Option<Message>,
    data: Option<Message>,
}

/// One call.
pub async fn call(
    Extension(sandbox): Extension<Arc<Sandbox>>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let stream = connect_rpc::is_stream(request.headers());
    match (method.as_str(), stream) {
        ("Start" | "Connect", true) => {
            let headers = request.headers().clone();
            let body = Messages::new(request.into_body());
            let opened = match method.as_str() {
                "Start" => start(&sandbox, body, &headers).await,
                _ => connect(&sandbox, body, &headers).await,
            };
            opened.unwrap_or_else(|error| connect_rpc::reply_in_stream(Err(error)))
        }
        ("StreamInput", true) => connect_rpc::reply_in_stream(
            stream_input(&sandbox, Messages::new(request.into_body())).await,
        ),
        (_, true) => connect_rpc::refuse(
            &request,
            RpcError::unimplemented(format!("there is no stream process.Process/{method}")),
        ),
        (_, false) => match unary(&sandbox, &method, request).await {
            Ok(message) => connect_rpc::reply(&message),
            Err(error) => error.into_response(),
        },
    }
}

async fn start(
    sandbox: &Arc<Sandbox>,
    mut body: Messages,
    headers: &HeaderMap,
) -> Result<Response, RpcError> {
    let Start {
        process,
        stdin,
        pty,
        tag,
    }: Start = body
        .next()
        .await?
        .ok_or_else(|| RpcError::invalid_argument("the stream has no message"))?;
    if process.cmd.is_empty() {
        return Err(RpcError::invalid_argument(
            "process.cmd is empty; name a program",
        ));
    }
    let Config {
        cmd,
        args,
        envs,
        cwd,
    } = process;
    let mut config = json!({ "cmd": cmd, "args": args, "envs": envs });
    if let Some(cwd) = &cwd {
        config["cwd"] = cwd.as_str().into();
    }
    let mut env = envs;
    if pty.is_some() {
        env.entry("TERM".to_owned())
            .or_insert_with(|| "xterm-256color".to_owned());
    }
    let spawn = Spawn {
        argv: std::iter::once(cmd).chain(args).collect(),
        env,
        cwd: cwd.filter(|cwd| !cwd.is_empty()).map(Into::into),
        // Clients before envd 0.3.0 do not say, and got a pipe.
        stdin: stdin.unwrap_or(true),
        stdout: true,
        stderr: true,
        pty: pty.as_ref().map(|pty| (pty.size.cols, pty.size.rows)),
        kill_on_drop: false,
    };
    let process = sandbox.spawn(spawn).await.map_err(|error| match error {
        SpawnError::NoDirectory(_) | SpawnError::Refused { .. } => {
            RpcError::invalid_argument(error.to_string())
        }
        SpawnError::Link(ref link) => RpcError::of_link(link, "the process was not started"),
        SpawnError::Pipes { .. } => RpcError::internal(error.to_string()),
    })?;
    let (running, events) = sandbox.processes.add(process, config, tag, pty.is_some());
    let (outgoing, response) = Outgoing::open();
    let (deadline, ping) = (
        connect_rpc::deadline(headers),
        connect_rpc::ping_interval(headers),
    );
    tokio::spawn(tell(running, events, outgoing, deadline, ping));
    Ok(response)
}

async fn connect(
    sandbox: &Sandbox,
    mut body: Messages,
    headers: &HeaderMap,
) -> Result<Response, RpcError> {
    let message: Message = body
        .next()
        .await?
        .ok_or_else(|| RpcError::invalid_argument("the stream has no message"))?;
    let running = find(sandbox, &message.process)?;
    let events = running.listen();
    let (outgoing, response) = Outgoing::open();
    tokio::spawn(tell(
        running,
        events,
        outgoing,
        None,
        connect_rpc::ping_interval(headers),
    ));
    Ok(response)
}

/// Passes events on to one client. A client that goes away leaves the process alone; a deadline ends it.
async fn tell(
    running: Arc<Running>,
    mut events: mpsc::Receiver<Event>,
    outgoing: Outgoing,
    deadline: Option<Duration>,
    ping: Duration,
) {
    let telling = async {
        if outgoing
            .send(&json!({ "event": { "start": { "pid": running.handle.pid() } } }))
            .await
            .is_err()
        {
            return None;
        }
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = tokio::time::sleep(ping) => {
                    outgoing.send(&json!({ "event": { "keepalive": {} } })).await.ok()?;
                    continue;
                }
                () = outgoing.gone() => return None,
            };
            let message = match &event {
                Some(Event::Data(channel, bytes)) => {
                    json!({ "event": { "data": { name(*channel): STANDARD.encode(bytes) } } })
                }
                Some(Event::End(exit)) => json!({ "event": { "end": end(*exit) } }),
                None => {
                    return Some(Some(RpcError::unavailable(
                        "the sandbox has ended, and the process with it",
                    )));
                }
            };
            outgoing.send(&message).await.ok()?;
            if let Some(Event::End(_)) = event {
                return Some(None);
            }
        }
    };
    let over = async {
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = telling => outcome,
        () = over => {
            running.handle.signal_group(Signal::SIGKILL);
            Some(Some(RpcError::deadline_exceeded("the process was killed: it ran longer than the timeout of the request")))
        }
    };
    if let Some(error) = outcome {
        outgoing.end(error).await;
    }
}

async fn stream_input(sandbox: &Sandbox, mut body: Messages) -> Result<Value, RpcError> {
    let mut running = None;
    while let Some(message) = body.next::<InputStream>().await? {
        if let Some(start) = message.start {
            running = Some(find(sandbox, &start.process)?);
        }
        if let Some(data) = message.data {
            let running = running.as_ref().ok_or_else(|| {
                RpcError::invalid_argument("the stream has data before its start")
            })?;
            write(running, &data.input).await?;
        }
    }
    Ok(json!({}))
}

async fn unary(sandbox: &Sandbox, method: &str, request: Request) -> Result<Value, RpcError> {
    if !matches!(
        method,
        "List" | "SendInput" | "CloseStdin" | "SendSignal" | "Update"
    ) {
        return Err(RpcError::unimplemented(format!(
            "there is no unary process.Process/{method}"
        )));
    }
    let message: Message = connect_rpc::message(request.into_body()).await?;
    if method == "List" {
        return Ok(
            json!({ "processes": sandbox.processes.list().iter().map(|running| view(running)).collect::<Vec<_>>() }),
        );
    }
    let running = find(sandbox, &message.process)?;
    match method {
        "SendInput" => write(&running, &message.input).await?,
        "CloseStdin" if running.pty => {
            return Err(RpcError::failed_precondition(
                "a terminal's input is not closed; send it \\u0004",
            ));
        }
        "CloseStdin" => running.close_stdin().await,
        // The whole group: a shell's command must not outlive it.
        "SendSignal" => running.handle.signal_group(signal(&message.signal)?),
        _ => {
            let Some(Pty { size }) = message.pty else {
                return Err(RpcError::invalid_argument("pty.size is missing"));
            };
            running
                .handle
                .resize(size.cols, size.rows)
                .map_err(|error| RpcError::failed_precondition(error.to_string()))?;
        }
    }
    Ok(json!({}))
}

async fn write(running: &Running, input: &Input) -> Result<(), RpcError> {
    let text = match (&input.stdin, &input.pty) {
        (Some(text), None) if !running.pty => text,
        (None, Some(text)) if running.pty => text,
        (None, None) => {
            return Err(RpcError::invalid_argument(
                "input has neither stdin nor pty",
            ));
        }
        _ => {
            return Err(RpcError::failed_precondition(
                "the process has a terminal and takes pty, or it has none and takes stdin",
            ));
        }
    };
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| RpcError::invalid_argument(format!("the input is not base64: {error}")))?;
    let pid = running.handle.pid();
    running.write(&bytes).await.map_err(|error| {
        RpcError::failed_precondition(format!("cannot write to process {pid}: {error}"))
    })
}

fn find(sandbox: &Sandbox, selector: &Selector) -> Result<Arc<Running>, RpcError> {
    match (selector.pid, &selector.tag) {
        (Some(pid), _) => sandbox
            .processes
            .get(pid)
            .ok_or_else(|| RpcError::not_found(format!("process with pid {pid} not found"))),
        (None, Some(tag)) => sandbox
            .processes
            .tagged(tag)
            .ok_or_else(|| RpcError::not_found(format!("process with tag {tag} not found"))),
        (None, None) => Err(RpcError::invalid_argument(
            "process names neither pid nor tag",
        )),
    }
}

/// proto3's JSON takes an enum by name or by number.
fn signal(value: &Value) -> Result<Signal, RpcError> {
    match (value.as_str(), value.as_i64()) {
        (Some("SIGNAL_SIGKILL"), _) | (_, Some(9)) => Ok(Signal::SIGKILL),
        (Some("SIGNAL_SIGTERM"), _) | (_, Some(15)) => Ok(Signal::SIGTERM),
        _ => Err(RpcError::invalid_argument(format!(
            "signal is {value}; it must be SIGNAL_SIGKILL or SIGNAL_SIGTERM"
        ))),
    }
}

fn view(running: &Running) -> Value {
    let mut view = json!({ "config": running.config, "pid": running.handle.pid() });
    if let Some(tag) = &running.tag {
        view["tag"] = tag.as_str().into();
    }
    view
}

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Stdout => "stdout",
        Channel::Stderr => "stderr",
        Channel::Pty => "pty",
    }
}

/// As Go describes an ended process.
fn end(exit: Exit) -> Value {
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
