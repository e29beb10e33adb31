//! The keys of a step that were tried.

/// The keys that are bits of a number: nearly all steps have a few, and each request would pay for a list.
const FEW: usize = u64::BITS as usize;

/// A set of keys, by their indices in the provider's list.
#[derive(Debug, Default)]
pub(super) struct TriedKeys {
    few: u64,
    more: Vec<usize>,
}

impl TriedKeys {
    pub fn is_empty(&self) -> bool {
        self.few == 0 && self.more.is_empty()
    }

    pub fn contains(&self, key: usize) -> bool {
        match key {
            0..FEW => self.few >> key & 1 == 1,
            _ => self.more.contains(&key),
        }
    }

    pub fn add(&mut self, key: usize) {
        match key {
            0..FEW => self.few |= 1 << key,
            _ if self.more.contains(&key) => {}
            _ => self.more.push(key),
        }
    }

    pub fn remove(&mut self, key: usize) {
        match key {
            0..FEW => self.few &= !(1 << key),
            _ => self.more.retain(|tried| *tried != key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_told_from_the_others() {
        let mut tried = TriedKeys::default();
        for key in [0, FEW - 1, FEW, 1000] {
            assert!(tried.is_empty());
            tried.add(key);
            tried.add(key);
            let found: Vec<usize> = (0..1100).filter(|key| tried.contains(*key)).collect();
            assert_eq!(found, [key]);
            tried.remove(key + 1);
            assert!(tried.contains(key));
            tried.remove(key);
        }
        assert!(tried.is_empty());
    }
}
