//! Prompts that are refused with a 403, which is no word about the key.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "OpenRouter",
        403,
        r#"{"error":{"code":"moderation","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI",
        403,
        r#"{"error":{"code":"content_policy_violation","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Azure",
        403,
        r#"{"error":{"code":"content_filter","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Azure, deeper",
        403,
        r#"{"error":{"code":"x","message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        Class::Rejected,
    ),
    (
        "OpenRouter, by its words",
        403,
        r#"{"error":{"code":403,"message":"Your input was flagged"}}"#,
        Class::Rejected,
    ),
    (
        "OpenRouter, another",
        403,
        r#"{"error":{"code":403,"message":"model requires moderation on the way in"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI, a country",
        403,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported"}}"#,
        Class::Forbidden,
    ),
    (
        "Google, a switched off API",
        403,
        r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Generative Language API has not been used in project 1 before or it is disabled.","details":[{"reason":"SERVICE_DISABLED"}]}}"#,
        Class::Forbidden,
    ),
    ("an empty one", 403, r#""#, Class::Forbidden),
];
