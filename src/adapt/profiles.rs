//! The built-in table: what providers are known to refuse, and what they want instead. A row is data; a member stands in
//! one only if a public report shows its refusal there, or if dropping it cannot matter. The rest is left to healing, as
//! providers change faster than releases. docs/providers.md has the table in words.

mod groq;
mod openai;
mod shared_rules;

use super::profile::Models::{self, All, Like, Unlike};
use super::profile::ProfileRule::{
    self, AtMost, Drop, DropNulls, EqualStrict, FormatYields, OnlyKnownMembers, RelaxToolChoice,
    Rename, Replace,
};
use super::profile::{ModelRules, Profile};
use super::shapes::{FILLER, Shape};
use shared_rules::{FOREIGN, NO_PENALTIES, STRICT_MEMBERS, TO_MAX_TOKENS, part};

const fn row(name: &'static str, parts: &'static [ModelRules]) -> Profile {
    Profile {
        name,
        parts,
        without_schemas: Models::None,
        filler: FILLER,
    }
}

/// The rows, in the order of [`crate::config::PROFILES`]. The hosts of each stand in the table of known APIs.
pub static TABLE: &[Profile] = &[
    row("openai", openai::PARTS),
    row(
        "azure-old",
        &[
            part(
                All,
                &[
                    Drop("store"),
                    Drop("metadata"),
                    Drop("parallel_tool_calls"),
                    Drop("stream_options"),
                    Drop("reasoning_effort"),
                    TO_MAX_TOKENS,
                    ProfileRule::Shape(Shape::DeveloperToSystem),
                ],
            ),
            openai::OWN_MEMBERS,
        ],
    ),
    row(
        "mistral",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("user"),
                    Drop("logit_bias"),
                    Drop("logprobs"),
                    Drop("stream_options"),
                    DropNulls,
                    TO_MAX_TOKENS,
                    Rename("seed", "random_seed"),
                    Replace("tool_choice", r#""required""#, r#""any""#),
                    OnlyKnownMembers(&["prefix"]),
                    ProfileRule::Shape(Shape::Ids9),
                    ProfileRule::Shape(Shape::Bridge),
                ],
            ),
        ],
    ),
    Profile {
        without_schemas: Unlike(groq::WITH_SCHEMAS),
        ..row("groq", groq::PARTS)
    },
    row(
        "cerebras",
        &[
            FOREIGN,
            NO_PENALTIES,
            part(
                All,
                &[Drop("logit_bias"), Drop("n"), EqualStrict, FormatYields],
            ),
            STRICT_MEMBERS,
        ],
    ),
    row(
        "google",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("frequency_penalty"),
                    Drop("presence_penalty"),
                    Drop("logit_bias"),
                    Drop("logprobs"),
                    Drop("top_k"),
                    Drop("reasoning"),
                    Replace("reasoning_effort", r#""minimal""#, r#""low""#),
                    ProfileRule::Shape(Shape::Openapi),
                    // `extra_content` of tool calls stays: the loss of its thought_signature is a 400 on the next turn.
                    ProfileRule::Shape(Shape::ToolNames),
                ],
            ),
        ],
    ),
    Profile {
        without_schemas: All,
        filler: "",
        ..row(
            "deepseek",
            &[
                FOREIGN,
                part(
                    All,
                    &[
                        Drop("logit_bias"),
                        Drop("n"),
                        TO_MAX_TOKENS,
                        ProfileRule::Shape(Shape::ReasoningBack),
                    ],
                ),
                part(
                    Like(&["deepseek-v4-*", "deepseek-reasoner"]),
                    &[RelaxToolChoice],
                ),
            ],
        )
    },
    Profile {
        without_schemas: All,
        ..row(
            "moonshot",
            &[
                FOREIGN,
                part(
                    All,
                    &[
                        Drop("logit_bias"),
                        Drop("logprobs"),
                        AtMost("temperature", "1"),
                        ProfileRule::Shape(Shape::NonEmpty),
                        ProfileRule::Shape(Shape::AssistantTexts),
                        ProfileRule::Shape(Shape::ReasoningBack),
                    ],
                ),
                part(
                    Like(&["kimi-k2.#*", "kimi-k##*", "kimi-k3*", "kimi-k4*"]),
                    &[Drop("temperature"), Drop("top_p")],
                ),
            ],
        )
    },
    row(
        "xai",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("presence_penalty"),
                    Drop("frequency_penalty"),
                    Drop("logit_bias"),
                ],
            ),
            part(
                Unlike(&["grok-3-mini*", "grok-4.3*", "*multi-agent*"]),
                &[Drop("reasoning_effort")],
            ),
        ],
    ),
    Profile {
        without_schemas: All,
        ..row(
            "zhipu",
            &[
                FOREIGN,
                NO_PENALTIES,
                part(
                    All,
                    &[
                        Drop("logit_bias"),
                        Drop("logprobs"),
                        Drop("n"),
                        TO_MAX_TOKENS,
                    ],
                ),
            ],
        )
    },
    row(
        "nvidia",
        &[
            FOREIGN,
            NO_PENALTIES,
            part(
                All,
                &[
                    // Some models hang on it.
                    Drop("stream_options"),
                    Drop("parallel_tool_calls"),
                    Drop("user"),
                    Drop("n"),
                    Drop("logit_bias"),
                ],
            ),
            STRICT_MEMBERS,
        ],
    ),
    row(
        "fireworks",
        &[
            FOREIGN,
            part(All, &[Drop("parallel_tool_calls")]),
            STRICT_MEMBERS,
        ],
    ),
    row(
        "cohere",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("n"),
                    Drop("logit_bias"),
                    Drop("parallel_tool_calls"),
                    Drop("tools[*].function.strict"),
                ],
            ),
        ],
    ),
    row(
        "perplexity",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("n"),
                    Drop("logit_bias"),
                    Drop("logprobs"),
                    ProfileRule::Shape(Shape::Alternate),
                ],
            ),
        ],
    ),
    row("dashscope", &[FOREIGN, part(All, &[Drop("logit_bias")])]),
    row(
        "cloudflare",
        &[
            FOREIGN,
            part(
                All,
                &[
                    Drop("n"),
                    Drop("logit_bias"),
                    Drop("parallel_tool_calls"),
                    ProfileRule::Shape(Shape::Texts),
                    ProfileRule::Shape(Shape::NoNullContent),
                ],
            ),
        ],
    ),
    row("together", &[FOREIGN]),
    row("sambanova", &[FOREIGN]),
    row("huggingface", &[FOREIGN]),
    row("deepinfra", &[FOREIGN]),
    row("novita", &[FOREIGN]),
    row("siliconflow", &[FOREIGN]),
    row("hyperbolic", &[FOREIGN]),
    row("github", openai::PARTS),
    // It adapts requests itself.
    row("openrouter", &[]),
    row(
        "ollama",
        &[
            FOREIGN,
            part(
                All,
                &[Drop("logit_bias"), Drop("n"), Drop("parallel_tool_calls")],
            ),
        ],
    ),
    row(
        "llamacpp",
        &[
            FOREIGN,
            part(All, &[ProfileRule::Shape(Shape::FirstSystem)]),
        ],
    ),
    row(
        "vllm",
        &[
            FOREIGN,
            part(All, &[ProfileRule::Shape(Shape::FirstSystem)]),
        ],
    ),
    row("lmstudio", &[FOREIGN]),
    // Any other host.
    row("generic", &[]),
];
