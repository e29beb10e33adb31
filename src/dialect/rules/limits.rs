//! Providers' words for bills, for room that they lack, and for too much within a while.

use crate::dialect::class::Class;
use crate::dialect::rule::Rule;
use crate::dialect::rule::Words::{Code, Named, NamedAndPassing, Said};
use crate::dialect::statuses::{ANY, ERROR_IN_200};

/// The rows of limits.
pub const LIMITS: &[Rule] = &[
    // The bill.
    Rule(
        Said(&["error-code#token-limit", "error-code#rate-limit"]),
        &[429..=429],
        Class::RateLimited,
    ),
    Rule(
        Named(&[
            "insufficient_quota",
            "billing",
            "insufficient_balance",
            "insufficient_credits",
            "credits_error",
            "creditserror",
            "arrearage",
            "budget_exceeded",
            "payment_required",
            "spend_limit",
        ]),
        ANY,
        Class::QuotaExhausted,
    ),
    Rule(
        Code(&["1113", "1008", "30001"]),
        &[200..=200, 400..=429, 500..=500],
        Class::QuotaExhausted,
    ),
    // z.ai: the limits of a day, of five hours and of a week. Their ends are told by the clock of China.
    Rule(
        Code(&["1304", "1308", "1310"]),
        &[429..=429],
        Class::QuotaExhausted,
    ),
    Rule(
        Said(&[
            "insufficient balance",
            "balance is insufficient",
            "balance is too low",
            "account balance is $0",
            "insufficient credit",
            "insufficient funds",
            "out of credits",
            "requires more credits",
            "used all available credits",
            "have any credits",
            "not have enough credits",
            "credits expired",
            "credit limit exceeded",
            "included credits",
            "daily free allocation",
            "free tier*has been exhausted",
            "spending limit",
            "spend limit",
            "specified api usage limits",
            "weekly usage limit",
            "api calls / month",
            "budget has been exceeded",
            "key limit exceeded",
            "enable billing",
            "openaiexception - you exceeded your current quota",
            "余额不足",
            "欠费",
        ]),
        ANY,
        Class::QuotaExhausted,
    ),
    // The provider has no room at the moment; this says nothing about the key.
    Rule(
        Named(&[
            "overloaded",
            "capacity_exceeded",
            "capacity_exhausted",
            "queue_exceeded",
        ]),
        ANY,
        Class::ServerError,
    ),
    Rule(
        Said(&[
            "is overloaded",
            "currently overloaded",
            "over capacity",
            "at capacity",
            "capacity exceeded",
            "capacity temporarily exceeded",
            "no capacity available",
            "insufficient capacity",
            "no instances available",
            "model too busy",
            "model busy",
            "server is busy",
            "server busy",
            "system is busy",
            "experiencing high traffic",
            "experiencing high demand",
        ]),
        ANY,
        Class::ServerError,
    ),
    // Too much within a while.
    Rule(
        Named(&[
            "throttl",
            "rate_limit",
            "rate-limit",
            "ratelimit",
            "rate limit",
            "resource_exhausted",
            "too_many_requests",
            "toomanyrequests",
            "request_limit_exceeded",
        ]),
        ANY,
        Class::RateLimited,
    ),
    // MiniMax; at z.ai the same number is a bad key.
    Rule(Code(&["1002"]), ERROR_IN_200, Class::RateLimited),
    Rule(
        Code(&["1302", "1303"]),
        &[200..=200, 400..=400, 500..=500],
        Class::RateLimited,
    ),
    Rule(
        Said(&[
            "rate limit exceeded",
            "rate limit reached",
            "rate limit of",
            "exceed*rate limit",
            "hit*rate limit",
            "reached*rate limit",
            "rate limited",
            "rate-limited",
            "ratelimited",
            "too many requests",
            "too many concurrent requests",
            "too many tokens, please wait",
            "throttled",
            "throttling",
            "requests per minute",
            "tokens per minute",
            "request reached*max",
            "并发数过高",
        ]),
        ANY,
        Class::RateLimited,
    ),
    // Cerebras: token_quota_exceeded and request_quota_exceeded may be limits by the minute.
    Rule(
        NamedAndPassing(&["quota"]),
        &[429..=429],
        Class::RateLimited,
    ),
    Rule(Named(&["quota"]), ANY, Class::QuotaExhausted),
];
