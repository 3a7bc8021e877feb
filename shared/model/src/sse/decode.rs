//! Reading a stream of server-sent events, whatever chunks its bytes come in.

use std::collections::VecDeque;

/// An event as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its name; empty where the stream gave none, which stands for `message`.
    pub name: String,
    /// Its data lines, joined by line feeds.
    pub data: String,
}

/// An event of the stream is larger than the reader allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {0} bytes")]
pub struct EventTooLong(pub usize);

/// Takes bytes and gives events.
///
/// Lines end with CR LF, LF or CR, also when a chunk ends between the two. Comments, ids and retry
/// times are skipped. What it keeps is bounded by the largest event that it allows.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    /// The line before ended with CR: a LF that follows belongs to it.
    after_cr: bool,
    is_first_line: bool,
    ready: VecDeque<Received>,
}

impl Decoder {
    /// A reader of events of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            name: String::new(),
            data: None,
            after_cr: false,
            is_first_line: true,
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the stream; `next` then gives the events that they completed.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), EventTooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.size() + part.len() > self.limit {
                return Err(EventTooLong(self.limit));
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.take_line();
        }
        Ok(())
    }

    /// The next whole event.
    pub fn next_event(&mut self) -> Option<Received> {
        self.ready.pop_front()
    }

    /// What the stream's end left without its blank line.
    ///
    /// The standard drops such an event; servers that save the last line break exist, so whoever
    /// can tell a whole event from half a one may take it.
    pub fn unfinished(mut self) -> Option<Received> {
        self.take_line();
        self.dispatch();
        self.ready.pop_back()
    }

    fn size(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }

    fn take_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let mut line: &str = &line;
        if std::mem::take(&mut self.is_first_line) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment has an empty field name.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let name = std::mem::take(&mut self.name);
        if let Some(data) = self.data.take() {
            self.ready.push_back(Received { name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let mut decoder = Decoder::new(1_000);
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.push(chunk).expect("no event is too long");
            while let Some(event) = decoder.next_event() {
                events.push((event.name, event.data));
            }
        }
        events
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn fields_comments_and_data_of_several_lines() {
        let text = "\u{feff}: hello\nid: 1\ndata: one\ndata:two\ndata\nretry: 3\n\nevent: x\ndata:  y\n\nevent: no data\n\ndata: {\"a\":1}\n\n";
        let events = decode([text.as_bytes()]);
        assert_eq!(
            events,
            [
                event("", "one\ntwo\n"),
                event("x", " y"),
                event("", "{\"a\":1}")
            ]
        );
    }

    #[test]
    fn an_event_without_its_blank_line_is_told_apart() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"data: [DONE]").expect("it is short");
        assert_eq!(decoder.next_event(), None);
        let left = decoder.unfinished().expect("there was data");
        assert_eq!(left.data, "[DONE]");
    }

    #[test]
    fn neither_a_line_nor_many_lines_fill_the_memory() {
        let mut decoder = Decoder::new(100);
        assert_eq!(decoder.push(&[b'x'; 101]), Err(EventTooLong(100)));
        let mut decoder = Decoder::new(100);
        let line = b"data: 0123456789\n";
        let outcome: Result<Vec<()>, _> = (0..20).map(|_| decoder.push(line)).collect();
        assert_eq!(outcome, Err(EventTooLong(100)));
        // Small events may be many.
        let mut decoder = Decoder::new(100);
        for _ in 0..100 {
            decoder.push(b"data: 0123456789\n\n").expect("it is small");
            assert!(decoder.next_event().is_some());
        }
    }

    const TEXT: &str = "data: é∂ƒ\nEND: a comment\nevent: ü\ndata: 1\ndata: 2\n\n: ping\n\ndata:\n\ndata: {\"x\":\"🎈\"}\n\n";

    proptest! {
        #[test]
        fn every_split_and_every_line_end_gives_the_same_events(
            mut cuts in proptest::collection::vec(0usize..140, 0..12),
            line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        ) {
            let text = TEXT.replace('\n', line_end).replace("END", "");
            let bytes = text.as_bytes();
            cuts.retain(|cut| *cut <= bytes.len());
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(
                decode(chunks),
                [event("ü", "é∂ƒ\n1\n2"), event("", ""), event("", "{\"x\":\"🎈\"}")]
            );
        }
    }
}
