//! Content in spans, always masked first and then cut, since of a key that is cut in two nobody knows the half: messages in
//! the JSON that OpenTelemetry's conventions want in `gen_ai.input.messages` and `gen_ai.output.messages`, only where
//! `capture_content` allows it.
//!
//! The meaning of a member is told by its name and shape, which mean the same in every dialect that has it.

mod input;
mod output;
mod parts;
mod room;

use crate::budget::Charge;
use crate::dialect::Assemble;

pub use input::{form_input, input};
pub use output::output;

/// Bytes of a stream's events that are kept for its answer.
const MOST_EVENTS: usize = 256 * 1024;

/// The answer of a stream, put together while it is relayed.
pub struct Transcript {
    assembler: Box<dyn Assemble>,
    bytes: usize,
    charge: Charge,
}

impl Transcript {
    /// An empty answer, and the charge for what it will be.
    pub fn new(assembler: Box<dyn Assemble>, charge: Charge) -> Self {
        Self {
            assembler,
            bytes: 0,
            charge,
        }
    }

    /// Keeps a frame's data while there is room, in the budget as well.
    pub fn push(&mut self, data: &str) {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes <= MOST_EVENTS && !self.charge.cover(self.bytes) {
            self.bytes = MOST_EVENTS + 1;
        }
        if self.bytes <= MOST_EVENTS {
            // A frame that belongs into no answer is not shown; the relay judges it.
            let _ = self.assembler.push(data);
        }
    }

    /// The answer as far as it was kept.
    pub fn answer(self) -> String {
        self.assembler.finish()
    }
}

#[cfg(test)]
mod tests;
