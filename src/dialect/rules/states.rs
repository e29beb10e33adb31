//! Providers' words for their own state, and the meaning of those of an error inside a 200.

use crate::dialect::class::Class;
use crate::dialect::rule::Rule;
use crate::dialect::rule::Words::{Code, Named, Said};
use crate::dialect::statuses::ERROR_IN_200;

/// The rows of states.
pub const STATES: &[Rule] = &[
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
