//! The two dashboards that both sides serve, and a visitor to them.

use std::process::Command;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::caller::{Address, Caller, json, text};
use crate::checkout;

/// A kind of dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum App {
    Gradio,
    Streamlit,
}

impl App {
    pub(super) const ALL: [Self; 2] = [Self::Gradio, Self::Streamlit];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gradio => "Gradio",
            Self::Streamlit => "Streamlit",
        }
    }

    fn file(self) -> std::path::PathBuf {
        let file = match self {
            Self::Gradio => "tests/bench/app_gradio.py",
            Self::Streamlit => "tests/bench/app_streamlit.py",
        };
        checkout::path(file)
    }

    /// The program, the same for both sides.
    pub(super) fn code(self) -> String {
        std::fs::read_to_string(self.file()).expect("it is part of the checkout")
    }

    /// What people type, in words.
    pub(super) fn command_line(self) -> &'static str {
        match self {
            Self::Gradio => "python app.py",
            Self::Streamlit => "streamlit run app.py",
        }
    }

    /// The same as a command; neither asks the network for anything, as ours does not.
    pub(super) fn command(self, port: u16) -> Command {
        let port = port.to_string();
        match self {
            Self::Gradio => {
                let mut command = Command::new(checkout::path(".venv/bin/python"));
                command.arg(self.file()).env("GRADIO_SERVER_PORT", port);
                command.env("GRADIO_ANALYTICS_ENABLED", "False");
                command
            }
            Self::Streamlit => {
                let mut command = Command::new(checkout::path(".venv/bin/streamlit"));
                command
                    .arg("run")
                    .arg(self.file())
                    .args(["--server.port", &port]);
                command.args([
                    "--server.headless",
                    "true",
                    "--browser.gatherUsageStats",
                    "false",
                ]);
                command
            }
        }
    }

    /// Uses a running one once, as a browser would: until then it has not even read its data.
    pub(super) async fn visit(self, caller: &Caller, address: &Address) {
        text(caller.app(Method::GET, address, "/")).await;
        match self {
            Self::Gradio => call_gradio(caller, address).await,
            Self::Streamlit => run_streamlit(address).await,
        }
    }
}

async fn call_gradio(caller: &Caller, address: &Address) {
    text(caller.app(Method::GET, address, "/config")).await;
    let path = "/gradio_api/call/show";
    let call = caller
        .app(Method::POST, address, path)
        .json(&json!({"data": ["Lima"]}));
    let call = json(call).await;
    let id = call["event_id"].as_str().expect("an event's id");
    let events = text(caller.app(Method::GET, address, &format!("{path}/{id}"))).await;
    assert!(events.contains("event: complete"), "{events}");
}

/// Streamlit runs the script for a connection that asks for it: `BackMsg { rerun_script: ClientState {} }`.
async fn run_streamlit(address: &Address) {
    const RERUN: [u8; 2] = [0x5a, 0x00];
    let url = format!("ws://{}/_stcore/stream", address.host);
    let mut request = url.into_client_request().expect("an address");
    let headers = request.headers_mut();
    headers.insert(
        "sec-websocket-protocol",
        "streamlit".parse().expect("a header"),
    );
    let stream = TcpStream::connect(&address.connect)
        .await
        .expect("it listens");
    let (mut socket, _) = client_async(request, stream).await.expect("a connection");
    socket
        .send(Message::binary(RERUN.to_vec()))
        .await
        .expect("it reads");
    while let Some(message) = socket.next().await {
        if is_finished(&message.expect("messages come whole").into_data()) {
            let _ = socket.close(None).await;
            return;
        }
    }
    panic!("the script did not come to its end");
}

/// Whether a `ForwardMsg` has its field 6, `script_finished`.
fn is_finished(mut message: &[u8]) -> bool {
    while let Some(tag) = varint(&mut message) {
        match (tag >> 3, tag & 7) {
            (6, 0) => return true,
            (_, 0) => drop(varint(&mut message)),
            (_, 2) => {
                let length = varint(&mut message).unwrap_or(0);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                message = message.get(length..).unwrap_or_default();
            }
            (_, 1) => message = message.get(8..).unwrap_or_default(),
            _ => message = message.get(4..).unwrap_or_default(),
        }
    }
    false
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::is_finished;

    #[test]
    fn the_end_of_a_script_is_told_from_other_messages() {
        // ForwardMsg(hash="x", script_finished=0), as Streamlit's own classes write it.
        assert!(is_finished(b"\n\x01x0\x00"));
        assert!(!is_finished(b"\n\x01x\x12\x02\x30\x00"));
        assert!(!is_finished(b""));
    }
}
