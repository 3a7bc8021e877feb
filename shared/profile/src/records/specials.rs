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
    pub(super) fn new(bytes: &'a [u8], delimiter: u8) -> Self {
        let mut specials = Self {
            bytes,
            needles: [delimiter, b'"', b'\n', b'\r'],
            block: 0,
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

/// A bit for each byte that is one of the needles.
#[cfg(target_feature = "simd128")]
#[inline]
fn mask_of(block: &[u8; BLOCK], needles: [u8; 4]) -> u64 {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, u64x2, v128_or};

    let [a, b, c, d] = needles;
    let (a, b) = (u8x16_splat(a), u8x16_splat(b));
    let (c, d) = (u8x16_splat(c), u8x16_splat(d));
    let (words, _) = block.as_chunks::<8>();
    let (pairs, _) = words.as_chunks::<2>();
    let mut mask = 0;
    for [low, high] in pairs.iter().rev() {
        let bytes = u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        let first = v128_or(u8x16_eq(bytes, a), u8x16_eq(bytes, b));
        let second = v128_or(u8x16_eq(bytes, c), u8x16_eq(bytes, d));
        mask = mask << 16 | u64::from(u8x16_bitmask(v128_or(first, second)));
    }
    mask
}

/// A bit for each byte that is one of the needles; eight bytes in a word at once.
#[cfg(not(target_feature = "simd128"))]
fn mask_of(block: &[u8; BLOCK], needles: [u8; 4]) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;

    let needles = needles.map(|byte| u64::from_le_bytes([byte; 8]));
    let (words, _) = block.as_chunks::<8>();
    let mut mask = 0;
    for word in words.iter().rev() {
        let word = u64::from_le_bytes(*word);
        let mut found = 0;
        for needle in needles {
            // The high bit of each byte that is zero, and of no other.
            let other = word ^ needle;
            found |= !(((other & LOW) + LOW) | other | LOW);
        }
        // Those eight bits side by side.
        mask = mask << 8 | (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    }
    mask
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
                    let found: Vec<_> = Specials::new(&bytes, b';').collect();
                    let expected = if at == length - 1 { vec![] } else { vec![at] };
                    assert_eq!(found, expected, "{special} at {at} of {length}");
                }
            }
        }
        let all: Vec<_> = Specials::new(&[b','; 130], b',').collect();
        assert_eq!(all, (0..130).collect::<Vec<_>>());
    }
}
