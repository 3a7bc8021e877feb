//! Remembers the first values of a column, how often each stands there, and what it was read as.
//!
//! Reading a value (is it missing, a number, a date?) costs much more than finding that it was read
//! before, and most columns repeat themselves: so a value is read once, however often it comes.
//!
//! Values are told apart by a hash of 63 bits: among 100,000 values the chance that two share one is
//! below one in a billion.
//!
//! What goes through whole columns is not inlined: within one large function, wasmtime would keep its
//! variables in memory.

use std::hint::black_box;

use crate::hash::{NOBODYS, place};
use crate::types::ValueCount;

/// How many values are remembered. A column with more is no category, and its frequent values nearly
/// always come early.
const LIMIT: usize = 10_000;
/// How many values of all columns together: each takes about 80 bytes.
const LIMIT_OF_ALL: usize = 400_000;
/// How much of a value is kept.
const VALUE_LIMIT: usize = 100;
/// How many of the most frequent values are reported.
const TOP: usize = 10;
/// The first size of the table; a power of two, as all are.
const FEWEST_BUCKETS: usize = 8;
/// How many values a bucket has room for.
const BUCKET: usize = 4;
/// How many bits the filter has for each value, at least: so one in eight others passes, or fewer.
const FILTER_BITS: usize = 8;
/// In a tally, the count stands above the value's position.
const POSITION_BITS: u32 = 16;

/// The values so far; `T` is what each was read as.
///
/// Parted by what is needed together: a column may have far more values than a processor's cache
/// has room, and most looks are at hashes and counts only.
pub(crate) struct Frequent<T> {
    limit: usize,
    /// At most two thirds of the room are taken.
    buckets: Vec<Bucket>,
    /// Once it is full, a bit for each value: a small table in which most others are told.
    filter: Vec<u64>,
    /// Room for positions.
    passing: Vec<usize>,
    readings: Vec<T>,
    texts: Vec<u8>,
    text_ends: Vec<usize>,
}

/// Values whose hashes lead to the same place, or to a full one before it. It is what a processor fetches
/// from memory at once, so to find a value and to count it are one wait.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    hashes: [u64; BUCKET],
    /// How often each came, and its position among the values.
    tallies: [u64; BUCKET],
}

impl Bucket {
    const EMPTY: Self = Self {
        hashes: [NOBODYS; BUCKET],
        tallies: [0; BUCKET],
    };

    /// Counts a value once more if it is here. It compares all, because a branch that nobody can foretell
    /// takes longer.
    #[inline]
    fn count(&mut self, hash: u64) -> bool {
        let mut found = 0;
        for (other, tally) in self.hashes.iter().zip(&mut self.tallies) {
            let same = u64::from(*other == hash);
            *tally += same << POSITION_BITS;
            found |= same;
        }
        found != 0
    }

    /// The hashes and tallies of the values that are here.
    fn taken(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.hashes.into_iter().zip(self.tallies);
        all.filter(|(_, tally)| *tally != 0)
    }

    /// Whether values may have gone on to the next one; they are filled from the first on.
    fn is_full(&self) -> bool {
        self.hashes[BUCKET - 1] != NOBODYS
    }
}

impl<T: Copy> Frequent<T> {
    /// One of so many that are there at once.
    pub(crate) fn one_of(columns: usize) -> Self {
        Self {
            limit: LIMIT.min(LIMIT_OF_ALL / columns.max(1)),
            buckets: vec![Bucket::EMPTY; FEWEST_BUCKETS],
            filter: Vec::new(),
            passing: Vec::new(),
            readings: Vec::new(),
            texts: Vec::new(),
            text_ends: Vec::new(),
        }
    }

    /// Counts each value once more that is remembered, and gives the positions of the others.
    pub(crate) fn count_all(&mut self, hashes: &[u64], others: &mut Vec<usize>) {
        others.clear();
        if self.filter.is_empty() {
            self.count_side_by_side(hashes, others);
        } else {
            self.count_passing(hashes, others);
        }
    }

    /// Nothing here waits for what was found: so many buckets are fetched at once.
    #[inline(never)]
    fn count_side_by_side(&mut self, hashes: &[u64], others: &mut Vec<usize>) {
        others.resize(hashes.len(), 0);
        let mask = self.buckets.len() - 1;
        let mut missed = 0;
        for (position, hash) in hashes.iter().enumerate() {
            let found = self.buckets[place(*hash) & mask].count(*hash);
            others[missed] = position;
            missed += usize::from(!found);
        }
        others.truncate(missed);
        others.retain(|position| !self.count_from(place(hashes[*position]), hashes[*position]));
    }

    /// Looks only for those that the filter lets pass.
    #[inline(never)]
    fn count_passing(&mut self, hashes: &[u64], others: &mut Vec<usize>) {
        let mut passing = std::mem::take(&mut self.passing);
        self.list_passing(hashes, &mut passing);
        // Their buckets are fetched at once, before there are branches.
        let mask = self.buckets.len() - 1;
        let touch =
            |all, position: &usize| all | self.buckets[place(hashes[*position]) & mask].tallies[0];
        black_box(passing.iter().fold(0, touch));
        passing.retain(|position| self.count(hashes[*position]));
        let mut begin = 0;
        for &found in &passing {
            others.extend(begin..found);
            begin = found + 1;
        }
        others.extend(begin..hashes.len());
        self.passing = passing;
    }

    #[inline(never)]
    fn list_passing(&self, hashes: &[u64], passing: &mut Vec<usize>) {
        passing.resize(hashes.len(), 0);
        let mut count = 0;
        for (position, hash) in hashes.iter().enumerate() {
            passing[count] = position;
            count += usize::from(self.passes(*hash));
        }
        passing.truncate(count);
    }

    /// Whether the filter lets the hash pass, as it does with all that are remembered and few others.
    #[inline]
    fn passes(&self, hash: u64) -> bool {
        let (word, bit) = bit_of(hash);
        self.filter[word & (self.filter.len() - 1)] >> bit & 1 == 1
    }

    fn fill_filter(&mut self) {
        let words = (self.len() * FILTER_BITS / 64).next_power_of_two();
        self.filter = vec![0; words];
        for bucket in &self.buckets {
            for (hash, _) in bucket.taken() {
                let (word, bit) = bit_of(hash);
                self.filter[word & (words - 1)] |= 1 << bit;
            }
        }
    }

    /// Counts the value once more if it is remembered.
    pub(crate) fn count(&mut self, hash: u64) -> bool {
        let home = place(hash);
        let mask = self.buckets.len() - 1;
        self.buckets[home & mask].count(hash) || self.count_from(home, hash)
    }

    /// Goes on where the bucket in which it was not found is full.
    #[inline]
    fn count_from(&mut self, mut place: usize, hash: u64) -> bool {
        let mask = self.buckets.len() - 1;
        while self.buckets[place & mask].is_full() {
            place += 1;
            if self.buckets[place & mask].count(hash) {
                return true;
            }
        }
        false
    }

    /// Remembers a value that was not there, while there is room.
    #[inline(never)]
    pub(crate) fn remember(&mut self, hash: u64, value: &[u8], reading: T) -> bool {
        if self.is_full() {
            return false;
        }
        let tally = 1 << POSITION_BITS | self.len() as u64;
        self.readings.push(reading);
        self.texts.extend_from_slice(cut(value));
        self.text_ends.push(self.texts.len());
        if self.len() * 3 > self.buckets.len() * BUCKET * 2 {
            let larger = vec![Bucket::EMPTY; self.buckets.len() * 2];
            for old in std::mem::replace(&mut self.buckets, larger) {
                old.taken().for_each(|(hash, tally)| self.put(hash, tally));
            }
        }
        self.put(hash, tally);
        if self.is_full() {
            self.fill_filter();
        }
        true
    }

    fn put(&mut self, hash: u64, tally: u64) {
        let mask = self.buckets.len() - 1;
        let mut place = place(hash);
        while self.buckets[place & mask].is_full() {
            place += 1;
        }
        let bucket = &mut self.buckets[place & mask];
        if let Some(free) = bucket.tallies.iter().position(|tally| *tally == 0) {
            bucket.hashes[free] = hash;
            bucket.tallies[free] = tally;
        }
    }

    /// Whether no further value will be remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.limit
    }

    pub(crate) fn len(&self) -> usize {
        self.readings.len()
    }

    /// What each value was read as, and in how many rows it stands; in the file's order.
    pub(crate) fn readings(&self) -> impl Iterator<Item = (T, u64)> {
        self.readings.iter().copied().zip(self.counts())
    }

    fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.len()];
        for (_, tally) in self.buckets.iter().flat_map(Bucket::taken) {
            counts[tally as usize & ((1 << POSITION_BITS) - 1)] = tally >> POSITION_BITS;
        }
        counts
    }

    /// Those of the wanted values that stand in at least two rows, most frequent first, then in the
    /// file's order.
    pub(crate) fn top_values(&self, wanted: impl Fn(&T) -> bool) -> Vec<ValueCount> {
        let counts = self.counts();
        let mut repeated: Vec<usize> = (0..self.len())
            .filter(|index| counts[*index] > 1 && wanted(&self.readings[*index]))
            .collect();
        repeated.sort_by_key(|index| (std::cmp::Reverse(counts[*index]), *index));
        repeated.truncate(TOP);
        repeated
            .into_iter()
            .map(|index| ValueCount {
                value: self.text(index),
                count: counts[index],
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

/// The word of the filter, of which low bits are to be taken, and the bit in it.
#[inline]
fn bit_of(hash: u64) -> (usize, u64) {
    ((hash >> 16) as usize, hash >> 58)
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
