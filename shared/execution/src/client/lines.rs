//! A byte stream, cut into lines: the frame of `/execute`.

use model::ports::{Body, BrokenBody};

/// Reads a body line by line, whatever chunks it comes in.
#[derive(Debug)]
pub(crate) struct Lines<B> {
    body: B,
    pending: Vec<u8>,
    searched: usize,
    ended: bool,
}

impl<B: Body> Lines<B> {
    pub(crate) fn new(body: B) -> Self {
        Self {
            body,
            pending: Vec::new(),
            searched: 0,
            ended: false,
        }
    }

    /// The next line that is not blank, without its line end.
    pub(crate) async fn line(&mut self) -> Option<Result<Vec<u8>, BrokenBody>> {
        loop {
            if let Some(line) = self.buffered() {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Some(Ok(line));
            }
            if self.ended {
                return None;
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
                let line = line.expect("the script does not break off");
                all.push(String::from_utf8(line).expect("the script is text"));
            }
            all
        })
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
