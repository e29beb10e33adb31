//! Groq's models.

use super::shared_rules::{FOREIGN, STRICT_MEMBERS, part};
use crate::adapt::profile::ModelRules;
use crate::adapt::profile::Models::{All, Like, Unlike};
use crate::adapt::profile::ProfileRule::{Drop, DropUnless, Replace};

/// The models with `json_schema`, by its documentation.
pub const WITH_SCHEMAS: &[&str] = &["gpt-oss*", "kimi-k2*", "llama-4-*"];

/// The rules of all its models.
pub const PARTS: &[ModelRules] = &[
    FOREIGN,
    part(
        All,
        &[
            Drop("logprobs"),
            Drop("logit_bias"),
            Drop("n"),
            Drop("reasoning"),
        ],
    ),
    part(
        Like(&["gpt-oss*"]),
        &[
            Replace("reasoning_effort", r#""minimal""#, r#""low""#),
            Replace("reasoning_effort", r#""xhigh""#, r#""high""#),
            DropUnless(
                "reasoning_effort",
                &[r#""low""#, r#""medium""#, r#""high""#],
            ),
        ],
    ),
    part(
        Like(&["qwen3*"]),
        &[
            Replace("reasoning_effort", r#""minimal""#, r#""default""#),
            Replace("reasoning_effort", r#""low""#, r#""default""#),
            Replace("reasoning_effort", r#""medium""#, r#""default""#),
            Replace("reasoning_effort", r#""high""#, r#""default""#),
            DropUnless("reasoning_effort", &[r#""none""#, r#""default""#]),
        ],
    ),
    part(Unlike(&["gpt-oss*", "qwen3*"]), &[Drop("reasoning_effort")]),
    STRICT_MEMBERS,
];
