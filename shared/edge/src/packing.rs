//! How parts of datasets are packed for the store: LZ4, after the part's size.
//!
//! Deflate packs tables half as small again, but takes as long for it as everything else that is done
//! with an upload; LZ4 is also a third of the code.

use lz4_flex::block;
use model::dataset::{Codec, PART_BYTES};

/// LZ4's block format.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lz4;

impl Codec for Lz4 {
    fn pack(&self, part: &[u8]) -> Vec<u8> {
        block::compress_prepend_size(part)
    }

    fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>> {
        // No part is larger, so a damaged one cannot fill the memory.
        let (size, packed) = block::uncompressed_size(packed).ok()?;
        if size > PART_BYTES {
            return None;
        }
        let part = block::decompress(packed, size).ok()?;
        (part.len() == size).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_unpacks_to_what_was_packed_and_a_damaged_one_to_nothing() {
        let table: Vec<u8> = (0..PART_BYTES)
            .map(|at| b"2020-01-02,web,\n"[at % 16])
            .collect();
        for part in [vec![7; PART_BYTES], table, b"x".to_vec(), Vec::new()] {
            let packed = Lz4.pack(&part);
            assert_eq!(Lz4.unpack(&packed), Some(part));
            if let Some(cut) = packed.len().checked_sub(1) {
                assert_eq!(Lz4.unpack(&packed[..cut]), None);
            }
        }
        assert_eq!(Lz4.unpack(b"\xff\xff\xff"), None);
        assert_eq!(Lz4.unpack(&[&[9, 0, 0, 0][..], &[0xff; 30]].concat()), None);
        let bomb = Lz4.pack(&vec![0; PART_BYTES + 1]);
        assert_eq!(Lz4.unpack(&bomb), None);
    }
}
