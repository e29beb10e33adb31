//! The SDK's processors and OTLP's exporters, with a [`Gate`](super::gate::Gate) before and a look at the outcome behind.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};

use super::gate::{weight_of_record, weight_of_span};
use super::health::Health;

/// Hands spans to the batch processor as long as there is room.
#[derive(Debug)]
pub struct GatedSpans {
    pub health: Arc<Health>,
    pub next: BatchSpanProcessor,
}

impl SpanProcessor for GatedSpans {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.next.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.health.gate.enter(weight_of_span(&span)) {
            self.next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// The same for log records.
#[derive(Debug)]
pub struct GatedLogs {
    pub health: Arc<Health>,
    pub next: BatchLogProcessor,
}

impl LogProcessor for GatedLogs {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.health.gate.enter(weight_of_record(record)) {
            self.next.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// An exporter whose outcomes are told to [`Health`].
#[derive(Debug)]
pub struct Observed<E> {
    pub health: Arc<Health>,
    pub next: E,
}

impl<E: SpanExporter> SpanExporter for Observed<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let weight = batch.iter().map(weight_of_span).sum();
        self.health.gate.leave(count, weight);
        let outcome = self.next.export(batch).await;
        self.health.exported(count, outcome.is_ok());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Observed<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let (mut count, mut weight) = (0, 0);
        for (record, _) in batch.iter() {
            count += 1;
            weight += weight_of_record(record);
        }
        self.health.gate.leave(count, weight);
        let outcome = self.next.export(batch).await;
        self.health.exported(count, outcome.is_ok());
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
