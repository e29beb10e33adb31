//! The setting of `opentelemetry-otlp`'s exporters, and the accounts of each export.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::error::OTelSdkResult;

use super::collector_client::{CollectorClient, Outcome};
use super::gate::{Gate, MAX_WAITING_BYTES};
use super::health::Health;
use super::settings::Destination;

/// Memory of the spans or records of one export (bytes). Collectors refuse larger messages.
const MAX_EXPORT_BYTES: usize = MAX_WAITING_BYTES / 4;

/// The exports of a signal: the way to the collector, and the accounts of arrivals and losses.
#[derive(Clone, Debug)]
pub struct SignalExport {
    pub client: Arc<CollectorClient>,
    pub gate: Arc<Gate>,
    pub health: Arc<Health>,
}

impl SignalExport {
    /// Sets an exporter's builder up. Everything that it would read from the environment is said here, or is of no
    /// consequence: the client sends to its own address, with its own headers, and repeats by itself.
    pub fn set_up<B: WithExportConfig + WithHttpConfig>(
        &self,
        builder: B,
        destination: &Destination,
    ) -> B {
        builder
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&destination.url)
            .with_retry_policy(RetryPolicy::disabled())
            .with_shared_http_client(Arc::clone(&self.client) as _)
    }

    /// Awaits an export of so many spans or records, counts its outcome, and opens the gate for as many others. A panic
    /// in it is a lost export, not the end of the thread.
    pub async fn settle(
        &self,
        count: usize,
        bytes: usize,
        export: impl Future<Output = OTelSdkResult>,
    ) {
        let result = past_panics(export).await;
        self.gate.release(count, bytes);
        let outcome = self.client.take_outcome();
        let outcome = outcome.unwrap_or_else(|| {
            // Nothing was sent.
            Outcome::Lost(match result {
                Some(Err(error)) => error.to_string(),
                Some(Ok(())) | None => "the export panicked".to_owned(),
            })
        });
        self.health.exported(count, outcome);
    }
}

/// The result of a future, or `None` if it panics.
async fn past_panics<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// The number of items, of these sizes, that go into the next export, at least one; and the bytes they come to.
pub fn next_export(sizes: impl Iterator<Item = usize>) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0_usize);
    for size in sizes {
        let with_it = bytes.saturating_add(size);
        if count > 0 && with_it > MAX_EXPORT_BYTES {
            break;
        }
        (count, bytes) = (count + 1, with_it);
    }
    (count, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_bounded_by_bytes() {
        let half = MAX_EXPORT_BYTES / 2;
        for (sizes, count, bytes) in [
            (&[half, half, 1][..], 2, 2 * half),
            (&[1, half, half], 2, 1 + half),
            (&[3 * half, 1], 1, 3 * half),
            (&[1, 1, 1], 3, 3),
        ] {
            assert_eq!(next_export(sizes.iter().copied()), (count, bytes));
        }
    }
}
