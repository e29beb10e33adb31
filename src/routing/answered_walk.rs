//! A walk after its commit point.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Route;

use super::attempt::Attempt;
use super::failure::Failure;
use super::ledger::Ledger;
use super::step_report::{StepReport, fallbacks};
use super::target::KeyedModel;

/// A walk that ended with an answer.
#[derive(Debug)]
pub struct AnsweredWalk {
    route: Arc<Route>,
    reports: Vec<StepReport>,
    attempt: Box<Attempt>,
    /// The point in time when the answer was there: a whole one, or the first content of a stream.
    pub at: Instant,
    /// The answer was passed over at first, and its attempt told as a failure.
    pub is_second_best: bool,
}

impl AnsweredWalk {
    pub(super) fn new(
        route: Arc<Route>,
        reports: Vec<StepReport>,
        attempt: Box<Attempt>,
        at: Instant,
    ) -> Self {
        Self {
            route,
            reports,
            attempt,
            at,
            is_second_best: false,
        }
    }

    pub fn reports(&self) -> &[StepReport] {
        &self.reports
    }

    /// The step that answered.
    pub fn step_index(&self) -> usize {
        self.attempt.step_index
    }

    /// The point in time when the call that answered began.
    pub fn started(&self) -> Instant {
        self.attempt.started
    }

    /// The number of other steps that failed or were skipped before.
    pub fn fallbacks(&self) -> usize {
        fallbacks(&self.reports)
    }

    /// The tokens that the answer took are known: what was charged for them before is corrected.
    pub fn settle(&self, ledger: &mut Ledger, input: Option<u64>, output: Option<u64>) {
        if let Some(step) = self.route.steps.get(self.attempt.step_index) {
            let target = KeyedModel::new(step, self.attempt.key);
            ledger.settle(target, &self.attempt.ticket, input, output);
        }
    }

    /// The stream broke after the commit point: for the client it ends there, the next request is spared what its class
    /// says.
    pub fn cut(&mut self, ledger: &mut Ledger, failure: Failure, now: Instant) {
        let Some(step) = self.route.steps.get(self.attempt.step_index) else {
            return;
        };
        ledger.fail(step, self.attempt.key, &self.attempt.ticket, &failure, now);
        let duration = now.saturating_duration_since(self.attempt.started);
        let attempt = &self.attempt;
        let report = StepReport::failure(
            &self.route,
            attempt.step_index,
            attempt.key_index,
            duration,
            failure,
        );
        self.reports.pop();
        self.reports.push(report);
    }
}
