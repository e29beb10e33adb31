//! The provider's own state under a 400.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "OpenAI",
        400,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM",
        400,
        r#"{"status":400,"title":"Bad Request","detail":"Function id 'f1': DEGRADED function cannot be invoked"}"#,
        Class::ServerError,
    ),
    (
        "Google AI Studio",
        400,
        r#"[{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}]"#,
        Class::ServerError,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"message":"The region of this deployment is not supported"}}"#,
        Class::ServerError,
    ),
    (
        "a reseller",
        400,
        r#"{"error":{"message":"Your country or territory is not supported"}}"#,
        Class::ServerError,
    ),
    (
        "Ray Serve",
        400,
        r#"{"error":{"message":"The worker was lost"}}"#,
        Class::ServerError,
    ),
    (
        "vLLM's engine",
        400,
        r#"{"error":{"message":"worker process died"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM, its worker",
        400,
        r#"{"detail":"Worker has been terminated unexpectedly"}"#,
        Class::ServerError,
    ),
    (
        "LM Studio",
        400,
        r#"{"error":"The model has crashed without additional information. (Exit code: 18446744072635812000)"}"#,
        Class::ServerError,
    ),
    (
        "LM Studio, unloaded",
        400,
        r#"{"error":"Model unloaded."}"#,
        Class::ServerError,
    ),
    (
        "LM Studio, memory",
        400,
        r#"{"error":{"message":"Failed to load model \"x\". Error: insufficient system resources"}}"#,
        Class::ServerError,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"CUDA error: device-side assert triggered","code":400}"#,
        Class::ServerError,
    ),
    (
        "llama.cpp",
        400,
        r#"{"error":{"message":"ggml: out of memory"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM, another",
        400,
        r#"{"detail":"Internal server error"}"#,
        Class::ServerError,
    ),
    (
        "xAI",
        400,
        r#"{"error":"The service is temporarily unavailable"}"#,
        Class::ServerError,
    ),
    (
        "Envoy",
        400,
        r#"upstream connect error or disconnect/reset before headers"#,
        Class::ServerError,
    ),
    (
        "LiteLLM",
        400,
        r#"{"error":{"message":"litellm.APIConnectionError: Connection refused","code":"400"}}"#,
        Class::ServerError,
    ),
];
