//! Sorting in place of the standard library's, whose sorts are unrolled anew for every type (4 to 8 KB of the binary
//! each, 60 KB in all): a heap takes half a kilobyte. Lists here are short, or sorted once a request, and no input makes a
//! heap slow (at most n log n).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The items in ascending order. Equal ones come in any order.
pub fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let items: Vec<T> = items.into_iter().collect();
    BinaryHeap::from(items).into_sorted_vec()
}

/// The items in the ascending order of their keys. Items with the same key keep their order.
pub fn sorted_by_key<T, K: Ord>(
    items: impl IntoIterator<Item = T>,
    key_of: impl Fn(&T) -> K,
) -> Vec<T> {
    let keyed = items.into_iter().enumerate().map(|(place, item)| Keyed {
        key: (key_of(&item), place),
        item,
    });
    let in_order = sorted(keyed).into_iter();
    in_order.map(|keyed| keyed.item).collect()
}

/// An item that is compared by its key alone.
struct Keyed<K, T> {
    key: K,
    item: T,
}

impl<K: Ord, T> Ord for Keyed<K, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<K: Ord, T> PartialOrd for Keyed<K, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Ord, T> PartialEq for Keyed<K, T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<K: Ord, T> Eq for Keyed<K, T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_heap_sorts_as_the_standard_library_does(items in prop::collection::vec(0_u8..20, 0..40)) {
            let mut expected = items.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(items), expected);
        }

        #[test]
        fn items_with_one_key_keep_their_order(keys in prop::collection::vec(0_u8..4, 0..40)) {
            let items: Vec<(u8, usize)> = keys.into_iter().enumerate().map(|(place, key)| (key, place)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(sorted_by_key(items, |(key, _)| *key), expected);
        }
    }
}
