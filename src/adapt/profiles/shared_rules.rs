//! The rules that rows of several providers share.

use crate::adapt::profile::ModelRules;
use crate::adapt::profile::Models::{self, All};
use crate::adapt::profile::ProfileRule::{self, Drop, DropIf, OnlyKnownMembers, Rename};
use crate::adapt::shapes::Shape;

/// Rules for some models.
pub const fn part(models: Models, rules: &'static [ProfileRule]) -> ModelRules {
    ModelRules { models, rules }
}

/// For every provider that is not OpenAI itself: features of an account there, and a role that it alone has.
pub const FOREIGN: ModelRules = part(
    All,
    &[
        Drop("store"),
        Drop("metadata"),
        Drop("service_tier"),
        Drop("prediction"),
        Drop("safety_identifier"),
        ProfileRule::Shape(Shape::DeveloperToSystem),
    ],
);

/// The older name of the bound of an answer.
pub const TO_MAX_TOKENS: ProfileRule = Rename("max_completion_tokens", "max_tokens");

/// Penalties that penalise nothing.
pub const NO_PENALTIES: ModelRules = part(
    All,
    &[
        DropIf("frequency_penalty", &["0", "null"]),
        DropIf("presence_penalty", &["0", "null"]),
    ],
);

/// Messages without members that are not every provider's.
pub const STRICT_MEMBERS: ModelRules = part(All, &[OnlyKnownMembers(&[])]);
