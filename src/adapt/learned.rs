//! The memory of what providers refuse: lessons by provider and model, in bounded number and for a bounded time. Time is
//! an argument; the gateway keeps it behind a lock, and the state file has a copy.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, Provider, Step};

use super::lesson::Lesson;

/// The most lessons; the oldest makes room.
pub const MOST: usize = 512;

/// The memory.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// From the oldest to the newest.
    entries: VecDeque<Entry>,
}

/// A lesson about a provider and model.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    provider: String,
    model: String,
    /// The provider's configuration at the time, as a number: with another one the lesson may be wrong.
    configuration: u64,
    lesson: Lesson,
    until: Instant,
}

/// An entry in the state file.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    provider: String,
    model: String,
    configuration: u64,
    /// Milliseconds since 1970.
    until_ms: u64,
    #[serde(flatten)]
    lesson: Lesson,
}

impl Learned {
    /// The lessons that hold for a step.
    pub fn of(&self, step: &Step, now: Instant) -> Vec<Lesson> {
        self.standing(step, now).map(|(lesson, _)| lesson).collect()
    }

    /// Whether nothing was learned of any step.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The lessons that hold for a step, and the rest of their time.
    pub fn standing<'a>(
        &'a self,
        step: &'a Step,
        now: Instant,
    ) -> impl Iterator<Item = (Lesson, Duration)> + 'a {
        let entries = self.entries.iter();
        entries
            .filter(move |entry| {
                entry.until > now
                    && entry.model == step.model
                    && entry.provider == step.provider.name
            })
            .map(move |entry| (entry.lesson.clone(), entry.until - now))
    }

    /// Takes in a lesson about a step, and tells whether it is news. One about the same member makes place for it.
    pub fn learn(&mut self, step: &Step, lesson: Lesson, now: Instant) -> bool {
        let is_of_step =
            |entry: &Entry| entry.model == step.model && entry.provider == step.provider.name;
        let known = self
            .entries
            .iter()
            .any(|entry| is_of_step(entry) && entry.lesson == lesson && entry.until > now);
        self.entries.retain(|entry| {
            let is_same = is_of_step(entry) && entry.lesson.label() == lesson.label();
            entry.until > now && !is_same
        });
        while self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            provider: step.provider.name.clone(),
            model: step.model.clone(),
            configuration: fingerprint(&step.provider),
            until: now + lesson.lasts(),
            lesson,
        });
        !known
    }

    /// The entries for the state file, each a value of its own, so that a damaged one does not cost the others. `now` is
    /// `wall` on the wall clock.
    pub fn to_values(&self, now: Instant, wall: SystemTime) -> Vec<Value> {
        let entries = self.entries.iter().filter(|entry| entry.until > now);
        let stored = entries.filter_map(|entry| {
            let until = wall + (entry.until - now);
            // In whole seconds, so that the same knowledge is the same text, whenever it is written.
            let until = until.duration_since(UNIX_EPOCH).ok()?.as_secs() * 1000;
            serde_json::to_value(Stored {
                provider: entry.provider.clone(),
                model: entry.model.clone(),
                configuration: entry.configuration,
                until_ms: until,
                lesson: entry.lesson.clone(),
            })
            .ok()
        });
        stored.collect()
    }

    /// The memory in a state file, as far as it holds for this configuration. The wall clock may have been set back, so
    /// no lesson lasts longer than a new one.
    pub fn restore(values: &[Value], config: &Config, now: Instant, wall: SystemTime) -> Self {
        let entry = |value: &Value| {
            let stored = Stored::deserialize(value).ok()?;
            let until = UNIX_EPOCH.checked_add(Duration::from_millis(stored.until_ms))?;
            let left = until.duration_since(wall).ok()?.min(stored.lesson.lasts());
            Some(Entry {
                provider: stored.provider,
                model: stored.model,
                configuration: stored.configuration,
                lesson: stored.lesson,
                until: now + left,
            })
        };
        let newest = values.len().saturating_sub(MOST);
        let entries = values.iter().skip(newest).filter_map(entry);
        Self {
            entries: entries.collect(),
        }
        .for_configuration(config)
    }

    /// The lessons that hold for another configuration: those about providers that it leaves as they are.
    #[must_use]
    pub fn for_configuration(mut self, config: &Config) -> Self {
        let providers = config.providers.iter();
        let known: Vec<(&str, u64)> = providers
            .map(|provider| (provider.name.as_str(), fingerprint(provider)))
            .collect();
        self.entries
            .retain(|entry| known.contains(&(entry.provider.as_str(), entry.configuration)));
        self
    }
}

/// A provider's configuration as a number. Keys do not count. std may change the algorithm with the compiler; then what
/// was learned is learned anew.
fn fingerprint(provider: &Provider) -> u64 {
    let mut placeless = Provider {
        index: 0,
        ..provider.clone()
    };
    // The row follows from the settings, and may not have been looked for yet.
    placeless.fit.profile_row = OnceLock::new();
    let mut hasher = DefaultHasher::new();
    format!("{placeless:?}").hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
