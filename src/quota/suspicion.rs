//! The suspicion that refusals which name no unit are about tokens.

/// The counts of the last two full windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Suspicion {
    /// All tokens that were ever charged when the last window was full.
    charged: u64,
    /// The calls and the tokens of the window before.
    before: Option<(u64, u64)>,
}

impl Suspicion {
    /// Takes note of a window that is full with so many calls, when so many tokens were charged in all. The tokens that it
    /// held, if it is they that are limited: their number is that of the window before, and the number of calls is not.
    pub fn of_tokens(&mut self, calls: u64, charged: u64) -> Option<u64> {
        let tokens = charged.saturating_sub(self.charged);
        self.charged = charged;
        let (calls_before, tokens_before) = self.before.replace((calls, tokens))?;
        let differ = |one: u64, other: u64| one.abs_diff(other) > (one.max(other) / 10).max(1);
        let is_it = tokens > 0 && differ(calls, calls_before) && !differ(tokens, tokens_before);
        is_it.then_some(tokens.min(tokens_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_tokens_with_other_calls_are_the_limit() {
        for (windows, found) in [
            (&[(10, 6_000), (30, 12_100)][..], Some(6_000)),
            (&[(10, 6_000), (10, 12_000)], None),
            (&[(10, 6_000), (30, 24_000)], None),
            (&[(10, 0), (30, 0)], None),
            (&[(10, 6_000)], None),
        ] {
            let mut suspicion = Suspicion::default();
            let mut last = None;
            for (calls, charged) in windows {
                last = suspicion.of_tokens(*calls, *charged);
            }
            assert_eq!(last, found, "{windows:?}");
        }
    }
}
