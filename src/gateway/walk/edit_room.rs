//! The memory for the edits of a request: an edit inside a member makes a new text of it.

use std::time::{Duration, Instant};

use crate::adapt;
use crate::budget::Charge;
use crate::config::Step;
use crate::dialect::class::Class;
use crate::dialect::request::{Payload, Request};
use crate::routing::Failure;
use crate::upstream::CallError;

use super::errand::Errand;
use super::failure::failure_of;

/// The size from which the copies of a request count (bytes).
const COUNTED: usize = 64 * 1024;

/// The wait for memory that other requests have, and that between two looks for it: edits are made in milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(10);

impl Errand<'_, '_> {
    /// Charges for the copies that a step's edits of a request may need: the text that an edit makes, and the one before.
    /// Blocks while others have the memory (at most [`PATIENCE`]).
    ///
    /// # Errors
    /// The budget has no room, or the client left.
    pub(super) fn room_for_edits(
        &self,
        request: &Request<'_>,
        step: &Step,
    ) -> Result<Charge, Failure> {
        let mut charge = self.budget.empty();
        let length = match &request.payload {
            Payload::Json(body) => body.source().len(),
            // The parts of a form are slices of it.
            Payload::Multipart(_) => return Ok(charge),
        };
        if length < COUNTED {
            return Ok(charge);
        }
        let lessons = self.context.ledger.lessons_of(step);
        if !adapt::reaches_inside(self.dialect, request, step, &lessons) {
            return Ok(charge);
        }
        let until = Instant::now() + PATIENCE;
        while !charge.cover(length.saturating_mul(2)) {
            if Instant::now() > until {
                return Err(failure_of(&CallError::no_memory()));
            }
            if self.client.goes_before(Instant::now() + GLANCE) {
                return Err(Failure::new(Class::Cancelled, "the client is gone"));
            }
        }
        Ok(charge)
    }
}

/// Lowers the charge to what the edits have left in memory.
pub fn settle(charge: &mut Charge, edited: &Payload<'_>) {
    charge.shrink_to(edited.object().map_or(0, |body| body.added()));
}
