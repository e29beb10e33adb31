//! Money and the prices of tokens.

use std::fmt;

/// Tokens of a price.
const MILLION: u128 = 1_000_000;

/// An amount of money in whole millionths of the currency: sums of it are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub u64);

/// The prices of a model's tokens (millionths of the currency per million tokens).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    pub output: u64,
    /// Of input that a cache held; `None` is the price of other input.
    pub cached_input: Option<u64>,
}

impl Money {
    /// The sum; beyond the largest amount it stays there.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Price {
    /// The cost of these tokens, rounded up. `cached` of the input came from a cache.
    pub fn of(self, input: u64, cached: u64, output: u64) -> Money {
        let cached = cached.min(input);
        let cost = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = cost(input - cached, self.input)
            .saturating_add(cost(cached, self.cached_input.unwrap_or(self.input)))
            .saturating_add(cost(output, self.output));
        Money(u64::try_from(sum.div_ceil(MILLION)).unwrap_or(u64::MAX))
    }
}

/// `5.00`, `1.204311`: two digits behind the point, more where they are not zero.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let digits = format!("{rest:06}");
        let (first, more) = digits.split_at_checked(2).unwrap_or((&digits, ""));
        write!(f, "{whole}.{first}{}", more.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_the_digits_it_has() {
        for (millionths, text) in [
            (0, "0.00"),
            (1, "0.000001"),
            (5_000_000, "5.00"),
            (1_204_311, "1.204311"),
            (1_200_000, "1.20"),
            (1_230_000, "1.23"),
            (1_234_000, "1.234"),
            (u64::MAX, "18446744073709.551615"),
        ] {
            assert_eq!(Money(millionths).to_string(), text);
        }
    }

    #[test]
    fn a_request_costs_at_least_what_its_tokens_do() {
        let price = Price {
            input: 300_000,
            output: 2_500_000,
            cached_input: Some(30_000),
        };
        for (input, cached, output, cost) in [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (1_000_000, 0, 0, 300_000),
            (1_000_000, 1_000_000, 0, 30_000),
            (1_000_000, 500_000, 1_000_000, 2_665_000),
            // A provider that reports more cached tokens than input.
            (10, 20, 0, 1),
            (100, 0, 10, 55),
        ] {
            let told = price.of(input, cached, output);
            assert_eq!(told, Money(cost), "{input} {cached} {output}");
        }
        let without = Price {
            cached_input: None,
            ..price
        };
        assert_eq!(without.of(1_000_000, 1_000_000, 0), Money(300_000));
        let dear = Price {
            input: u64::MAX,
            output: u64::MAX,
            cached_input: None,
        };
        assert_eq!(dear.of(u64::MAX, 0, u64::MAX), Money(u64::MAX));
    }
}
