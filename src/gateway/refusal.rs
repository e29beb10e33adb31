//! Refusals of the gateway's own, before they are spelled in a dialect.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::dialect::error::Code;
use crate::text::cut;

use super::accounts::KeyFault;
use crate::dialect::waits;
use crate::json::raw;
use crate::limits::{Limit, Money, TimeZone, Unit, Window};
use crate::quota::accounts::{Excess, Resets};

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
    /// Further headers.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The member `details`, as JSON.
    pub details: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            headers: Vec::new(),
            details: None,
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
            headers: vec![("WWW-Authenticate", "Bearer".into())],
            ..Self::new(Code::Unauthorized, message)
        }
    }

    /// The key was good until a day that is over.
    pub fn expired() -> Self {
        Self {
            headers: vec![("WWW-Authenticate", "Bearer".into())],
            ..Self::new(Code::KeyExpired, "the key has expired")
        }
    }

    /// The client may not use the route, whether there is one of this name or not: it does not learn which. In dialects with
    /// words for a model that is not there, those are the answer. No key may be in the name.
    pub fn not_allowed(dialect: &dyn Dialect, name: &str) -> Self {
        if dialect.unknown_model(name).is_some() {
            return Self::unknown_model(dialect, name);
        }
        let message = format!(
            "this key may not use a route {:?}; GET /v1/models lists those that it may",
            cut(name, LONGEST_NAME)
        );
        Self {
            param: Some("model".to_owned()),
            ..Self::new(Code::RouteNotAllowed, message)
        }
    }

    /// The client has used up what it may, or would with this request. `zone` is that of its days, `currency` the name of its
    /// money.
    pub fn used_up(client: &str, excess: &Excess, zone: TimeZone, currency: Option<&str>) -> Self {
        let Excess {
            limit: Limit { unit, rate },
            used,
            reserved,
            asked,
            is_dry: _,
            resets,
        } = *excess;
        let amount = |amount: u64| match unit {
            Unit::Money => Money(amount).to_string(),
            _ => amount.to_string(),
        };
        let what = match (unit, currency) {
            (Unit::Concurrent, _) => unit.words().to_owned(),
            (Unit::Money, None) => format!("per {}", rate.window),
            (Unit::Money, Some(currency)) => format!("{currency}/{}", rate.window),
            _ => format!("{}/{}", unit.words(), rate.window),
        };
        let taken = match unit {
            Unit::Concurrent => reserved,
            _ => used,
        };
        let mut message = format!(
            "client {client} has used {} of {} {what}",
            amount(taken),
            amount(rate.amount)
        );
        if reserved > 0 && unit != Unit::Concurrent {
            message.push_str(&format!(
                ", and requests in flight may take {}",
                amount(reserved)
            ));
        }
        if asked > 1 {
            message.push_str(&format!("; this request may take {}", amount(asked)));
        }
        let wait = resets.wait();
        match wait {
            Some(_) if unit == Unit::Concurrent => {}
            Some(wait) => message.push_str(&format!("; resets in {}", waits::in_words(wait))),
            None if rate.window == Window::Total => {}
            None => message.push_str("; it is larger than the limit"),
        }
        let mut details = format!(
            "{{\"unit\":\"{}\",\"window\":\"{}\"",
            unit.label(),
            rate.window
        );
        let shown = |number: u64| match unit {
            Unit::Money => format!("\"{}\"", Money(number)),
            _ => number.to_string(),
        };
        if let Some(currency) = currency.filter(|_| unit == Unit::Money) {
            details.push_str(",\"currency\":");
            raw::push_quoted(&mut details, currency);
        }
        details.push_str(&format!(
            ",\"limit\":{},\"used\":{},\"reserved\":{}",
            shown(rate.amount),
            shown(taken),
            shown(reserved)
        ));
        if let Resets::At(end, _) = resets {
            details.push_str(&format!(",\"resets_at\":\"{}\"", zone.spell(end)));
        }
        details.push('}');
        let mut headers: Vec<(&'static str, Cow<'static, str>)> = Vec::new();
        if let Some(wait) = wait {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.push(("Retry-After", seconds.max(1).to_string().into()));
        }
        let is_long = rate.window.is_kept() || wait.is_none();
        if is_long || unit == Unit::Money {
            headers.push(("X-Should-Retry", "false".into()));
        }
        let code = match unit {
            Unit::Money => Code::ClientBudget,
            _ => Code::ClientLimit,
        };
        Self {
            headers,
            details: Some(details),
            ..Self::new(code, message)
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
            headers: vec![("Accept-Encoding", "identity".into())],
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
            headers: vec![("Allow", allow.into())],
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
            headers: vec![("Retry-After", "1".into())],
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
