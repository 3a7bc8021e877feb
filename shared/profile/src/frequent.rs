//! Remembers the first values of a column, how often each stands there, and what it was read as.
//!
//! Reading a value (is it missing, a number, a date?) costs much more than finding that it was read
//! before, and most columns repeat themselves: so a value is read once, however often it comes.
//!
//! Values are told apart by a 64-bit hash: among 100,000 values the chance that two share one is
//! below one in a billion.

use crate::types::ValueCount;

/// How many values are remembered. A column with more is no category, and its frequent values nearly
/// always come early.
const LIMIT: usize = 10_000;
/// How many values of all columns together: each takes about 70 bytes.
const LIMIT_OF_ALL: usize = 400_000;
/// How much of a value is kept.
const VALUE_LIMIT: usize = 100;
/// How many of the most frequent values are reported.
const TOP: usize = 10;
/// The first size of the index; a power of two, as all are.
const FEWEST_SLOTS: usize = 16;

/// The values so far; `T` is what each was read as.
///
/// Parted by what is needed together: a column may have far more values than a processor's cache
/// has room, and most looks are at hashes only.
pub(crate) struct Frequent<T> {
    limit: usize,
    /// The values' positions, counted from 1, found by hash; 0 is free. At most half are taken.
    slots: Vec<u16>,
    hashes: Vec<u64>,
    counts: Vec<u64>,
    readings: Vec<T>,
    texts: Vec<u8>,
    text_ends: Vec<usize>,
}

impl<T: Copy> Frequent<T> {
    /// One of so many that are there at once.
    pub(crate) fn one_of(columns: usize) -> Self {
        Self {
            limit: LIMIT.min(LIMIT_OF_ALL / columns.max(1)),
            slots: vec![0; FEWEST_SLOTS],
            hashes: Vec::new(),
            counts: Vec::new(),
            readings: Vec::new(),
            texts: Vec::new(),
            text_ends: Vec::new(),
        }
    }

    /// Counts each value once more that is remembered, and gives the positions of the others.
    pub(crate) fn count_all(&mut self, hashes: &[u64], others: &mut Vec<usize>) {
        others.clear();
        for (position, hash) in hashes.iter().enumerate() {
            if !self.count(*hash) {
                others.push(position);
            }
        }
    }

    /// Counts the value once more if it is remembered.
    pub(crate) fn count(&mut self, hash: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let Some(index) = usize::from(self.slots[slot]).checked_sub(1) else {
                return false;
            };
            if self.hashes[index] == hash {
                self.counts[index] += 1;
                return true;
            }
            slot = (slot + 1) & mask;
        }
    }

    /// Remembers a value that was not there, while there is room.
    pub(crate) fn remember(&mut self, hash: u64, value: &[u8], reading: T) -> bool {
        if self.is_full() {
            return false;
        }
        self.hashes.push(hash);
        self.counts.push(1);
        self.readings.push(reading);
        self.texts.extend_from_slice(cut(value));
        self.text_ends.push(self.texts.len());
        if self.len() * 2 > self.slots.len() {
            self.slots = vec![0; self.slots.len() * 2];
            (0..self.len()).for_each(|index| self.index(index));
        } else {
            self.index(self.len() - 1);
        }
        true
    }

    fn index(&mut self, index: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = self.hashes[index] as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        // The limit is far below 2^16.
        self.slots[slot] = u16::try_from(index + 1).unwrap_or(0);
    }

    /// Whether no further value will be remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.limit
    }

    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// What a value was read as, and in how many rows it stands.
    pub(crate) fn reading(&self, index: usize) -> (T, u64) {
        (self.readings[index], self.counts[index])
    }

    /// Those of the wanted values that stand in at least two rows, most frequent first, then in the
    /// file's order.
    pub(crate) fn top_values(&self, wanted: impl Fn(&T) -> bool) -> Vec<ValueCount> {
        let mut repeated: Vec<usize> = (0..self.len())
            .filter(|index| self.counts[*index] > 1 && wanted(&self.readings[*index]))
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
        let start = match index {
            0 => 0,
            _ => self.text_ends[index - 1],
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

#[cfg(test)]
mod tests {
    use super::{Frequent, LIMIT, LIMIT_OF_ALL};
    use crate::hash::hash;

    fn add(frequent: &mut Frequent<usize>, value: &str) -> bool {
        let hash = hash(value.as_bytes());
        frequent.count(hash) || frequent.remember(hash, value.as_bytes(), value.len())
    }

    #[test]
    fn names_the_most_frequent_values_and_cuts_long_ones_between_characters() {
        let mut frequent = Frequent::one_of(1);
        let long = "é".repeat(80);
        for value in ["b", "a", "b", "once", "a", "b", &long, &long] {
            assert!(add(&mut frequent, value));
        }
        let top: Vec<_> = frequent
            .top_values(|_| true)
            .into_iter()
            .map(|top| (top.value, top.count))
            .collect();
        assert_eq!(top, [("b".into(), 3), ("a".into(), 2), ("é".repeat(50), 2)]);
        assert_eq!(frequent.top_values(|length| *length > 1).len(), 1);
    }

    #[test]
    fn many_columns_share_the_room() {
        let mut frequent = Frequent::one_of(1000);
        let remembered = (0..LIMIT).filter(|number| add(&mut frequent, &number.to_string()));
        assert_eq!(remembered.count() * 1000, LIMIT_OF_ALL);
    }

    #[test]
    fn goes_on_counting_when_it_is_full() {
        let mut frequent = Frequent::one_of(1);
        for number in 0..LIMIT {
            assert!(add(&mut frequent, &format!("value {number}")));
        }
        assert!(!add(&mut frequent, "one more"));
        assert!(add(&mut frequent, "value 77"));
        let top = frequent.top_values(|_| true);
        assert_eq!(
            (top.len(), top[0].value.as_str(), top[0].count),
            (1, "value 77", 2)
        );
    }
}
