//! Servers that take a bad request for a fault of their own.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "llama-cpp-python, a role",
        500,
        r#"{"error":{"message":"1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'role'), 'msg': \"Input should be 'system'\", 'input': 'developer'}","type":"internal_server_error","param":null,"code":null}}"#,
        Class::Rejected,
    ),
    (
        "pydantic, the message first",
        500,
        r#"{"detail":"Input should be a valid string at loc body.prompt"}"#,
        Class::Rejected,
    ),
    (
        "FastAPI, a missing field",
        500,
        r#"{"detail":[{"loc":["body","model"],"msg":"Field required"}]}"#,
        Class::Rejected,
    ),
    (
        "pydantic, by its name",
        500,
        r#"{"error":"ValidationError: 3 validation errors for ChatCompletionRequest"}"#,
        Class::Rejected,
    ),
    (
        "llama-cpp-python, its template",
        500,
        r#"{"error":{"message":"'dict object' has no attribute 'content'","type":"internal_server_error"}}"#,
        Class::Rejected,
    ),
    (
        "llama.cpp, a template of Gemma's",
        500,
        r#"{"error":{"code":500,"message":"Conversation roles must alternate user/assistant/user/assistant/...","type":"server_error"}}"#,
        Class::Rejected,
    ),
    (
        "llama-server, an older one",
        500,
        r#"{"error":{"code":500,"message":"something else","type":"server_error"}}"#,
        Class::ServerError,
    ),
];
