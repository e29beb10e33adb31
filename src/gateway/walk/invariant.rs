//! The number that a route's answers have in common: an answer with another one is from another model.

use crate::dialect::Invariant;
use crate::dialect::answer::{Flaw, WholeAnswer};
use crate::dialect::reading::Asked;

use super::errand::Errand;

impl Errand<'_, '_> {
    /// Holds an answer against the route's earlier ones, and remembers what they have in common.
    ///
    /// # Errors
    /// The answer differs from them.
    pub(super) fn keeps_invariant(
        &self,
        answer: &WholeAnswer,
        asked: &Asked<'_>,
    ) -> Result<(), Flaw> {
        let Some(invariant) = self.dialect.invariant(answer, asked) else {
            return Ok(());
        };
        let Invariant {
            name,
            value,
            setting,
        } = invariant;
        let (route, dialect) = (self.route, self.dialect.name());
        let mut known = self.context.ledger.invariants();
        match known.of(route, dialect) {
            Some(before) if before == value => Ok(()),
            Some(before) => Err(Flaw::NoAnswer(format!(
                "the {name} is {value}, in earlier answers of the route it was {before} (`{setting}: {value}` on the route, if that is meant)"
            ))),
            None => {
                known.learn(route, dialect, value);
                drop(known);
                self.context.ledger.changed();
                Ok(())
            }
        }
    }
}
