//! Providers' words for a request that they do not take: blocked, wrong, or too long.

use crate::dialect::class::Class;
use crate::dialect::rule::Rule;
use crate::dialect::rule::Words::{Code, Named, Page, Said};
use crate::dialect::statuses::{ANY, REFUSED};

/// The rows of requests.
pub const REQUESTS: &[Rule] = &[
    // Whoever answers here is not the API.
    Rule(
        Page(&[
            "just a moment",
            "attention required",
            "checking your browser",
            "security check",
            "captcha",
            "ddos",
            "you have been blocked",
        ]),
        &[400..=599],
        Class::Blocked,
    ),
    Rule(Page(&[""]), &[403..=403], Class::Blocked),
    Rule(
        Said(&["error code: 1006", "error code: 1010", "error code: 1020"]),
        &[403..=403],
        Class::Blocked,
    ),
    Rule(
        Named(&["browser_signature_banned"]),
        &[403..=403],
        Class::Blocked,
    ),
    // Servers that take a bad request for a fault of their own. The request is to be mended, not the server.
    Rule(
        Said(&[
            "loc*input should be",
            "input should be*loc",
            "loc*field required",
            "validation error",
            "dict object' has no attribute",
            "conversation roles must alternate",
        ]),
        &[500..=500],
        Class::Rejected,
    ),
    // The request is too long, by whatever status.
    Rule(
        Named(&[
            "context_length",
            "context_size",
            "context_window",
            "contextwindowexceeded",
            "string_above_max",
            "request_too_large",
            "tokens_limit_reached",
        ]),
        ANY,
        Class::TooLarge,
    ),
    Rule(
        Said(&[
            "maximum context length",
            "exceeds the available context size",
            "exceeds the context length",
            "greater than the context length",
            "exceed*context window",
            "context window exceeds",
            "contextwindowexceeded",
            "context the overflows",
            "input token count*exceeds the maximum",
            "exceeded model token limit",
            "prompt is too long",
            "prompt too long",
            "prompt exceeds max length",
            "maximum prompt length",
            "input is too long",
            "range of input length should be",
            "too many tokens:",
            "`inputs` tokens + `max_new_tokens` must be",
            "`inputs` must have less than",
            "too large to process",
            "reduce the length of",
            "request too large*must be reduced",
        ]),
        ANY,
        Class::TooLarge,
    ),
    Rule(Code(&["1261", "1039"]), REFUSED, Class::TooLarge),
];
