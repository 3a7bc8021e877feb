//! A stream of server-sent events, as it comes.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use serde_json::Value;

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The name in its `event:` line.
    pub name: String,
    /// The JSON in its `data:` line.
    pub data: Value,
}

/// The events of one answer. Dropping it closes the connection: the client went away.
pub struct Events {
    chunks: Pin<Box<dyn Stream<Item = Vec<u8>>>>,
    pending: Vec<u8>,
}

impl Events {
    /// Reads the events of a good answer.
    pub fn of(response: reqwest::Response) -> Self {
        let content_type = response.headers().get("content-type").cloned();
        assert_eq!(response.status(), 200);
        assert_eq!(content_type.expect("a content type"), "text/event-stream");
        let chunks = response
            .bytes_stream()
            .map(|chunk| chunk.expect("the stream ends well").to_vec());
        Self {
            chunks: Box::pin(chunks),
            pending: Vec::new(),
        }
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.pending.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.pending.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("events are UTF-8");
                // A comment alone keeps the connection alive.
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
                continue;
            }
            self.pending.extend(self.chunks.next().await?);
        }
    }

    /// All that are left.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_start().to_owned())
    };
    Some(Event {
        name: field("event:")?,
        data: serde_json::from_str(&field("data:")?).expect("data is JSON"),
    })
}
