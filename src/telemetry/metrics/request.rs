//! A request under way, as far as it is counted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::dialect::class::Class;
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;

use crate::text::milliseconds;

use super::instruments::{Metrics, RouteInstruments, TargetInstruments};

/// A request that is being answered. It counts as in flight until it is dropped.
#[derive(Debug)]
pub struct Request {
    metrics: Arc<Metrics>,
    /// The index of its route, once it has one.
    route: Option<usize>,
    /// The operation that it is, in the words of the GenAI conventions.
    operation: &'static str,
    ended: bool,
}

/// The end of a request.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The status of the answer; 499 for a client that went away.
    pub status: u16,
    pub stream: bool,
    pub duration: Duration,
    pub now: Instant,
    /// Steps that failed or were skipped before the one that answered.
    pub fallbacks: usize,
    /// The stream broke after its first content: the status was sent, and was wrong.
    pub broken: bool,
}

impl Metrics {
    /// Begins to count a request.
    pub fn begin(self: &Arc<Self>) -> Request {
        Request::begin(Arc::clone(self))
    }
}

impl Request {
    fn begin(metrics: Arc<Metrics>) -> Self {
        metrics.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            metrics,
            route: None,
            operation: "",
            ended: false,
        }
    }

    /// The request goes to a route.
    pub fn takes(&mut self, route: &str, operation: &'static str) {
        self.operation = operation;
        let routes = &self.metrics.routes;
        self.route = routes.iter().position(|known| known.name == route);
    }

    /// A step's attempt has ended now, after so long; `None` for the class is an answer.
    pub fn attempt(
        &self,
        step_index: usize,
        outcome: Option<Class>,
        duration: Duration,
        now: Instant,
    ) {
        let Some(target) = self.target(step_index) else {
            return;
        };
        let operation = target.operations.of(self.operation);
        if let Some(durations) = operation.and_then(|of| of.attempts(outcome)) {
            durations.time(duration);
        }
        match outcome {
            None => target.recent.success(self.metrics.minute_of(now), duration),
            // Nothing is known of what would have come.
            Some(Class::Cancelled) => {}
            Some(_) => target.recent.failure(self.metrics.minute_of(now)),
        }
    }

    /// A provider refused a member by its name, and this came of it.
    pub fn heal(&self, provider: &str, model: &str, member: &str, result: &str) {
        self.metrics.heals.count(provider, model, member, result);
    }

    /// The first content of a stream is there: how long after the request, and after the call to its provider.
    pub fn first_content(&self, step_index: usize, of_request: Duration, of_attempt: Duration) {
        if let (Some(route), Some(target)) = (self.route(), self.target(step_index)) {
            route.requests.first_content.time(of_request);
            if let Some(operation) = target.operations.of(self.operation) {
                operation.first_chunk.time(of_attempt);
            }
        }
    }

    /// The tokens and the audio of the answer, as its provider counts them.
    pub fn usage(&self, step_index: usize, usage: Usage, now: Instant) {
        let Some(target) = self.target(step_index) else {
            return;
        };
        let (input, output) = (usage.prompt_tokens, usage.completion_tokens);
        if let Some(operation) = target.operations.of(self.operation) {
            input.inspect(|tokens| operation.input_tokens.count(*tokens));
            output.inspect(|tokens| operation.output_tokens.count(*tokens));
        }
        if let Some(audio) = usage.audio {
            target
                .audio_ms
                .fetch_add(milliseconds(audio), Ordering::Relaxed);
        }
        let recent = &target.recent;
        recent.tokens(
            self.metrics.minute_of(now),
            input.unwrap_or_default(),
            output.unwrap_or_default(),
        );
    }

    /// The answer cost this much (millionths of the currency).
    pub fn cost(&self, step_index: usize, millionths: u64) {
        if let Some(target) = self.target(step_index) {
            target.cost.fetch_add(millionths, Ordering::Relaxed);
        }
    }

    /// The answer was repaired.
    pub fn repairs(&self, step_index: usize, repairs: Repairs) {
        let Some(target) = self.target(step_index) else {
            return;
        };
        for kind in repairs.kinds() {
            if let Some(count) = target.repairs.get(kind as usize) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The answer is through, or the client is gone.
    pub fn end(mut self, end: End) {
        self.ended = true;
        self.count(end);
    }

    fn count(&self, end: End) {
        let answers = self
            .route()
            .map_or(&*self.metrics.elsewhere, |route| &route.requests.answers);
        let answered = answers.of(end.stream);
        if let Some(count) = answered.with_status(end.status) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        answered.duration.time(end.duration);
        let Some(route) = self.route() else {
            return;
        };
        route
            .requests
            .fallbacks
            .fetch_add(end.fallbacks as u64, Ordering::Relaxed);
        route
            .requests
            .broken_streams
            .fetch_add(u64::from(end.broken), Ordering::Relaxed);
        let minute = self.metrics.minute_of(end.now);
        match end.status {
            499 => {}
            200..300 if !end.broken => route.requests.recent.success(minute, end.duration),
            _ => route.requests.recent.failure(minute),
        }
    }

    fn route(&self) -> Option<&RouteInstruments> {
        self.metrics.routes.get(self.route?)
    }

    fn target(&self, step_index: usize) -> Option<&TargetInstruments> {
        self.route()?.target(step_index)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.metrics.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.ended {
            // Its handler panicked, which the edge answers with 500.
            self.count(End {
                status: 500,
                stream: false,
                duration: Duration::ZERO,
                now: Instant::now(),
                fallbacks: 0,
                broken: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prometheus;
    use super::*;
    use crate::config::{self, Config};

    fn config(routes: &str) -> Config {
        let text = format!(
            "api_key: k\nproviders:\n  - {{name: p, base_url: http://p/v1}}\nroutes:\n{routes}"
        );
        let environment = std::collections::BTreeMap::<String, String>::new();
        config::parse(&text, &environment).unwrap()
    }

    fn end(status: u16) -> End {
        End {
            status,
            stream: false,
            duration: Duration::from_millis(3),
            now: Instant::now(),
            fallbacks: 0,
            broken: false,
        }
    }

    /// The edge answers it with 500, which an alert on 500s must see.
    #[test]
    fn a_handler_that_panics_is_counted() {
        let metrics = Arc::new(Metrics::new(&config(
            "  - {name: r, steps: [{provider: p, model: m}]}\n",
        )));
        let mut request = metrics.begin();
        request.takes("r", "chat");
        assert_eq!(metrics.in_flight(), 1);
        let panicking = std::thread::spawn(move || {
            let _request = request;
            panic!("in a test");
        });
        assert!(panicking.join().is_err());
        assert_eq!(metrics.in_flight(), 0);
        let text = prometheus::text(&metrics.families());
        let line = "ai_gateway_requests_total{route=\"r\",status=\"500\",stream=\"false\"} 1\n";
        assert!(text.contains(line), "{text}");
    }

    /// An unforeseen status must not be lost, nor make a series of its own.
    #[test]
    fn an_unforeseen_status_is_counted_all_the_same() {
        let metrics = Arc::new(Metrics::new(&config(
            "  - {name: r, steps: [{provider: p, model: m}]}\n",
        )));
        for status in [299, 599] {
            metrics.begin().end(end(status));
        }
        let text = prometheus::text(&metrics.families());
        let line = "ai_gateway_requests_total{route=\"\",status=\"0\",stream=\"false\"} 2\n";
        assert!(text.contains(line), "{text}");
    }

    /// Half seconds add up, and what has no audio has no series.
    #[test]
    fn audio_is_counted_in_seconds() {
        let metrics = Arc::new(Metrics::new(&config(
            "  - {name: r, steps: [{provider: p, model: m}, {provider: p, model: n}]}\n",
        )));
        let mut request = metrics.begin();
        request.takes("r", "transcription");
        let audio = |ms| Usage {
            audio: Some(Duration::from_millis(ms)),
            ..Usage::default()
        };
        request.usage(0, audio(8_250), Instant::now());
        request.usage(0, audio(250), Instant::now());
        request.usage(1, Usage::default(), Instant::now());
        let text = prometheus::text(&metrics.families());
        let line = "ai_gateway_audio_seconds_total{provider=\"p\",model=\"m\"} 8.5\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("ai_gateway_audio_seconds_total{").count(), 1);
    }

    /// The same provider and model in two routes and twice in one: one series, or the whole scrape is refused.
    #[test]
    fn a_target_that_stands_in_many_places_is_one_series() {
        let metrics = Arc::new(Metrics::new(&config(
            "  - {name: r, steps: [{provider: p, model: m}, {provider: p, model: m, timeout: 1s}]}\n  \
               - {name: s, steps: [{provider: p, model: m}]}\n",
        )));
        for (route, step_index) in [("r", 0), ("r", 1), ("s", 0)] {
            let mut request = metrics.begin();
            request.takes(route, "chat");
            request.attempt(step_index, None, Duration::from_millis(1), Instant::now());
            request.end(end(200));
        }
        let text = prometheus::text(&metrics.families());
        let of = "ai_gateway_attempts_total{provider=\"p\",model=\"m\",class=\"answered\"}";
        assert_eq!(text.matches(of).count(), 1, "{text}");
        assert!(text.contains(&format!("{of} 3\n")), "{text}");
        assert_eq!(metrics.step_lately("r", 1).unwrap().succeeded, 2);
        assert_eq!(metrics.step_lately("s", 0).unwrap().succeeded, 1);
    }
}
