//! Settings of the export from the environment: the variables of the OpenTelemetry specification, and the `OTLP_` ones
//! of the Go gateway. Where both are set, `OTEL_` wins.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::config::Environment;
use crate::secret::Secret;

use super::collector_url;
use super::credentials::authorization;
use super::sampling::Sampling;
use super::signal::Signal;

/// Time of one export unless the environment sets it (the specification's value), and its bound.
const TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Time that spans and records are gathered for before an export, and the time between two exports of metrics (the
/// specification's values).
const TRACES_DELAY: Duration = Duration::from_secs(5);
const LOGS_DELAY: Duration = Duration::from_secs(1);
const METRICS_INTERVAL: Duration = Duration::from_secs(60);
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

const SERVICE_NAME: &str = "service.name";

/// The signals that are exported, with their destinations, and the attributes that they carry.
#[derive(Debug)]
pub struct Settings {
    /// Destinations of the signals (empty if nothing is exported).
    pub destinations: Vec<Destination>,
    /// Attributes of everything exported, `service.name` among them.
    pub resource: Vec<(String, String)>,
    pub sampling: Sampling,
    /// Time of one export.
    pub timeout: Duration,
    /// Settings that were ignored, and why; for the log. No value of a header or key is shown.
    pub problems: Vec<String>,
}

/// The destination of one signal.
#[derive(Debug)]
pub struct Destination {
    pub signal: Signal,
    /// The address, without user and query, so that it can be shown.
    pub url: String,
    /// Headers of each export. Any of them may be a key.
    pub headers: Vec<(String, Secret)>,
    /// Time that spans and records are gathered for; for metrics, the time between two exports.
    pub delay: Duration,
}

impl Settings {
    pub fn read(environment: &dyn Environment) -> Self {
        let mut reading = EnvironmentReading {
            environment,
            problems: Vec::new(),
        };
        let destinations = reading.destinations();
        let (resource, sampling, timeout) = if destinations.is_empty() {
            (Vec::new(), Sampling::default(), TIMEOUT)
        } else {
            reading.check_unsupported();
            (reading.resource(), reading.sampling(), reading.timeout())
        };
        Self {
            destinations,
            resource,
            sampling,
            timeout,
            problems: reading.problems,
        }
    }

    pub fn destination(&self, signal: Signal) -> Option<&Destination> {
        self.destinations.iter().find(|one| one.signal == signal)
    }
}

struct EnvironmentReading<'a> {
    environment: &'a dyn Environment,
    problems: Vec<String>,
}

impl EnvironmentReading<'_> {
    /// An empty variable counts as unset (OpenTelemetry's rule).
    fn variable(&self, name: &str) -> Option<String> {
        let value = self.environment.variable(name)?.into_string().ok()?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn destinations(&mut self) -> Vec<Destination> {
        let disabled = self.variable("OTEL_SDK_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Vec::new();
        }
        let wanted = Signal::ALL.map(|signal| self.destination(signal));
        wanted.into_iter().flatten().collect()
    }

    fn destination(&mut self, signal: Signal) -> Option<Destination> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.variable());
        let general = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT"];
        let (name, url) = match self.variable(&own) {
            Some(address) => (own.as_str(), collector_url::exact(&address, signal)),
            None => general.iter().find_map(|name| {
                let address = self.variable(name)?;
                Some((*name, collector_url::below(&address, signal)))
            })?,
        };
        if !self.is_wanted(signal) {
            return None;
        }
        match url {
            Ok(url) => Some(Destination {
                signal,
                url,
                headers: self.headers(signal),
                delay: self.delay(signal),
            }),
            Err(reason) => {
                self.complain(format!(
                    "{name} {reason}; {} are not exported",
                    signal.name()
                ));
                None
            }
        }
    }

    /// True if the exporters chosen for a signal, in a list, include OTLP.
    fn is_wanted(&mut self, signal: Signal) -> bool {
        let name = format!("OTEL_{}_EXPORTER", signal.variable());
        let Some(chosen) = self.variable(&name) else {
            return true;
        };
        let names = |wanted: &str| {
            let mut chosen = chosen.split(',').map(str::trim);
            chosen.any(|one| one.eq_ignore_ascii_case(wanted))
        };
        let is_wanted = names("otlp");
        // Prometheus asks for the metrics itself.
        let is_served = names("none") || signal == Signal::Metrics && names("prometheus");
        if !is_wanted && !is_served {
            self.complain(format!(
                "{name} names neither otlp nor none; {} are not exported",
                signal.name()
            ));
        }
        is_wanted
    }

    /// Headers of a signal. Those of later variables replace those of earlier ones.
    fn headers(&mut self, signal: Signal) -> Vec<(String, Secret)> {
        let key = self.variable("OTLP_API_KEY").map(Secret::new);
        let mut headers: Vec<(String, Secret)> = Vec::new();
        headers.extend(key.map(|key| ("authorization".to_owned(), authorization(&key))));
        let own = format!("OTEL_EXPORTER_OTLP_{}_HEADERS", signal.variable());
        for name in ["OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS", &own] {
            for (header, value) in self.key_values(name) {
                let header = header.to_ascii_lowercase();
                headers.retain(|(set, _)| *set != header);
                headers.push((header, Secret::new(value)));
            }
        }
        headers
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let mut resource = vec![
            (SERVICE_NAME.to_owned(), "ai-gateway".to_owned()),
            ("service.version".to_owned(), version),
        ];
        let mut set = |key: String, value: String| {
            resource.retain(|(known, _)| *known != key);
            resource.push((key, value));
        };
        for name in ["OTLP_RESOURCE_ATTRIBUTES", "OTEL_RESOURCE_ATTRIBUTES"] {
            self.key_values(name)
                .into_iter()
                .for_each(|(key, value)| set(key, value));
        }
        let names = ["OTEL_SERVICE_NAME", "OTLP_SERVICE_NAME"];
        if let Some(name) = names.iter().find_map(|name| self.variable(name)) {
            set(SERVICE_NAME.to_owned(), name);
        }
        resource
    }

    fn key_values(&mut self, name: &str) -> Vec<(String, String)> {
        let (found, wrong) = key_values(&self.variable(name).unwrap_or_default());
        if wrong > 0 {
            self.complain(format!(
                "{name}: {wrong} of its entries are not of the form K=V"
            ));
        }
        found
    }

    fn sampling(&mut self) -> Sampling {
        let Some(sampler) = self.variable("OTEL_TRACES_SAMPLER") else {
            return Sampling::default();
        };
        let argument = self.variable("OTEL_TRACES_SAMPLER_ARG");
        Sampling::read(&sampler, argument.as_deref()).unwrap_or_else(|problem| {
            self.complain(problem);
            Sampling::default()
        })
    }

    fn timeout(&mut self) -> Duration {
        let timeout = self.milliseconds("OTEL_EXPORTER_OTLP_TIMEOUT");
        timeout.map_or(TIMEOUT, |timeout| timeout.min(LONGEST_TIMEOUT))
    }

    fn delay(&mut self, signal: Signal) -> Duration {
        let (name, usual) = match signal {
            Signal::Traces => ("OTEL_BSP_SCHEDULE_DELAY", TRACES_DELAY),
            Signal::Logs => ("OTEL_BLRP_SCHEDULE_DELAY", LOGS_DELAY),
            Signal::Metrics => ("OTEL_METRIC_EXPORT_INTERVAL", METRICS_INTERVAL),
        };
        let delay = self.milliseconds(name).unwrap_or(usual);
        delay.min(LONGEST_DELAY)
    }

    /// The duration in a variable; `None` if the variable is not set, or is no number above zero.
    fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        let text = self.variable(name)?;
        let parsed = text.parse().map(Duration::from_millis);
        let duration = parsed.ok().filter(|duration| !duration.is_zero());
        if duration.is_none() {
            self.complain(format!("{name} is no number of milliseconds"));
        }
        duration
    }

    /// Complains about wishes that only other exporters can fulfil.
    fn check_unsupported(&mut self) {
        let protocol = self.variable("OTEL_EXPORTER_OTLP_PROTOCOL");
        if protocol.is_some_and(|protocol| protocol != "http/protobuf") {
            self.complain(
                "OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is spoken (port 4318, not 4317)"
                    .to_owned(),
            );
        }
        let compression = self.variable("OTEL_EXPORTER_OTLP_COMPRESSION");
        if compression.is_some_and(|compression| compression != "none") {
            self.complain("OTEL_EXPORTER_OTLP_COMPRESSION: nothing is compressed".to_owned());
        }
    }

    /// Notes a problem once: those of the general variables come up for each signal.
    fn complain(&mut self, problem: String) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// The entries of `K=V,K2=V2`, as headers and resource attributes are written (in the manner of W3C Baggage), and the
/// number of those that are not of this form. Values are percent-decoded; keys are not.
fn key_values(text: &str) -> (Vec<(String, String)>, usize) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut wrong = 0;
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        match entry.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                found.push((key.trim().to_owned(), decoded(value.trim())));
            }
            _ => wrong += 1,
        }
    }
    (found, wrong)
}

/// A value that is not UTF-8 once decoded stays as it is.
fn decoded(value: &str) -> String {
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map_or_else(|_| value.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests;
