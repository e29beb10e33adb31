//! Exporting to a collector over OTLP/HTTP, in protobuf.
//!
//! Spans and records are written as OTLP has them on the thread that has them (`trace`, `log_sink`) and wait in a bounded
//! queue of their signal. A thread for each signal puts an envelope around what waits (`delivery`) and POSTs it over the
//! gateway's own HTTP client (`courier`). Metrics have no queue: their thread reads and encodes them each time (`points`).
//! What the environment says is in `settings`, `endpoint`, `credentials` and `sampling`, what the operator is told about
//! the export in `health`.
//!
//! OpenTelemetry's batch processors and exporters are not used: they copy every key and value twice, and took as many
//! instructions as half a request.

mod closing;
mod courier;
mod credentials;
mod delivery;
mod endpoint;
mod health;
mod log_sink;
mod pairs;
mod points;
mod sampling;
mod settings;
mod signal;

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{ResourceDetector, TelemetryResourceDetector};
use simplelog::SharedLogger;

pub use courier::{Post, Reply, Transport};
pub use health::{Health, Loss};
pub use settings::{Destination, Settings};
pub use signal::Signal;

use super::levels::Levels;
use super::masking::Masking;
use super::metrics::Family;
use super::queue::Queue;
use super::trace::Tracer;
use super::wire::nanoseconds;
use closing::Closing;
use courier::Courier;
use delivery::{Envelope, Line};
use log_sink::LogSink;

/// The name of what produces the telemetry, and its version.
const SCOPE: &str = "ai-gateway";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The export under way: a thread for each signal that has a destination.
pub struct Otlp {
    tracer: Tracer,
    masking: Masking,
    records: Option<Arc<Queue>>,
    /// Until [`Self::measure`] is told what to read.
    metrics: Option<(Line, Duration)>,
    queues: Vec<Arc<Queue>>,
    healths: Vec<Arc<Health>>,
    closing: Closing,
    started: SystemTime,
    /// Every thread has a copy of the sender: when there is none left, all have ended.
    running: (Sender<Infallible>, Receiver<Infallible>),
}

impl Otlp {
    /// Starts the threads for spans and records. Without destinations there is nothing to start; ask before.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        settings: &Settings,
        transport: &Arc<dyn Transport>,
        masking: &Masking,
    ) -> io::Result<Self> {
        let mut otlp = Self {
            tracer: Tracer::without_spans(masking.clone()),
            masking: masking.clone(),
            records: None,
            metrics: None,
            queues: Vec::new(),
            healths: Vec::new(),
            closing: Closing::default(),
            started: SystemTime::now(),
            running: channel(),
        };
        let envelope = Arc::new(Envelope::new(&resource(settings), SCOPE, VERSION));
        for destination in &settings.destinations {
            let queue = Arc::new(Queue::default());
            let health = Health::new(destination.signal, &destination.url, Arc::clone(&queue));
            let health = Arc::new(health);
            otlp.healths.push(Arc::clone(&health));
            let transport = Arc::clone(transport);
            let closing = otlp.closing.clone();
            let line = Line {
                health,
                courier: Courier::new(transport, destination, settings.timeout, closing),
                envelope: Arc::clone(&envelope),
            };
            match destination.signal {
                Signal::Traces => {
                    let sampler = settings.sampling.sampler();
                    otlp.tracer = Tracer::new(sampler, Arc::clone(&queue), masking.clone());
                }
                Signal::Logs => otlp.records = Some(Arc::clone(&queue)),
                Signal::Metrics => {
                    otlp.metrics = Some((line, destination.delay));
                    continue;
                }
            }
            otlp.queues.push(Arc::clone(&queue));
            let delay = destination.delay;
            otlp.run(destination.signal, move || line.deliver_all(&queue, delay))?;
        }
        Ok(otlp)
    }

    /// Exports what `read` says, again and again, if metrics are exported.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn measure(&mut self, read: impl Fn() -> Vec<Family> + Send + 'static) -> io::Result<()> {
        let Some((line, interval)) = self.metrics.take() else {
            return Ok(());
        };
        let (closing, start) = (self.closing.clone(), nanoseconds(self.started));
        self.run(Signal::Metrics, move || {
            let _quiet = Context::enter_telemetry_suppressed_scope();
            let mut open = true;
            // The last time is after the end has been announced: what was counted until then.
            while open {
                open = closing.pause(interval);
                let now = nanoseconds(SystemTime::now());
                let encode = || points::encode(&read(), points::Span { start, now });
                match catch_unwind(AssertUnwindSafe(encode)) {
                    Ok((count, items)) => line.deliver(count, items),
                    Err(_) => log::error!("reading the metrics panicked"),
                }
            }
        })
    }

    /// What makes spans; none if traces are not exported.
    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Where log records go, if they are exported.
    pub(super) fn log_sink(&self, levels: Levels) -> Option<Box<dyn SharedLogger>> {
        let records = Arc::clone(self.records.as_ref()?);
        Some(LogSink::new(levels, records, self.masking.clone()))
    }

    /// What was lost so far, for each signal that is exported.
    pub fn healths(&self) -> &[Arc<Health>] {
        &self.healths
    }

    /// Sends what still waits, for at most so long, and ends the export. What goes wrong here has been said by `Health`,
    /// as far as anyone can still hear it.
    pub fn close(self, within: Duration) {
        self.closing.at(Instant::now() + within);
        self.queues.iter().for_each(|queue| queue.close());
        let (sender, ended) = self.running;
        drop(sender);
        // An export under way may have more time left than that; it is left behind.
        let _ = ended.recv_timeout(within);
    }

    fn run(&self, signal: Signal, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let running = self.running.0.clone();
        let thread = thread::Builder::new().name(format!("otlp-{}", signal.name()));
        thread.spawn(move || {
            work();
            drop(running);
        })?;
        Ok(())
    }
}

fn resource(settings: &Settings) -> Resource {
    let attributes = settings.resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector) as Box<dyn ResourceDetector>)
        .with_attributes(attributes)
        .build()
}
