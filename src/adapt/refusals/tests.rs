//! Every row of the page, as providers write it, with what it teaches about a request that has the member.

use super::*;
use crate::json::Object;
use proptest::prelude::*;

fn learned(status: u16, body: &str, members: &str) -> Vec<String> {
    let sent = request(members);
    let sent = Object::parse(&sent).unwrap();
    let lessons = lessons(status, body, &sent, Kept(&[]));
    lessons.iter().map(Lesson::words).collect()
}

fn request(members: &str) -> String {
    let messages = if members.contains("\"messages\"") {
        ""
    } else {
        r#","messages":[{"role":"user","content":"hi"}]"#
    };
    format!(r#"{{"model":"m"{messages}{members}}}"#)
}

const HISTORY: &str = r#","messages":[{"role":"developer","content":"x"},{"role":"user","content":"a","name":"n","reasoning_content":"r"},{"role":"assistant","content":"b","reasoning_content":"r","id":"i","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"1"}]"#;
const TOOLS: &str =
    r#","tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{}}}]"#;
const IMAGE: &str = r#","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}},{"type":"image_url","image_url":{"url":"data:x"}}]}]"#;
const SCHEMA: &str =
    r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}"#;

/// Error in OpenAI's shape.
fn openai(message: &str, param: &str, code: &str) -> String {
    serde_json::json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})
        .to_string()
}

fn said(message: &str) -> String {
    serde_json::json!({"error": {"message": message}}).to_string()
}

/// The rows of edits.md section 7: provider, status, body, members that were sent, what is learned.
#[test]
fn every_row_teaches_what_it_says() {
    let with_user = format!(r#"{HISTORY},"user":"x""#);
    let cases: Vec<(&str, u16, String, &str, &[&str])> = vec![
        ("OpenAI o-series", 400, openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter"), r#","max_tokens":5"#, &["max_tokens becomes max_completion_tokens"]),
        ("the same without fields", 400, said("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."), r#","max_tokens":5"#, &["max_tokens becomes max_completion_tokens"]),
        ("OpenAI", 400, openai("Unsupported parameter: 'top_p' is not supported with this model.", "top_p", "unsupported_parameter"), r#","top_p":0.5"#, &["top_p is dropped"]),
        ("OpenAI o-series", 400, openai("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.", "temperature", "unsupported_value"), r#","temperature":0.2"#, &["temperature is dropped"]),
        ("OpenAI o1-mini", 400, openai("Unsupported value: 'messages[0].role' does not support 'developer' with this model.", "messages[0].role", "unsupported_value"), HISTORY, &["the role developer becomes system"]),
        ("OpenAI", 400, openai("Unknown parameter: 'messages[1].name'.", "messages[1].name", "unknown_parameter"), HISTORY, &["messages[*].name is dropped"]),
        ("OpenAI", 400, said("Unknown parameter: 'tools[0].function.strict'."), TOOLS, &["tools[*].function.strict is dropped"]),
        ("Azure", 400, openai("Unrecognized request argument supplied: store", "", ""), r#","store":true"#, &["store is dropped"]),
        ("Azure", 400, said("Unrecognized request arguments supplied: store, metadata"), r#","store":true,"metadata":{}"#, &["store is dropped", "metadata is dropped"]),
        ("OpenAI", 400, openai("max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.", "max_tokens", ""), r#","max_tokens":32000"#, &["max_tokens is at most 16384"]),
        ("the twin", 400, said("max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000."), r#","max_completion_tokens":32000"#, &["max_completion_tokens is at most 16384"]),
        ("Anthropic", 400, said("messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter"), HISTORY, &["system messages become reminders of the user's"]),
        ("DeepSeek, Messages", 400, said("messages.1.role: Input should be 'user' or 'assistant'"), HISTORY, &["system messages become reminders of the user's"]),
        ("OpenAI, few tools", 400, said("Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead."), TOOLS, &[]),
        ("Pydantic", 422, r#"{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted","input":true}]}"#.to_owned(), r#","store":true"#, &["store is dropped"]),
        ("Mistral", 422, r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","messages",2,"assistant","reasoning_content"],"msg":"Extra inputs are not permitted","input":"r"},{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra inputs are not permitted","input":"x"}]},"type":"invalid_request_error"}"#.to_owned(), with_user.as_str(), &["messages[*].reasoning_content is dropped", "user is dropped"]),
        ("NVIDIA", 400, said("[{'type'...}] body -> chat_template\n  Extra inputs are not permitted (type=extra_forbidden)\nbody -> user\n  Extra inputs are not permitted (type=extra_forbidden)"), r#","chat_template":"x","user":"y""#, &["chat_template is dropped", "user is dropped"]),
        ("OpenAI's ada", 400, said("This model does not support specifying dimensions."), r#","input":"x","dimensions":256"#, &["requests with dimensions pass it over"]),
        ("vLLM", 400, said("Model \"BAAI/bge-m3\" does not support matryoshka representation, changing output dimensions will lead to poor results."), r#","input":"x","dimensions":256"#, &["requests with dimensions pass it over"]),
        ("llama.cpp", 400, said("\"documents\" must be a non-empty string array"), r#","documents":[{"text":"a"}]"#, &["documents to rank are sent as texts"]),
        ("Fireworks", 400, said("Extra inputs are not permitted, field: 'parallel_tool_calls', value: True; Extra inputs are not permitted, field: 'tools[0].x', value: 1"), r#","parallel_tool_calls":true,"tools":[{"x":1,"function":{}}]"#, &["parallel_tool_calls is dropped", "tools[*].x is dropped"]),
        ("Anthropic", 400, said("reasoning_effort: Extra inputs are not permitted"), r#","reasoning_effort":"low""#, &["reasoning_effort is dropped"]),
        ("Anthropic", 400, said("system.1.cache_control.ephemeral.scope: Extra inputs are not permitted"), r#","system":[{"cache_control":{"type":"ephemeral","scope":"x"}}]"#, &["system[*].cache_control.scope is dropped"]),
        ("Anthropic", 400, said("tools.0.custom.input_examples: Extra inputs are not permitted"), r#","tools":[{"name":"f","input_examples":[]}]"#, &["tools[*].input_examples is dropped"]),
        ("Anthropic", 400, said("max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for M"), r#","max_tokens":64000"#, &["max_tokens is at most 8192"]),
        ("Anthropic", 400, said("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), r#","temperature":1,"top_p":1"#, &["top_p is dropped"]),
        ("Anthropic", 400, said("Thinking may not be enabled when tool_choice forces tool use."), r#","tool_choice":"required""#, &["a forced tool_choice becomes auto"]),
        ("Anthropic", 400, said("tool_choice: type \"tool\" and \"any\" are not supported for this model."), r#","tool_choice":"required""#, &["a forced tool_choice becomes auto"]),
        ("Anthropic", 400, said("This model does not support assistant message prefill. The conversation must end with a user message."), HISTORY, &["a user message goes to the end"]),
        ("Groq", 400, said("property 'store' is unsupported, did you mean 'stop'?"), r#","store":true"#, &["store is dropped"]),
        ("Groq", 400, said("'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning_content' is unsupported, did you mean 'role'?)]"), HISTORY, &["messages[role=assistant].reasoning_content is dropped"]),
        ("Groq", 400, said("`reasoning_effort` must be one of `none` or `default`"), r#","reasoning_effort":"low""#, &["reasoning_effort is dropped"]),
        ("Groq", 400, said("`reasoning_format` is not supported with this model"), r#","reasoning_format":"x""#, &["reasoning_format is dropped"]),
        ("Groq", 400, said("'n' : number must be at most 1"), r#","n":2"#, &["requests with more than 1 n pass it over"]),
        ("Groq", 400, said("This model does not support response format `json_schema`. See supported models"), SCHEMA, &["requests with a json_schema pass it over"]),
        ("Groq", 400, said("json mode cannot be combined with tool/function calling"), TOOLS, &["response_format gives way to tools"]),
        ("Cerebras", 400, r#"{"message":"messages.2.assistant.reasoning_content: property 'messages.2.assistant.reasoning_content' is unsupported\nmessages.2.assistant.id: property 'messages.2.assistant.id' is unsupported","type":"invalid_request_error","param":"validation_error","code":"wrong_api_format"}"#.to_owned(), HISTORY, &["messages[role=assistant].reasoning_content is dropped", "messages[role=assistant].id is dropped"]),
        ("Cerebras", 400, said("Unsupported JSON schema fields: {'minItems', 'items'}"), SCHEMA, &["requests with response_format pass it over"]),
        ("Cerebras", 422, said("Tools with mixed values for 'strict' are not allowed. Please set all tools to 'strict: true' or 'strict: false'"), TOOLS, &["strict is the same in all tools"]),
        ("Google", 400, r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"store\": Cannot find field.\nInvalid JSON payload received. Unknown name \"seed\": Cannot find field.","status":"INVALID_ARGUMENT"}}]"#.to_owned(), r#","store":true,"seed":1"#, &["store is dropped", "seed is dropped"]),
        ("Google, violations", 400, r#"[{"error":{"code":400,"message":"Request contains an invalid argument.","details":[{"@type":"x","fieldViolations":[{"description":"Invalid JSON payload received. Unknown name \"user\": Cannot find field."}]}]}}]"#.to_owned(), r#","user":"x""#, &["user is dropped"]),
        ("Google", 400, said("Invalid JSON payload received. Unknown name \"exclusiveMinimum\" at 'tools[0].function_declarations[6].parameters': Cannot find field."), TOOLS, &["schemas are cut down to those of OpenAPI 3.0"]),
        ("Google", 400, said("* GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty."), HISTORY, &["tool messages get the name of their function"]),
        ("xAI", 400, r#"{"code":"Client specified an invalid argument","error":"Argument not supported on this model: presencePenalty"}"#.to_owned(), r#","presence_penalty":0.5"#, &["presence_penalty is dropped"]),
        ("xAI", 400, r#"{"error":"Model grok-4 does not support parameter reasoningEffort."}"#.to_owned(), r#","reasoning_effort":"low""#, &["reasoning_effort is dropped"]),
        ("NVIDIA", 400, said("Validation: Unsupported parameter(s): `user`, `store`"), r#","user":"x","store":true"#, &["user is dropped", "store is dropped"]),
        ("DeepSeek", 422, said("Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 40"), HISTORY, &["the role developer becomes system"]),
        ("DeepSeek, other quotes", 422, said("messages[0].role: unknown variant 'developer', expected one of"), HISTORY, &["the role developer becomes system"]),
        ("Pydantic", 422, r#"{"detail":[{"type":"union_tag_invalid","loc":["body","messages",0],"msg":"Input tag 'developer' found using 'role' does not match any of the expected tags: 'assistant', 'system'"}]}"#.to_owned(), HISTORY, &["the role developer becomes system"]),
        ("vLLM templates", 400, said("Unexpected message role."), HISTORY, &["the role developer becomes system"]),
        ("others", 400, said("developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.0.role'"), HISTORY, &["the role developer becomes system"]),
        ("DeepSeek", 400, said("This response_format type is unavailable now"), SCHEMA, &["requests with a json_schema pass it over"]),
        ("DeepSeek", 400, said("response_format.type 'json_schema' is unavailable now"), SCHEMA, &["requests with a json_schema pass it over"]),
        ("DeepSeek", 400, said("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"), r#","max_tokens":9000"#, &["max_tokens is at most 8192"]),
        ("DeepSeek", 400, said("Thinking mode does not support this tool_choice"), r#","tool_choice":"required""#, &["a forced tool_choice becomes auto"]),
        ("DeepSeek", 400, said("The `reasoning_content` in the thinking mode must be passed back to the API."), HISTORY, &["assistant messages with tool calls get a reasoning_content"]),
        ("DeepSeek", 400, said("The reasoning_content in the thinking mode must be passed back to the API."), HISTORY, &["assistant messages with tool calls get a reasoning_content"]),
        ("Moonshot", 400, said("thinking is enabled but reasoning_content is missing in assistant tool call message at index 2"), HISTORY, &["assistant messages with tool calls get a reasoning_content"]),
        ("Moonshot", 400, said("invalid temperature: only 1 is allowed for this model"), r#","temperature":0.3"#, &["temperature is dropped"]),
        ("Moonshot", 400, said("Invalid request: the message at position 2 with role 'assistant' must not be empty"), HISTORY, &["empty messages and text parts are dropped"]),
        ("Moonshot", 400, said("text content is empty"), HISTORY, &["empty messages and text parts are dropped"]),
        ("Anthropic", 400, said("messages: text content blocks must be non-empty"), HISTORY, &["empty messages and text parts are dropped"]),
        ("Cohere", 422, r#"{"message":"unknown field: parameter 'strict' is not a valid field"}"#.to_owned(), TOOLS, &["tools[*].function.strict is dropped"]),
        ("Cohere", 422, r#"{"message":"unknown field: parameter 'store' is not a valid field"}"#.to_owned(), r#","store":true"#, &["store is dropped"]),
        ("DashScope", 400, said("parameter.enable_thinking must be set to false for non-streaming calls"), "", &["enable_thinking is false without a stream"]),
        ("DashScope, streamed", 400, said("parameter.enable_thinking must be set to false for non-streaming calls"), r#","stream":true"#, &[]),
        ("Ollama", 400, said("\"llama3\" does not support thinking"), r#","reasoning_effort":"low""#, &["reasoning_effort is dropped"]),
        ("Ollama", 400, said("think value \"medium\" is not supported for this model"), r#","reasoning_effort":"medium""#, &["reasoning_effort is dropped"]),
        ("Ollama", 400, said("registry.ollama.ai/library/gemma:2b does not support tools"), TOOLS, &["requests with tools pass it over"]),
        ("llama.cpp", 500, said("tools param requires --jinja flag"), TOOLS, &["requests with tools pass it over"]),
        ("llama.cpp", 500, said("Unsupported param: tools"), TOOLS, &["requests with tools pass it over"]),
        ("vLLM", 400, said("\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set"), TOOLS, &["requests with tools pass it over"]),
        ("OpenRouter", 404, said("No endpoints found that support tool use. To learn more"), TOOLS, &["requests with tools pass it over"]),
        ("OpenRouter", 404, said("No endpoints found that support image input"), IMAGE, &["requests with image parts pass it over"]),
        ("OpenRouter", 404, said("No endpoints found that support the provided 'tool_choice' value"), r#","tool_choice":"required""#, &["a forced tool_choice becomes auto"]),
        ("LiteLLM", 400, said("litellm.UnsupportedParamsError: groq does not support parameters: ['store', 'metadata'], for model=x. To drop these"), r#","store":true,"metadata":{}"#, &["store is dropped", "metadata is dropped"]),
        ("LiteLLM, with values", 400, said("litellm.UnsupportedParamsError: groq does not support parameters: {'store': True, 'metadata': {}}, for model=x"), r#","store":true,"metadata":{}"#, &["store is dropped", "metadata is dropped"]),
        ("llama-cpp-python", 500, said("7 validation errors:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'ChatCompletionRequestSystemMessage', 'role'), 'msg': \"Input should be 'system'\", 'input': 'developer', 'ctx': {'expected': \"'system'\"}}\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'ChatCompletionRequestUserMessage', 'role'), 'msg': \"Input should be 'user'\", 'input': 'developer'}"), HISTORY, &["the role developer becomes system"]),
        ("llama-cpp-python, another role", 500, said("  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'ChatCompletionRequestSystemMessage', 'role'), 'msg': \"Input should be 'system'\", 'input': 'narrator', 'ctx': {}}"), HISTORY, &[]),
        ("llama-cpp-python", 500, said("1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}"), SCHEMA, &["requests with a json_schema pass it over"]),
        ("llama-cpp-python", 500, said("'dict object' has no attribute 'content'"), HISTORY, &["assistant messages with tool calls get a content"]),
        ("transformers", 422, r#"{"detail":"Unexpected fields in the request: {'foo', 'bar'}"}"#.to_owned(), r#","foo":1,"bar":2"#, &["foo is dropped", "bar is dropped"]),
        ("llama.cpp", 500, said("image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"), IMAGE, &["requests with image parts pass it over"]),
        ("llama.cpp", 501, r#"{"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`","type":"not_supported_error"}}"#.to_owned(), r#","input":"x""#, &["requests with input pass it over"]),
        ("llama.cpp", 400, r#"{"error":{"code":400,"message":"Field 'n': Value must be between 1 <= value <= 1, but got 2","type":"invalid_request_error"}}"#.to_owned(), r#","n":2"#, &["requests with more than 1 n pass it over"]),
        ("Zhipu", 400, r#"{"error":{"code":"1210","message":"[1210] Invalid API parameter"}}"#.to_owned(), r#","store":true"#, &[]),
        ("Mistral", 400, r#"{"object":"error","message":"Tool call id was call_abc but must be a-z, A-Z, 0-9, with a length of 9.","type":"invalid_function_call","code":"3280"}"#.to_owned(), HISTORY, &["tool call ids get nine letters and digits"]),
        ("Mistral", 400, r#"{"object":"error","message":"Unexpected role 'user' after role 'tool'","code":"3230"}"#.to_owned(), HISTORY, &["an assistant message goes between tool and user messages"]),
        ("templates", 500, said("Conversation roles must alternate user/assistant/user/assistant/..."), HISTORY, &["neighbouring messages of one role are merged"]),
        ("Perplexity", 400, said("After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s)."), HISTORY, &["neighbouring messages of one role are merged"]),
        ("llama.cpp", 400, said("Error: Jinja Exception: System message must be at the beginning."), HISTORY, &["later system messages become the user's"]),
        ("llama.cpp", 400, r#"{"error":{"code":400,"message":"request (4010 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error"}}"#.to_owned(), "", &["requests of more than 2048 tokens pass it over"]),
        ("llama-cpp-python", 400, said("This model's maximum context length is 2048 tokens. However, you requested 4043 tokens"), "", &["requests of more than 2048 tokens pass it over"]),
        ("a gateway in front", 400, said(r#"litellm.BadRequestError: OpenAIException - {"error":{"message":"{\"error\":{\"message\":\"Unknown parameter: 'store'.\"}}"}}"#), r#","store":true"#, &["store is dropped"]),
        ("OpenRouter, raw", 400, r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"Unknown parameter: 'store'.\"}}","provider_name":"x"}}}"#.to_owned(), r#","store":true"#, &["store is dropped"]),
        ("Anthropic", 400, said("messages.0.content.0.text.cache_control: Extra inputs are not permitted"), IMAGE, &["messages[*].content[*].cache_control is dropped"]),
    ];
    for (provider, status, body, members, expected) in cases {
        assert_eq!(
            learned(status, &body, members),
            expected,
            "{provider}: {body}"
        );
    }
    let many = format!(
        r#","tools":[{}]"#,
        vec![r#"{"type":"function"}"#; 130].join(",")
    );
    let body = said(
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead.",
    );
    assert_eq!(
        learned(400, &body, &many),
        ["requests with more than 128 tools pass it over"]
    );
}

#[test]
fn what_is_no_refusal_of_a_member_teaches_nothing() {
    for (status, body, members) in [
        // Not sent, or sent with a meaning.
        (400, said("Unknown parameter: 'store'."), ""),
        (
            400,
            openai(
                "Invalid 'temperature': decimal above maximum value.",
                "temperature",
                "decimal_above_max_value",
            ),
            r#","temperature":3"#,
        ),
        (
            400,
            openai("Invalid type for 'stop'", "stop", "invalid_type"),
            r#","stop":1"#,
        ),
        (
            400,
            openai(
                "Unsupported value: 'stream' does not support true with this model.",
                "stream",
                "unsupported_value",
            ),
            r#","stream":true"#,
        ),
        (
            400,
            openai(
                "Unsupported parameter: 'model'",
                "model",
                "unsupported_parameter",
            ),
            "",
        ),
        (400, said("property 'messages' is unsupported"), ""),
        (429, said("Unknown parameter: 'store'."), r#","store":true"#),
        (401, said("Unknown parameter: 'store'."), r#","store":true"#),
        (500, said("Unknown parameter: 'store'."), r#","store":true"#),
        (400, said("Unknown parameter: 'messages[0].content'."), ""),
        (
            400,
            said("Unsupported parameter: 'max_tokens'"),
            r#","max_tokens":1,"max_completion_tokens":1"#,
        ),
        (
            400,
            "<html>Unknown parameter</html>".to_owned(),
            r#","store":true"#,
        ),
    ] {
        assert_eq!(learned(status, &body, members), [""; 0], "{body}");
    }
}

#[test]
fn a_meaning_is_never_dropped() {
    for (member, value, words) in [
        ("tools", "[{}]", "requests with tools pass it over"),
        (
            "tool_choice",
            r#""required""#,
            "requests with tool_choice pass it over",
        ),
        ("tool_choice", r#""auto""#, "tool_choice is dropped"),
        (
            "response_format",
            r#"{"type":"json_object"}"#,
            "requests with response_format pass it over",
        ),
        (
            "response_format",
            r#"{"type":"text"}"#,
            "response_format is dropped",
        ),
        ("stop", r#"["x"]"#, "requests with stop pass it over"),
        ("n", "2", "requests with n pass it over"),
        ("n", "1", "n is dropped"),
        ("logprobs", "true", "requests with logprobs pass it over"),
        ("logprobs", "false", "logprobs is dropped"),
        (
            "modalities",
            r#"["text","audio"]"#,
            "requests with modalities pass it over",
        ),
        ("dimensions", "8", "requests with dimensions pass it over"),
        ("suffix", r#""x""#, "requests with suffix pass it over"),
    ] {
        let body = said(&format!("Unknown parameter: '{member}'."));
        let members = format!(r#","{member}":{value}"#);
        assert_eq!(learned(400, &body, &members), [words], "{member} {value}");
    }
}

#[test]
fn what_a_step_keeps_is_not_learned() {
    let sent = request(r#","store":true"#);
    let sent = Object::parse(&sent).unwrap();
    let body = said("Unknown parameter: 'store'.");
    let kept = ["store".to_owned()];
    assert!(lessons(400, &body, &sent, Kept(&kept)).is_empty());
}

proptest! {
    /// Whatever a provider says: nothing panics, and no lesson is about what may not be touched.
    #[test]
    fn no_text_names_what_is_not_to_be_touched(
        status in prop::sample::select(vec![400_u16, 404, 413, 422, 500, 501]),
        row in 0..ROWS.len(),
        word in "(model|messages|stream|messages\\[0\\]|body -> model|é|\\[|\\]|'|x.y|[ -~]{0,12})",
        noise in "\\PC{0,40}",
        wraps in 0_usize..5,
    ) {
        let Row(_, pattern, _) = &ROWS[row];
        let mut body = format!("{noise}{}{noise}", pattern.replace("{}", &word));
        for _ in 0..wraps {
            body = said(&body);
        }
        for finding in findings(status, &body) {
            if let Finding::Refused(place) | Finding::Instead(place, _) = finding {
                prop_assert!(!["model", "messages", "stream"].contains(&place.as_str()), "{}", place);
            }
        }
    }
}
