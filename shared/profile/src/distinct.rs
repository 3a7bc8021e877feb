//! Counts different values, in bounded memory: exactly at first, then by a sample.
//!
//! The sample is Wegman's adaptive sampling (Flajolet 1990): of all hashes only those are kept that
//! end in some number of zero bits, one bit more whenever there are too many; each that is kept then
//! stands for twice as many. With more than 24,000 kept, the standard error is below 0.7 %.

use std::hint::black_box;

use crate::hash::place;

/// How many hashes are kept once not all can be: three quarters of this table.
const SAMPLE: usize = SAMPLE_SLOTS / 4 * 3;
const SAMPLE_SLOTS: usize = 1 << 16;
/// The first size of the table; a power of two, as all are.
const FEWEST_SLOTS: usize = 1024;
/// How many hashes a bucket has room for: what a processor fetches from memory at once.
const BUCKET: usize = 8;
/// How many buckets are fetched before they are looked at; a part of the smallest cache.
const GROUP: usize = 128;

/// A set of hashes, in a table without anything else: one look into memory for each value.
#[derive(Default)]
pub(crate) struct Distinct {
    /// At most three quarters of the room are taken.
    buckets: Vec<Bucket>,
    kept: usize,
    zeros: u32,
}

/// Hashes that lead to the same place, or to a full one before it.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([u64; BUCKET]);

impl Bucket {
    /// 0 is free: no value that comes here has that hash.
    const EMPTY: Self = Self([0; BUCKET]);

    /// Compares all, because a branch that nobody can foretell takes longer.
    #[inline]
    fn has(&self, hash: u64) -> bool {
        let mut found = false;
        for other in self.0 {
            found |= other == hash;
        }
        found
    }
}

impl Distinct {
    /// Takes some more values and clears them away; exactly as long as there are no more than `room`.
    pub(crate) fn add_all(&mut self, hashes: &mut Vec<u64>, room: usize) {
        if self.zeros > 0 {
            hashes.retain(|hash| self.is_kept(*hash));
        }
        if !self.buckets.is_empty() {
            self.leave_out_known(hashes);
        }
        for hash in hashes.drain(..) {
            self.add(hash, room);
        }
    }

    /// Leaves out what has been there before, as most have, without a branch on each.
    #[inline(never)]
    fn leave_out_known(&self, hashes: &mut Vec<u64>) {
        let mask = self.buckets.len() - 1;
        let mut new = 0;
        for begin in (0..hashes.len()).step_by(GROUP) {
            let end = hashes.len().min(begin + GROUP);
            // The less is done with each bucket, the more of them are fetched from memory side by side.
            let touch = |all, hash: &u64| all | self.buckets[place(*hash) & mask].0[0];
            black_box(hashes[begin..end].iter().fold(0, touch));
            for at in begin..end {
                let hash = hashes[at];
                hashes[new] = hash;
                new += usize::from(!self.buckets[place(hash) & mask].has(hash));
            }
        }
        hashes.truncate(new);
    }

    fn add(&mut self, hash: u64, room: usize) {
        if !self.is_kept(hash) || !self.insert(hash) {
            return;
        }
        let most = if self.zeros == 0 { room } else { SAMPLE };
        if self.kept > most {
            while self.kept > SAMPLE {
                self.zeros += 1;
                self.rebuild(SAMPLE_SLOTS);
            }
        }
    }

    /// By other bits than those that find a place in the table.
    fn is_kept(&self, hash: u64) -> bool {
        (hash >> 40).trailing_zeros() >= self.zeros
    }

    /// Whether it was not there yet.
    fn insert(&mut self, hash: u64) -> bool {
        let slots = self.buckets.len() * BUCKET;
        if self.kept * 4 >= slots * 3 {
            self.rebuild((slots * 2).max(FEWEST_SLOTS));
        }
        let mask = self.buckets.len() - 1;
        let mut place = place(hash);
        loop {
            let bucket = &mut self.buckets[place & mask];
            if bucket.has(hash) {
                return false;
            }
            if let Some(free) = bucket.0.iter_mut().find(|slot| **slot == 0) {
                *free = hash;
                self.kept += 1;
                return true;
            }
            place += 1;
        }
    }

    /// Makes a table of at least this size from what is to be kept.
    fn rebuild(&mut self, slots: usize) {
        let buckets = vec![Bucket::EMPTY; slots / BUCKET];
        let old = std::mem::replace(&mut self.buckets, buckets);
        self.kept = 0;
        for hash in old.iter().flat_map(|bucket| bucket.0) {
            if hash != 0 && self.is_kept(hash) {
                self.insert(hash);
            }
        }
    }

    pub(crate) fn count(&self) -> u64 {
        (self.kept as u64) << self.zeros
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.zeros == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Distinct;
    use crate::hash::hash;

    const ROOM: usize = 90_000;

    fn count(values: usize) -> (u64, bool) {
        let mut distinct = Distinct::default();
        for number in 0..values {
            let text = format!("value {number}");
            distinct.add_all(&mut vec![hash(text.as_bytes()), hash(b"value 0")], ROOM);
        }
        (distinct.count(), distinct.is_exact())
    }

    #[test]
    fn counts_exactly_as_long_as_there_is_room() {
        assert_eq!(count(ROOM), (ROOM as u64, true));
        assert!(!count(ROOM + 1).1);
    }

    #[test]
    fn estimates_within_two_percent_beyond() {
        for values in [ROOM + 1, 200_000, 1_000_000] {
            let (estimate, exact) = count(values);
            assert!(!exact);
            let error = (estimate as f64 / values as f64 - 1.0).abs();
            assert!(error < 0.02, "{values}: {estimate}");
        }
    }
}
