//! The facts of an answer, whole or streamed.

use std::sync::Arc;
use std::time::Instant;

use super::body_excerpt::excerpt;
use super::captured_content::{self, Transcript};
use super::record::{Journal, tried};
use super::routing_summary;
use super::span_attributes::number;
use crate::config::{Route, Step};
use crate::dialect::Dialect;
use crate::dialect::answer::WholeAnswer;
use crate::dialect::class::Class;
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::limits::Money;
use crate::routing::{AnsweredWalk, StepReport};
use crate::telemetry::trace::{Attribute, current, names};

impl<'g> Journal<'g> {
    /// An attempt has an answer for the client. After others have failed that is worth a line: the failover worked.
    pub fn walk_answered(&mut self, answered: &AnsweredWalk, dialect: &dyn Dialect) {
        let steps = self.route.map_or(&[][..], |route| &route.steps);
        let step = steps.get(answered.step_index());
        if let (Some(booking), Some(step)) = (&mut self.booking, step) {
            booking.answered_by(step, dialect);
        }
        self.facts.served_by = step.map(|step| &*step.label);
        let reports = answered.reports();
        // A second best answer is reported twice.
        let again = usize::from(answered.is_second_best);
        self.facts.steps = tried(reports).saturating_sub(again);
        self.facts.fallbacks = answered.fallbacks();
        if let Some(report) = reports.last() {
            self.facts.translated = report.changes.translated;
            self.facts.log_answer(report);
            if let (Some(facts), Some(route)) = (&self.context.alerts, &self.facts.route) {
                facts.answered(route, report);
            }
        }
    }

    /// The answer of a walk cannot be said in the client's dialect: the attempt has failed, and took what it told.
    pub fn unsayable(&mut self, answered: &AnsweredWalk, step: &Step, usage: Option<Usage>) {
        self.wasted(step, usage);
        self.facts.steps = tried(answered.reports());
        self.facts.fallbacks = answered.fallbacks();
        self.count_attempt(answered, Some(Class::BadResponse), Instant::now());
    }

    /// The routing summary of a walk, as JSON; keys in providers' messages are masked.
    pub fn routing_summary(&mut self, route: &Route, reports: &[StepReport]) -> Arc<String> {
        let cost = self.facts.cost.as_deref();
        let summary = routing_summary::summary(&route.name, reports, cost, &self.context.redactor);
        let summary = Arc::new(summary);
        self.remembered.summary = Some(Arc::clone(&summary));
        summary
    }

    /// A whole answer is there: what it took is known.
    pub fn whole_arrived(&mut self, answer: &WholeAnswer) {
        if let Some(booking) = &mut self.booking {
            booking.received(answer.text().len());
            booking.ended(answer.usage, true);
        }
        self.settle();
    }

    /// Settles the request in its client's account, once.
    pub(super) fn settle(&mut self) {
        let cost = self.booking.as_mut().and_then(|booking| booking.settle());
        if let Some(cost) = cost {
            self.facts.cost = Some(cost.to_string());
            self.cost = cost;
        }
        let estimate = self.booking.as_ref().and_then(|booking| booking.estimate());
        self.remembered.estimate = estimate;
    }

    /// A whole answer is about to be sent.
    pub fn answered_whole(&mut self, answered: &AnsweredWalk, answer: &WholeAnswer) {
        let step_index = answered.step_index();
        self.use_up(step_index, answer.usage, answered.at);
        self.counted.repairs(step_index, answer.repairs);
        self.count_answer(answered, answered.at);
        self.facts.log_body("answer body", || {
            excerpt(answer.text(), &self.context.redactor)
        });
        if self.captures_content().is_some() {
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
        if let Some(budget) = self.captures_content() {
            self.captured_stream = Some(Transcript::new(dialect.assemble(), budget.empty()));
        }
        self.count_first_content(answered);
    }

    /// A frame of a committed stream is relayed.
    pub fn frame_relayed(&mut self, data: &str) {
        if let Some(transcript) = &mut self.captured_stream {
            transcript.push(data);
        }
    }

    /// A frame with so many bytes of an answer's words is relayed.
    pub fn words_relayed(&mut self, bytes: usize) {
        if let Some(booking) = &mut self.booking {
            booking.received(bytes);
        }
    }

    /// A committed stream ended whole, or broke later on.
    pub fn stream_ended(
        &mut self,
        answered: &AnsweredWalk,
        usage: Option<Usage>,
        repairs: Repairs,
        is_whole: bool,
    ) {
        if let Some(booking) = &mut self.booking {
            booking.ended(usage, is_whole);
        }
        self.settle();
        self.use_up(answered.step_index(), usage, Instant::now());
        self.counted.repairs(answered.step_index(), repairs);
        if let Some(answer) = self.captured_stream.take().map(Transcript::answer) {
            self.capture(&answer);
        }
    }

    /// The stream that ended is whole.
    pub fn stream_whole(&mut self, answered: &AnsweredWalk) {
        self.count_answer(answered, Instant::now());
        self.end_attempt();
    }

    /// The stream that ended had broken: the client has seen a status that does not tell so.
    pub fn stream_broke(&mut self) {
        self.facts.broken = true;
    }

    fn count_first_content(&mut self, answered: &AnsweredWalk) {
        let now = Instant::now();
        let of_request = now.saturating_duration_since(self.facts.started);
        let of_attempt = now.saturating_duration_since(answered.started());
        self.remembered.first_content = Some(of_request);
        self.counted
            .first_content(answered.step_index(), of_request, of_attempt);
    }

    /// Counts the attempt that answered, unless it was counted when its answer was passed over.
    fn count_answer(&self, answered: &AnsweredWalk, now: Instant) {
        if !answered.is_second_best {
            self.count_attempt(answered, None, now);
        }
    }

    fn count_attempt(&self, answered: &AnsweredWalk, outcome: Option<Class>, now: Instant) {
        let took = now.saturating_duration_since(answered.started());
        self.counted
            .attempt(answered.step_index(), outcome, took, now);
    }

    fn use_up(&mut self, step_index: usize, usage: Option<Usage>, now: Instant) {
        self.facts.usage = usage.and_then(Usage::plausible);
        if let Some(usage) = self.facts.usage {
            self.counted.usage(step_index, usage, now);
        }
        if self.cost > Money::default() {
            self.counted.cost(step_index, self.cost.0);
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

    fn capture(&self, answer: &str) {
        let shown = captured_content::output(answer, &self.context.redactor);
        current::content(None, shown);
    }
}
