//! The sums that accounts are made of.

use crate::limits::{Money, Unit};

/// A sum of requests: what they took, or what is reserved for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    /// Tokens of input, those from a cache included.
    pub input: u64,
    pub output: u64,
    /// Tokens of input that a cache held.
    pub cached: u64,
    /// Requests whose tokens are an estimate, as their provider told none.
    pub estimated: u64,
    pub cost: Money,
}

impl Totals {
    /// The amount of a unit; none of requests in flight, which no sum knows.
    pub fn of(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.input.saturating_add(self.output),
            Unit::InputTokens => self.input,
            Unit::OutputTokens => self.output,
            Unit::Money => self.cost.0,
            Unit::Concurrent => 0,
        }
    }

    /// The larger of both, amount by amount.
    #[must_use]
    pub fn largest(mut self, other: &Self) -> Self {
        self.combine(other, u64::max);
        self
    }

    /// The amounts as replicas tell each other.
    pub fn spelled(&self) -> String {
        let Self {
            requests,
            input,
            output,
            cached,
            estimated,
            cost,
        } = self;
        format!(
            "{requests} {input} {output} {cached} {estimated} {}",
            cost.0
        )
    }

    /// Reads what [`Self::spelled`] wrote; `None` of anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|word| word.parse::<u64>().ok());
        let mut number = || numbers.next().flatten();
        Some(Self {
            requests: number()?,
            input: number()?,
            output: number()?,
            cached: number()?,
            estimated: number()?,
            cost: Money(number()?),
        })
    }

    pub fn add(&mut self, other: &Self) {
        self.combine(other, u64::saturating_add);
    }

    /// Takes a part out again. What was never added leaves zero.
    pub fn take_out(&mut self, other: &Self) {
        self.combine(other, u64::saturating_sub);
    }

    fn combine(&mut self, other: &Self, with: impl Fn(u64, u64) -> u64) {
        self.requests = with(self.requests, other.requests);
        self.input = with(self.input, other.input);
        self.output = with(self.output, other.output);
        self.cached = with(self.cached, other.cached);
        self.estimated = with(self.estimated, other.estimated);
        self.cost.0 = with(self.cost.0, other.cost.0);
    }
}
