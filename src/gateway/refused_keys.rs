//! The keys that providers refuse, so that the log tells each of them once, and again each hour.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The time after which a key that is still refused is told again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// The times at which the refusal of a key was told last, by its provider and its place in the list. Both come from the
/// configuration, so there are few.
#[derive(Default)]
pub struct RefusedKeys {
    told: Mutex<HashMap<(String, Option<usize>), Instant>>,
}

impl RefusedKeys {
    /// Whether the refusal of this key is to be told now; then it counts as told.
    pub fn is_due(&self, provider: &str, key_index: Option<usize>, now: Instant) -> bool {
        let mut told = lock(&self.told);
        let last = told.get(&(provider.to_owned(), key_index));
        let due = last.is_none_or(|last| now.saturating_duration_since(*last) >= AGAIN);
        if due {
            told.insert((provider.to_owned(), key_index), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_told_once_and_again_each_hour() {
        let keys = RefusedKeys::default();
        let now = Instant::now();
        assert!(keys.is_due("a", Some(0), now));
        assert!(!keys.is_due("a", Some(0), now));
        assert!(keys.is_due("a", Some(1), now), "another key");
        assert!(keys.is_due("b", Some(0), now), "another provider");
        let later = now + Duration::from_secs(3599);
        assert!(!keys.is_due("a", Some(0), later));
        let later = now + Duration::from_secs(3600);
        assert!(keys.is_due("a", Some(0), later));
        assert!(!keys.is_due("a", Some(0), later));
    }
}
