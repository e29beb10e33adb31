//! The reports of a walk: one for each attempt and each skipped step, for `routing_summary`, log and metrics.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Route, Step};
use crate::heapsort::sorted;

use super::failure::Failure;
use super::ledger::Ledger;
use super::mark::Cooling;
use super::step_message::StepMessage;
use crate::dialect::class::Class;
use crate::dialect::request::Unfit;

/// The outcome of an attempt, or the reason why a step was skipped.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub step_index: usize,
    step: ReportedStep,
    /// The key's index in the provider's list; `None` for providers without keys and for skipped steps.
    pub key_index: Option<usize>,
    pub success: bool,
    /// The time from the beginning of the attempt to its end, or to the first content of a stream.
    pub duration: Duration,
    /// The class of the failure; of a skipped step, of the failure that made it cool down.
    pub class: Option<Class>,
    /// The provider's HTTP status, if it got as far as that.
    pub status: Option<u16>,
    /// The provider's message; of a skipped step, why it was skipped.
    pub message: Option<StepMessage>,
    /// The member of the request that the step lacks, by its path.
    pub param: Option<String>,
    /// The step is cooling, or lacks what the request needs, and no attempt was made.
    pub skipped: bool,
    /// The time from this report until the ledger lets the next request through.
    pub retry_after: Option<Duration>,
    pub changes: Changes,
}

/// The step of a report, whose names are those of its route: no report has copies.
#[derive(Clone)]
struct ReportedStep {
    route: Arc<Route>,
    index: usize,
}

impl ReportedStep {
    fn step(&self) -> Option<&Step> {
        self.route.steps.get(self.index)
    }

    fn names(&self) -> (&str, &str) {
        let step = self.step();
        step.map_or(("", ""), |step| (&step.provider.name, &step.model))
    }
}

impl PartialEq for ReportedStep {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl fmt::Debug for ReportedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.names().fmt(f)
    }
}

/// The changes that were made to a request for a step, besides those that are configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The members that were left out after a refusal, and the shapes that were changed.
    pub healed: Vec<String>,
    /// The request went out, and the answer came, in another dialect than the client's.
    pub translated: bool,
    /// The members that the other dialect cannot say, by their paths.
    pub dropped: Vec<String>,
}

impl StepReport {
    /// The name of the step's provider.
    pub fn provider(&self) -> &str {
        self.step.names().0
    }

    /// The step's model.
    pub fn model(&self) -> &str {
        self.step.names().1
    }

    /// The members of `routing_summary` that name the step.
    pub fn summary_names(&self) -> &str {
        let step = self.step.step();
        step.map_or(r#""provider":"","model":"""#, |step| &step.summary_names)
    }

    pub(super) fn success(
        route: &Arc<Route>,
        index: usize,
        key: Option<usize>,
        duration: Duration,
    ) -> Self {
        Self {
            key_index: key,
            success: true,
            duration,
            ..Self::blank(route, index)
        }
    }

    pub(super) fn failure(
        route: &Arc<Route>,
        index: usize,
        key: Option<usize>,
        duration: Duration,
        failure: Failure,
    ) -> Self {
        Self {
            key_index: key,
            duration,
            class: Some(failure.class),
            status: failure.status,
            message: Some(StepMessage::Said(failure.message)),
            ..Self::blank(route, index)
        }
    }

    pub(super) fn skipped(
        route: &Arc<Route>,
        index: usize,
        cooling: Cooling,
        now: Instant,
    ) -> Self {
        let message = StepMessage::Cooling {
            left: cooling.until.saturating_duration_since(now),
            class: cooling.class,
        };
        Self {
            class: Some(cooling.class),
            message: Some(message),
            skipped: true,
            ..Self::blank(route, index).cooling(Some(cooling), now)
        }
    }

    /// The report of a step that is skipped because of a mark or of a limit; `None` where neither keeps it away.
    pub(super) fn skipped_by(
        route: &Arc<Route>,
        index: usize,
        ledger: &mut Ledger,
        now: Instant,
    ) -> Option<Self> {
        let step = route.steps.get(index)?;
        // Each look at the lines of a long route costs: the usual case is found with one.
        let Some((cooling, line)) = ledger.limit_of(step, now) else {
            let cooling = ledger.cooling_of(step, now)?;
            return Some(Self::skipped(route, index, cooling, now));
        };
        ledger.count_skip(step, &line);
        let report = Self {
            class: Some(cooling.class),
            message: Some(StepMessage::Limit(Box::new(line))),
            skipped: true,
            ..Self::blank(route, index)
        };
        Some(report.cooling(Some(cooling), now))
    }

    /// The report of a step that lacks what the request needs.
    pub(super) fn passed_over(route: &Arc<Route>, index: usize, unfit: Unfit) -> Self {
        Self {
            class: Some(if unfit.too_large {
                Class::TooLarge
            } else {
                Class::Unsupported
            }),
            message: Some(StepMessage::Said(unfit.reason)),
            param: unfit.param,
            skipped: true,
            ..Self::blank(route, index)
        }
    }

    /// Adds the changes of the attempt.
    pub(super) fn changed(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }

    /// Adds the time for which the ledger will keep the next request away.
    pub(super) fn cooling(self, cooling: Option<Cooling>, now: Instant) -> Self {
        Self {
            retry_after: cooling.map(|cooling| cooling.until.saturating_duration_since(now)),
            ..self
        }
    }

    fn blank(route: &Arc<Route>, index: usize) -> Self {
        Self {
            step_index: index,
            step: ReportedStep {
                route: Arc::clone(route),
                index,
            },
            key_index: None,
            success: false,
            duration: Duration::ZERO,
            class: None,
            status: None,
            message: None,
            param: None,
            skipped: false,
            retry_after: None,
            changes: Changes::default(),
        }
    }
}

/// The number of steps besides the last one reported that failed or were skipped.
pub fn fallbacks(reports: &[StepReport]) -> usize {
    match reports {
        [] | [_] => 0,
        [one, other] => usize::from(one.step_index != other.step_index),
        _ => {
            let mut steps = sorted(reports.iter().map(|report| report.step_index));
            steps.dedup();
            steps.len().saturating_sub(1)
        }
    }
}
