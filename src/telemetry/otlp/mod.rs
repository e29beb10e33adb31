//! Exporting to a collector over OTLP/HTTP, in protobuf.
//!
//! The SDK's batch processors run on a thread of their own for each signal and send through OTLP's exporters; the
//! requests' threads only put into bounded queues. What is ours: the environment's rules (`settings`, `endpoint`,
//! `credentials`, `sampling`), the way over the gateway's own HTTP client (`courier`), bounds and counts (`gate`), and
//! what the operator is told about it (`health`).

mod courier;
mod credentials;
mod endpoint;
mod exporters;
mod gate;
mod health;
mod log_sink;
mod pairs;
mod sampling;
mod settings;
mod signal;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatches, BatchLogProcessor, SdkLoggerProvider,
};
use opentelemetry_sdk::resource::{ResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatches, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};
use simplelog::SharedLogger;

pub use courier::{Post, Reply, Transport};
pub use health::{Health, Loss};
pub use settings::{Destination, Settings};
pub use signal::Signal;

use super::levels::Levels;
use courier::{Closing, Courier};
use exporters::{GatedLogs, GatedSpans, Observed};
use gate::MOST_WAITING;
use log_sink::LogSink;

/// Spans or records of one export (the specification's `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`).
const BATCH: usize = 512;

/// The name of what produces the telemetry.
const SCOPE: &str = "ai-gateway";

/// The export under way, one pipeline for each configured signal.
pub struct Otlp {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    healths: Vec<Arc<Health>>,
    closing: Closing,
}

impl Otlp {
    /// Starts a thread for each signal. Without destinations there is nothing to start; ask before.
    ///
    /// # Errors
    /// When an exporter cannot be set up as the environment says, which it reads too (compression, for one).
    pub fn start(
        settings: &Settings,
        transport: &Arc<dyn Transport>,
    ) -> Result<Self, ExporterBuildError> {
        let mut otlp = Self {
            traces: None,
            logs: None,
            healths: Vec::new(),
            closing: Closing::default(),
        };
        if let Some(destination) = settings.destination(Signal::Traces) {
            let line = otlp.line(settings, destination, transport);
            otlp.traces = Some(traces(settings, destination, line)?);
        }
        if let Some(destination) = settings.destination(Signal::Logs) {
            let line = otlp.line(settings, destination, transport);
            otlp.logs = Some(logs(settings, destination, line)?);
        }
        Ok(otlp)
    }

    /// What makes spans, if traces are exported.
    pub fn tracer(&self) -> Option<SdkTracer> {
        let scope = InstrumentationScope::builder(SCOPE)
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        Some(self.traces.as_ref()?.tracer_with_scope(scope))
    }

    /// Where log records go, if they are exported.
    pub(super) fn log_sink(&self, levels: Levels) -> Option<Box<dyn SharedLogger>> {
        Some(LogSink::new(levels, self.logs.as_ref()?))
    }

    /// What was lost so far, for each signal that is exported.
    pub fn healths(&self) -> &[Arc<Health>] {
        &self.healths
    }

    /// Sends what still waits, for at most so long, and ends the export.
    pub fn close(&self, within: Duration) {
        self.closing.at(Instant::now() + within);
        // Side by side: a collector that takes its time for one signal must not cost the other.
        thread::scope(|scope| {
            // What goes wrong here has been said by `Health`, as far as anyone can still hear it.
            if let Some(traces) = &self.traces {
                scope.spawn(move || drop(traces.shutdown_with_timeout(within)));
            }
            if let Some(logs) = &self.logs {
                scope.spawn(move || drop(logs.shutdown_with_timeout(within)));
            }
        });
    }

    fn line(
        &mut self,
        settings: &Settings,
        destination: &Destination,
        transport: &Arc<dyn Transport>,
    ) -> Line {
        let health = Arc::new(Health::new(destination.signal, &destination.url));
        self.healths.push(Arc::clone(&health));
        let courier = Courier {
            transport: Arc::clone(transport),
            health: Arc::clone(&health),
            timeout: settings.timeout,
            closing: self.closing.clone(),
        };
        Line { health, courier }
    }
}

/// What one signal's exporter is built on.
struct Line {
    health: Arc<Health>,
    courier: Courier,
}

fn traces(
    settings: &Settings,
    destination: &Destination,
    line: Line,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = addressed(
        SpanExporter::builder().with_http(),
        settings,
        destination,
        line.courier,
    );
    let exporter = Observed {
        health: Arc::clone(&line.health),
        next: exporter.build()?,
    };
    let batches = SpanBatches::default()
        .with_max_queue_size(MOST_WAITING)
        .with_max_export_batch_size(BATCH);
    let processor = GatedSpans {
        health: line.health,
        next: BatchSpanProcessor::new(exporter, batches.build()),
    };
    Ok(SdkTracerProvider::builder()
        .with_sampler(settings.sampling.sampler())
        .with_resource(resource(settings))
        .with_span_processor(processor)
        .build())
}

fn logs(
    settings: &Settings,
    destination: &Destination,
    line: Line,
) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = addressed(
        LogExporter::builder().with_http(),
        settings,
        destination,
        line.courier,
    );
    let exporter = Observed {
        health: Arc::clone(&line.health),
        next: exporter.build()?,
    };
    let batches = LogBatches::default()
        .with_max_queue_size(MOST_WAITING)
        .with_max_export_batch_size(BATCH);
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches.build());
    let processor = GatedLogs {
        health: line.health,
        next: processor.build(),
    };
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource(settings))
        .with_log_processor(processor)
        .build())
}

fn addressed<B: WithExportConfig + WithHttpConfig>(
    builder: B,
    settings: &Settings,
    destination: &Destination,
    courier: Courier,
) -> B {
    let headers = destination.headers.iter();
    let headers: HashMap<String, String> = headers
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .collect();
    builder
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&destination.url)
        .with_timeout(settings.timeout)
        .with_headers(headers)
        .with_http_client(courier)
}

fn resource(settings: &Settings) -> Resource {
    let attributes = settings.resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector) as Box<dyn ResourceDetector>)
        .with_attributes(attributes)
        .build()
}
