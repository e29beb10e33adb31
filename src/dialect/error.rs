//! Error bodies in the shape the OpenAI SDKs parse: `{"error": {"message", "type", "param", "code", "details"?}}`.

use crate::json::raw;

/// The gateway's own error codes. Each has one status but `RouteExecutionFailed`, whose status tells the client
/// whether to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    InvalidRequest,
    InvalidJson,
    ValidationFailed,
    Unauthorized,
    KeyExpired,
    Forbidden,
    RouteNotAllowed,
    RouteNotFound,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    BodyTooLarge,
    TargetTooLong,
    UnsupportedEncoding,
    HeadTooLarge,
    ExpectationFailed,
    Misdirected,
    /// A client has used up what it may.
    ClientLimit,
    ClientBudget,
    NotImplemented,
    VersionNotSupported,
    Overloaded,
    RouteExecutionFailed,
    RouteTimeout,
    Internal,
}

impl Code {
    /// The code as it stands in the body.
    pub fn label(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidJson => "INVALID_JSON",
            Self::ValidationFailed => "VALIDATION_FAILED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::KeyExpired => "KEY_EXPIRED",
            Self::Forbidden => "FORBIDDEN",
            Self::RouteNotAllowed => "ROUTE_NOT_ALLOWED",
            Self::RouteNotFound => "ROUTE_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::BodyTooLarge => "BODY_TOO_LARGE",
            Self::TargetTooLong => "TARGET_TOO_LONG",
            Self::UnsupportedEncoding => "UNSUPPORTED_ENCODING",
            Self::HeadTooLarge => "HEAD_TOO_LARGE",
            Self::ExpectationFailed => "EXPECTATION_FAILED",
            Self::Misdirected => "MISDIRECTED_REQUEST",
            Self::ClientLimit => "CLIENT_LIMIT",
            Self::ClientBudget => "CLIENT_BUDGET",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::VersionNotSupported => "VERSION_NOT_SUPPORTED",
            Self::Overloaded => "OVERLOADED",
            Self::RouteExecutionFailed => "ROUTE_EXECUTION_FAILED",
            Self::RouteTimeout => "ROUTE_TIMEOUT",
            Self::Internal => "INTERNAL",
        }
    }

    /// The status that goes with the code; for `RouteExecutionFailed` the one used when nothing better is known.
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidJson | Self::ValidationFailed => 400,
            Self::Unauthorized | Self::KeyExpired => 401,
            Self::Forbidden | Self::RouteNotAllowed => 403,
            Self::RouteNotFound | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::UnsupportedEncoding => 415,
            Self::ExpectationFailed => 417,
            Self::Misdirected => 421,
            Self::ClientLimit | Self::ClientBudget => 429,
            Self::HeadTooLarge => 431,
            Self::NotImplemented => 501,
            Self::RouteExecutionFailed => 502,
            Self::Overloaded => 503,
            Self::RouteTimeout => 504,
            Self::VersionNotSupported => 505,
            Self::Internal => 500,
        }
    }
}

/// The `type` member that goes with a status, as the OpenAI API names them.
pub fn type_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// An error body before it is written.
pub struct ErrorBody<'a> {
    /// The HTTP status that it goes with; of an error inside a stream, the one that it would have had.
    pub status: u16,
    pub message: &'a str,
    /// The member `type`.
    pub kind: &'static str,
    pub param: Option<&'a str>,
    pub code: &'a str,
    /// As JSON.
    pub details: Option<&'a str>,
    /// A member beside `error`, as JSON.
    pub routing_summary: Option<&'a str>,
    /// The id of the request, for dialects that have a place for it.
    pub request_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    /// An error of the gateway's own with the code's usual status.
    pub fn new(code: Code, message: &'a str) -> Self {
        Self {
            status: code.status(),
            message,
            kind: match code {
                // Clients of OpenAI's do not try again at this one.
                Code::ClientBudget => "insufficient_quota",
                _ => type_of(code.status()),
            },
            param: None,
            code: code.label(),
            details: None,
            routing_summary: None,
            request_id: None,
        }
    }

    /// `{"error":{...}}`, with the routing summary behind it if there is one.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = String::from("{\"error\":{\"message\":");
        raw::push_quoted(&mut out, self.message);
        out.push_str(",\"type\":");
        raw::push_quoted(&mut out, self.kind);
        out.push_str(",\"param\":");
        match self.param {
            Some(param) => raw::push_quoted(&mut out, param),
            None => out.push_str("null"),
        }
        out.push_str(",\"code\":");
        raw::push_quoted(&mut out, self.code);
        if let Some(details) = self.details {
            out.push_str(",\"details\":");
            out.push_str(details);
        }
        out.push('}');
        if let Some(summary) = self.routing_summary {
            out.push_str(",\"routing_summary\":");
            out.push_str(summary);
        }
        out.push('}');
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_library_finds_every_member() {
        let body = ErrorBody::new(Code::Unauthorized, "say \"please\"").to_json();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"error":{"message":"say \"please\"","type":"authentication_error","param":null,"code":"UNAUTHORIZED"}}"#
        );
        let body = ErrorBody {
            param: Some("a\nb"),
            details: Some("[1]"),
            routing_summary: Some("{}"),
            ..ErrorBody::new(Code::NotFound, "")
        };
        assert_eq!(
            String::from_utf8(body.to_json()).unwrap(),
            r#"{"error":{"message":"","type":"invalid_request_error","param":"a\nb","code":"NOT_FOUND","details":[1]},"routing_summary":{}}"#
        );
    }
}
