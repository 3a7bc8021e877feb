//! Checks that a stream of bytes is text, over chunks that may end inside a character.

use crate::ProfileError;

/// A check that goes on from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct Utf8Check {
    checked: u64,
    /// The bytes of a character that the last chunk began; at most three.
    open: Vec<u8>,
}

impl Utf8Check {
    /// Checks one more chunk.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), ProfileError> {
        let mut rest = chunk;
        while !self.open.is_empty() {
            let Some((first, tail)) = rest.split_first() else {
                return Ok(());
            };
            self.open.push(*first);
            rest = tail;
            match std::str::from_utf8(&self.open) {
                Ok(_) => {
                    self.checked += self.open.len() as u64;
                    self.open.clear();
                }
                Err(error) if error.error_len().is_some() => return self.not_utf8(self.open[0], 0),
                Err(_) => {}
            }
        }
        if is_plain(rest) {
            self.checked += rest.len() as u64;
            return Ok(());
        }
        if let Some(position) = memchr::memchr(0, rest) {
            // A wrong byte before it is the better explanation, and the same for every chunking.
            if std::str::from_utf8(&rest[..position]).is_ok() {
                return Err(ProfileError::NotText {
                    offset: self.checked + position as u64,
                });
            }
        }
        match std::str::from_utf8(rest) {
            Ok(_) => self.checked += rest.len() as u64,
            Err(error) => {
                let valid = error.valid_up_to();
                if error.error_len().is_some() {
                    return self.not_utf8(rest[valid], valid);
                }
                self.checked += valid as u64;
                self.open.extend_from_slice(&rest[valid..]);
            }
        }
        Ok(())
    }

    /// Says whether the stream ended between two characters.
    pub(crate) fn finish(&self) -> Result<(), ProfileError> {
        match self.open.first() {
            Some(first) => self.not_utf8(*first, 0),
            None => Ok(()),
        }
    }

    fn not_utf8(&self, byte: u8, position: usize) -> Result<(), ProfileError> {
        Err(ProfileError::NotUtf8 {
            offset: self.checked + position as u64,
            byte,
        })
    }
}

/// Whether all is ASCII and nothing is zero; without a branch for each byte, so that many are compared at
/// once.
fn is_plain(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    // The high bit is in every byte above ASCII, and below zero.
    let high = |bytes: &[u8]| {
        let high = |high, byte: &u8| high | byte | byte.wrapping_sub(1);
        bytes.iter().fold(0, high)
    };
    blocks
        .iter()
        .fold(high(rest), |all, block| all | high(block))
        < 0x80
}
