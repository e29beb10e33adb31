//! Limits: an amount of a unit in a window.

use std::fmt;
use std::time::Duration;

use super::price::Money;

/// An amount in a window: `10/min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// At least 1; of money in millionths.
    pub amount: u64,
    pub window: Window,
}

/// The time in which an amount may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// No time: what is in flight.
    AtOnce,
    /// Any stretch of this length.
    Sliding(Duration),
    /// A day of the calendar.
    Day,
    /// A month of the calendar.
    Month,
    /// All time.
    Total,
}

/// The unit that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Requests,
    /// Input and output together.
    Tokens,
    InputTokens,
    OutputTokens,
    /// Requests in flight; its window is [`Window::AtOnce`].
    Concurrent,
    /// Millionths of the currency.
    Money,
}

/// A limit: a rate of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    pub unit: Unit,
    pub rate: Rate,
}

impl Window {
    /// Whether a calendar says when it ends.
    pub fn is_calendar(self) -> bool {
        matches!(self, Self::Day | Self::Month)
    }

    /// Whether a use of it is still known after a restart.
    pub fn is_kept(self) -> bool {
        self.is_calendar() || self == Self::Total
    }

    /// The name of a window that has one; `None` for other lengths, and for none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::AtOnce => None,
            Self::Day => Some("day"),
            Self::Month => Some("month"),
            Self::Total => Some("total"),
            Self::Sliding(length) => match (length.as_secs(), length.subsec_nanos()) {
                (1, 0) => Some("s"),
                (60, 0) => Some("min"),
                (3600, 0) => Some("h"),
                _ => None,
            },
        }
    }

    /// The length of a sliding window; `None` for the others.
    pub fn sliding(self) -> Option<Duration> {
        match self {
            Self::Sliding(length) => Some(length),
            Self::AtOnce | Self::Day | Self::Month | Self::Total => None,
        }
    }
}

impl Unit {
    /// The unit as answers, metrics and configuration spell it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Concurrent => "concurrent",
            Self::Money => "money",
        }
    }

    /// The unit for people; money is named by its currency.
    pub fn words(self) -> &'static str {
        match self {
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::Concurrent => "requests at once",
            _ => self.label(),
        }
    }

    /// Whether it is known only when the answer is.
    pub fn is_settled_later(self) -> bool {
        !matches!(self, Self::Requests | Self::Concurrent)
    }
}

impl Limit {
    /// The most requests in flight.
    pub fn concurrent(amount: u64) -> Self {
        Self {
            unit: Unit::Concurrent,
            rate: Rate {
                amount,
                window: Window::AtOnce,
            },
        }
    }
}

/// `min`, `day`, `total`; of other lengths `100ms`, `6s`, `5m`.
impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        match self {
            Self::AtOnce | Self::Day | Self::Month | Self::Total => f.write_str("at_once"),
            Self::Sliding(length) => match (length.as_secs(), length.subsec_millis()) {
                (_, 1..) => write!(f, "{}ms", length.as_millis()),
                (seconds, 0) if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
                (seconds, 0) if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
                (seconds, 0) => write!(f, "{seconds}s"),
            },
        }
    }
}

/// `10/min`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.window)
    }
}

/// `10 requests/min`, `4 requests at once`; money without its currency.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rate { amount, window } = self.rate;
        match self.unit {
            Unit::Money => write!(f, "{}/{window}", Money(amount)),
            Unit::Concurrent => write!(f, "{amount} {}", self.unit.words()),
            unit => write!(f, "{amount} {}/{window}", unit.words()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_people_say_them() {
        let sliding = |ms| Window::Sliding(Duration::from_millis(ms));
        for (unit, amount, window, words) in [
            (Unit::Requests, 10, sliding(60_000), "10 requests/min"),
            (Unit::Requests, 1, sliding(1000), "1 requests/s"),
            (Unit::Requests, 40, sliding(6000), "40 requests/6s"),
            (Unit::Tokens, 7, sliding(300_000), "7 tokens/5m"),
            (Unit::Tokens, 7, sliding(3_600_000), "7 tokens/h"),
            (Unit::Tokens, 7, sliding(10_800_000), "7 tokens/3h"),
            (Unit::Tokens, 7, sliding(1500), "7 tokens/1500ms"),
            (Unit::InputTokens, 7, Window::Day, "7 input tokens/day"),
            (
                Unit::OutputTokens,
                7,
                Window::Month,
                "7 output tokens/month",
            ),
            (Unit::Money, 5_500_000, Window::Month, "5.50/month"),
            (Unit::Concurrent, 4, Window::AtOnce, "4 requests at once"),
        ] {
            let rate = Rate { amount, window };
            assert_eq!(Limit { unit, rate }.to_string(), words);
        }
    }
}
