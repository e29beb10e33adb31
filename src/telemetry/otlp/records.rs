//! Log records on their way to the collector: the SDK's batch processor behind a gate, before `opentelemetry-otlp`'s
//! exporter.

use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::logs::AnyValue;
use opentelemetry::{InstrumentationScope, Key};
use opentelemetry_otlp::LogExporter as OtlpLogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord,
    SdkLoggerProvider,
};

use super::gate::{Gate, MAX_WAITING};
use super::settings::Destination;
use super::signal_export::{SignalExport, next_export};

/// Records of one export (the specification's `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE`).
const MAX_BATCH: usize = 512;

/// Starts the export of log records.
///
/// # Errors
/// The address is none, or no thread can be started.
pub fn start(
    export: SignalExport,
    destination: &Destination,
    resource: Resource,
) -> Result<SdkLoggerProvider, String> {
    let builder = export.set_up(OtlpLogExporter::builder().with_http(), destination);
    let inner = builder.build().map_err(|error| error.to_string())?;
    let gate = Arc::clone(&export.gate);
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_max_export_batch_size(MAX_BATCH)
        .with_scheduled_delay(destination.delay)
        .build();
    let processor = BatchLogProcessor::builder(WatchedRecordExporter { inner, export });
    // The SDK panics where it gets no thread.
    let build = AssertUnwindSafe(|| processor.with_batch_config(config).build());
    let inner = catch_unwind(build).map_err(|_| "their thread cannot be started")?;
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_log_processor(GatedRecords { gate, inner })
        .build())
}

/// Lets records into the SDK's queue as far as the gate admits them.
#[derive(Debug)]
struct GatedRecords {
    gate: Arc<Gate>,
    inner: BatchLogProcessor,
}

impl LogProcessor for GatedRecords {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.gate.admit(memory_of(record)) {
            self.inner.emit(record, scope);
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

/// `opentelemetry-otlp`'s exporter, with an account of what arrives.
#[derive(Debug)]
struct WatchedRecordExporter {
    inner: OtlpLogExporter,
    export: SignalExport,
}

impl LogExporter for WatchedRecordExporter {
    /// The accounts hold every error, so there is none to return.
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let batch: Vec<_> = batch.iter().collect();
        let mut left = batch.as_slice();
        while !left.is_empty() {
            let (count, bytes) = next_export(left.iter().map(|(record, _)| memory_of(record)));
            let (now, later) = left.split_at(count);
            let export = self.inner.export(LogBatch::new(now));
            self.export.settle(count, bytes, export).await;
            left = later;
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Memory that a record takes until it is exported (bytes, without what the allocator adds).
fn memory_of(record: &SdkLogRecord) -> usize {
    let mut bytes = size_of::<SdkLogRecord>() + record.body().map_or(0, memory_of_text);
    for (_, value) in record.attributes_iter() {
        bytes += size_of::<Option<(Key, AnyValue)>>() + memory_of_text(value);
    }
    bytes
}

/// Memory of a value beside the value itself (bytes). The names of attributes are short, and mostly constants.
fn memory_of_text(value: &AnyValue) -> usize {
    match value {
        AnyValue::String(text) => text.as_str().len(),
        _ => 0,
    }
}
