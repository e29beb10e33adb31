//! The faults of steps that cannot ever work until somebody mends the configuration: a key that is refused, a model that
//! is not known. Failover hides them, so the log tells each of them once, and again each hour.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The time after which a fault that still stands is told again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// A fault, without its provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StandingFault {
    /// The key at this place of the provider's list is refused.
    Key(Option<usize>),
    /// The model of this name is not known.
    Model(String),
}

/// The times at which each fault was told last, by its provider. All comes from the configuration, so there are few.
#[derive(Default)]
pub struct StandingFaults {
    told: Mutex<HashMap<(String, StandingFault), Instant>>,
}

impl StandingFaults {
    /// Whether a fault is to be told now; then it counts as told.
    pub fn is_due(&self, provider: &str, fault: StandingFault, now: Instant) -> bool {
        let mut told = lock(&self.told);
        let place = (provider.to_owned(), fault);
        let last = told.get(&place);
        let due = last.is_none_or(|last| now.saturating_duration_since(*last) >= AGAIN);
        if due {
            told.insert(place, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_and_again_each_hour() {
        let faults = StandingFaults::default();
        let now = Instant::now();
        let is_due = |provider, fault: &StandingFault, after| {
            faults.is_due(provider, fault.clone(), now + Duration::from_secs(after))
        };
        let key = StandingFault::Key(Some(0));
        let model = StandingFault::Model("m".to_owned());
        assert!(is_due("a", &key, 0));
        assert!(!is_due("a", &key, 0));
        assert!(is_due("a", &StandingFault::Key(Some(1)), 0), "another key");
        assert!(is_due("b", &key, 0), "another provider");
        assert!(is_due("a", &model, 0), "another fault");
        assert!(!is_due("a", &model, 10));
        assert!(!is_due("a", &key, 3599));
        assert!(is_due("a", &key, 3600));
        assert!(!is_due("a", &key, 3600));
    }
}
