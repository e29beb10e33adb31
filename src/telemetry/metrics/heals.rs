//! The counter of healed requests. Its members are what providers have refused by name, so the number of series is
//! bounded: what comes after that is counted as `other`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::sync::lock;

use super::family::{Family, FamilyKind, SeriesValue, Unit};

/// The most series.
const MOST: usize = 256;

/// The longest name of a member (bytes).
const LONGEST: usize = 64;

/// Counts by provider, model, member and result.
#[derive(Debug, Default)]
pub struct Heals(Mutex<BTreeMap<[String; 4], u64>>);

impl Heals {
    /// Counts one member of one request.
    pub fn count(&self, provider: &str, model: &str, member: &str, result: &str) {
        let labels = |member: &str| [provider, model, member, result].map(str::to_owned);
        let mut counts = lock(&self.0);
        let mut series = labels(member);
        if member.len() > LONGEST || (counts.len() >= MOST && !counts.contains_key(&series)) {
            series = labels("other");
        }
        *counts.entry(series).or_default() += 1;
    }

    /// The counter as a family.
    pub fn family(&self) -> Family {
        let mut family = Family::new(
            "ai_gateway.heals",
            FamilyKind::Counter,
            Unit::Things,
            "Members that a provider refused by name: healed (left out or changed, and accepted), refused again, or the step passed over from now on.",
        );
        for ([provider, model, member, result], count) in &*lock(&self.0) {
            let labels = [
                ("provider", provider.as_str()),
                ("model", model),
                ("member", member),
                ("result", result),
            ];
            family.push(&labels, SeriesValue::Count(*count));
        }
        family
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Providers name what clients send: neither makes the registry grow without bound.
    #[test]
    fn the_number_of_series_is_bounded() {
        let heals = Heals::default();
        for number in 0..MOST + 10 {
            heals.count("p", "m", &number.to_string(), "healed");
        }
        heals.count("p", "m", &"x".repeat(LONGEST + 1), "healed");
        assert_eq!(heals.family().series.len(), MOST + 1);
        let others = heals.family().series.into_iter();
        let mut others =
            others.filter(|series| series.labels.contains(&("member", "other".to_owned())));
        assert!(matches!(
            others.next().unwrap().value,
            SeriesValue::Count(11)
        ));
    }
}
