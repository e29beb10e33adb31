//! The facts of an attempt, up to its failure.

use std::borrow::Cow;
use std::time::Instant;

use super::record::{HealResult, Journal};
use super::span_attributes::{about, number};
use crate::adapt::Lesson;
use crate::config::{Route, Step};
use crate::dialect::class::Class;
use crate::gateway::standing_faults::StandingFault;
use crate::routing::{Attempt, StepReport, Walk};
use crate::telemetry::trace::{Attribute, Tried, current, names};

impl<'g> Journal<'g> {
    /// An attempt begins; the reports tell why it is not the first.
    pub fn attempt_began(&mut self, route: &Route, attempt: &Attempt, walk: &Walk) {
        let reports = walk.reports();
        self.show_skipped(reports);
        self.remembered.stands(walk.standing());
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
        current::attributes(&self.attributes);
        if let Some(captured) = &self.captured_request {
            current::content(Some(captured.messages.clone()), None);
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

    /// The exchange goes on in the dialect of the step's provider.
    pub fn translated(&self, dialect: &'static str) {
        if current::is_recorded() {
            current::attributes(&[Attribute::new(names::TRANSLATED, dialect)]);
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

    /// The attempt came to nothing. A step that cannot ever work needs the operator of the gateway; other failures are
    /// why there are several steps.
    pub fn attempt_failed(&mut self, report: Option<&StepReport>, now: Instant) {
        let Some((report, class)) = report.and_then(|report| Some((report, report.class?))) else {
            return;
        };
        let (step, took) = (report.step_index, report.duration);
        self.counted.attempt(step, Some(class), took, now);
        let redactor = &self.context.redactor;
        let message = report.message.as_ref();
        let message = message.map_or_else(Cow::default, |said| said.masked(redactor));
        if class != Class::Cancelled {
            self.facts.log_failure(report, class, &message);
            let route = self.facts.route.as_deref().unwrap_or_default();
            let errors = &self.context.history.errors;
            errors.note(route, report, class, &message);
        }
        if let Some(facts) = &self.context.alerts {
            facts.attempt_failed(report, class);
        }
        let fault = match class {
            Class::Unauthorized => Some(StandingFault::Key(report.key_index)),
            Class::ModelNotFound => Some(StandingFault::Model(report.model().to_owned())),
            _ => None,
        };
        let faults = &self.context.standing_faults;
        if let Some(fault) = fault
            && faults.is_due(report.provider(), fault, now)
        {
            self.facts.log_standing_fault(report, class, &message);
        }
        if report.retry_after.is_some() {
            current::event("cooldown set", || about(report));
        }
        if let Some(span) = self.attempt.take() {
            span.failed(class.label(), || message.into_owned());
        }
    }

    /// Shows the steps that were passed over because they are cooling.
    pub(super) fn show_skipped(&mut self, reports: &[StepReport]) {
        let new = reports.get(self.shown..).unwrap_or_default();
        self.shown = reports.len();
        for report in new.iter().filter(|report| report.skipped) {
            self.span.event("step skipped", || about(report));
        }
    }
}
