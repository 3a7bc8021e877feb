//! A 64-bit hash of a value.

/// Odd, with its bits well mixed (of SplitMix64 and of MurmurHash3).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const LAST: u64 = 0xC4CE_B9FE_1A85_EC53;

/// Eight bytes at a step, by multiplications of 64 bits: a wider product, which many hashes fold, is
/// slow in WebAssembly. It needs no secret seed: an attacker who finds a collision spoils the facts
/// about his own column.
///
/// It is 0 for no bytes, and for nothing else.
pub(crate) fn hash(value: &[u8]) -> u64 {
    let mut state = (value.len() as u64).wrapping_mul(LAST);
    let mut step = |word: u64| {
        state = (state ^ word).wrapping_mul(STEP);
        state ^= state >> 32;
    };
    if let Some(tail) = value.last_chunk::<8>() {
        // The last word may overlap the one before: with the length, that tells all values apart.
        let words = value[..value.len() - 1].chunks_exact(8);
        for word in words {
            step(word.try_into().map_or(0, u64::from_le_bytes));
        }
        step(u64::from_le_bytes(*tail));
    } else if let (Some(head), Some(tail)) = (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        step(u64::from(head) << 32 | u64::from(tail));
    } else if let (Some(first), Some(last)) = (value.first(), value.last()) {
        // Of up to three bytes, one or two are taken twice.
        let middle = u64::from(value[value.len() / 2]);
        step(u64::from(*first) << 16 | middle << 8 | u64::from(*last));
    } else {
        return 0;
    }
    state = state.wrapping_mul(LAST);
    (state ^ (state >> 29)).max(1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::hash;

    #[test]
    fn values_that_are_much_alike_have_different_hashes() {
        let mut values: Vec<String> = (0..60_000).map(|number| number.to_string()).collect();
        values.extend((0..60_000).map(|number| format!("customer {number:09}")));
        values.extend((0..40).map(|length| "a".repeat(length)));
        values.extend((1..40).map(|length| "\0".repeat(length)));
        let hashes: HashSet<u64> = values.iter().map(|value| hash(value.as_bytes())).collect();
        assert_eq!(hashes.len(), values.len());
        // Any sixteen bits of them are spread evenly enough for a table.
        for shift in [0, 16, 32, 48] {
            let places: HashSet<u64> = hashes.iter().map(|hash| hash >> shift & 0xFFFF).collect();
            assert!(places.len() > 54_000, "{shift}: {}", places.len());
        }
    }
}
