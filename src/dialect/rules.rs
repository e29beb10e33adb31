//! The table of what providers say when they refuse. Adding a provider's spelling is a row or a word here, and a case with
//! its source in `classify/tests.rs`; a word without a case fails there.

use std::ops::RangeInclusive;

use super::class::Class;

/// A row of the table: the words to look for, the statuses under which they count, and the class that they mean.
pub struct Rule(pub Words, pub Statuses, pub Class);

/// Words in lower case; one of them is enough. A `*` in them stands for up to a sentence.
pub enum Words {
    /// Whole codes.
    Code(&'static [&'static str]),
    /// Words within a code, a type or a reason.
    Named(&'static [&'static str]),
    /// Words within a code, a type or a reason, of a limit that comes back by itself: the refusal names its window or
    /// its end.
    NamedAndPassing(&'static [&'static str]),
    /// Words within the message, not as the beginning of a name: "does not support chat", but no `chat_template`.
    Said(&'static [&'static str]),
    /// Words within the title of a page of HTML; the empty word is in any.
    Page(&'static [&'static str]),
}
use Words::{Code, Named, NamedAndPassing, Page, Said};

pub type Statuses = &'static [RangeInclusive<u16>];

const ANY: Statuses = &[0..=u16::MAX];
/// A 5xx that mentions the words is still a fault of the server.
const BELOW_500: Statuses = &[0..=499];
const ERROR_IN_200: Statuses = &[200..=200];
/// Statuses under which a request is refused, or an error inside a 200.
const REFUSED: Statuses = &[200..=200, 400..=400, 404..=404, 422..=422];
/// Statuses under which a key is refused.
const KEY_REFUSED: Statuses = &[200..=200, 400..=403];
/// Statuses of servers that lack a thing; some of them take it for a fault of their own.
const LACKING: Statuses = &[
    200..=200,
    400..=400,
    403..=406,
    415..=415,
    422..=422,
    500..=501,
];

/// The meaning of providers' words. The first row that fits decides; where none does, the status does. Codes in bodies
/// are more exact than the status, which proxies and compatibility layers get wrong.
pub const RULES: &[Rule] = &[
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
    // The step lacks what the request needs. Before the model's name: OpenRouter says 404 to both.
    Rule(
        Named(&["not_supported_error"]),
        &[501..=501],
        Class::Unsupported,
    ),
    Rule(
        Said(&[
            "image input is not supported",
            "audio input is not supported",
            "image input not supported",
            "image_url is only supported by",
            "image_url*is not supported",
            "unknown variant `image_url`",
            "not support image",
            "not support image_url",
            "not support vision",
            "not support audio",
            "not support video",
            "not support file input",
            "not support multimodal",
            "not support embeddings",
            "not support reranking",
            "not support infill",
            "not support chat",
            "not support tools",
            "not support tool calling",
            "not support tool use",
            "not support function calling",
            "that support image input",
            "that support tool use",
            "not a multimodal model",
            "at most 0 image",
            "must be created with embedding",
            "requires the*reranker",
            "enable-auto-tool-choice",
        ]),
        LACKING,
        Class::Unsupported,
    ),
    // The model is not there.
    Rule(
        Named(&[
            "model_not_found",
            "modelnotfound",
            "model_not_exist",
            "model_decommissioned",
            "model_not_active",
            "model_not_available",
            "model_not_supported",
            "invalid_model",
            "unknown_model",
            "deploymentnotfound",
        ]),
        ANY,
        Class::ModelNotFound,
    ),
    Rule(Code(&["1211", "5007"]), REFUSED, Class::ModelNotFound),
    Rule(
        Said(&[
            "not a valid model",
            "invalid model name",
            "unknown model",
            "no such model",
            "model not exist",
            "model*does not exist",
            "model*not found",
            "model*has been decommissioned",
            "model*is not supported by any provider",
            "server is pinned to",
        ]),
        REFUSED,
        Class::ModelNotFound,
    ),
    // The key.
    Rule(
        Named(&[
            "api_key",
            "apikey",
            "authentication_error",
            "authenticationerror",
            "unauthenticated",
            "invalid_authentication",
            "invalid_token",
            "no_db_connection",
            "consumer_suspended",
            "token_expired",
        ]),
        BELOW_500,
        Class::Unauthorized,
    ),
    // z.ai; at MiniMax these are any error and a timeout, inside a 200.
    Rule(
        Code(&["1000", "1001", "1003"]),
        &[400..=403],
        Class::Unauthorized,
    ),
    Rule(
        Code(&["1004", "2049", "10000", "9109"]),
        KEY_REFUSED,
        Class::Unauthorized,
    ),
    Rule(
        Said(&[
            "api key not valid",
            "api key not found",
            "api key*expired",
            "api key*invalid",
            "api key*leaked",
            "api key*revoked",
            "api key*disabled",
            "api key*suspended",
            "invalid api key",
            "incorrect api key",
            "invalid api-key",
            "invalid api token",
            "wrong api key",
            "no api key",
            "missing api key",
            "use api key",
            "x-api-key",
            "invalid proxy server token",
            "invalid authentication",
            "invalid access token",
            "invalid token",
            "authentication fail",
            "authorization failed",
            "authentication method does not have sufficient permissions",
            "bad credentials",
            "consumer*has been suspended",
        ]),
        KEY_REFUSED,
        Class::Unauthorized,
    ),
    // A 400 that is about the provider's own state.
    Rule(
        Named(&["unsupported_country_region_territory"]),
        &[200..=200, 400..=400],
        Class::ServerError,
    ),
    Rule(
        Said(&[
            "degraded function",
            "location is not supported",
            "region*not supported",
            "country*not supported",
            "worker*lost",
            "worker*died",
            "worker*terminated",
            "model has crashed",
            "model unloaded",
            "failed to load model",
            "cuda error",
            "out of memory",
            "internal server error",
            "temporarily unavailable",
            "upstream connect error",
            "connection refused",
        ]),
        &[200..=200, 400..=400],
        Class::ServerError,
    ),
    // A refused prompt must not cost the key five minutes.
    Rule(
        Named(&[
            "moderation",
            "content_policy",
            "content_filter",
            "responsibleai",
        ]),
        &[403..=403],
        Class::Rejected,
    ),
    Rule(
        Said(&["flagged", "moderation"]),
        &[403..=403],
        Class::Rejected,
    ),
    // Inside a 200 the words are all there is.
    Rule(
        Named(&["server_error", "internal", "unavailable"]),
        ERROR_IN_200,
        Class::ServerError,
    ),
    Rule(
        Named(&["invalid_request", "invalid_prompt"]),
        ERROR_IN_200,
        Class::Rejected,
    ),
    Rule(Named(&["permission_error"]), ERROR_IN_200, Class::Forbidden),
    Rule(
        Code(&["1026", "1027", "2013"]),
        ERROR_IN_200,
        Class::Rejected,
    ),
    Rule(Named(&["not_found"]), ERROR_IN_200, Class::ModelNotFound),
];
