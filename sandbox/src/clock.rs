//! Time and randomness, made in one place.

use std::fs::File;
use std::io::{self, Read};

use chrono::{DateTime, SecondsFormat, Utc};

/// `2026-11-21T09:54:20.123456Z`
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Random lower-case letters and digits; 20 of them carry 100 bits.
pub fn random_id(length: usize) -> io::Result<String> {
    // 32 symbols: every byte maps to one without bias.
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let mut bytes = vec![0; length];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes
        .into_iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect())
}
