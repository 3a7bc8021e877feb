//! What a kernel wrote outside the protocol before it ended: a crash report, as a rule.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

const LAST_WORDS_BYTES: usize = 4096;

/// The end of what a process wrote outside the protocol.
#[derive(Default)]
pub(super) struct LastWords(Mutex<Vec<u8>>);

impl LastWords {
    fn add(&self, bytes: &[u8]) {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(bytes);
        let excess = words.len().saturating_sub(LAST_WORDS_BYTES);
        words.drain(..excess);
    }

    pub(super) fn get(&self) -> String {
        let words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&words).trim().to_owned()
    }
}

/// Adds all that comes through a pipe.
pub(super) async fn listen_to_words(mut pipe: pipe::Receiver, words: Arc<LastWords>) {
    let mut buffer = vec![0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        words.add(&buffer[..count]);
    }
}
