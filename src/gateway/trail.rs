//! The walk as its trace shows it: a span for each attempt, and between them what made the walk move on.

use std::borrow::Cow;

use crate::config::{Route, Step};
use crate::dialect::class::Class;
use crate::routing::{Attempt, StepReport};
use crate::telemetry::trace::{AttemptSpan, Attribute, RequestSpan, Tried, current, names};

/// What a walk's trace shows besides the attempts themselves.
pub struct Trail<'a> {
    pub request: &'a RequestSpan,
    pub route: &'a Route,
    pub stream: bool,
    /// What was asked, where spans may hold it.
    pub asked: Option<&'a str>,
    /// Reports told so far.
    pub told: usize,
}

impl Trail<'_> {
    /// An attempt begins: its span, and before it why it is not the first.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn attempt(&mut self, attempt: &Attempt, reports: &[StepReport]) -> AttemptSpan {
        self.tell_skipped(reports);
        let failed = reports.iter().rev().find(|report| !report.skipped);
        if let Some(failed) = failed {
            let repeated = failed.step_index == attempt.step_index;
            let name = if repeated { "retry" } else { "failover" };
            self.request.event(name, || {
                let mut attributes = about(failed);
                attributes.push(Attribute::new(names::TO_STEP, number(attempt.step_index)));
                attributes
            });
        }
        let Some(step) = self.route.steps.get(attempt.step_index) else {
            return AttemptSpan::none();
        };
        let span = self.request.attempt(|| self.tried(step, attempt));
        if let Some(asked) = self.asked {
            current::content(Some(asked.to_owned()), None);
        }
        span
    }

    /// Steps that were passed over because they are cooling.
    pub fn tell_skipped(&mut self, reports: &[StepReport]) {
        let new = reports.get(self.told..).unwrap_or_default();
        self.told = reports.len();
        for report in new.iter().filter(|report| report.skipped) {
            self.request.event("step skipped", || about(report));
        }
    }

    fn tried<'s>(&self, step: &'s Step, attempt: &Attempt) -> Tried<'s>
    where
        Self: 's,
    {
        let (host, port) = &step.provider.server;
        Tried {
            step: attempt.step_index,
            provider: &step.provider.name,
            model: &step.model,
            key_index: attempt.key_index,
            server: (host, *port),
            stream: self.stream,
            route: &self.route.name,
        }
    }
}

/// The attempt under way has failed, and the ledger now keeps others away.
pub fn tell_cooldown(report: Option<&StepReport>) {
    let cooling = report.filter(|report| report.retry_after.is_some());
    if let Some(report) = cooling {
        current::event("cooldown set", || about(report));
    }
}

/// The model that answered, as the answer or a chunk of it says.
pub fn tell_model<'a>(model: impl FnOnce() -> Option<Cow<'a, str>>) {
    if current::is_recorded()
        && let Some(model) = model()
    {
        current::model(&model);
    }
}

fn about(report: &StepReport) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::new(names::STEP, number(report.step_index)),
        Attribute::new(names::PROVIDER, report.provider.clone()),
        Attribute::new(names::REQUEST_MODEL, report.model.clone()),
    ];
    let class = report.class.map(Class::label);
    attributes.extend(class.map(|class| Attribute::new(names::ERROR_TYPE, class)));
    let cooldown = report.retry_after.map(|rest| rest.as_secs_f64());
    attributes.extend(cooldown.map(|rest| Attribute::new(names::COOLDOWN, rest)));
    attributes
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
