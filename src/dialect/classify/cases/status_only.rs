//! Refusals whose words say nothing, so that the status decides.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "TGI, a model that is loading",
        409,
        r#"{"error":"model is loading","error_type":"loading"}"#,
        Class::Transient,
    ),
    (
        "TGI, its engine",
        424,
        r#"{"error":"CUDA out of memory","error_type":"generation"}"#,
        Class::Transient,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"[{'type': 'extra_forbidden'}]","type":"BadRequestError","code":400}"#,
        Class::Rejected,
    ),
    (
        "transformers serve",
        422,
        r#"{"detail":"Unexpected fields in the request: {'foo'}"}"#,
        Class::Rejected,
    ),
    (
        "z.ai, content",
        400,
        r#"{"error":{"code":"1301","message":"unsafe content"}}"#,
        Class::Rejected,
    ),
    (
        "llama-server, loading",
        503,
        r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
        Class::ServerError,
    ),
];
