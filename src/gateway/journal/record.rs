//! The record of a request under way: what all its facts add to.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::captured_content::Transcript;
use super::log_lines::RequestFacts;
use crate::budget::{Budget, Charge};
use crate::config::Route;
use crate::gateway::booking::ClientBooking;
use crate::gateway::context::Context;
use crate::http::Exchange;
use crate::limits::Money;
use crate::routing::StepReport;
use crate::telemetry::metrics;
use crate::telemetry::trace::{AttemptSpan, Attribute, RequestSpan, current, names};
use crate::text::truncated;

/// The status in the log of a client that went away (nginx's number); it is never sent.
pub const CLIENT_GONE: u16 = 499;

/// Bytes of a path or a route name in the log.
pub(super) const LONGEST_NAME: usize = 200;

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

/// A request as spans show it.
pub(super) struct CapturedRequest {
    pub messages: String,
    _charge: Charge,
}

impl CapturedRequest {
    /// `None` where the budget has no room for it.
    pub fn new(messages: String, budget: &Budget) -> Option<Self> {
        let mut charge = budget.empty();
        charge.cover(messages.len()).then_some(Self {
            messages,
            _charge: charge,
        })
    }
}

/// The facts of a request that the history keeps besides those of its line in the log.
#[derive(Default)]
pub(super) struct Remembered {
    /// Its body is a request, and of this many bytes.
    pub bytes: Option<usize>,
    pub first_content: Option<Duration>,
    pub summary: Option<Arc<String>>,
    /// The standing of each attempt's step before the call, in words; those without words at the end are absent.
    pub standings: Vec<String>,
    attempts: usize,
    /// Input and output tokens, where the provider did not tell them.
    pub estimate: Option<(u64, u64)>,
}

impl Remembered {
    /// Another attempt begins, at a step that stands so.
    pub fn stands(&mut self, standing: &str) {
        if !standing.is_empty() {
            self.standings.resize(self.attempts, String::new());
            self.standings.push(standing.to_owned());
        }
        self.attempts += 1;
    }
}

/// A request as far as it is known.
pub struct Journal<'g> {
    pub(super) context: &'g Context,
    pub(super) facts: RequestFacts<'g>,
    /// The address of a client without a key.
    pub(super) stranger: Option<IpAddr>,
    /// The route of the walk; `None` of a request without one.
    pub(super) route: Option<&'g Route>,
    pub(super) counted: metrics::Request,
    /// The request in its client's account; `None` of one without a walk.
    pub(super) booking: Option<ClientBooking<'g>>,
    /// The cost of the request, once it is settled.
    pub(super) cost: Money,
    // The attempt's span stands inside the request's, and so ends before it.
    pub(super) attempt: Option<AttemptSpan>,
    pub(super) span: RequestSpan,
    /// Reports whose skipped steps the span shows.
    pub(super) shown: usize,
    /// The request as spans may show it: none unless the configuration allows it.
    pub(super) captured_request: Option<CapturedRequest>,
    pub(super) captured_stream: Option<Transcript>,
    /// The budget for content that is captured.
    pub(super) budget: Option<Budget>,
    /// The operation of the walk, in the words of the GenAI conventions.
    pub(super) operation: &'static str,
    /// The facts for the history alone.
    pub(super) remembered: Remembered,
    /// The attributes of the request for the spans of its attempts; none where no span is kept.
    pub(super) attributes: Vec<Attribute>,
}

impl<'g> Journal<'g> {
    /// A request arrived. Keys that clients paste into paths and ids are masked.
    /// `template` is its path with the variable parts named, where it names an endpoint.
    pub fn open(
        context: &'g Context,
        exchange: &Exchange<'_>,
        template: Option<&'static str>,
    ) -> Box<Self> {
        let head = exchange.head();
        let masked = |text| context.redactor.mask(text);
        Box::new(Self {
            context,
            facts: RequestFacts::new(
                match head.header("x-request-id") {
                    Some(_) => masked(exchange.request_id()).into(),
                    None => Arc::clone(exchange.request_id()),
                },
                names::known_method(head.method()).unwrap_or(names::OTHER_METHOD),
                match template {
                    Some(usual) if usual == head.path() => Cow::Borrowed(usual),
                    _ => Cow::Owned(truncated(masked(head.path()).into_owned(), LONGEST_NAME)),
                },
                exchange.received(),
            ),
            stranger: None,
            booking: None,
            cost: Money::default(),
            route: None,
            counted: context.metrics.begin(),
            attempt: None,
            span: RequestSpan::none(),
            shown: 0,
            captured_request: None,
            captured_stream: None,
            budget: (context.config.capture_content).then(|| exchange.budget().clone()),
            operation: names::CHAT,
            remembered: Remembered::default(),
            attributes: Vec::new(),
        })
    }

    /// The budget for content, if the span under way is kept, and may hold some.
    pub(super) fn captures_content(&self) -> Option<&Budget> {
        self.budget.as_ref().filter(|_| current::is_recorded())
    }
}

/// Attempts that were made.
pub(super) fn tried(reports: &[StepReport]) -> usize {
    reports.iter().filter(|report| !report.skipped).count()
}
