//! Finds the bytes that mean something to CSV, many at a step.

/// How many bytes one mask tells about.
const BLOCK: usize = 64;

/// The positions of delimiters, quotes and line ends, in order.
pub(super) struct Specials<'a> {
    bytes: &'a [u8],
    /// The delimiter, the quote and the line ends.
    needles: [u8; 4],
    /// Where the block begins that `mask` is about.
    block: usize,
    /// A bit for each byte of the block that was not handed out yet.
    mask: u64,
}

impl<'a> Specials<'a> {
    pub(super) fn after(start: usize, bytes: &'a [u8], delimiter: u8) -> Self {
        let mut specials = Self {
            bytes,
            needles: [delimiter, b'"', b'\n', b'\r'],
            block: start,
            mask: 0,
        };
        specials.mask = specials.look();
        specials
    }

    /// The mask of the block.
    fn look(&self) -> u64 {
        let rest = &self.bytes[self.block..];
        if let Some(block) = rest.first_chunk::<BLOCK>() {
            return mask_of(block, self.needles);
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        mask_of(&block, self.needles) & ((1 << rest.len()) - 1)
    }
}

/// For each needle, a bit for each byte that is this.
#[cfg(target_feature = "simd128")]
#[inline]
pub(super) fn masks_of(block: &[u8; BLOCK], needles: [u8; 4]) -> [u64; 4] {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2};

    let (words, _) = block.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    let mut masks = [0; 4];
    for [low, high] in pairs.iter().rev() {
        let bytes = u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        for (mask, needle) in masks.iter_mut().zip(needles) {
            let found = u8x16_bitmask(u8x16_eq(bytes, u8x16_splat(needle)));
            *mask = *mask << 16 | u64::from(found);
        }
    }
    masks
}

/// For each needle, a bit for each byte that is this; eight bytes in a word at once.
#[cfg(not(target_feature = "simd128"))]
pub(super) fn masks_of(block: &[u8; BLOCK], needles: [u8; 4]) -> [u64; 4] {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;

    let (words, _) = block.as_chunks::<8>();
    let mut masks = [0; 4];
    for word in words.iter().rev() {
        let word = u64::from_le_bytes(*word);
        for (mask, needle) in masks.iter_mut().zip(needles) {
            // The high bit of each byte that is zero, and of no other.
            let other = word ^ u64::from_le_bytes([needle; 8]);
            let found = !(((other & LOW) + LOW) | other | LOW);
            // Those eight bits side by side.
            *mask = *mask << 8 | (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        }
    }
    masks
}

/// A bit for each byte that is one of the needles.
fn mask_of(block: &[u8; BLOCK], needles: [u8; 4]) -> u64 {
    masks_of(block, needles)
        .into_iter()
        .fold(0, |all, mask| all | mask)
}

impl Iterator for Specials<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            if self.bytes.len() - self.block <= BLOCK {
                return None;
            }
            self.block += BLOCK;
            self.mask = self.look();
        }
        let at = self.block + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::Specials;

    #[test]
    fn finds_each_byte_wherever_it_stands() {
        for length in [0, 1, 63, 64, 65, 200] {
            for special in [b';', b'"', b'\n', b'\r'] {
                for at in 0..length {
                    let mut bytes = vec![b':'; length];
                    bytes[at] = special;
                    bytes[length - 1] |= 0x80;
                    let found: Vec<_> = Specials::after(0, &bytes, b';').collect();
                    let expected = if at == length - 1 { vec![] } else { vec![at] };
                    assert_eq!(found, expected, "{special} at {at} of {length}");
                }
            }
        }
        let all: Vec<_> = Specials::after(0, &[b','; 130], b',').collect();
        assert_eq!(all, (0..130).collect::<Vec<_>>());
    }
}
