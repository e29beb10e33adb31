//! The outcome classes: every way an attempt can fail, and the label of each.

/// The class of an attempt's failure. The labels are stable: log, metrics and `routing_summary` use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The client went away.
    Cancelled,
    /// DNS, connect, TLS, or a reset before any byte.
    Unreachable,
    /// A phase was out of time.
    Timeout,
    /// A status 5xx, or words that speak of the provider's own state.
    ServerError,
    /// A status 429, or throttling words.
    RateLimited,
    /// A status 402, or a quota or billing code or words.
    QuotaExhausted,
    /// A status 401, or a bad key by the body's account.
    Unauthorized,
    /// A status 403 that does not speak of the key itself.
    Forbidden,
    /// A page that challenges or blocks whoever calls, in place of the API.
    Blocked,
    /// A status 404 or 410, or a code that says so.
    ModelNotFound,
    /// A status 400, 422 or another 4xx: this provider does not take this request.
    Rejected,
    /// A status 413, or a context-length code or words.
    TooLarge,
    /// The model or server lacks a thing that the request needs, as images or embeddings.
    Unsupported,
    /// A status 408, 409, 424 or 425.
    Transient,
    /// An answer that is not in the API's format: redirects, truncation, HTML, unasked gzip, too big.
    BadResponse,
    /// A well-formed answer that says nothing.
    EmptyAnswer,
}

impl Class {
    pub const ALL: [Self; 16] = [
        Self::Cancelled,
        Self::Unreachable,
        Self::Timeout,
        Self::ServerError,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Blocked,
        Self::ModelNotFound,
        Self::Rejected,
        Self::TooLarge,
        Self::Unsupported,
        Self::Transient,
        Self::BadResponse,
        Self::EmptyAnswer,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Blocked => "blocked",
            Self::ModelNotFound => "model_not_found",
            Self::Rejected => "rejected",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::Transient => "transient",
            Self::BadResponse => "bad_response",
            Self::EmptyAnswer => "empty_answer",
        }
    }

    /// The class with exactly this label; `None` where there is none.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.label() == label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_stable_and_tell_the_classes_apart() {
        let labels: Vec<&str> = Class::ALL.iter().map(|class| class.label()).collect();
        let expected = "cancelled unreachable timeout server_error rate_limited quota_exhausted unauthorized \
                        forbidden blocked model_not_found rejected too_large unsupported transient bad_response empty_answer";
        assert_eq!(labels.join(" "), expected);
        for class in Class::ALL {
            assert_eq!(Class::from_label(class.label()), Some(class));
        }
        assert_eq!(Class::from_label("Timeout"), None);
    }
}
