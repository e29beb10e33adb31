//! Spans on their way to the collector: the SDK's batch processor behind a gate, before `opentelemetry-otlp`'s
//! exporter.

use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::SpanExporter as OtlpSpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData,
    SpanExporter, SpanProcessor,
};

use super::gate::{Gate, MAX_WAITING};
use super::settings::Destination;
use super::signal_export::{SignalExport, next_export};

/// Spans of one export (the specification's `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
const MAX_BATCH: usize = 512;

/// Starts the export of spans.
///
/// # Errors
/// The address is none, or no thread can be started.
pub fn start(
    export: SignalExport,
    destination: &Destination,
    sampler: Sampler,
    resource: Resource,
) -> Result<SdkTracerProvider, String> {
    let builder = export.set_up(OtlpSpanExporter::builder().with_http(), destination);
    let inner = builder.build().map_err(|error| error.to_string())?;
    let gate = Arc::clone(&export.gate);
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_max_export_batch_size(MAX_BATCH)
        .with_scheduled_delay(destination.delay)
        .build();
    let processor = BatchSpanProcessor::builder(WatchedSpanExporter { inner, export });
    // The SDK panics where it gets no thread.
    let build = AssertUnwindSafe(|| processor.with_batch_config(config).build());
    let inner = catch_unwind(build).map_err(|_| "their thread cannot be started")?;
    Ok(SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_resource(resource)
        .with_span_processor(GatedSpans { gate, inner })
        .build())
}

/// Lets spans into the SDK's queue as far as the gate admits them.
#[derive(Debug)]
struct GatedSpans {
    gate: Arc<Gate>,
    inner: BatchSpanProcessor,
}

impl SpanProcessor for GatedSpans {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.gate.admit(memory_of(&span)) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// `opentelemetry-otlp`'s exporter, with accounts of arrivals and losses.
#[derive(Debug)]
struct WatchedSpanExporter {
    inner: OtlpSpanExporter,
    export: SignalExport,
}

impl SpanExporter for WatchedSpanExporter {
    /// The accounts hold every error, so there is none to return.
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        while !batch.is_empty() {
            let (count, bytes) = next_export(batch.iter().map(memory_of));
            let rest = batch.split_off(count);
            let export = self.inner.export(batch);
            self.export.settle(count, bytes, export).await;
            batch = rest;
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Memory that a span takes until it is exported (bytes, without what the allocator adds).
fn memory_of(span: &SpanData) -> usize {
    let mut bytes = size_of::<SpanData>() + span.name.len() + memory_of_all(&span.attributes);
    for event in &span.events.events {
        bytes += size_of_val(event) + memory_of_all(&event.attributes);
    }
    bytes
}

fn memory_of_all(attributes: &[KeyValue]) -> usize {
    let mut bytes = size_of_val(attributes);
    for attribute in attributes {
        if let Value::String(text) = &attribute.value {
            bytes += text.as_str().len();
        }
    }
    bytes
}
