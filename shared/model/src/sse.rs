//! Server-sent events (WHATWG HTML §9.2): what our streams are made of, and those of language models.

mod decode;

pub use decode::{Decoder, EventTooLong, Received};

/// Writes one event: `id` where it has a number, `event`, and one line of JSON as `data`.
///
/// JSON text has no raw line breaks, so one `data` line is enough.
pub fn encode(id: Option<u64>, name: &str, json: &str) -> Vec<u8> {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {json}\n\n").into_bytes()
}

/// A comment line, which keeps the connection alive and which clients ignore.
pub const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_block_with_one_data_line() {
        let bytes = encode(Some(7), "stdout", r#"{"text":"a\nb"}"#);
        let text = String::from_utf8(bytes).expect("events are UTF-8");
        assert_eq!(text, "id: 7\nevent: stdout\ndata: {\"text\":\"a\\nb\"}\n\n");
    }
}
