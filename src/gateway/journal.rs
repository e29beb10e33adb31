//! What is known of a request: one line in the log when it ends, one per failed attempt, and the instruments.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::config::{Route, Step};
use crate::dialect::chat::chunk::Usage;
use crate::dialect::class::Class;
use crate::http::Exchange;
use crate::routing::{Failure, StepReport};
use crate::secret::Redactor;
use crate::telemetry::metrics::{self, Metrics};
use crate::telemetry::trace::{Answered, RequestSpan};
use crate::text::{cut, truncated};

/// Status in the log for a client that went away (nginx's number); it is never sent.
pub const CLIENT_GONE: u16 = 499;

/// Bytes of a path or a route name in the log.
const LONGEST_NAME: usize = 200;

/// What is known of a request so far.
pub struct Journal<'g> {
    request_id: String,
    method: String,
    path: String,
    client: Option<&'g str>,
    started: Instant,
    route: Option<Cow<'g, str>>,
    stream: bool,
    steps: usize,
    fallbacks: usize,
    served_by: Option<String>,
    usage: Option<Usage>,
    error: Option<&'static str>,
    /// The level of the request's line, where its status says too little.
    level: Option<Level>,
    span: RequestSpan,
    broken: bool,
    counted: metrics::Request,
}

impl<'g> Journal<'g> {
    /// Clients paste keys into paths and models as well; `redactor` masks the known ones.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn open(exchange: &Exchange<'_>, metrics: &Arc<Metrics>, redactor: &Redactor) -> Box<Self> {
        let head = exchange.head();
        Box::new(Self {
            request_id: exchange.request_id().to_owned(),
            method: head.method().to_owned(),
            path: shortened(redactor.redact(head.path())),
            client: None,
            started: exchange.received(),
            route: None,
            stream: false,
            steps: 0,
            fallbacks: 0,
            served_by: None,
            usage: None,
            error: None,
            level: None,
            span: RequestSpan::none(),
            broken: false,
            counted: metrics.begin(),
        })
    }

    /// The request has a span.
    pub fn traced(&mut self, span: RequestSpan) {
        self.span = span;
    }

    pub fn span(&self) -> &RequestSpan {
        &self.span
    }

    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    pub fn client(&mut self, name: &'g str) {
        self.client = Some(name);
    }

    pub fn asks_for_stream(&mut self, stream: bool) {
        self.stream = stream;
    }

    /// What is asked for is no route, or none for this client.
    pub fn asks_in_vain_for(&mut self, route: &str, redactor: &Redactor) {
        self.route = Some(Cow::Owned(shortened(redactor.redact(route))));
    }

    /// The route is there, and the client may use it.
    pub fn takes(&mut self, route: &'g Route) {
        self.route = Some(Cow::Borrowed(cut(&route.name, LONGEST_NAME)));
        self.counted.takes(&route.name);
    }

    pub fn walked(&mut self, steps: usize, fallbacks: usize, served_by: Option<&str>) {
        self.steps = steps;
        self.fallbacks = fallbacks;
        self.served_by = served_by.map(str::to_owned);
    }

    pub fn used(&mut self, step_index: usize, usage: Option<Usage>) {
        self.usage = usage;
        if let Some(usage) = usage {
            self.counted.tokens(step_index, usage);
        }
    }

    /// The first content of a stream is there, so long after the call to its provider.
    pub fn content_began(&self, step_index: usize, of_attempt: Duration) {
        let of_request = self.started.elapsed();
        self.counted
            .first_content(step_index, of_request, of_attempt);
    }

    /// The answer of an attempt is complete.
    pub fn attempt_answered(&self, step_index: usize, duration: Duration) {
        self.counted.attempt(step_index, None, duration);
    }

    /// The client left during an attempt.
    pub fn attempt_cancelled(&self, step_index: usize, duration: Duration) {
        self.counted
            .attempt(step_index, Some(Class::Cancelled), duration);
    }

    /// The stream broke after its first content: the status that was sent does not tell how it ended.
    pub fn broke(&mut self) {
        self.broken = true;
    }

    /// The code or class of what went wrong.
    pub fn failed(&mut self, error: &'static str) {
        self.error = Some(error);
    }

    /// One attempt came to nothing. A refused key needs whoever runs the gateway; other failures are why there are
    /// several steps.
    pub fn attempt_failed(
        &self,
        step_index: usize,
        step: &Step,
        failure: &Failure,
        duration: Duration,
        redactor: &Redactor,
    ) {
        self.counted
            .attempt(step_index, Some(failure.class), duration);
        let level = match failure.class {
            Class::Unauthorized => Level::Error,
            _ => Level::Info,
        };
        log::log!(
            level,
            request_id = self.request_id.as_str(),
            route = self.route.as_deref(),
            step = step_index,
            provider = step.provider.name.as_str(),
            model = step.model.as_str(),
            class = failure.class.label(),
            status = failure.status,
            error = redactor.redact(&failure.message).as_str(),
            duration_ms = milliseconds(duration);
            "attempt failed"
        );
    }

    /// An attempt gave what the client gets. After others have failed that is worth knowing: the failover worked.
    pub fn attempt_succeeded(&self, report: &StepReport, fallbacks: usize) {
        let level = if fallbacks > 0 {
            Level::Info
        } else {
            Level::Debug
        };
        log::log!(
            level,
            request_id = self.request_id.as_str(),
            route = self.route.as_deref(),
            step = report.step_index,
            provider = report.provider.as_str(),
            model = report.model.as_str(),
            duration_ms = milliseconds(report.duration);
            "attempt answered"
        );
    }

    /// No step answered. What somebody has to mend is an error: keys, bills, names of models. The rest passes.
    pub fn exhausted(&mut self, reports: &[StepReport]) {
        let to_mend = [
            Class::Unauthorized,
            Class::QuotaExhausted,
            Class::ModelNotFound,
        ];
        let mut classes = reports.iter().filter_map(|report| report.class);
        self.level = Some(if classes.any(|class| to_mend.contains(&class)) {
            Level::Error
        } else {
            Level::Warn
        });
    }

    /// The request's own line, and the end of its span. A fault of the gateway's own is an error.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn end(self: Box<Self>, status: u16) {
        let duration = self.started.elapsed();
        let level = self.level.unwrap_or(match status {
            500 => Level::Error,
            501.. => Level::Warn,
            _ if self.broken => Level::Warn,
            _ => Level::Info,
        });
        let prompt_tokens = self.usage.and_then(|usage| usage.prompt_tokens);
        let completion_tokens = self.usage.and_then(|usage| usage.completion_tokens);
        log::log!(
            level,
            request_id = self.request_id.as_str(),
            client = self.client,
            method = self.method.as_str(),
            path = self.path.as_str(),
            route = self.route.as_deref(),
            stream = self.stream,
            status = status,
            duration_ms = milliseconds(duration),
            steps = self.steps,
            fallbacks = self.fallbacks,
            served_by = self.served_by.as_deref(),
            prompt_tokens = prompt_tokens,
            completion_tokens = completion_tokens,
            error = self.error;
            "request"
        );
        self.counted.end(metrics::End {
            status,
            stream: self.stream,
            duration,
            fallbacks: self.fallbacks,
            broken: self.broken,
        });
        self.span.end(&Answered {
            status,
            error: self.error,
            client: self.client,
            route: self.route.as_deref(),
            stream: self.stream,
            fallbacks: self.fallbacks,
            served_by: self.served_by.as_deref(),
        });
    }
}

fn shortened(name: String) -> String {
    truncated(name, LONGEST_NAME)
}

/// Whole milliseconds.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
