//! Finds the bytes that mean something to CSV, eight at a step.

/// How many bytes one mask tells about.
const BLOCK: usize = 64;
const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;

/// The positions of delimiters, quotes and line ends, in order.
pub(super) struct Specials<'a> {
    bytes: &'a [u8],
    /// The delimiter, the quote and the line ends, each in all eight bytes of a word.
    needles: [u64; 4],
    /// Where the block begins that `mask` is about.
    block: usize,
    /// A bit for each byte of the block that was not handed out yet.
    mask: u64,
}

impl<'a> Specials<'a> {
    pub(super) fn new(bytes: &'a [u8], delimiter: u8) -> Self {
        let needles = [delimiter, b'"', b'\n', b'\r'].map(|byte| u64::from_le_bytes([byte; 8]));
        let mut specials = Self {
            bytes,
            needles,
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
            return self.mask_of(block);
        }
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.mask_of(&block) & ((1 << rest.len()) - 1)
    }

    fn mask_of(&self, block: &[u8; BLOCK]) -> u64 {
        let (words, _) = block.as_chunks::<8>();
        let mut mask = 0;
        for word in words.iter().rev() {
            let word = u64::from_le_bytes(*word);
            let mut found = 0;
            for needle in self.needles {
                // The high bit of each byte that is zero, and of no other.
                let other = word ^ needle;
                found |= !(((other & LOW) + LOW) | other | LOW);
            }
            // Those eight bits side by side.
            mask = mask << 8 | (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        }
        mask
    }
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
