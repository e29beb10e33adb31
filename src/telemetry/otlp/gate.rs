//! What waits for the collector, counted: how much it may be, and what was lost.
//!
//! The SDK's processors have bounded queues of their own and drop what does not fit, but count that for themselves only
//! and do not look at sizes. This stands before them: nothing that passes here is dropped there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::logs::SdkLogRecord;
use opentelemetry_sdk::trace::SpanData;

/// Spans or records that wait at most (the specification's `OTEL_BSP_MAX_QUEUE_SIZE`).
pub(super) const MOST_WAITING: usize = 2048;

/// Bytes of text that wait at most, of spans and of records each.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Bounds and counts what waits for one signal's export.
#[derive(Debug, Default)]
pub struct Gate {
    waiting: AtomicUsize,
    bytes: AtomicUsize,
    turned_away: AtomicU64,
}

impl Gate {
    /// Whether one more of this weight may wait.
    pub fn enter(&self, weight: usize) -> bool {
        let waiting = self.waiting.fetch_add(1, Ordering::AcqRel);
        let bytes = self.bytes.fetch_add(weight, Ordering::AcqRel);
        let fits = waiting < MOST_WAITING && bytes.saturating_add(weight) <= MOST_BYTES;
        if !fits {
            self.leave(1, weight);
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// So many of this weight in all wait no longer.
    pub fn leave(&self, count: usize, weight: usize) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        self.bytes.fetch_sub(weight, Ordering::AcqRel);
    }

    /// How many have been turned away so far.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

/// About the bytes of text in a span.
pub fn weight_of_span(span: &SpanData) -> usize {
    let events = span.events.iter();
    let events = events.map(|event| event.name.len() + weight_of(&event.attributes));
    span.name.len() + weight_of(&span.attributes) + events.sum::<usize>()
}

fn weight_of(attributes: &[KeyValue]) -> usize {
    let values = attributes.iter().map(|attribute| match &attribute.value {
        opentelemetry::Value::String(text) => text.as_str().len(),
        _ => size_of::<i64>(),
    });
    values.sum()
}

/// About the bytes of text in a record.
pub fn weight_of_record(record: &SdkLogRecord) -> usize {
    let text = |value: &AnyValue| match value {
        AnyValue::String(text) => text.as_str().len(),
        _ => size_of::<i64>(),
    };
    let attributes = record.attributes_iter().map(|(_, value)| text(value));
    record.body().map_or(0, text) + attributes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A collector that does not answer must not fill the memory, neither with many records nor with a few large ones.
    #[test]
    fn what_waits_is_bounded_by_number_and_by_size() {
        let gate = Gate::default();
        let entered = (0..10 * MOST_WAITING).filter(|_| gate.enter(1)).count();
        assert_eq!(entered, MOST_WAITING);
        assert_eq!(gate.turned_away(), 9 * MOST_WAITING as u64);
        gate.leave(10, 10);
        assert_eq!((0..20).filter(|_| gate.enter(1)).count(), 10);

        let gate = Gate::default();
        let entered = (0..100).filter(|_| gate.enter(MOST_BYTES / 8)).count();
        assert_eq!(entered, 8);
        gate.leave(8, MOST_BYTES);
        assert!(gate.enter(MOST_BYTES));
        assert!(!Gate::default().enter(MOST_BYTES + 1));
    }
}
