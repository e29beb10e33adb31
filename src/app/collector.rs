//! Telemetry's way out: the environment's settings, and the gateway's own HTTP client as the transport.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Environment};
use crate::gateway::{Context, Reloadable, families};
use crate::telemetry::otlp::{Otlp, Post, Reply, Settings, Transport};
use crate::telemetry::{Masking, Tracer};
use crate::upstream::{self, Call, Client, Method};

/// Bound of a collector's answer, which is empty, or tells how much was rejected (bytes).
const LONGEST_REPLY: usize = 64 * 1024;

/// Time of the last export when the gateway stops.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// The export, and what was wrong with the settings for it.
pub struct Export {
    pub otlp: Option<Otlp>,
    masking: Masking,
    problems: Vec<String>,
}

impl Export {
    /// Starts the export that the environment asks for; without an endpoint in it no thread is started.
    pub fn start(config: &Config, environment: &dyn Environment) -> Self {
        let settings = Settings::read(environment);
        let masking = Masking::new(config.redactor());
        let started = match settings.destinations.as_slice() {
            [] => Ok(None),
            _ => start(config, &settings, &masking).map(Some),
        };
        let mut problems = settings.problems;
        let otlp = match started {
            Ok(None) => None,
            Ok(Some((otlp, more))) => {
                problems.extend(more);
                Some(otlp)
            }
            Err(problem) => {
                problems.push(format!("nothing is exported: {problem}"));
                None
            }
        };
        Self {
            otlp,
            masking,
            problems,
        }
    }

    /// The keys that are masked in everything exported.
    pub fn masking(&self) -> &Masking {
        &self.masking
    }

    /// Logs the signals that are exported, and the settings that were ignored. A typo here does not keep the gateway
    /// from serving.
    pub fn tell(&self) {
        for problem in &self.problems {
            log::warn!(error = problem.as_str(); "telemetry is not exported as asked");
        }
        for health in self.otlp.iter().flat_map(Otlp::healths) {
            log::info!(signal = health.signal().name(), collector = health.collector(); "telemetry is exported");
        }
    }

    /// The gateway with spans for its requests, and with the losses of the export among its metrics.
    pub fn watch(&self, gateway: Context) -> Context {
        let otlp = self.otlp.as_ref();
        let tracer = otlp.map(Otlp::tracer);
        let tracer = tracer.unwrap_or_else(|| Tracer::without_spans(self.masking.clone()));
        gateway.exported_by(tracer, otlp.map(Otlp::healths).unwrap_or_default())
    }

    /// Exports the metrics of the gateway of the moment from now on.
    pub fn measure(&mut self, current: &Arc<Reloadable>) {
        let current = Arc::clone(current);
        let measuring = self
            .otlp
            .as_mut()
            .map(|otlp| otlp.measure(move || families(&current.current())));
        if let Some(Err(error)) = measuring {
            log::warn!(error:% = error; "metrics are not exported");
        }
    }

    /// Sends all that still waits.
    pub fn close(self) {
        if let Some(otlp) = self.otlp {
            otlp.close(LAST_EXPORT);
        }
    }
}

/// The export, and the problems of signals that cannot be exported.
fn start(
    config: &Config,
    settings: &Settings,
    masking: &Masking,
) -> Result<(Otlp, Vec<String>), String> {
    // The proxy is for calls to providers; collectors stand near.
    let client = Client::new(upstream::Settings {
        connect_timeout: config.server.connect_timeout,
        ca_file: config.ca_file.clone(),
        ..upstream::Settings::default()
    })?;
    let transport: Arc<dyn Transport> = Arc::new(Carrier(client));
    Ok(Otlp::start(settings, &transport, masking))
}

struct Carrier(Client);

impl Transport for Carrier {
    fn post(&self, post: Post<'_>) -> Result<Reply, String> {
        let response = self.0.call(Call {
            method: Method::Post,
            url: post.url,
            headers: post.headers,
            body: Some(&[post.body]),
            deadline: post.deadline,
            client: None,
        });
        let response = response.map_err(|error| error.to_string())?;
        let header = |name| response.head.header(name).map(str::to_owned);
        let (content_type, retry_after) = (header("content-type"), header("retry-after"));
        let body = response.body.read_to_end(LONGEST_REPLY, post.deadline);
        Ok(Reply {
            status: response.head.status,
            content_type,
            retry_after,
            body: body.map_err(|error| error.to_string())?,
        })
    }
}
