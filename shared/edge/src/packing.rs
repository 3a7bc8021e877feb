//! How parts of datasets are packed for the store: raw deflate.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use model::dataset::{Codec, PART_BYTES};

/// Deflate (RFC 1951).
#[derive(Debug, Clone, Copy, Default)]
pub struct Deflate;

impl Codec for Deflate {
    fn pack(&self, part: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).expect("a vector takes every byte");
        encoder.finish().expect("a vector takes every byte")
    }

    fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>> {
        let mut part = Vec::new();
        // No part is larger, so a damaged one cannot fill the memory.
        let limit = PART_BYTES as u64 + 1;
        DeflateDecoder::new(packed)
            .take(limit)
            .read_to_end(&mut part)
            .ok()?;
        (part.len() <= PART_BYTES).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_unpacks_to_what_was_packed_and_a_damaged_one_to_nothing() {
        let part = vec![7; PART_BYTES];
        let packed = Deflate.pack(&part);
        assert_eq!(Deflate.unpack(&packed), Some(part));
        assert_eq!(Deflate.unpack(b"\xff\xff\xff"), None);
        let bomb = Deflate.pack(&vec![0; PART_BYTES + 1]);
        assert_eq!(Deflate.unpack(&bomb), None);
    }
}
