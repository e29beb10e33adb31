//! Names of span attributes: the OpenTelemetry semantic conventions for HTTP and for generative AI (1.38), and those
//! of a gateway.

pub const CLIENT_ADDRESS: &str = "client.address";
pub const ERROR_TYPE: &str = "error.type";
pub const HTTP_METHOD: &str = "http.request.method";
pub const HTTP_METHOD_ORIGINAL: &str = "http.request.method_original";
pub const HTTP_ROUTE: &str = "http.route";
pub const HTTP_STATUS: &str = "http.response.status_code";
pub const SERVER_ADDRESS: &str = "server.address";
pub const SERVER_PORT: &str = "server.port";
pub const URL_PATH: &str = "url.path";
pub const URL_SCHEME: &str = "url.scheme";
pub const USER_AGENT: &str = "user_agent.original";

pub const OPERATION: &str = "gen_ai.operation.name";
pub const PROVIDER: &str = "gen_ai.provider.name";
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub const DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";
pub const ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";

/// The operation that chat completions are.
pub const CHAT: &str = "chat";

pub const CLIENT: &str = "gateway.client";
pub const COST: &str = "gateway.cost";
pub const COOLDOWN: &str = "gateway.cooldown_seconds";
pub const FALLBACKS: &str = "gateway.fallbacks";
pub const HEALED: &str = "gateway.healed";
/// The dialect of the exchange with the provider, where it is not the client's.
pub const TRANSLATED: &str = "gateway.translated";
pub const HELD_EVENTS: &str = "gateway.held_events";
pub const KEY_INDEX: &str = "gateway.key_index";
pub const REQUEST_ID: &str = "gateway.request_id";
pub const ROUTE: &str = "gateway.route";
pub const SERVED_BY: &str = "gateway.served_by";
pub const STEP: &str = "gateway.step";
pub const TO_STEP: &str = "gateway.to_step";
pub const STREAM: &str = "gateway.stream";

/// The word for any other method (OpenTelemetry's HTTP conventions): a client may send what it likes, a key for one.
pub const OTHER_METHOD: &str = "_OTHER";

/// The method where it is one of RFC 9110 or PATCH; `None` for any other. Log, span names and attributes hold no other.
pub fn known_method(method: &str) -> Option<&'static str> {
    Some(match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "CONNECT" => "CONNECT",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        "PATCH" => "PATCH",
        _ => return None,
    })
}
