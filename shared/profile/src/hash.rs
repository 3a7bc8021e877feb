//! A hash of a value, of 63 bits.

/// Odd, with its bits well mixed (of SplitMix64 and of MurmurHash3).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const LAST: u64 = 0xC4CE_B9FE_1A85_EC53;

/// What no value has as its hash: free places in tables.
pub(crate) const NOBODYS: u64 = 2;

/// The place of a hash in a table, of which as many low bits are to be taken as it has room.
#[inline]
pub(crate) fn place(hash: u64) -> usize {
    (hash >> 1) as usize
}

/// Eight bytes at a step, by multiplications of 64 bits: a wider product, which many hashes fold, is
/// slow in WebAssembly. It needs no secret seed: an attacker who finds a collision spoils the facts
/// about his own column.
///
/// It is 0 for no bytes, and odd for all else.
pub(crate) fn hash(value: &[u8]) -> u64 {
    let length = value.len();
    let mut state = begin(length);
    if let (Some(head), Some(tail)) = (value.first_chunk::<8>(), value.last_chunk::<8>()) {
        // The last word may overlap the one before: with the length, that tells all values apart.
        state = step(state, u64::from_le_bytes(*head));
        if length > 16 {
            let (words, _) = value[8..length - 1].as_chunks::<8>();
            for word in words {
                state = step(state, u64::from_le_bytes(*word));
            }
        }
        if length > 8 {
            state = step(state, u64::from_le_bytes(*tail));
        }
    } else {
        let mut word = [0; 8];
        word[..length].copy_from_slice(value);
        state = step(state, u64::from_le_bytes(word));
    }
    end(state, length)
}

/// The hash of what stands from `start` to `end`. Up to eight bytes are taken in one step, with what
/// follows them: how many they are, which nobody can foretell, decides no branch.
#[inline]
pub(crate) fn hash_within(bytes: &[u8], start: usize, end_at: usize) -> u64 {
    let length = end_at - start;
    if length <= 8
        && let Some(word) = bytes.get(start..).and_then(|rest| rest.first_chunk::<8>())
    {
        let known = (!0_u64).checked_shr(64 - 8 * length as u32).unwrap_or(0);
        let word = u64::from_le_bytes(*word) & known;
        return end(step(begin(length), word), length);
    }
    hash(&bytes[start..end_at])
}

fn begin(length: usize) -> u64 {
    (length as u64).wrapping_mul(LAST)
}

fn step(state: u64, word: u64) -> u64 {
    let state = (state ^ word).wrapping_mul(STEP);
    state ^ (state >> 32)
}

fn end(state: u64, length: usize) -> u64 {
    let state = state.wrapping_mul(LAST);
    let hash = state ^ (state >> 29);
    hash | u64::from(length > 0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{NOBODYS, hash, hash_within};

    #[test]
    fn values_that_are_much_alike_have_different_hashes() {
        let mut values: Vec<String> = (0..60_000).map(|number| number.to_string()).collect();
        values.extend((0..60_000).map(|number| format!("customer {number:09}")));
        values.extend((0..40).map(|length| "a".repeat(length)));
        values.extend((1..40).map(|length| "\0".repeat(length)));
        let hashes: HashSet<u64> = values.iter().map(|value| hash(value.as_bytes())).collect();
        assert_eq!(hashes.len(), values.len());
        // Any sixteen bits of them are spread evenly enough for a table.
        for shift in [1, 16, 32, 48] {
            let places: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xFFFF).collect();
            assert!(places.len() > 54_000, "{shift}: {}", places.len());
        }
    }

    #[test]
    fn a_hash_does_not_depend_on_what_follows() {
        let text = b"some bytes, and a few more of them";
        for start in 0..text.len() {
            for end in start..=text.len() {
                let value = &text[start..end];
                assert_eq!(hash_within(text, start, end), hash(value), "{value:?}");
                assert_eq!(hash(value).is_multiple_of(2), value.is_empty());
                assert_ne!(hash(value), NOBODYS);
            }
        }
    }
}
