//! The providers and models whose streams are known to name the reason of their end.
//!
//! llama-cpp-python interrupts a stream when the next request comes: half an answer, `[DONE]`, and no `finish_reason`.
//! Other servers never send one, and their answers are whole. Only what was seen before tells them apart.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use crate::config::Step;
use crate::sync::lock;

/// The most providers and models that are remembered; a configuration with more is none of people.
const MOST: usize = 4096;

/// The memory of all requests.
#[derive(Debug, Default)]
pub struct FinishReasons {
    /// Hashes of providers' names and models.
    seen: Mutex<HashSet<u64>>,
}

impl FinishReasons {
    /// Notes that a step's stream has named a finish reason. Answers that are no streams say nothing of streams.
    pub fn seen(&self, step: &Step) {
        let mut seen = lock(&self.seen);
        if seen.len() < MOST {
            seen.insert(key(step));
        }
    }

    /// Whether a stream of this provider and model has named one before.
    pub fn are_sent_by(&self, step: &Step) -> bool {
        lock(&self.seen).contains(&key(step))
    }
}

fn key(step: &Step) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&step.provider.name, &step.model).hash(&mut hasher);
    hasher.finish()
}
