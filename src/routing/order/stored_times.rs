//! The measured times in a state file, so that a restart does not measure everything anew. Conversations are not kept:
//! they are over in minutes, and change with every answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::dialect::waits::LONGEST;
use crate::text::milliseconds;

use super::measured_time::{Manner, MeasuredTime};
use super::step_orders::StepOrders;

/// The times of a step in a state file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    route: String,
    provider: String,
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_ms: Option<u64>,
}

impl StepOrders {
    /// The times for the state file, in powers of two: every answer changes them, and no flash card should wear for it.
    /// Each is a value of its own, so that a damaged one does not cost the others.
    pub fn to_values(&self) -> Vec<Value> {
        let routes = self.routes.iter();
        let entries = routes.flat_map(|route| {
            let steps = route.steps.iter();
            steps.map(|step| {
                let rounded = |manner| step.in_manner(manner).mean().map(rounded);
                Entry {
                    route: route.name.clone(),
                    provider: step.provider.clone(),
                    model: step.model.clone(),
                    stream_ms: rounded(Manner::Stream),
                    whole_ms: rounded(Manner::Whole),
                }
            })
        });
        entries
            .filter(|entry| entry.stream_ms.is_some() || entry.whole_ms.is_some())
            .filter_map(|entry| serde_json::to_value(entry).ok())
            .collect()
    }

    /// The memory with the times of a state file, as far as the configuration has their steps.
    #[must_use]
    pub fn restored(mut self, values: &[Value], config: &Config) -> Self {
        for value in values {
            let Ok(entry) = Entry::deserialize(value) else {
                continue;
            };
            let Some(route) = config.routes.iter().find(|it| it.name == entry.route) else {
                continue;
            };
            let mut routes = self.routes.iter_mut();
            let Some(times) = routes.find(|times| times.name == route.name) else {
                continue;
            };
            let position = times.position(&entry.provider, &entry.model);
            if let Some(step) = position.and_then(|position| times.steps.get_mut(position)) {
                for (manner, ms) in [
                    (Manner::Stream, entry.stream_ms),
                    (Manner::Whole, entry.whole_ms),
                ] {
                    if let Some(ms) = ms {
                        let mean = Duration::from_millis(ms).min(LONGEST);
                        *step.in_manner_mut(manner) = MeasuredTime::remembered(mean);
                    }
                }
            }
        }
        self
    }
}

fn rounded(mean: Duration) -> u64 {
    milliseconds(mean).max(1).next_power_of_two()
}
