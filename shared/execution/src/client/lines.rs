//! A byte stream, cut into lines: the frame of `/execute`.

use model::ports::{Body, BrokenBody};

/// The most bytes of one line: a component has little memory, and one image is far smaller.
const LINE_LIMIT: usize = 16 * 1024 * 1024;

/// One line of a body.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// A line without its line end.
    Whole(Vec<u8>),
    /// A line over the limit: skipped.
    TooLong,
}

/// Reads a body line by line, whatever chunks it comes in.
#[derive(Debug)]
pub(crate) struct Lines<B> {
    body: B,
    pending: Vec<u8>,
    searched: usize,
    ended: bool,
    /// The rest of a line that is too long is still to come.
    skipping: bool,
}

impl<B: Body> Lines<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            pending: Vec::new(),
            searched: 0,
            ended: false,
            skipping: false,
        }
    }

    /// The next line that is not blank, without its line end.
    pub(crate) async fn line(&mut self) -> Option<Result<Line, BrokenBody>> {
        loop {
            if let Some(line) = self.buffered() {
                if std::mem::take(&mut self.skipping) {
                    return Some(Ok(Line::TooLong));
                }
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(Ok(Line::Whole(line)));
            }
            if self.ended {
                return None;
            }
            if self.pending.len() > LINE_LIMIT || self.skipping {
                self.skipping = true;
                self.pending.clear();
                self.searched = 0;
            }
            match self.body.chunk().await {
                Some(Ok(chunk)) => self.pending.extend_from_slice(&chunk),
                Some(Err(error)) => return Some(Err(error)),
                None => self.ended = true,
            }
        }
    }

    fn buffered(&mut self) -> Option<Vec<u8>> {
        let found = self.pending[self.searched..]
            .iter()
            .position(|&byte| byte == b'\n');
        if let Some(at) = found {
            let rest = self.pending.split_off(self.searched + at + 1);
            let mut line = std::mem::replace(&mut self.pending, rest);
            line.pop();
            self.searched = 0;
            return Some(line);
        }
        self.searched = self.pending.len();
        if self.ended && !self.pending.is_empty() {
            self.searched = 0;
            return Some(std::mem::take(&mut self.pending));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use model::ports::{Http, ScriptedHttp};
    use proptest::prelude::*;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let http = ScriptedHttp::default().reply_in_chunks(200, chunks);
        block_on(async {
            let response = http
                .send(http::Request::new(Vec::new()))
                .await
                .expect("it is scripted");
            let mut lines = Lines::new(response.into_body());
            let mut all = Vec::new();
            while let Some(line) = lines.line().await {
                let Line::Whole(line) = line.expect("the script does not break off") else {
                    all.push("too long".to_owned());
                    continue;
                };
                all.push(String::from_utf8(line).expect("the script is text"));
            }
            all
        })
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let chunk = "x".repeat(1024 * 1024);
        let mut chunks = vec![chunk.as_str(); 40];
        chunks.push("\nafter\n");
        assert_eq!(lines(&chunks), ["too long", "after"]);
    }

    proptest! {
        #[test]
        fn every_split_of_the_bytes_gives_the_same_lines(cuts in proptest::collection::vec(0usize..24, 0..6)) {
            let text = "{\"a\":1}\n\n{\"b\":2}\n{\"c\":3}";
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let (mut chunks, mut from) = (Vec::new(), 0);
            for cut in cuts {
                chunks.push(&text[from..cut]);
                from = cut;
            }
            chunks.push(&text[from..]);
            prop_assert_eq!(lines(&chunks), ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
        }
    }
}
