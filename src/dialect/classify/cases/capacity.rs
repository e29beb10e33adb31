//! Providers without room at the moment.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "Anthropic",
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Class::ServerError,
    ),
    (
        "Moonshot",
        429,
        r#"{"error":{"message":"m","type":"engine_overloaded_error"}}"#,
        Class::ServerError,
    ),
    (
        "Groq, the flex tier",
        498,
        r#"{"error":{"message":"m","type":"flex","code":"capacity_exceeded"}}"#,
        Class::ServerError,
    ),
    (
        "Mistral",
        429,
        r#"{"object":"error","message":"m","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}"#,
        Class::ServerError,
    ),
    (
        "Google, Code Assist",
        429,
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"reason":"MODEL_CAPACITY_EXHAUSTED"}]}}"#,
        Class::ServerError,
    ),
    (
        "Cerebras",
        429,
        r#"{"message":"We're busy","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}"#,
        Class::ServerError,
    ),
    (
        "TGI",
        429,
        r#"{"error":"Model is overloaded"}"#,
        Class::ServerError,
    ),
    (
        "OpenAI",
        429,
        r#"{"error":{"message":"That model is currently overloaded with other requests.","type":"x"}}"#,
        Class::ServerError,
    ),
    (
        "Groq",
        400,
        r#"{"error":{"message":"The model is over capacity, try again"}}"#,
        Class::ServerError,
    ),
    (
        "xAI",
        429,
        r#"{"code":"x","error":"Service temporarily unavailable. The model is at capacity and currently cannot serve this request."}"#,
        Class::ServerError,
    ),
    (
        "Mistral, by its words",
        429,
        r#"{"message":"Service tier capacity exceeded for this model."}"#,
        Class::ServerError,
    ),
    (
        "Cloudflare Workers AI",
        429,
        r#"{"errors":[{"code":3040,"message":"Capacity temporarily exceeded, please try again."}]}"#,
        Class::ServerError,
    ),
    (
        "Google, Code Assist, by its words",
        429,
        r#"{"error":{"code":429,"message":"No capacity available for model gemini-3-pro on the server"}}"#,
        Class::ServerError,
    ),
    (
        "AWS",
        429,
        r#"{"message":"Insufficient capacity to serve the model"}"#,
        Class::ServerError,
    ),
    (
        "Chutes",
        429,
        r#"{"detail":"No instances available (yet) for chute"}"#,
        Class::ServerError,
    ),
    (
        "Hugging Face",
        429,
        r#"{"error":"Model too busy, unable to get response in less than 60 second(s)"}"#,
        Class::ServerError,
    ),
    (
        "DeepInfra",
        429,
        r#"{"detail":{"error":"Model busy, retry later"}}"#,
        Class::ServerError,
    ),
    (
        "DeepSeek",
        429,
        r#"{"error":{"message":"The server is busy. Please try again later."}}"#,
        Class::ServerError,
    ),
    (
        "Novita",
        400,
        r#"{"message":"server busy"}"#,
        Class::ServerError,
    ),
    (
        "DashScope",
        429,
        r#"{"code":"x","message":"The system is busy, please try again later."}"#,
        Class::ServerError,
    ),
    (
        "Cerebras, by its words",
        429,
        r#"{"message":"We're experiencing high traffic right now! Please try again soon.","type":"x"}"#,
        Class::ServerError,
    ),
    (
        "Google AI Studio",
        429,
        r#"{"error":{"message":"This model is currently experiencing high demand."}}"#,
        Class::ServerError,
    ),
];
