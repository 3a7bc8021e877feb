//! Cuts records in which nothing is unusual, without a branch on any byte: quotes by their parity, as
//! in *Parsing Gigabytes of JSON per Second* (Langdale and Lemire, 2019).
//!
//! Unusual are quotes within fields, blank lines and carriage returns; they are somebody else's business.

use super::specials::masks_of;
use super::{Field, RECORD_LIMIT};

/// How many bytes one mask tells about.
const BLOCK: usize = 64;
/// So many ends of a block are written whether they are there or not, because that is faster than to ask.
const USUAL: usize = 12;

/// Room that is used again and again.
#[derive(Default)]
pub(super) struct PlainCutter {
    /// Where fields end, up to some count; what stands beyond means nothing.
    ends: Vec<usize>,
    /// How many of them there are up to the end of each line.
    lines: Vec<usize>,
}

impl PlainCutter {
    /// Cuts whole records, up to the first that is unusual, and says where the first begins that was not
    /// cut. The chunk begins with a record.
    pub(super) fn cut(
        &mut self,
        chunk: &[u8],
        delimiter: u8,
        fields: &mut Vec<Field>,
        record_ends: &mut Vec<usize>,
    ) -> usize {
        // A long record may be too long, which the reader knows.
        if chunk.len() > RECORD_LIMIT / 2 || matches!(delimiter, b'"' | b'\n' | b'\r') {
            return 0;
        }
        self.find_ends(chunk, delimiter);
        let count = self.lines.last().copied().unwrap_or(0);
        let mut start = 0;
        fields.extend(self.ends[..count].iter().map(|&end| {
            let quote = usize::from(chunk[start] == b'"');
            let field = Field {
                start: start + quote,
                end: end - quote,
            };
            start = end + 1;
            field
        }));
        record_ends.extend(&self.lines);
        start
    }

    #[inline(never)]
    fn find_ends(&mut self, chunk: &[u8], delimiter: u8) {
        self.lines.clear();
        let needles = [delimiter, b'\n', b'"', b'\r'];
        let mut count = 0;
        // All bits, if the block begins within quotes.
        let mut within = 0;
        // One bit each: what the byte before the block is.
        let (mut end_before, mut line_before, mut closing_before) = (1, 1, 0);
        for begin in (0..chunk.len()).step_by(BLOCK) {
            let rest = &chunk[begin..];
            let (masks, valid) = match rest.first_chunk::<BLOCK>() {
                Some(block) => (masks_of(block, needles), !0),
                None => {
                    let mut block = [0; BLOCK];
                    block[..rest.len()].copy_from_slice(rest);
                    (masks_of(&block, needles), (1 << rest.len()) - 1)
                }
            };
            let [delimiters, lines, quotes, returns] = masks.map(|mask| mask & valid);
            let quoted = parity(quotes) ^ within;
            let (opening, closing) = (quotes & quoted, quotes & !quoted);
            let (ends, lines) = ((delimiters | lines) & !quoted, lines & !quoted);
            let unusual = returns & !quoted
                | lines & (lines << 1 | line_before)
                | opening & !(ends << 1 | end_before)
                | (closing << 1 | closing_before) & !ends & valid;
            if unusual != 0 {
                return;
            }
            within = ((quoted as i64) >> 63) as u64;
            (end_before, line_before, closing_before) = (ends >> 63, lines >> 63, closing >> 63);

            let mut left = lines;
            while left != 0 {
                let up_to = left ^ (left - 1);
                self.lines
                    .push(count + (ends & up_to).count_ones() as usize);
                left &= left - 1;
            }
            self.note(count, begin, ends);
            count += ends.count_ones() as usize;
        }
    }

    /// Notes the position of each bit.
    #[inline]
    fn note(&mut self, count: usize, begin: usize, mut mask: u64) {
        if self.ends.len() < count + BLOCK {
            self.ends.resize((count + BLOCK) * 2, 0);
        }
        let found = mask.count_ones() as usize;
        let mut next = || {
            let at = begin + mask.trailing_zeros() as usize;
            mask &= mask.wrapping_sub(1);
            at
        };
        let (usual, more) = self.ends[count..count + BLOCK].split_at_mut(USUAL);
        usual.iter_mut().for_each(|end| *end = next());
        if found > USUAL {
            more[..found - USUAL]
                .iter_mut()
                .for_each(|end| *end = next());
        }
    }
}

/// A bit for each byte before which, or at which, stands an odd number of quotes.
fn parity(mut quotes: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        quotes ^= quotes << shift;
    }
    quotes
}
