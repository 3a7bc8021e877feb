//! Putting a handful of things in order.

/// The items in the order of their keys; of equal keys, the first stays first.
///
/// For the few things that a prompt names. The standard library's sort is made for many, and is five
/// kilobytes of a component for each type that is sorted.
pub(crate) fn ordered<T, K: Ord>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let mut ordered: Vec<T> = Vec::new();
    for item in items {
        let place = ordered.partition_point(|other| key(other) <= key(&item));
        ordered.insert(place, item);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_equal_keys_stays_in_its_order() {
        let items = [(2, 'a'), (1, 'b'), (2, 'c'), (0, 'd'), (1, 'e')];
        let found: String = ordered(items, |(key, _)| *key)
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(found, "dbeac");
    }
}
