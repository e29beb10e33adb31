//! Models that are not there.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "OpenAI",
        400,
        r#"{"error":{"message":"m","code":"model_not_found"}}"#,
        Class::ModelNotFound,
    ),
    (
        "a reseller without a channel",
        503,
        r#"{"error":{"code":"model_not_found","message":"no available channel"}}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenAI, a project without access",
        403,
        r#"{"error":{"code":"model_not_found","message":"Project x does not have access to model y"}}"#,
        Class::ModelNotFound,
    ),
    (
        "DashScope",
        400,
        r#"{"code":"ModelNotFound","message":"m"}"#,
        Class::ModelNotFound,
    ),
    (
        "Volcengine",
        400,
        r#"{"error":{"code":"model_not_exist","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, gone",
        400,
        r#"{"error":{"code":"model_decommissioned","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, resting",
        400,
        r#"{"error":{"code":"model_not_active","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Together",
        400,
        r#"{"error":{"code":"model_not_available","message":"Unable to access non-serverless model"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Hugging Face, by its code",
        400,
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_supported"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Mistral, Perplexity",
        400,
        r#"{"object":"error","message":"m","type":"invalid_model","code":"1500"}"#,
        Class::ModelNotFound,
    ),
    (
        "GitHub Models",
        400,
        r#"{"error":{"code":"unknown_model","message":"Unknown: x"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "z.ai, by its code",
        400,
        r#"{"error":{"code":"1211","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Cloudflare Workers AI",
        400,
        r#"{"errors":[{"code":5007,"message":"m"}]}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenRouter",
        400,
        r#"{"error":{"message":"foo/bar is not a valid model ID","code":400}}"#,
        Class::ModelNotFound,
    ),
    (
        "LiteLLM",
        400,
        r#"{"error":{"message":"/chat/completions: Invalid model name passed in model=nope. Call `/v1/models` to view available models.","code":"400"}}"#,
        Class::ModelNotFound,
    ),
    (
        "z.ai",
        400,
        r#"{"error":{"code":"x","message":"Unknown Model, please check the model code."}}"#,
        Class::ModelNotFound,
    ),
    (
        "Cloudflare, by its words",
        400,
        r#"{"errors":[{"code":7,"message":"No such model @cf/x or task"}]}"#,
        Class::ModelNotFound,
    ),
    (
        "DeepSeek",
        400,
        r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#,
        Class::ModelNotFound,
    ),
    (
        "vLLM inside a 200 (runpod)",
        200,
        r#"{"object":"error","message":"The model `m1` does not exist.","type":"x","param":null,"code":400}"#,
        Class::ModelNotFound,
    ),
    (
        "llama-server, its router",
        400,
        r#"{"error":{"code":400,"message":"model 'nope' not found","type":"invalid_request_error"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, by its words",
        400,
        r#"{"error":{"message":"The model `x` has been decommissioned and is no longer supported."}}"#,
        Class::ModelNotFound,
    ),
    (
        "Hugging Face",
        400,
        r#"{"error":{"message":"The requested model 'x' is not supported by any provider you have enabled."}}"#,
        Class::ModelNotFound,
    ),
    (
        "transformers serve",
        400,
        r#"{"detail":"Server is pinned to 'SmolLM2-135M'; requested 'no-such-model'."}"#,
        Class::ModelNotFound,
    ),
    (
        "Ollama",
        404,
        r#"{"error":"model \"x\" not found, try pulling it first"}"#,
        Class::ModelNotFound,
    ),
];
