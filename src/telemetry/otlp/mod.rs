//! Exporting to a collector over OTLP/HTTP, in protobuf.
//!
//! Spans and records go through `opentelemetry_sdk`'s batch processors and `opentelemetry-otlp`'s exporters (`spans`,
//! `records`, `log_sink`). Two pieces of our own are put around these: a gate before each queue, which bounds it in
//! bytes (`gate`), and under the exporters our HTTP client (`collector_client`), which tells what arrives to `health`
//! (`signal_export`). Metrics come from the registry that `/metrics` shows as well; a thread reads and encodes them
//! (`metrics_message`) and sends them with the same client. The environment is read in `settings`, `collector_url`,
//! `credentials` and `sampling`.

mod collector_client;
mod collector_url;
mod credentials;
mod gate;
mod health;
mod log_sink;
mod metrics_message;
mod records;
mod sampling;
mod settings;
mod shutdown_deadline;
mod signal;
mod signal_export;
mod spans;

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::resource::{ResourceDetector, TelemetryResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use simplelog::SharedLogger;

pub use collector_client::{Post, Reply, Transport};
pub use health::{Health, Loss};
pub use settings::{Destination, Settings};
pub use signal::Signal;

use super::levels::Levels;
use super::masking::Masking;
use super::metrics::Family;
use super::trace::Tracer;
use crate::threads::{self, USUAL_STACK};
use collector_client::CollectorClient;
use gate::Gate;
use log_sink::LogSink;
use metrics_message::{Interval, Origin};
use shutdown_deadline::ShutdownDeadline;
use signal_export::SignalExport;

/// The name of this producer of telemetry, and its version.
const SCOPE: &str = "ai-gateway";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The export under way: a thread for each signal that has a destination.
pub struct Otlp {
    masking: Masking,
    spans: Option<SdkTracerProvider>,
    records: Option<SdkLoggerProvider>,
    /// The export of metrics, until [`Self::measure`] begins it.
    metrics: Option<(SignalExport, Duration)>,
    healths: Vec<Arc<Health>>,
    shutdown: ShutdownDeadline,
    resource: Resource,
    started: SystemTime,
    /// The thread of the metrics has a copy of the sender: when there is none left, it has ended.
    measuring: (Sender<Infallible>, Receiver<Infallible>),
}

impl Otlp {
    /// Starts the threads for spans and records, and returns the problems of signals that cannot be exported. Without
    /// destinations there is nothing to start; ask before.
    pub fn start(
        settings: &Settings,
        transport: &Arc<dyn Transport>,
        masking: &Masking,
    ) -> (Self, Vec<String>) {
        let mut otlp = Self {
            masking: masking.clone(),
            spans: None,
            records: None,
            metrics: None,
            healths: Vec::new(),
            shutdown: ShutdownDeadline::default(),
            resource: resource(settings),
            started: SystemTime::now(),
            measuring: channel(),
        };
        let mut problems = Vec::new();
        for destination in &settings.destinations {
            if let Err(problem) = otlp.add(destination, settings, transport) {
                let signal = destination.signal.name();
                problems.push(format!("{signal} are not exported: {problem}"));
            }
        }
        (otlp, problems)
    }

    fn add(
        &mut self,
        destination: &Destination,
        settings: &Settings,
        transport: &Arc<dyn Transport>,
    ) -> Result<(), String> {
        let gate = Arc::new(Gate::default());
        let health = Health::new(destination.signal, &destination.url, Arc::clone(&gate));
        let health = Arc::new(health);
        let client = CollectorClient::new(
            Arc::clone(transport),
            destination,
            settings.timeout,
            self.shutdown.clone(),
        );
        let export = SignalExport {
            client: Arc::new(client),
            gate,
            health: Arc::clone(&health),
        };
        let resource = self.resource.clone();
        match destination.signal {
            Signal::Traces => {
                let sampler = settings.sampling.sampler();
                self.spans = Some(spans::start(export, destination, sampler, resource)?);
            }
            Signal::Logs => self.records = Some(records::start(export, destination, resource)?),
            Signal::Metrics => self.metrics = Some((export, destination.delay)),
        }
        self.healths.push(health);
        Ok(())
    }

    /// Exports the families that `read` returns, again and again, if metrics are exported.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn measure(&mut self, read: impl Fn() -> Vec<Family> + Send + 'static) -> io::Result<()> {
        let Some((export, interval)) = self.metrics.take() else {
            return Ok(());
        };
        let (shutdown, start) = (self.shutdown.clone(), nanoseconds(self.started));
        let origin = Origin::new(&self.resource, SCOPE, VERSION);
        let running = self.measuring.0.clone();
        let measure = move || {
            let _quiet = Context::enter_telemetry_suppressed_scope();
            let mut open = true;
            // The last time is after the end has been announced: what was counted until then.
            while open {
                open = shutdown.pause(interval);
                let now = nanoseconds(SystemTime::now());
                let interval = Interval { start, now };
                let encode = || metrics_message::encode(&read(), interval, &origin);
                match catch_unwind(AssertUnwindSafe(encode)) {
                    Ok((count, message)) => {
                        let outcome = export.client.deliver(&message);
                        export.health.exported(count, outcome);
                    }
                    Err(_) => log::error!("reading the metrics panicked"),
                }
            }
            drop(running);
        };
        threads::start("otlp-metrics", USUAL_STACK, measure).map(drop)
    }

    /// The maker of spans; it makes none if traces are not exported.
    pub fn tracer(&self) -> Tracer {
        match &self.spans {
            Some(provider) => {
                Tracer::new(provider.tracer_with_scope(scope()), self.masking.clone())
            }
            None => Tracer::without_spans(self.masking.clone()),
        }
    }

    /// The sink of log records, if they are exported.
    pub(super) fn log_sink(&self, levels: Levels) -> Option<Box<dyn SharedLogger>> {
        let logger = self.records.as_ref()?.logger_with_scope(scope());
        Some(LogSink::new(levels, logger, self.masking.clone()))
    }

    /// The state of each signal that is exported.
    pub fn healths(&self) -> &[Arc<Health>] {
        &self.healths
    }

    /// Sends all that still waits, for at most so long, and ends the export. An export under way may have more time
    /// left than that; it is left behind. `Health` says in the log what goes wrong.
    pub fn close(self, within: Duration) {
        let end = Instant::now() + within;
        self.shutdown.set(end);
        let left = || end.saturating_duration_since(Instant::now());
        // Both at the same time: one collector's silence must not take the other's time.
        thread::scope(|scope| {
            let of_records = || {
                self.records
                    .as_ref()
                    .map(|it| it.shutdown_with_timeout(left()))
            };
            // Without a thread the records come second.
            let beside = thread::Builder::new().spawn_scoped(scope, of_records);
            let _ = self
                .spans
                .as_ref()
                .map(|it| it.shutdown_with_timeout(left()));
            if beside.is_err() {
                let _ = of_records();
            }
        });
        let (sender, ended) = self.measuring;
        drop(sender);
        let _ = ended.recv_timeout(left());
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE)
        .with_version(VERSION)
        .build()
}

fn resource(settings: &Settings) -> Resource {
    let attributes = settings.resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector) as Box<dyn ResourceDetector>)
        .with_attributes(attributes)
        .build()
}

/// Nanoseconds since 1970.
fn nanoseconds(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
