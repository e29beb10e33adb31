//! Refusals of the gateway's own, before they are spelled in a dialect.

use crate::dialect::Dialect;
use crate::dialect::error::Code;
use crate::text::cut;

use super::accounts::KeyFault;

/// Bytes of a name that is repeated to the client.
const LONGEST_NAME: usize = 200;

/// The words of a 404 at a base URL.
pub const BASE_URL: &str = "there is nothing at a base URL itself; POST /v1/chat/completions and GET /v1/models are below it";

const NEEDED: &str = "a key is needed in X-Api-Key or Authorization: Bearer";

/// An error of the gateway's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub message: String,
    /// The member of the request at fault.
    pub param: Option<String>,
    /// A further header.
    pub header: Option<(&'static str, &'static str)>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            header: None,
        }
    }

    /// A key is missing or wrong. RFC 9110 section 15.5.2 wants the challenge.
    pub fn unauthorized(fault: KeyFault) -> Self {
        let message = match fault {
            KeyFault::Missing => NEEDED.to_owned(),
            KeyFault::NoToken => format!("Authorization holds no Bearer token; {NEEDED}"),
            KeyFault::Wrong(field) => {
                format!("the key in {field} is wrong: it is none of this gateway's client keys")
            }
        };
        Self {
            header: Some(("WWW-Authenticate", "Bearer")),
            ..Self::new(Code::Unauthorized, message)
        }
    }

    /// The path names no endpoint, or one that is not there for now.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// The body is compressed. RFC 9110 section 15.5.16 wants the field.
    pub fn encoded() -> Self {
        let message = "the body is encoded (Content-Encoding), and only plain bodies are read here: send it \
                       uncompressed, without that header";
        Self {
            header: Some(("Accept-Encoding", "identity")),
            ..Self::new(Code::UnsupportedEncoding, message)
        }
    }

    /// No route has this name, or none that the client may use. No key may be in the name.
    pub fn route(name: &str) -> Self {
        let message = format!(
            "there is no route {:?}; GET /v1/models lists the routes",
            cut(name, LONGEST_NAME)
        );
        Self {
            param: Some("model".to_owned()),
            ..Self::new(Code::RouteNotFound, message)
        }
    }

    /// The same in the words of a dialect.
    pub fn unknown_model(dialect: &dyn Dialect, name: &str) -> Self {
        let refusal = Self::route(name);
        match dialect.unknown_model(cut(name, LONGEST_NAME)) {
            Some(message) => Self { message, ..refusal },
            None => refusal,
        }
    }

    /// The request names no route, and the configuration has none for such requests.
    pub fn no_model(dialect: &str) -> Self {
        let message = format!(
            "'model' is missing: it names the route (`default_routes: {{{dialect}: ROUTE}}` in the configuration \
             names one for requests without it)"
        );
        Self {
            param: Some("model".to_owned()),
            ..Self::new(Code::ValidationFailed, message)
        }
    }

    /// The endpoint takes these methods only.
    pub fn method(allow: &'static str) -> Self {
        Self {
            header: Some(("Allow", allow)),
            ..Self::new(Code::MethodNotAllowed, format!("this path takes {allow}"))
        }
    }

    /// The request calls the gateway by a name that is not its own.
    pub fn misdirected() -> Self {
        let message = "this gateway does not answer to the name in Host; `hosts` in its configuration lists those it does";
        Self::new(Code::Misdirected, message)
    }

    /// The gateway cannot answer at the moment; another try in a second may do.
    pub fn overloaded(message: &str) -> Self {
        Self {
            header: Some(("Retry-After", "1")),
            ..Self::new(Code::Overloaded, message)
        }
    }

    /// The member of the request at fault, by its path.
    #[must_use]
    pub fn about(self, param: Option<&str>) -> Self {
        Self {
            param: param.map(str::to_owned),
            ..self
        }
    }
}
