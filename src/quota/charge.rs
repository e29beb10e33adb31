//! The charge of a call before it is made, and its correction by real usage.

use crate::limits::Unit;

/// The output of a model of which no answer was seen yet (tokens).
const UNKNOWN_OUTPUT: u64 = 512;

/// The output that a provider reckons with where a request names none (tokens).
const UNBOUNDED_OUTPUT: u64 = 2048;

/// Bytes of a token of input.
const BYTES_PER_TOKEN: u64 = 4;

/// The count of an image (tokens).
const IMAGE: u64 = 1000;

/// The demand of a request, whoever serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Input, estimated by its bytes (tokens).
    pub input: u64,
    /// The most output that it asks for (tokens).
    pub max_output: Option<u64>,
}

/// The charge of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    pub requests: u64,
    pub input: u64,
    pub output: u64,
}

/// How the estimates of a target are related to what its answers report.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean of real to estimated input, from 0.5 to 2.
    ratio: f32,
    /// The mean output; `None` before the first answer.
    output: Option<f32>,
}

/// The weight of the last answer in a mean.
const WEIGHT: f32 = 0.1;

impl Demand {
    /// The demand of a request with so many bytes of text and so many images.
    pub fn of(bytes: usize, images: usize, max_output: Option<u64>) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let texts = count(bytes) / BYTES_PER_TOKEN;
        Self {
            input: texts.saturating_add(count(images).saturating_mul(IMAGE)),
            max_output,
        }
    }
}

impl Charge {
    /// The amount that a line of this unit is charged.
    pub fn amount(&self, unit: Unit) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.input.saturating_add(self.output),
            Unit::InputTokens => self.input,
            Unit::OutputTokens => self.output,
            Unit::Concurrent | Unit::Money => 0,
        }
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
        }
    }
}

impl Default for Estimate {
    fn default() -> Self {
        Self {
            ratio: 1.0,
            output: None,
        }
    }
}

impl Estimate {
    /// The charge for a demand: the mean output, as far as the request lets it be so long.
    pub fn charge(&self, demand: &Demand) -> Charge {
        let output = self
            .output
            .map_or(UNKNOWN_OUTPUT, |mean| mean.ceil() as u64);
        Charge {
            requests: 1,
            input: self.input(demand),
            output: demand.max_output.map_or(output, |most| output.min(most)),
        }
    }

    /// The charge that a provider wants to fit for a demand.
    pub fn reserve(&self, demand: &Demand) -> Charge {
        Charge {
            requests: 1,
            input: self.input(demand),
            output: demand.max_output.unwrap_or(UNBOUNDED_OUTPUT),
        }
    }

    /// Learns from an answer what a demand really took.
    pub fn learn(&mut self, demand: &Demand, input: Option<u64>, output: Option<u64>) {
        if let Some(input) = input
            && demand.input > 0
        {
            let ratio = (input as f32 / demand.input as f32).clamp(0.5, 2.0);
            self.ratio += (ratio - self.ratio) * WEIGHT;
        }
        if let Some(output) = output {
            let output = output as f32;
            self.output = Some(match self.output {
                Some(mean) => mean + (output - mean) * WEIGHT,
                None => output,
            });
        }
    }

    fn input(&self, demand: &Demand) -> u64 {
        (demand.input as f32 * self.ratio).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would break for users of token limits: refused calls where too little is charged, idle providers where too much.
    #[test]
    fn a_call_is_charged_its_input_and_what_answers_are_usually_long() {
        let mut estimate = Estimate::default();
        let demand = Demand::of(4000, 1, Some(100));
        assert_eq!(demand.input, 2000);
        let charge = estimate.charge(&demand);
        assert_eq!(charge.amount(Unit::Tokens), 2100, "max_tokens bounds it");
        let open = Demand::of(400, 0, None);
        assert_eq!(estimate.charge(&open).output, 512);
        assert_eq!(estimate.reserve(&open).output, 2048);
        estimate.learn(&open, Some(150), Some(40));
        assert_eq!(estimate.charge(&open).output, 40);
        for _ in 0..100 {
            estimate.learn(&open, Some(150), Some(40));
        }
        let charge = estimate.charge(&open);
        assert!((149..=151).contains(&charge.input), "{charge:?}");
        assert_eq!(charge.amount(Unit::InputTokens), charge.input);
        assert_eq!(charge.amount(Unit::Requests), 1);
        for _ in 0..100 {
            estimate.learn(&open, Some(1_000_000), None);
        }
        assert!(
            estimate.charge(&open).input <= 200,
            "never beyond twice the bytes"
        );
    }
}
