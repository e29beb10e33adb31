//! The table of what refusals look like. A row is data: the statuses, a pattern, and what its captures say. The tests
//! have the texts, each with its provider.

use crate::adapt::meaning::{AUDIO, FILES, IMAGES};
use crate::adapt::shapes::Shape::{
    Alternate, Bridge, CallContent, DeveloperToSystem, DocumentTexts, FirstSystem, Ids9, NonEmpty,
    ReasoningBack, SystemReminders, ToolNames, UserLast,
};

use super::teaching::Teaching;

/// A row: statuses, pattern, meaning. `{}` in the pattern is a capture.
pub struct Row(pub Statuses, pub &'static str, pub Teaching);

/// The statuses under which a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// 400 and 422.
    Refusal,
    /// Also 404, 413, 500 and 501: the words leave no doubt.
    Any,
}
use Statuses::{Any, Refusal};

impl Statuses {
    pub fn contains(self, status: u16) -> bool {
        match self {
            Self::Refusal => matches!(status, 400 | 422),
            Self::Any => may_speak(status),
        }
    }
}

/// Whether an answer with this status may refuse a member.
pub fn may_speak(status: u16) -> bool {
    matches!(status, 400 | 404 | 413 | 422 | 500 | 501)
}

use Teaching::*;

/// The rows. The first that fits a message decides.
pub const ROWS: &[Row] = &[
    // OpenAI and what imitates it.
    Row(
        Refusal,
        "Unsupported parameter: '{}' is not supported with this model. Use '{}' instead",
        Instead,
    ),
    Row(Refusal, "Unsupported parameter: '{}'", Member),
    Row(
        Refusal,
        "Unsupported value: 'messages[{}].role' does not support 'developer'",
        Shape(DeveloperToSystem),
    ),
    Row(Refusal, "Unsupported value: '{}' does not support", Member),
    Row(Refusal, "Unknown parameter: '{}'", Member),
    // Azure.
    Row(
        Refusal,
        "Unrecognized request argument supplied: {}",
        Members,
    ),
    Row(
        Refusal,
        "Unrecognized request arguments supplied: {}",
        Members,
    ),
    Row(
        Refusal,
        "max_tokens is too large: {} This model supports at most {} completion tokens",
        AtMost("max_tokens"),
    ),
    Row(
        Refusal,
        "Invalid '{}': array too long. Expected an array with maximum length {},",
        TooMany,
    ),
    Row(
        Refusal,
        "Invalid content type. image_url is only supported by certain models",
        Lacks(IMAGES),
    ),
    // NVIDIA, Pydantic as text: a line with the place, one with the reason.
    Row(
        Refusal,
        "body -> {}\n  Extra inputs are not permitted",
        Member,
    ),
    Row(Refusal, "body -> {}\n  extra fields not permitted", Member),
    // Fireworks.
    Row(
        Refusal,
        "Extra inputs are not permitted, field: '{}'",
        Member,
    ),
    // Anthropic.
    Row(Refusal, ": Extra inputs are not permitted", Before),
    Row(
        Refusal,
        "max_tokens: {} > {}, which is the maximum allowed number of output tokens",
        AtMost("max_tokens"),
    ),
    Row(
        Refusal,
        "`temperature` and `top_p` cannot both be specified for this model",
        These(&["top_p"]),
    ),
    Row(
        Refusal,
        "Thinking may not be enabled when tool_choice forces tool use",
        RelaxToolChoice,
    ),
    Row(
        Refusal,
        "tool_choice: type \"tool\" and \"any\" are not supported for this model",
        RelaxToolChoice,
    ),
    Row(
        Refusal,
        "Unexpected role \"system\"",
        Shape(SystemReminders),
    ),
    Row(
        Refusal,
        "Input should be 'user' or 'assistant'",
        Shape(SystemReminders),
    ),
    Row(
        Refusal,
        "does not support assistant message prefill",
        Shape(UserLast),
    ),
    // Groq: the role goes before the plain row, which the same message fits.
    Row(
        Refusal,
        "for 'role:{}' the following must be satisfied[('messages.{}' : property '{}' is unsupported",
        OfRole,
    ),
    // Cerebras has the whole place in quotes, Groq a name.
    Row(Refusal, "property '{}' is unsupported", Member),
    Row(Refusal, "`{}` must be one of `", Member),
    Row(Refusal, "`{}` is not supported with this model", Member),
    Row(Refusal, "'n' : number must be at most 1", MoreThan("n", 1)),
    Row(Refusal, "'{}' : number must be at most {},", AtMostOf),
    Row(
        Refusal,
        "does not support response format `json_schema`",
        NoSchemas,
    ),
    Row(
        Refusal,
        "json mode cannot be combined with tool/function calling",
        FormatYields,
    ),
    // Cerebras.
    Row(
        Refusal,
        "Unsupported JSON schema fields: {}",
        Lacks("response_format"),
    ),
    Row(
        Refusal,
        "Tools with mixed values for 'strict' are not allowed",
        EqualStrict,
    ),
    // Google: with a place, it is mostly a schema.
    Row(
        Refusal,
        "Unknown name \"{}\" at '{}': Cannot find field",
        At,
    ),
    Row(Refusal, "Unknown name \"{}\": Cannot find field", Member),
    Row(
        Refusal,
        "function_response.name: Name cannot be empty",
        Shape(ToolNames),
    ),
    // xAI.
    Row(Refusal, "Argument not supported on this model: {}", Camel),
    Row(Refusal, "does not support parameter {}.", Camel),
    // NVIDIA.
    Row(Refusal, "Unsupported parameter(s): {}", Members),
    // Roles: DeepSeek, Pydantic, vLLM's templates, others.
    Row(
        Refusal,
        "role: unknown variant {}developer",
        Shape(DeveloperToSystem),
    ),
    Row(
        Refusal,
        "Input tag 'developer' found using 'role' does not match",
        Shape(DeveloperToSystem),
    ),
    Row(Any, "Unexpected message role", Shape(DeveloperToSystem)),
    Row(
        Refusal,
        "developer is not one of ['system'",
        Shape(DeveloperToSystem),
    ),
    Row(
        Refusal,
        "'developer' is not one of ['system'",
        Shape(DeveloperToSystem),
    ),
    Row(
        Any,
        "'role'), 'msg': \"Input should be {}\", 'input': 'developer'",
        Shape(DeveloperToSystem),
    ),
    // DeepSeek.
    Row(Refusal, "unknown variant `image_url`", Lacks(IMAGES)),
    Row(
        Refusal,
        "This response_format type is unavailable now",
        NoSchemas,
    ),
    Row(
        Refusal,
        "response_format.type 'json_schema' is unavailable now",
        NoSchemas,
    ),
    Row(
        Refusal,
        "the valid range of max_tokens is [1, {}]",
        AtMost("max_tokens"),
    ),
    Row(
        Refusal,
        "Thinking mode does not support this tool_choice",
        RelaxToolChoice,
    ),
    Row(
        Refusal,
        "deepseek-reasoner does not support this tool_choice",
        RelaxToolChoice,
    ),
    // DeepSeek and Moonshot.
    Row(
        Refusal,
        "`reasoning_content` in the thinking mode must be passed back",
        Shape(ReasoningBack),
    ),
    Row(
        Refusal,
        "reasoning_content in the thinking mode must be passed back",
        Shape(ReasoningBack),
    ),
    Row(
        Refusal,
        "reasoning_content is missing in assistant tool call message",
        Shape(ReasoningBack),
    ),
    Row(
        Refusal,
        "invalid temperature: only {} is allowed for this model",
        These(&["temperature"]),
    ),
    Row(
        Refusal,
        "with role 'assistant' must not be empty",
        Shape(NonEmpty),
    ),
    Row(Refusal, "text content is empty", Shape(NonEmpty)),
    Row(
        Refusal,
        "text content blocks must be non-empty",
        Shape(NonEmpty),
    ),
    // Cohere.
    Row(
        Refusal,
        "unknown field: parameter '{}' is not a valid field",
        Anywhere,
    ),
    // DashScope.
    Row(
        Refusal,
        "parameter.enable_thinking must be set to false for non-streaming calls",
        WithoutStream("enable_thinking", "false"),
    ),
    // Ollama.
    Row(
        Refusal,
        "does not support thinking",
        These(&["reasoning_effort", "thinking"]),
    ),
    Row(
        Refusal,
        "think value {} is not supported for this model",
        These(&["reasoning_effort", "thinking"]),
    ),
    // Tools that a server or model does not have: Ollama, llama.cpp, vLLM, OpenRouter.
    Row(Any, "does not support tools", Lacks("tools")),
    Row(Any, "tools param requires --jinja", Lacks("tools")),
    Row(
        Any,
        "tool choice requires --enable-auto-tool-choice",
        Lacks("tools"),
    ),
    Row(
        Any,
        "No endpoints found that support tool use",
        Lacks("tools"),
    ),
    Row(
        Any,
        "No endpoints found that support image input",
        Lacks(IMAGES),
    ),
    Row(
        Any,
        "No endpoints found that support the provided 'tool_choice' value",
        RelaxToolChoice,
    ),
    Row(Any, "Unsupported param: {}", Members),
    // LiteLLM in front.
    Row(Any, "does not support parameters: {}", Members),
    // llama-cpp-python and other validators in Python's spelling.
    Row(
        Any,
        "'loc': ('body', 'response_format', 'type'), 'msg': {}, 'input': 'json_schema'",
        NoSchemas,
    ),
    Row(
        Any,
        "'type': 'extra_forbidden', 'loc': ('body', {})",
        Members,
    ),
    Row(
        Any,
        "'dict object' has no attribute 'content'",
        Shape(CallContent),
    ),
    // Vectors of a length that the client chooses: OpenAI, vLLM.
    Row(
        Refusal,
        "does not support specifying dimensions",
        Lacks("dimensions"),
    ),
    Row(
        Refusal,
        "does not support matryoshka representation",
        Lacks("dimensions"),
    ),
    // transformers.
    Row(Refusal, "Unexpected fields in the request: {}", Members),
    // llama.cpp.
    Row(
        Any,
        "Field 'n': Value must be between 1 <= value <= 1",
        MoreThan("n", 1),
    ),
    Row(Any, "image input is not supported", Lacks(IMAGES)),
    Row(Any, "does not support image input", Lacks(IMAGES)),
    Row(Any, "is not a multimodal model", Lacks(IMAGES)),
    Row(Any, "audio input is not supported", Lacks(AUDIO)),
    Row(Any, "does not support audio input", Lacks(AUDIO)),
    Row(Any, "does not support file input", Lacks(FILES)),
    Row(
        Any,
        "This server does not support embeddings",
        Lacks("input"),
    ),
    Row(
        Any,
        "This server does not support reranking",
        Lacks("documents"),
    ),
    Row(
        Refusal,
        "\"documents\" must be a non-empty string array",
        Shape(DocumentTexts),
    ),
    Row(
        Any,
        "Infill is not supported by this model",
        Lacks("input_prefix"),
    ),
    // Mistral.
    Row(
        Refusal,
        "Tool call id was {} but must be a-z, A-Z, 0-9, with a length of 9",
        Shape(Ids9),
    ),
    Row(
        Refusal,
        "Unexpected role 'user' after role 'tool'",
        Shape(Bridge),
    ),
    // Templates: llama.cpp answers 500 for some.
    Row(Any, "onversation roles must alternate", Shape(Alternate)),
    Row(
        Any,
        "should alternate with assistant message",
        Shape(Alternate),
    ),
    Row(
        Any,
        "System message must be at the beginning",
        Shape(FirstSystem),
    ),
    // Lengths: OpenAI, vLLM, llama.cpp, Anthropic, Google, xAI.
    Row(Any, "maximum context length is {} tokens", Context),
    Row(
        Any,
        "exceeds the available context size ({} tokens)",
        Context,
    ),
    Row(Any, "prompt is too long: {} tokens > {} maximum", Context),
    Row(
        Any,
        "exceeds the maximum number of tokens allowed ({})",
        Context,
    ),
    Row(Any, "maximum prompt length is {} but", Context),
];
