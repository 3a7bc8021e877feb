//! Counts different values, in bounded memory: exactly at first, then by a sample.
//!
//! The sample is Wegman's adaptive sampling (Flajolet 1990): of all hashes only those are kept that
//! end in some number of zero bits, one bit more whenever there are too many; each that is kept then
//! stands for twice as many. With more than 24,000 kept, the standard error is below 0.7 %.

/// How many hashes are kept once not all can be: three quarters of this table.
const SAMPLE: usize = SAMPLE_SLOTS / 4 * 3;
const SAMPLE_SLOTS: usize = 1 << 16;
/// The first size of the table; a power of two, as all are.
const FEWEST_SLOTS: usize = 1024;

/// A set of hashes, in a table without anything else: one look into memory for each value.
#[derive(Default)]
pub(crate) struct Distinct {
    /// 0 is free: no value has that hash. At most three quarters are taken.
    slots: Vec<u64>,
    kept: usize,
    zeros: u32,
}

impl Distinct {
    /// Takes one more value; exactly as long as there are no more than `room`.
    pub(crate) fn add(&mut self, hash: u64, room: usize) {
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
        if self.kept * 4 >= self.slots.len() * 3 {
            self.rebuild((self.slots.len() * 2).max(FEWEST_SLOTS));
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                0 => break,
                other if other == hash => return false,
                _ => slot = (slot + 1) & mask,
            }
        }
        self.slots[slot] = hash;
        self.kept += 1;
        true
    }

    /// Makes a table of at least this size from what is to be kept.
    fn rebuild(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.kept = 0;
        for hash in old {
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
            distinct.add(hash(format!("value {number}").as_bytes()), ROOM);
            distinct.add(hash(b"value 0"), ROOM);
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
