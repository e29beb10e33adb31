//! Steps that lack what the request needs.

use super::Case;
use crate::dialect::class::Class;

pub const CASES: &[Case] = &[
    (
        "llama-server, infill",
        501,
        r#"{"error":{"code":501,"message":"Infill is missing here","type":"not_supported_error"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, images",
        500,
        r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, audio",
        500,
        r#"{"error":{"code":500,"message":"audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Image input not supported, current model: moonshot-v1-8k"}}"#,
        Class::Unsupported,
    ),
    (
        "OpenAI",
        400,
        r#"{"error":{"message":"Invalid content type. image_url is only supported by certain models."}}"#,
        Class::Unsupported,
    ),
    (
        "Cerebras",
        400,
        r#"{"message":"Content type 'image_url' is not supported"}"#,
        Class::Unsupported,
    ),
    (
        "DeepSeek",
        400,
        r#"{"error":{"message":"Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text`"}}"#,
        Class::Unsupported,
    ),
    (
        "LM Studio",
        400,
        r#"{"error":"Model does not support images. Please use a model that does."}"#,
        Class::Unsupported,
    ),
    (
        "Mistral",
        400,
        r#"{"message":"This model does not support vision"}"#,
        Class::Unsupported,
    ),
    (
        "OpenAI, audio",
        400,
        r#"{"error":{"message":"This model does not support audio input"}}"#,
        Class::Unsupported,
    ),
    (
        "Groq",
        400,
        r#"{"error":{"message":"the model does not support video"}}"#,
        Class::Unsupported,
    ),
    (
        "SambaNova, an image",
        400,
        r#"{"error":{"message":"x does not support image_url"}}"#,
        Class::Unsupported,
    ),
    (
        "Mistral, tools",
        400,
        r#"{"message":"This model does not support tool use"}"#,
        Class::Unsupported,
    ),
    (
        "DeepSeek, a member that can be left out",
        400,
        r#"{"error":{"message":"deepseek-reasoner does not support tool_choice"}}"#,
        Class::Rejected,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"message":"The model does not support file inputs"}}"#,
        Class::Unsupported,
    ),
    (
        "Together",
        400,
        r#"{"error":{"message":"x does not support multimodal input"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, embeddings",
        501,
        r#"{"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, reranking",
        501,
        r#"{"error":{"code":501,"message":"This server does not support reranking. Start it with `--reranking`"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, infill, by its words",
        501,
        r#"{"error":{"code":501,"message":"This server does not support infill."}}"#,
        Class::Unsupported,
    ),
    (
        "Ollama, an embedding model",
        400,
        r#"{"error":"\"nomic-embed-text\" does not support chat"}"#,
        Class::Unsupported,
    ),
    (
        "Ollama, tools",
        400,
        r#"{"error":"registry.example/library/gemma:latest does not support tools"}"#,
        Class::Unsupported,
    ),
    (
        "SambaNova",
        400,
        r#"{"error":{"message":"Model does not support tool calling"}}"#,
        Class::Unsupported,
    ),
    (
        "Fireworks",
        400,
        r#"{"error":{"message":"The model does not support function calling"}}"#,
        Class::Unsupported,
    ),
    (
        "OpenRouter, images",
        404,
        r#"{"error":{"message":"No endpoints found that support image input","code":404}}"#,
        Class::Unsupported,
    ),
    (
        "OpenRouter, tools",
        404,
        r#"{"error":{"message":"No endpoints found that support tool use.","code":404}}"#,
        Class::Unsupported,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"x is not a multimodal model","code":400}"#,
        Class::Unsupported,
    ),
    (
        "vLLM, images",
        400,
        r#"{"object":"error","message":"At most 0 image(s) may be provided in one prompt.","code":400}"#,
        Class::Unsupported,
    ),
    (
        "llama-cpp-python",
        500,
        r#"{"error":{"message":"Llama model must be created with embedding=True to call this method","type":"internal_server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "TEI",
        422,
        r#"{"error":"this path requires the model to be a reranker"}"#,
        Class::Unsupported,
    ),
    (
        "vLLM, tools",
        400,
        r#"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","code":400}"#,
        Class::Unsupported,
    ),
];
