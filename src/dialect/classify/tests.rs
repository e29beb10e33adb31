use super::*;

fn class_by(status: u16, code: &str, kind: &str, message: &str) -> Class {
    let refusal = ProviderRefusal {
        status,
        headers: &|_| None,
        code: (!code.is_empty()).then_some(code),
        kind: (!kind.is_empty()).then_some(kind),
        message,
    };
    class_of(&refusal, SystemTime::UNIX_EPOCH)
}

#[test]
fn every_status_has_the_class_of_the_table() {
    let table: &[(Class, &[u16])] = &[
        (
            Class::ServerError,
            &[500, 502, 503, 504, 520, 525, 529, 501, 530, 599],
        ),
        (Class::RateLimited, &[429]),
        (Class::QuotaExhausted, &[402]),
        (Class::Unauthorized, &[401, 403]),
        (Class::ModelNotFound, &[404, 410]),
        (
            Class::Rejected,
            &[400, 405, 406, 409, 415, 418, 422, 451, 499],
        ),
        (Class::TooLarge, &[413]),
        (Class::Transient, &[408, 425]),
        (
            Class::BadResponse,
            &[101, 300, 301, 302, 304, 307, 308, 0, 600, 999],
        ),
    ];
    for (class, statuses) in table {
        for status in *statuses {
            assert_eq!(class_by(*status, "", "", ""), *class, "{status}");
        }
    }
}

#[test]
fn codes_in_bodies_are_more_exact_than_the_status() {
    for (status, code, kind, message, class) in [
        (
            429,
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota",
            Class::QuotaExhausted,
        ),
        (403, "billing_not_active", "", "", Class::QuotaExhausted),
        (
            429,
            "billing_hard_limit_reached",
            "",
            "",
            Class::QuotaExhausted,
        ),
        (500, "insufficient_quota", "", "", Class::QuotaExhausted),
        (200, "insufficient_quota", "", "", Class::QuotaExhausted),
        (403, "quota_exceeded", "", "", Class::QuotaExhausted),
        (429, "quota_exceeded", "", "", Class::QuotaExhausted),
        (
            429,
            "request_quota_exceeded",
            "too_many_requests_error",
            "Requests per minute limit exceeded",
            Class::RateLimited,
        ),
        (
            429,
            "token_quota_exceeded",
            "",
            "try again in 4s",
            Class::RateLimited,
        ),
        (
            429,
            "rate_limit_exceeded",
            "tokens",
            "Rate limit reached",
            Class::RateLimited,
        ),
        (
            413,
            "rate_limit_exceeded",
            "tokens",
            "Request too large for model",
            Class::TooLarge,
        ),
        (413, "token_quota_exceeded", "", "", Class::TooLarge),
        (
            429,
            "429",
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details",
            Class::RateLimited,
        ),
        (
            400,
            "context_length_exceeded",
            "invalid_request_error",
            "",
            Class::TooLarge,
        ),
        (400, "string_above_max_length", "", "", Class::TooLarge),
        (
            400,
            "",
            "invalid_request_error",
            "This model's maximum context length is 8192 tokens",
            Class::TooLarge,
        ),
        (400, "model_not_found", "", "", Class::ModelNotFound),
        (
            403,
            "model_not_found",
            "",
            "Project has no access to model",
            Class::ModelNotFound,
        ),
        (
            503,
            "model_not_found",
            "",
            "no available channel",
            Class::ModelNotFound,
        ),
        (400, "model_decommissioned", "", "", Class::ModelNotFound),
        (
            400,
            "400",
            "",
            "foo/bar is not a valid model ID",
            Class::ModelNotFound,
        ),
        (
            400,
            "400",
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            Class::Unauthorized,
        ),
        (400, "invalid_api_key", "", "", Class::Unauthorized),
        (403, "403", "", "Your input was flagged", Class::Rejected),
        (403, "content_policy_violation", "", "", Class::Rejected),
        (403, "", "", "Country not supported", Class::Unauthorized),
        (503, "rate_limit_exceeded", "", "", Class::ServerError),
        (
            529,
            "",
            "overloaded_error",
            "Overloaded",
            Class::ServerError,
        ),
        (200, "429", "", "Rate limited upstream", Class::RateLimited),
        (200, "400", "", "bad parameter", Class::Rejected),
        (200, "402", "", "", Class::QuotaExhausted),
        (200, "502", "", "provider down", Class::ServerError),
        (200, "413", "", "", Class::TooLarge),
        (200, "", "overloaded_error", "", Class::ServerError),
        (200, "", "rate_limit_error", "", Class::RateLimited),
        (200, "", "authentication_error", "", Class::Unauthorized),
        (200, "", "invalid_request_error", "", Class::Rejected),
        (200, "", "", "something broke", Class::ServerError),
        (200, "17", "", "", Class::ServerError),
        (200, "99999999", "", "", Class::ServerError),
    ] {
        let by_words = class_by(status, code, kind, message);
        assert_eq!(by_words, class, "{status} {code} {kind} {message}");
    }
}
