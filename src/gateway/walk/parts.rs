//! A request that a step takes in parts: a call for each, with the same key and in the same attempt's time, and one answer.

use crate::config::Step;
use crate::dialect::Parts;
use crate::dialect::answer::WholeAnswer;
use crate::dialect::class::Class;
use crate::gateway::journal::Journal;
use crate::routing::{Attempt, Failure};

use super::arriving_answer::cover;
use super::attempt::{HeldAnswer, Missed, Reply, Success};
use super::errand::Errand;
use super::failure::class_of_flaw;

impl<'a> Errand<'a, '_> {
    /// Makes the calls for all parts, one after the other.
    ///
    /// # Errors
    /// The first failure of a call, or answers that make none together.
    pub(super) fn call_for_parts(
        &self,
        parts: Parts<'_>,
        attempt: &mut Attempt,
        step: &'a Step,
        journal: &Journal<'_>,
    ) -> Result<Success<'a>, Box<Missed<'a>>> {
        let mut answers: Vec<WholeAnswer> = Vec::new();
        let mut limits = None;
        let mut bytes = 0_usize;
        // All parts lie in memory until their merged answer does.
        let mut charges = Vec::new();
        // Of the request, only the part under way is copied.
        let mut copied = self.budget.empty();
        for request in parts.requests {
            let slices = request.payload.slices();
            cover(&mut copied, slices.iter().map(|slice| slice.len()).sum())?;
            let errand = Errand {
                request: &request,
                edited: &request,
                elided: None,
                ..*self
            };
            let success = match errand.call(attempt, step, journal) {
                Ok(success) => success,
                Err(missed) => return Err(missed.failure.into()),
            };
            let Reply::Whole(held) = success.reply else {
                let message = "the answer to a part of the request is a stream";
                return Err(Failure::new(Class::BadResponse, message).into());
            };
            let HeldAnswer { answer, charge } = *held;
            charges.push(charge);
            bytes = bytes.saturating_add(answer.text().len());
            let limit = self.context.config.server.max_answer;
            if bytes > limit {
                let message = format!("the answers to the parts have more than {limit} bytes");
                return Err(Failure::new(Class::BadResponse, &message).into());
            }
            answers.push(answer);
            limits = Some(success.limits);
        }
        let merged = (parts.merge)(answers);
        let answer =
            merged.map_err(|flaw| Failure::new(class_of_flaw(&flaw), &flaw.to_string()))?;
        let mut charge = charges.pop().unwrap_or_else(|| self.budget.empty());
        drop(charges);
        cover(&mut charge, answer.text().len())?;
        Ok(Success {
            reply: Reply::Whole(Box::new(HeldAnswer { answer, charge })),
            limits: limits.unwrap_or_default(),
        })
    }
}
