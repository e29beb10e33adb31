//! The order in which a walk looks at its steps, and what the walk teaches about it. A route that is tried as it is listed
//! has no part in this.

use std::time::{Duration, Instant};

use crate::dialect::Framing;
use crate::routing::{self, Asked, Manner, Sequence, StepOutlook, StepReport};

use super::attempt::Reply;
use super::errand::Errand;
use crate::gateway::shared_ledger::random;

impl Errand<'_, '_> {
    /// The sequence of the steps for this request.
    pub(super) fn sequence(&self, now: Instant) -> Sequence {
        if !self.route.is_ordered() {
            return Sequence::default();
        }
        let outlooks = routing::outlook(self.route, &self.context.ledger.lock(), now);
        let asked = self.asked(&outlooks, now);
        self.context.ledger.orders().sequence(&asked, random())
    }

    /// Takes in the answer of a step. A conversation does not stick to a step that was asked only to measure it.
    pub(super) fn order_answered(
        &self,
        report: Option<&StepReport>,
        reply: &Reply<'_>,
        probed: Option<usize>,
    ) {
        let Some(report) = report.filter(|_| self.route.is_ordered()) else {
            return;
        };
        let step = report.step_index;
        let mut asked = self.asked(&[], Instant::now());
        asked.conversation = asked.conversation.filter(|_| probed != Some(step));
        let continuation = (asked.conversation.is_some())
            .then(|| self.continuation(reply))
            .flatten();
        let mut orders = self.context.ledger.orders();
        orders.answered(&asked, step, report.duration);
        if let (Some(conversation), Some(id)) = (self.conversation, continuation) {
            asked.conversation = Some(conversation.continued_by(id));
            orders.stuck(&asked, step);
        }
    }

    /// Takes in the failure of a step's attempt.
    pub(super) fn order_missed(&self, report: Option<&StepReport>) {
        let Some(report) = report.filter(|_| self.route.is_ordered()) else {
            return;
        };
        if let Some(class) = report.class.filter(|_| report.duration > Duration::ZERO) {
            let asked = self.asked(&[], Instant::now());
            let (step, took) = (report.step_index, report.duration);
            self.context
                .ledger
                .orders()
                .missed(&asked, step, class, took);
        }
    }

    fn asked<'o>(&'o self, outlooks: &'o [StepOutlook], now: Instant) -> Asked<'o> {
        let has_first_content = self.request.stream || self.framing() == Framing::Opaque;
        Asked {
            route: self.route,
            outlooks,
            manner: match has_first_content {
                true => Manner::Stream,
                false => Manner::Whole,
            },
            conversation: self
                .conversation
                .map(|conversation| conversation.fingerprint()),
            now,
        }
    }

    /// The raw id by which a later request goes on with an answer.
    fn continuation<'r>(&self, reply: &'r Reply<'_>) -> Option<&'r str> {
        match reply {
            Reply::Whole(held) => self.dialect.continuation(held.answer.text()),
            Reply::Stream(stream) => {
                let first = stream.held.first()?;
                self.dialect.continuation(&first.data)
            }
            Reply::Opaque(_) => None,
        }
    }
}
