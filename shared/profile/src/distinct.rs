//! Counts the different values of a column, in bounded memory.
//!
//! Values are told apart by a 64-bit hash: among 100,000 values the chance that two share one is
//! below one in a billion. Up to [`EXACT_LIMIT`] the count is exact; beyond, it stands still and is
//! marked as a lower bound. A sketch that goes on estimating belongs here, behind the same methods.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::types::ValueCount;

/// How many different values are counted exactly.
pub(crate) const EXACT_LIMIT: usize = 100_000;
/// How many of them are kept as text, to be named among the most frequent ones. A column with more
/// is no category, and its frequent values nearly always come early.
const TEXT_LIMIT: usize = 10_000;
/// How much of a value is kept.
const VALUE_LIMIT: usize = 100;
/// How many of the most frequent values are reported.
const TOP: usize = 10;

#[derive(Default)]
pub(crate) struct DistinctCounter {
    indexes: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    counts: Vec<u64>,
    texts: Vec<u8>,
    text_ends: Vec<usize>,
    overflowed: bool,
}

impl DistinctCounter {
    pub(crate) fn add(&mut self, value: &[u8]) {
        let hash = hash(value);
        if let Some(index) = self.indexes.get(&hash) {
            self.counts[*index as usize] += 1;
            return;
        }
        let index = self.counts.len();
        if index == EXACT_LIMIT {
            self.overflowed = true;
            return;
        }
        // The limit is far below 2^32.
        self.indexes
            .insert(hash, u32::try_from(index).unwrap_or(u32::MAX));
        self.counts.push(1);
        if index < TEXT_LIMIT {
            self.texts.extend_from_slice(cut(value));
            self.text_ends.push(self.texts.len());
        }
    }

    pub(crate) fn distinct(&self) -> u64 {
        self.counts.len() as u64
    }

    pub(crate) fn is_exact(&self) -> bool {
        !self.overflowed
    }

    /// The values that stand in at least two rows, most frequent first, then in the file's order.
    pub(crate) fn top_values(&self) -> Vec<ValueCount> {
        let mut repeated: Vec<usize> = (0..self.text_ends.len())
            .filter(|index| self.counts[*index] > 1)
            .collect();
        repeated.sort_by_key(|index| (std::cmp::Reverse(self.counts[*index]), *index));
        repeated.truncate(TOP);
        repeated
            .into_iter()
            .map(|index| ValueCount {
                value: self.text(index),
                count: self.counts[index],
            })
            .collect()
    }

    fn text(&self, index: usize) -> String {
        let start = if index == 0 {
            0
        } else {
            self.text_ends[index - 1]
        };
        String::from_utf8_lossy(&self.texts[start..self.text_ends[index]]).into_owned()
    }
}

/// The value, cut between two characters.
fn cut(value: &[u8]) -> &[u8] {
    if value.len() <= VALUE_LIMIT {
        return value;
    }
    let is_start = |byte: u8| byte & 0b1100_0000 != 0b1000_0000;
    let end = (0..=VALUE_LIMIT)
        .rev()
        .find(|end| is_start(value[*end]))
        .unwrap_or(0);
    &value[..end]
}

/// A 64-bit hash by folded multiplication, eight bytes at a step. It needs no secret seed: an
/// attacker who finds a collision spoils the count of his own column.
fn hash(value: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let mut state = 0x243F_6A88_85A3_08D3 ^ value.len() as u64;
    for chunk in value.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER).rotate_left(23)
            ^ state.wrapping_mul(MULTIPLIER);
    }
    fold(state ^ MULTIPLIER, 0xD6E8_FEB8_6659_FD93)
}

/// The keys are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only whole hashes are keys")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::{DistinctCounter, EXACT_LIMIT};

    #[test]
    fn counts_exactly_up_to_the_limit_and_says_when_it_stopped() {
        let mut counter = DistinctCounter::default();
        for number in 0..EXACT_LIMIT {
            counter.add(format!("value {number}").as_bytes());
            counter.add(b"value 0");
        }
        assert_eq!(
            (counter.distinct(), counter.is_exact()),
            (EXACT_LIMIT as u64, true)
        );
        assert_eq!(counter.top_values().len(), 1);
        counter.add(b"one more");
        assert_eq!(
            (counter.distinct(), counter.is_exact()),
            (EXACT_LIMIT as u64, false)
        );
    }

    #[test]
    fn names_the_most_frequent_values_and_cuts_long_ones_between_characters() {
        let mut counter = DistinctCounter::default();
        let long = "é".repeat(80);
        for value in ["b", "a", "b", "once", "a", "b", &long, &long] {
            counter.add(value.as_bytes());
        }
        let top: Vec<_> = counter
            .top_values()
            .into_iter()
            .map(|top| (top.value, top.count))
            .collect();
        assert_eq!(top, [("b".into(), 3), ("a".into(), 2), ("é".repeat(50), 2)]);
    }
}
