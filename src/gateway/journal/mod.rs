//! The journal of a request: the only listener, and the only writer of telemetry in `gateway/`.
//!
//! A fact is told here once, when it is known, and becomes whatever readings there are of it: the request's line in the
//! log and a line for each failed attempt, the instruments, and the spans. Two things come back: the routing summary for
//! the client, and the headers that continue the trace at the provider.

mod captured_content;
mod log_lines;
mod routing_summary;
mod span_events;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Instant;

use captured_content::Transcript;
use log::Level;
use log_lines::RequestFacts;
use span_events::{about, number};

use crate::adapt::Lesson;
use crate::config::{Route, Step};
use crate::dialect::Dialect;
use crate::dialect::answer::{Usage, WholeAnswer};
use crate::dialect::class::Class;
use crate::dialect::repairs::Repairs;
use crate::dialect::request::Request;
use crate::http::Exchange;
use crate::routing::{AnsweredWalk, Attempt, StepReport, Verdict, fallbacks};
use crate::telemetry::metrics;
use crate::telemetry::trace::{
    self, Asked, AttemptSpan, Attribute, RequestSpan, Tried, current, names,
};
use crate::text::{cut, truncated};

use super::context::Context;

/// The status in the log of a client that went away (nginx's number); it is never sent.
pub const CLIENT_GONE: u16 = 499;

/// Bytes of a path or a route name in the log.
const LONGEST_NAME: usize = 200;

/// The outcome of a healing, as the metric's label has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealResult {
    /// The text of the refusal is gone.
    Healed,
    /// The same refusal came again.
    Refused,
    /// The member has a meaning: requests with it pass the step over from now on.
    PassedOver,
}

/// A request as far as it is known.
pub struct Journal<'g> {
    context: &'g Context,
    facts: RequestFacts<'g>,
    /// The address of a client without a key.
    stranger: Option<IpAddr>,
    counted: metrics::Request,
    // The attempt's span stands inside the request's, and so ends before it.
    attempt: Option<AttemptSpan>,
    span: RequestSpan,
    /// Reports whose skipped steps the span shows.
    shown: usize,
    /// The request as spans may show it: none unless the configuration allows it.
    captured_request: Option<String>,
    captured_stream: Option<Transcript>,
    /// The operation of the walk, in the words of the GenAI conventions.
    operation: &'static str,
}

impl<'g> Journal<'g> {
    /// A request arrived. Keys that clients paste into paths and ids are masked.
    pub fn open(context: &'g Context, exchange: &Exchange<'_>) -> Box<Self> {
        let head = exchange.head();
        let path = context.redactor.redact(head.path());
        Box::new(Self {
            context,
            facts: RequestFacts::new(
                context.redactor.mask(exchange.request_id()).into_owned(),
                names::known_method(head.method()).unwrap_or(names::OTHER_METHOD),
                truncated(path, LONGEST_NAME),
                exchange.received(),
            ),
            stranger: None,
            counted: context.metrics.begin(),
            attempt: None,
            span: RequestSpan::none(),
            shown: 0,
            captured_request: None,
            captured_stream: None,
            operation: names::CHAT,
        })
    }

    /// The request is worth a trace. `template` is its path with the variable parts named, where it names an endpoint.
    pub fn traced(&mut self, exchange: &Exchange<'_>, template: Option<&'static str>) {
        let head = exchange.head();
        let asked = Asked {
            method: head.method(),
            path: head.path(),
            template,
            client: exchange.client_address(),
            request_id: exchange.request_id(),
            header: &|name| head.header(name),
            age: exchange.received().elapsed(),
        };
        let context = self.context;
        self.span = context
            .tracer
            .request(&asked, context.config.propagate_trace);
    }

    /// The client showed a key.
    pub fn identified(&mut self, client: &'g str) {
        self.facts.client = Some(client);
    }

    /// The client showed no key that is known.
    pub fn anonymous(&mut self, address: IpAddr) {
        self.stranger = Some(address);
    }

    /// The body is a request.
    pub fn read(&mut self, request: &Request<'_>) {
        self.facts.stream = request.stream;
        if let Some(object) = request.payload.object() {
            self.facts
                .log_body("request body", object.source(), &self.context.redactor);
        }
    }

    /// The request names no route, or none for this client.
    pub fn route_unknown(&mut self, name: &str) {
        let name = self.context.redactor.redact(name);
        self.facts.route = Some(Cow::Owned(truncated(name, LONGEST_NAME)));
    }

    /// The walk over a route begins.
    pub fn walk_began(&mut self, route: &'g Route, dialect: &dyn Dialect, request: &Request<'_>) {
        self.operation = dialect.operation();
        self.facts.route = Some(Cow::Borrowed(cut(&route.name, LONGEST_NAME)));
        self.counted.takes(&route.name);
        if self.captures_content()
            && let Some(object) = request.payload.object()
        {
            let messages = object.get("messages").unwrap_or_default();
            let captured = captured_content::input(messages, &self.context.redactor);
            self.captured_request = Some(captured);
        }
    }

    /// An attempt begins; the reports tell why it is not the first.
    pub fn attempt_began(&mut self, route: &Route, attempt: &Attempt, reports: &[StepReport]) {
        self.show_skipped(reports);
        if let Some(failed) = reports.iter().rev().find(|report| !report.skipped) {
            let is_retry = failed.step_index == attempt.step_index;
            let name = if is_retry { "retry" } else { "failover" };
            self.span.event(name, || {
                let mut attributes = about(failed);
                attributes.push(Attribute::new(names::TO_STEP, number(attempt.step_index)));
                attributes
            });
        }
        let Some(step) = route.steps.get(attempt.step_index) else {
            return;
        };
        let (host, port) = &step.provider.server;
        self.attempt = Some(self.span.attempt(|| Tried {
            step: attempt.step_index,
            provider: &step.provider.name,
            model: &step.model,
            key_index: attempt.key_index,
            server: (host, *port),
            stream: self.facts.stream,
            operation: self.operation,
            route: &route.name,
        }));
        if let Some(captured) = &self.captured_request {
            current::content(Some(captured.clone()), None);
        }
    }

    /// The headers that continue the trace at the provider; none where nothing is to be continued.
    pub fn outgoing(&self) -> Vec<(&'static str, String)> {
        if self.context.config.propagate_trace {
            current::outgoing()
        } else {
            Vec::new()
        }
    }

    /// The provider answered with a status.
    pub fn status_seen(&self, status: u16) {
        current::status(status);
    }

    /// The answer or the chunk names the model that made it.
    pub fn model_seen<'a>(&self, model: impl FnOnce() -> Option<Cow<'a, str>>) {
        if current::is_recorded()
            && let Some(model) = model()
        {
            current::model(&model);
        }
    }

    /// The stream began without content, and is held back.
    pub fn held_back(&self) {
        current::event("prelude held", Vec::new);
    }

    /// The provider refused these members by name, and is called again without them.
    pub fn heal_began(&self, step: &Step, lessons: &[Lesson]) {
        current::event("heal", || {
            let healed: Vec<&str> = lessons.iter().map(Lesson::label).collect();
            vec![
                Attribute::new(names::PROVIDER, step.provider.name.clone()),
                Attribute::new(names::REQUEST_MODEL, step.model.clone()),
                Attribute::new(names::HEALED, healed.join(", ")),
            ]
        });
        self.facts.log_heal(step, lessons);
    }

    /// The outcome of a healing.
    pub fn heal_ended(&self, step: &Step, lesson: &Lesson, result: HealResult) {
        let result = match result {
            HealResult::Healed => "healed",
            HealResult::Refused => "refused",
            HealResult::PassedOver => "passed_over",
        };
        let (provider, model) = (&step.provider.name, &step.model);
        self.counted.heal(provider, model, lesson.label(), result);
    }

    /// A lesson is new: from now on requests are edited by it, or pass the step over.
    pub fn learned(&self, step: &Step, lesson: &Lesson) {
        self.facts.log_lesson(step, lesson);
    }

    /// The attempt came to nothing. A refused key needs the operator of the gateway; other failures are why there are
    /// several steps.
    pub fn attempt_failed(&mut self, report: Option<&StepReport>) {
        let Some((report, class)) = report.and_then(|report| Some((report, report.class?))) else {
            return;
        };
        self.counted
            .attempt(report.step_index, Some(class), report.duration);
        let message = report.message.as_deref().unwrap_or_default();
        let message = self.context.redactor.redact(message);
        if class != Class::Cancelled {
            self.facts.log_failure(report, class, &message);
        }
        let keys = &self.context.refused_keys;
        if class == Class::Unauthorized
            && keys.is_due(&report.provider, report.key_index, Instant::now())
        {
            self.facts.log_refused_key(report, &message);
        }
        if report.retry_after.is_some() {
            current::event("cooldown set", || about(report));
        }
        if let Some(span) = self.attempt.take() {
            span.failed(class.label(), || message);
        }
    }

    /// An attempt has an answer for the client. After others have failed that is worth a line: the failover worked.
    pub fn walk_answered(&mut self, answered: &AnsweredWalk, step: &Step) {
        let reports = answered.reports();
        // A second best answer is reported twice.
        let again = usize::from(answered.is_second_best);
        self.facts.steps = tried(reports).saturating_sub(again);
        self.facts.fallbacks = answered.fallbacks();
        self.facts.served_by = Some(served_by(step));
        if let Some(report) = reports.last() {
            self.facts.log_answer(report);
        }
    }

    /// The routing summary of a walk, as JSON; keys in providers' messages are masked.
    pub fn routing_summary(&self, route: &Route, reports: &[StepReport]) -> String {
        routing_summary::summary(&route.name, reports, &self.context.redactor)
    }

    /// A whole answer is about to be sent.
    pub fn answered_whole(&mut self, answered: &AnsweredWalk, answer: &WholeAnswer) {
        let step_index = answered.step_index();
        self.use_tokens(step_index, answer.usage);
        self.counted.repairs(step_index, answer.repairs);
        self.count_answer(answered);
        self.facts
            .log_body("answer body", answer.text(), &self.context.redactor);
        if self.captures_content() {
            self.capture(answer.text());
        }
        current::event("commit", Vec::new);
        self.end_attempt();
    }

    /// Bytes without frames are committed: the first of them are about to be sent.
    pub fn committed_opaque(&mut self, answered: &AnsweredWalk) {
        current::event("commit", Vec::new);
        self.count_first_content(answered);
    }

    /// A stream is committed: its first content is about to be sent, behind `held` events without content.
    pub fn committed(&mut self, dialect: &dyn Dialect, answered: &AnsweredWalk, held: usize) {
        current::event("commit", || {
            vec![Attribute::new(names::HELD_EVENTS, number(held))]
        });
        if self.captures_content() {
            self.captured_stream = Some(Transcript::new(dialect.assemble()));
        }
        self.count_first_content(answered);
    }

    /// A frame of a committed stream is relayed.
    pub fn frame_relayed(&mut self, data: &str) {
        if let Some(transcript) = &mut self.captured_stream {
            transcript.push(data);
        }
    }

    /// A committed stream ended whole, or broke later on.
    pub fn stream_ended(
        &mut self,
        answered: &AnsweredWalk,
        usage: Option<Usage>,
        repairs: Repairs,
    ) {
        self.use_tokens(answered.step_index(), usage);
        self.counted.repairs(answered.step_index(), repairs);
        if let Some(answer) = self.captured_stream.take().map(Transcript::answer) {
            self.capture(&answer);
        }
    }

    /// The stream that ended is whole.
    pub fn stream_whole(&mut self, answered: &AnsweredWalk) {
        self.count_answer(answered);
        self.end_attempt();
    }

    /// The stream that ended had broken: the client has seen a status that does not tell so.
    pub fn stream_broke(&mut self) {
        self.facts.broken = true;
    }

    /// No step answered. A fault that somebody has to mend is an error: keys, bills, names of models. The rest passes.
    pub fn exhausted(&mut self, verdict: &Verdict, reports: &[StepReport]) {
        self.show_skipped(reports);
        self.facts.steps = tried(reports);
        self.facts.fallbacks = fallbacks(reports);
        self.facts.error = Some(verdict.code.label());
        let to_mend = [
            Class::Unauthorized,
            Class::Forbidden,
            Class::QuotaExhausted,
            Class::ModelNotFound,
        ];
        let mut classes = reports.iter().filter_map(|report| report.class);
        self.facts.level = Some(if classes.any(|class| to_mend.contains(&class)) {
            Level::Error
        } else {
            Level::Warn
        });
    }

    /// The client left during the walk, or the gateway has no time left for it.
    pub fn walk_stopped(&mut self, reports: &[StepReport]) {
        self.facts.steps = tried(reports);
    }

    /// The code or class of the problem that ends the request.
    pub fn failed(&mut self, error: &'static str) {
        self.facts.error = Some(error);
    }

    /// The request is over: its line, and the end of its span. A fault of the gateway's own is an error.
    pub fn end(mut self: Box<Self>, status: u16) {
        self.attempt = None;
        let duration = self.facts.started.elapsed();
        // Without a bound, strangers would fill the disk with lines.
        let edge = &self.context.edge;
        if (self.stranger).is_none_or(|address| edge.admits_line(address, status)) {
            self.facts.log_request(status, duration);
        }
        self.counted.end(metrics::End {
            status,
            stream: self.facts.stream,
            duration,
            fallbacks: self.facts.fallbacks,
            broken: self.facts.broken,
        });
        self.span.end(&trace::Answered {
            status,
            error: self.facts.error,
            client: self.facts.client,
            route: self.facts.route.as_deref(),
            stream: self.facts.stream,
            fallbacks: self.facts.fallbacks,
            served_by: self.facts.served_by.as_deref(),
        });
    }

    fn count_first_content(&self, answered: &AnsweredWalk) {
        self.counted.first_content(
            answered.step_index(),
            self.facts.started.elapsed(),
            answered.started().elapsed(),
        );
    }

    /// Counts the attempt that answered, unless it was counted when its answer was passed over.
    fn count_answer(&self, answered: &AnsweredWalk) {
        if !answered.is_second_best {
            let took = answered.started().elapsed();
            self.counted.attempt(answered.step_index(), None, took);
        }
    }

    fn use_tokens(&mut self, step_index: usize, usage: Option<Usage>) {
        self.facts.usage = usage.and_then(Usage::plausible);
        if let Some(usage) = self.facts.usage {
            self.counted.tokens(step_index, usage);
        }
    }

    fn end_attempt(&mut self) {
        if let Some(span) = self.attempt.take() {
            span.answered(
                self.facts.usage.and_then(|usage| usage.prompt_tokens),
                self.facts.usage.and_then(|usage| usage.completion_tokens),
            );
        }
    }

    /// Shows the steps that were passed over because they are cooling.
    fn show_skipped(&mut self, reports: &[StepReport]) {
        let new = reports.get(self.shown..).unwrap_or_default();
        self.shown = reports.len();
        for report in new.iter().filter(|report| report.skipped) {
            self.span.event("step skipped", || about(report));
        }
    }

    /// Whether the span under way is kept, and may hold content.
    fn captures_content(&self) -> bool {
        self.context.config.capture_content && current::is_recorded()
    }

    fn capture(&self, answer: &str) {
        let shown = captured_content::output(answer, &self.context.redactor);
        current::content(None, Some(shown));
    }
}

/// The step in `X-Routed-Via` and in the log.
pub fn served_by(step: &Step) -> String {
    [step.provider.name.as_str(), "/", &step.model].concat()
}

/// Attempts that were made.
fn tried(reports: &[StepReport]) -> usize {
    reports.iter().filter(|report| !report.skipped).count()
}
