//! OpenAI's own models, at OpenAI and at Azure.

use super::shared_rules::{TO_MAX_TOKENS, part};
use crate::adapt::profile::ModelRules;
use crate::adapt::profile::Models::{All, Like, WithEffort};
use crate::adapt::profile::ProfileRule::{self, Drop, DropUnless, OnlyKnownMembers, Rename};

/// `Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.`
const REASONING: &[ProfileRule] = &[
    DropUnless("temperature", &["1", "null"]),
    DropUnless("top_p", &["1", "null"]),
    DropUnless("frequency_penalty", &["0", "null"]),
    DropUnless("presence_penalty", &["0", "null"]),
    Drop("logit_bias"),
];

const O_SERIES: &[&str] = &["o#*"];
/// The models of OpenAI that always reason.
const REASONING_MODELS: &[&str] = &["o#*", "gpt-5", "gpt-5-mini*", "gpt-5-nano*", "gpt-5-20*"];
/// The ones that reason if they are asked to.
const LATER_MODELS: &[&str] = &["gpt-5.*", "gpt-6*", "gpt-7*"];

/// The rules of all its models.
pub const PARTS: &[ModelRules] = &[
    part(Like(REASONING_MODELS), REASONING),
    part(WithEffort(LATER_MODELS), REASONING),
    part(Like(O_SERIES), &[Drop("parallel_tool_calls")]),
    part(
        Like(REASONING_MODELS),
        &[Rename("max_tokens", "max_completion_tokens")],
    ),
    part(
        Like(LATER_MODELS),
        &[Rename("max_tokens", "max_completion_tokens")],
    ),
    part(Like(&["gpt-3*", "gpt-4", "gpt-4-*"]), &[TO_MAX_TOKENS]),
    OWN_MEMBERS,
];

/// The members of a message that are OpenAI's own.
pub const OWN_MEMBERS: ModelRules = part(
    All,
    &[OnlyKnownMembers(&["refusal", "audio", "function_call"])],
);
