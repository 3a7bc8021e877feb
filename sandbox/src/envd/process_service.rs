//! `process.Process`: starting programs, hearing them, speaking to them.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::connect_rpc::{self, ClientGone, Messages, Outgoing, RpcError};
use super::process::{Event, Hearing, Running};
use super::process_messages::{
    Config, Input, InputStream, Message, Pty, Selector, Start, end, name, signal, view,
};
use crate::limits::cause::Since;
use crate::process::{Spawn, SpawnError};
use crate::sandbox::Sandbox;

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
    }: Start = body.first().await?;
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
    let since = Since::now(&sandbox.confinement);
    let process = sandbox.spawn(spawn).await.map_err(|error| match error {
        SpawnError::NoDirectory(_) | SpawnError::Refused { .. } => {
            RpcError::invalid_argument(error.to_string())
        }
        SpawnError::Link(ref link) => RpcError::of_link(link, "the process was not started"),
        SpawnError::Limit { .. } => RpcError::failed_precondition(error.to_string()),
        SpawnError::Pipes { .. } => RpcError::internal(error.to_string()),
    })?;
    let (running, events) = sandbox
        .processes
        .add(process, config, tag, pty.is_some(), since);
    let (outgoing, response) = Outgoing::open();
    let (deadline, ping) = (
        connect_rpc::deadline(headers),
        connect_rpc::ping_interval(headers),
    );
    tokio::spawn(kill_at(deadline, running.clone()));
    let late = "the process was killed: it ran longer than the timeout of the request";
    tokio::spawn(tell(running, events, outgoing, (deadline, late), ping));
    Ok(response)
}

async fn connect(
    sandbox: &Sandbox,
    mut body: Messages,
    headers: &HeaderMap,
) -> Result<Response, RpcError> {
    let message: Message = body.first().await?;
    let running = find(sandbox, &message.process)?;
    let events = running.listen();
    let (outgoing, response) = Outgoing::open();
    let deadline = connect_rpc::deadline(headers);
    let late = "the stream ended at the timeout of the request; the process goes on";
    let ping = connect_rpc::ping_interval(headers);
    tokio::spawn(tell(running, events, outgoing, (deadline, late), ping));
    Ok(response)
}

/// Passes events on to one client. A client that goes away leaves the process alone.
async fn tell(
    running: Arc<Running>,
    events: Hearing,
    outgoing: Outgoing,
    (deadline, late): (Option<Duration>, &str),
    ping: Duration,
) {
    let told = tokio::select! {
        told = relay(&running, events, &outgoing, ping) => told,
        () = connect_rpc::pass(deadline) => Told::Broken(RpcError::deadline_exceeded(late)),
    };
    match told {
        Told::ClientGone => {}
        Told::Ended => outgoing.end(None).await,
        Told::Broken(error) => outgoing.end(Some(error)).await,
    }
}

/// How a client's stream came to its end.
enum Told {
    ClientGone,
    Ended,
    Broken(RpcError),
}

impl From<ClientGone> for Told {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

async fn relay(running: &Running, events: Hearing, outgoing: &Outgoing, ping: Duration) -> Told {
    relay_to_end(running, events, outgoing, ping)
        .await
        .unwrap_or_else(|told| told)
}

async fn relay_to_end(
    running: &Running,
    mut events: Hearing,
    outgoing: &Outgoing,
    ping: Duration,
) -> Result<Told, Told> {
    let pid = running.handle.pid();
    outgoing
        .send(&json!({ "event": { "start": { "pid": pid } } }))
        .await?;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = outgoing.gone() => return Ok(Told::ClientGone),
            () = tokio::time::sleep(ping) => {
                outgoing.send(&json!({ "event": { "keepalive": {} } })).await?;
                continue;
            }
        };
        match event {
            Some(Event::Data(channel, bytes)) => {
                let data = json!({ name(channel): STANDARD.encode(bytes) });
                outgoing.send(&json!({ "event": { "data": data } })).await?;
            }
            Some(Event::End(exit)) => {
                outgoing
                    .send(&json!({ "event": { "end": end(exit, running.stopped_by(exit)) } }))
                    .await?;
                return Ok(Told::Ended);
            }
            None if events.was_cut() => {
                return Ok(Told::Broken(RpcError::resource_exhausted(
                    "the stream was cut: it was read slower than the others of this process; connect again",
                )));
            }
            None => {
                return Ok(Told::Broken(RpcError::unavailable(
                    "the sandbox has ended, and the process with it",
                )));
            }
        }
    }
}

/// Kills a process at its deadline, whether its client is still there or not.
async fn kill_at(deadline: Option<Duration>, running: Arc<Running>) {
    tokio::select! {
        _ = running.handle.wait() => {}
        () = connect_rpc::pass(deadline) => running.handle.signal_group(Signal::SIGKILL),
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
