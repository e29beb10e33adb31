//! The rows of what refusals look like, each as an upstream that says so until the member is gone.

use serde_json::Value;

use super::{refusing, request, said, text};
use crate::support::process::{Folder, command_in, run};
use crate::support::{Config, Upstream};

/// A provider, its refusal, a request that it refuses, and the look of such a request. The last word is the line of
/// `explain`, or a part of it.
type Row = (
    &'static str,
    u16,
    String,
    &'static str,
    fn(&Value) -> bool,
    &'static str,
);

const HISTORY: &str = r#","messages":[{"role":"developer","content":"x"},{"role":"user","content":"a","name":"n"},{"role":"assistant","content":null,"reasoning":"why","id":"i","tool_calls":[{"id":"call_0","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_0","content":"1"},{"role":"user","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"s"}]"#;
const PREFILL: &str = r#","messages":[{"role":"user","content":"a"},{"role":"assistant","content":""},{"role":"assistant","content":"b"}]"#;
const SCHEMAS: &str = r#","tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"n":{"type":"integer","exclusiveMinimum":0}}}}},{"type":"function","function":{"name":"g"}}]"#;

fn has(body: &Value, member: &str) -> bool {
    body.get(member).is_some()
}

fn any_message(body: &Value, is: impl Fn(&Value) -> bool) -> bool {
    body["messages"].as_array().unwrap().iter().any(is)
}

fn roles(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["role"].as_str().unwrap())
        .collect()
}

fn rows() -> Vec<Row> {
    let openai = |message: &str, param: &str, code: &str| {
        serde_json::json!({"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})
            .to_string()
    };
    vec![
        ("openai-twin", 400, openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter"), r#","max_tokens":50"#, |body| !has(body, "max_completion_tokens"), "rename: {\"max_tokens\": max_completion_tokens}"),
        ("openai-value", 400, openai("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.", "temperature", "unsupported_value"), r#","temperature":0.2"#, |body| has(body, "temperature"), "drop: [\"temperature\"]"),
        ("openai-unknown", 400, openai("Unknown parameter: 'messages[1].name'.", "messages[1].name", "unknown_parameter"), HISTORY, |body| any_message(body, |m| has(m, "name")), "drop: [\"messages[*].name\"]"),
        ("azure", 400, said("Unrecognized request arguments supplied: store, metadata"), r#","store":true,"metadata":{"a":"b"}"#, |body| has(body, "store") || has(body, "metadata"), "drop: [\"store\"]"),
        ("openai-clamp", 400, said("max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000."), r#","max_tokens":32000"#, |body| body["max_tokens"] != 16384, "override: {\"max_tokens\": 16384}"),
        ("pydantic", 422, r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",2,"assistant","reasoning"],"msg":"Extra inputs are not permitted"},{"type":"extra_forbidden","loc":["body","messages",2,"assistant","id"],"msg":"Extra inputs are not permitted"}]}"#.to_owned(), HISTORY, |body| any_message(body, |m| has(m, "reasoning") || has(m, "id")), "drop: [\"messages[*].reasoning\"]"),
        ("mistral", 422, r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","user"],"msg":"Extra inputs are not permitted","input":"x"}]},"type":"invalid_request_error"}"#.to_owned(), r#","user":"x""#, |body| has(body, "user"), "drop: [\"user\"]"),
        ("nvidia-lines", 400, said("body -> chat_template\n  Extra inputs are not permitted (type=extra_forbidden)\nbody -> user\n  Extra inputs are not permitted (type=extra_forbidden)"), r#","chat_template":"x","user":"y""#, |body| has(body, "chat_template") || has(body, "user"), "drop: [\"chat_template\"]"),
        ("fireworks", 400, said("Extra inputs are not permitted, field: 'parallel_tool_calls', value: True"), r#","tools":[{"type":"function","function":{"name":"f"}}],"parallel_tool_calls":true"#, |body| has(body, "parallel_tool_calls"), "drop: [\"parallel_tool_calls\"]"),
        ("anthropic", 400, said("verbosity: Extra inputs are not permitted"), r#","verbosity":"low""#, |body| has(body, "verbosity"), "drop: [\"verbosity\"]"),
        ("anthropic-both", 400, said("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), r#","temperature":1,"top_p":0.5"#, |body| has(body, "top_p"), "drop: [\"top_p\"]"),
        ("anthropic-tools", 400, said("Thinking may not be enabled when tool_choice forces tool use."), r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#, |body| body["tool_choice"] != "auto", "thinking: true"),
        ("anthropic-prefill", 400, said("This model does not support assistant message prefill. The conversation must end with a user message."), PREFILL, |body| roles(body).last() != Some(&"user"), "a user message goes to the end"),
        ("groq", 400, said("property 'store' is unsupported, did you mean 'stop'?"), r#","store":true"#, |body| has(body, "store"), "drop: [\"store\"]"),
        ("groq-role", 400, said("'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property 'reasoning' is unsupported, did you mean 'role'?)]"), HISTORY, |body| any_message(body, |m| has(m, "reasoning")), "messages[role=assistant].reasoning"),
        ("groq-effort", 400, said("`reasoning_effort` must be one of `none` or `default`"), r#","reasoning_effort":"low""#, |body| has(body, "reasoning_effort"), "drop: [\"reasoning_effort\"]"),
        ("groq-format", 400, said("json mode cannot be combined with tool/function calling"), r#","tools":[{"type":"function","function":{"name":"f"}}],"response_format":{"type":"json_object"}"#, |body| has(body, "response_format"), "conflict_resolution: tools"),
        ("cerebras", 400, r#"{"message":"messages.2.assistant.reasoning: property 'messages.2.assistant.reasoning' is unsupported\nmessages.2.assistant.id: property 'messages.2.assistant.id' is unsupported","type":"invalid_request_error","param":"validation_error","code":"wrong_api_format"}"#.to_owned(), HISTORY, |body| any_message(body, |m| has(m, "reasoning") || has(m, "id")), "messages[role=assistant].id"),
        ("cerebras-strict", 422, said("Tools with mixed values for 'strict' are not allowed."), SCHEMAS, |body| body["tools"][0]["function"]["strict"] == true, "tools[*].function.strict"),
        ("google", 400, r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"store\": Cannot find field.\nInvalid JSON payload received. Unknown name \"seed\": Cannot find field.","status":"INVALID_ARGUMENT"}}]"#.to_owned(), r#","store":true,"seed":1"#, |body| has(body, "store") || has(body, "seed"), "drop: [\"seed\"]"),
        ("google-schema", 400, said("Invalid JSON payload received. Unknown name \"exclusiveMinimum\" at 'tools[0].function_declarations[0].parameters': Cannot find field."), SCHEMAS, |body| body["tools"].to_string().contains("exclusiveMinimum"), "OpenAPI"),
        ("google-names", 400, said("GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty."), HISTORY, |body| any_message(body, |m| m["role"] == "tool" && m["name"] != "f"), "name of their function"),
        ("xai", 400, r#"{"code":"Client specified an invalid argument","error":"Argument not supported on this model: presencePenalty"}"#.to_owned(), r#","presence_penalty":0.5"#, |body| has(body, "presence_penalty"), "drop: [\"presence_penalty\"]"),
        ("xai-effort", 400, r#"{"error":"Model grok-4 does not support parameter reasoningEffort."}"#.to_owned(), r#","reasoning_effort":"low""#, |body| has(body, "reasoning_effort"), "drop: [\"reasoning_effort\"]"),
        ("nvidia", 400, said("Validation: Unsupported parameter(s): `user`, `store`"), r#","user":"x","store":true"#, |body| has(body, "user") || has(body, "store"), "drop: [\"store\"]"),
        ("deepseek-role", 422, said("Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 40"), HISTORY, |body| roles(body).contains(&"developer"), "developer becomes system"),
        ("deepseek-limit", 400, said("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"), r#","max_completion_tokens":9000"#, |body| body["max_completion_tokens"] != 8192, "max_completion_tokens\": 8192"),
        ("deepseek-choice", 400, said("Thinking mode does not support this tool_choice"), r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}}"#, |body| body["tool_choice"] != "auto", "thinking: true"),
        ("deepseek-reasoning", 400, said("The reasoning_content in the thinking mode must be passed back to the API."), HISTORY, |body| any_message(body, |m| has(m, "tool_calls") && m["reasoning_content"] != "why"), "reasoning_replay: true"),
        ("moonshot", 400, said("invalid temperature: only 1 is allowed for this model"), r#","temperature":0.3"#, |body| has(body, "temperature"), "drop: [\"temperature\"]"),
        ("moonshot-empty", 400, said("Invalid request: the message at position 1 with role 'assistant' must not be empty"), PREFILL, |body| any_message(body, |m| m["content"] == ""), "empty messages"),
        ("cohere", 422, r#"{"message":"unknown field: parameter 'strict' is not a valid field"}"#.to_owned(), SCHEMAS, |body| body["tools"].to_string().contains("strict"), "tools[*].function.strict"),
        ("ollama", 400, said("\"llama3\" does not support thinking"), r#","reasoning_effort":"low""#, |body| has(body, "reasoning_effort"), "drop: [\"reasoning_effort\"]"),
        ("litellm", 400, said("litellm.UnsupportedParamsError: groq does not support parameters: ['store', 'metadata'], for model=x. To drop these"), r#","store":true,"metadata":{"a":"b"}"#, |body| has(body, "store") || has(body, "metadata"), "drop: [\"metadata\"]"),
        ("openrouter", 404, said("No endpoints found that support the provided 'tool_choice' value"), r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required""#, |body| body["tool_choice"] != "auto", "thinking: true"),
        ("llama-cpp-python-role", 500, said("7 validation errors:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'ChatCompletionRequestSystemMessage', 'role'), 'msg': \"Input should be 'system'\", 'input': 'developer', 'ctx': {'expected': \"'system'\"}}"), HISTORY, |body| roles(body).contains(&"developer"), "developer becomes system"),
        ("llama-cpp-python-content", 500, said("'dict object' has no attribute 'content'"), HISTORY, |body| any_message(body, |m| m["content"].is_null()), "get a content"),
        ("transformers", 422, r#"{"detail":"Unexpected fields in the request: {'foo', 'bar'}"}"#.to_owned(), r#","foo":1,"bar":2"#, |body| has(body, "foo") || has(body, "bar"), "drop: [\"bar\"]"),
        ("llama.cpp-param", 500, said("Unsupported param: echo"), r#","echo":true"#, |body| has(body, "echo"), "drop: [\"echo\"]"),
        ("mistral-ids", 400, r#"{"object":"error","message":"Tool call id was call_0 but must be a-z, A-Z, 0-9, with a length of 9.","code":"3280"}"#.to_owned(), HISTORY, |body| any_message(body, |m| m["tool_call_id"] == "call_0") || body["messages"][3]["tool_call_id"] != body["messages"][2]["tool_calls"][0]["id"], "nine letters"),
        ("mistral-bridge", 400, r#"{"object":"error","message":"Unexpected role 'user' after role 'tool'","code":"3230"}"#.to_owned(), HISTORY, |body| roles(body).windows(2).any(|pair| pair == ["tool", "user"]), "between tool and user"),
        ("alternate", 500, said("Conversation roles must alternate user/assistant/user/assistant/..."), HISTORY, |body| roles(body).windows(2).any(|pair| pair[0] == pair[1]), "are merged"),
        ("first-system", 400, said("Error: Jinja Exception: System message must be at the beginning."), HISTORY, |body| roles(body)[1..].contains(&"system"), "become the user's"),
        ("wrapped", 400, said(r#"litellm.BadRequestError: OpenAIException - {"error":{"message":"{\"error\":{\"message\":\"Unknown parameter: 'store'.\"}}"}}"#), r#","store":true"#, |body| has(body, "store"), "drop: [\"store\"]"),
    ]
}

/// One gateway with a provider and a route for each row.
#[test]
fn every_row_is_healed_and_remembered() {
    let rows = rows();
    for stream in [false, true] {
        let upstreams: Vec<Upstream> = rows
            .iter()
            .map(|(_, status, body, _, is_wrong, _)| refusing(*status, body, *is_wrong))
            .collect();
        let mut config = Config::new();
        for ((name, ..), upstream) in rows.iter().zip(&upstreams) {
            config = config.provider(name, upstream).route(name, [(*name, "m")]);
        }
        let gateway = config.start();
        for ((name, _, refusal, members, ..), upstream) in rows.iter().zip(&upstreams) {
            let response = gateway.post(&request(name, stream, members));
            assert_eq!(response.status, 200, "{name}: {refusal}\n{response}");
            assert_eq!(text(&response, stream), "fine", "{name}");
            assert_eq!(upstream.requests().len(), 2, "{name}: {refusal}");
            let again = gateway.post(&request(name, stream, members));
            assert_eq!(again.status, 200, "{name}: {again}");
            assert_eq!(upstream.requests().len(), 3, "{name} was refused again");
        }
        let listen = format!("listen: {}", gateway.address);
        let folder = Folder::new();
        let file = config.text().replace("listen: 127.0.0.1:0", &listen);
        folder.file("config.yaml", &file);
        for (name, .., line) in rows.iter().filter(|_| !stream) {
            let ended = run(command_in(folder.path()).args(["explain", name]));
            assert!(
                ended.stdout.contains(line),
                "{name}: {line}: {}",
                ended.stdout
            );
        }
    }
}

/// DashScope refuses only what is not streamed, and so only that is changed.
#[test]
fn a_request_without_a_stream_is_healed_by_itself() {
    let refusal = said("parameter.enable_thinking must be set to false for non-streaming calls");
    let upstream = refusing(400, &refusal, |body| {
        body["stream"] != true && body["enable_thinking"] != false
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(gateway.ask("r", true).status, 200);
    assert_eq!(gateway.ask("r", false).status, 200);
    let requests = upstream.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests[2].json().get("enable_thinking").is_none());
}

/// A meaning is not dropped: the step is passed over, for an hour, by the requests that carry it.
#[test]
fn a_meaning_passes_the_step_over() {
    const TOOLS: &str = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    const IMAGE: &str = r#","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]"#;
    const SCHEMA: &str =
        r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}"#;
    let many = format!(
        r#","tools":[{}]"#,
        vec![r#"{"type":"function"}"#; 130].join(",")
    );
    let rows: Vec<(&str, u16, String, &str)> = vec![
        (
            "ollama",
            400,
            said("registry.ollama.ai/library/gemma:2b does not support tools"),
            TOOLS,
        ),
        (
            "jinja",
            500,
            said("tools param requires --jinja flag"),
            TOOLS,
        ),
        (
            "llama.cpp-old",
            500,
            said("Unsupported param: tools"),
            TOOLS,
        ),
        (
            "vllm",
            400,
            said(
                "\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set",
            ),
            TOOLS,
        ),
        (
            "openrouter",
            404,
            said("No endpoints found that support tool use. To learn more"),
            TOOLS,
        ),
        (
            "openrouter-image",
            404,
            said("No endpoints found that support image input"),
            IMAGE,
        ),
        (
            "llama.cpp-image",
            500,
            said(
                "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
            ),
            IMAGE,
        ),
        (
            "llama.cpp-audio",
            500,
            said("audio input is not supported - hint: x"),
            r#","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"A","format":"wav"}}]}]"#,
        ),
        (
            "groq-n",
            400,
            said("'n' : number must be at most 1"),
            r#","n":2"#,
        ),
        (
            "llama.cpp-n",
            400,
            said("Field 'n': Value must be between 1 <= value <= 1, but got 2"),
            r#","n":2"#,
        ),
        (
            "groq-schema",
            400,
            said("This model does not support response format `json_schema`."),
            SCHEMA,
        ),
        (
            "deepseek",
            400,
            said("This response_format type is unavailable now"),
            SCHEMA,
        ),
        (
            "llama-cpp-python",
            500,
            said(
                "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}",
            ),
            SCHEMA,
        ),
        (
            "cerebras",
            400,
            said("Unsupported JSON schema fields: {'minItems', 'items'}"),
            SCHEMA,
        ),
        (
            "openai-many",
            400,
            said(
                "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead.",
            ),
            &many,
        ),
        (
            "openai-stop",
            400,
            said("Unsupported parameter: 'stop' is not supported with this model."),
            r#","stop":["x"]"#,
        ),
        (
            "openai-choice",
            400,
            said("Unknown parameter: 'tool_choice'."),
            r#","tools":[{"type":"function"}],"tool_choice":"required""#,
        ),
    ];
    let second = Upstream::saying("second");
    let mut config = Config::new().provider("second", &second);
    let upstreams: Vec<Upstream> = rows
        .iter()
        .map(|(_, status, body, members)| {
            let members: Value = serde_json::from_str(&format!("{{{}}}", &members[1..])).unwrap();
            let (name, value) = members.as_object().unwrap().iter().next_back().unwrap();
            let (name, value) = (name.clone(), value.clone());
            refusing(*status, body, move |sent| sent[&name] == value)
        })
        .collect();
    for ((name, ..), upstream) in rows.iter().zip(&upstreams) {
        config = config
            .provider(name, upstream)
            .route(name, [(*name, "m"), ("second", "m")]);
    }
    let gateway = config.start();
    for ((name, _, _, members), upstream) in rows.iter().zip(&upstreams) {
        let response = gateway.post(&request(name, false, members));
        assert_eq!(text(&response, false), "second", "{name}: {response}");
        assert_eq!(upstream.requests().len(), 1, "{name}");
        let again = gateway.post(&request(name, false, members));
        assert_eq!(text(&again, false), "second", "{name}: {again}");
        assert_eq!(
            upstream.requests().len(),
            1,
            "{name} was called with it again"
        );
        let step = &again.steps()[0];
        assert_eq!(
            (&step["class"], &step["skipped"]),
            (&"unsupported".into(), &true.into()),
            "{name}: {again}"
        );
        let without = gateway.ask(name, false);
        assert_eq!(text(&without, false), "fine", "{name}: {without}");
    }
}

/// Names that were not sent, names that are refused although they are gone: no guessing.
#[test]
fn a_refusal_that_makes_no_sense_is_not_repeated() {
    let unsent = refusing(400, &said("Unknown parameter: 'store'."), |_| true);
    let stubborn = refusing(400, &said("Unknown parameter: 'user'."), |_| true);
    let zhipu = refusing(400, &said("[1210] Invalid API parameter"), |_| true);
    let gateway = Config::new()
        .provider("unsent", &unsent)
        .provider("stubborn", &stubborn)
        .provider("zhipu", &zhipu)
        .route("unsent", [("unsent", "m")])
        .route("stubborn", [("stubborn", "m")])
        .route("zhipu", [("zhipu", "m")])
        .start();
    for (route, upstream, calls) in [
        ("unsent", &unsent, 1),
        ("stubborn", &stubborn, 2),
        ("zhipu", &zhipu, 1),
    ] {
        let response = gateway.post(&request(route, false, r#","user":"x""#));
        assert_eq!(response.status, 400, "{response}");
        assert_eq!(upstream.requests().len(), calls, "{route}");
    }
    // Nothing was proven, and nothing is remembered.
    assert_eq!(
        gateway
            .post(&request("stubborn", false, r#","user":"x""#))
            .status,
        400
    );
    assert_eq!(stubborn.requests().len(), 4);
}

#[test]
fn three_repeats_are_the_end() {
    let members = ["a1", "a2", "a3", "a4", "a5"];
    let upstream = Upstream::answering(move |request| {
        let body = request.json();
        let first = members
            .into_iter()
            .find(|member| body.get(*member).is_some());
        let refusal = |member: &str| {
            crate::support::Script::json(400, &said(&format!("Unknown parameter: '{member}'.")))
        };
        first.map_or_else(|| request.answer("fine"), refusal)
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let body = request("r", false, r#","a1":1,"a2":1,"a3":1,"a4":1,"a5":1"#);
    let response = gateway.post(&body);
    assert_eq!(response.status, 400, "{response}");
    assert!(response.text().contains("'a4'"), "{response}");
    assert_eq!(upstream.requests().len(), 4);
    // What was learned on the way helps the next request over the rest.
    let response = gateway.post(&body);
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(upstream.requests().len(), 7);
}

#[test]
fn a_repeat_that_is_limited_is_a_limit() {
    let upstream = Upstream::answering(|request| {
        if request.json().get("store").is_some() {
            crate::support::Script::json(400, &said("Unknown parameter: 'store'."))
        } else {
            crate::support::Script::json(429, &said("slow down"))
        }
    });
    let gateway = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "m")])
        .start();
    let response = gateway.post(&request("r", false, r#","store":true"#));
    assert_eq!(response.status, 429, "{response}");
    assert_eq!(upstream.requests().len(), 2);
}
