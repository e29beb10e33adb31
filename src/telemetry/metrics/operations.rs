//! The instruments of one provider and model, by the operation that requests are: chat, embeddings and the like.

use std::sync::OnceLock;

use super::histogram::{DURATIONS, Histogram, TOKENS};
use crate::dialect::class::Class;

/// The bound of operations of one model. More share the last place (8).
const MOST: usize = 8;

/// The operations that a model was asked for. Most models are asked for one only, so each is made when it is needed.
#[derive(Debug, Default)]
pub(super) struct Operations([OnceLock<Box<OperationInstruments>>; MOST]);

/// The instruments of one operation of a model.
#[derive(Debug)]
pub(super) struct OperationInstruments {
    /// The operation, in the words of OpenTelemetry's GenAI conventions.
    pub(super) name: &'static str,
    /// Durations of attempts by outcome: first the answered ones, then those of each class.
    attempts: Vec<Histogram>,
    pub(super) first_chunk: Histogram,
    pub(super) input_tokens: Histogram,
    pub(super) output_tokens: Histogram,
}

impl Operations {
    /// The instruments of an operation; made where they are missing.
    pub(super) fn of(&self, name: &'static str) -> Option<&OperationInstruments> {
        let mut last = None;
        for place in &self.0 {
            let found = place.get_or_init(|| Box::new(OperationInstruments::new(name)));
            last = Some(&**found);
            if found.name == name {
                break;
            }
        }
        last
    }

    /// Those that there are.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OperationInstruments> {
        self.0.iter().filter_map(OnceLock::get).map(Box::as_ref)
    }
}

impl OperationInstruments {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            attempts: (0..=Class::ALL.len())
                .map(|_| Histogram::new(&DURATIONS))
                .collect(),
            first_chunk: Histogram::new(&DURATIONS),
            input_tokens: Histogram::new(&TOKENS),
            output_tokens: Histogram::new(&TOKENS),
        }
    }

    /// The durations of attempts of this class, where `None` stands for an answer.
    pub(super) fn attempts(&self, outcome: Option<Class>) -> Option<&Histogram> {
        let place = match outcome {
            None => 0,
            Some(class) => 1 + Class::ALL.iter().position(|known| *known == class)?,
        };
        self.attempts.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_bounded_and_each_keeps_its_place() {
        let operations = Operations::default();
        assert_eq!(operations.iter().count(), 0);
        let names = ["chat", "embeddings", "c", "d", "e", "f", "g", "h", "i", "j"];
        for name in names.into_iter().chain(["embeddings", "chat"]) {
            operations.of(name).unwrap().input_tokens.count(1);
        }
        let counts: Vec<_> = operations
            .iter()
            .map(|operation| (operation.name, operation.input_tokens.read().total()))
            .collect();
        assert_eq!(counts.len(), MOST);
        assert_eq!(counts.first(), Some(&("chat", 2)));
        assert_eq!(counts.get(1), Some(&("embeddings", 2)));
        assert_eq!(counts.last(), Some(&("h", 3)));
    }
}
