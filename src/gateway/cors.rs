//! Cross-origin requests: what the pages of other sites may ask of the gateway, as browsers enforce it (CORS, the Fetch
//! standard).
//!
//! The key is what protects an endpoint, so pages of any origin may call those that need one. An endpoint that is open
//! without a key is another matter: a page of a stranger in a browser of the house could read it, so it allows none. No
//! answer ever allows credentials: the gateway has no cookies, and a key is sent by who knows it.

use crate::config::Cors;
use crate::http::{Field, Fields, Head, Response, ResponseHead};

use super::context::Context;
use super::endpoints::{self, Endpoint, Found};

/// The fields of answers that a page may read besides those that every page may.
const EXPOSED: &str = "X-Request-Id, X-Routed-Via, X-Fallback-Count, Retry-After, Retry-After-Ms, WWW-Authenticate, Allow";

/// The fields of requests that a page may always set.
const ALLOWED: &str = "Authorization, Content-Type, X-Api-Key";

/// The most of further fields that a page may set: SDKs send about ten of their own (bytes).
const MOST_ASKED_FOR: usize = 2048;

/// The methods of a path that names no endpoint: without them the page would not see the 404 that says so.
const OF_NO_ENDPOINT: &str = "GET, POST, OPTIONS";

/// The time for which a browser need not ask again: the longest that any of them keeps to (seconds).
const MAX_AGE: &str = "7200";

/// The fields of every answer to a request from a page of this origin; none where no page may read it.
pub fn fields(context: &Context, head: &Head, origin: &str) -> Fields {
    let mut fields = Fields::new();
    let found = endpoints::find(&context.config, head);
    if let Some(found) = &found
        && found.endpoint.is_open(context, head)
    {
        return fields;
    }
    let is_keyless = found.is_some_and(|found| found.endpoint.is_keyless(&context.config, origin));
    let allowed = match &context.config.cors {
        _ if is_keyless => {
            fields.push(("Vary", "Origin".into()));
            Some(origin)
        }
        Cors::Off => None,
        Cors::Any => Some("*"),
        Cors::Origins(origins) => {
            fields.push(("Vary", "Origin".into()));
            let is_listed = origins.iter().any(|listed| listed == origin);
            is_listed.then_some(origin)
        }
    };
    if let Some(origin) = allowed {
        fields.push(("Access-Control-Allow-Origin", origin.to_owned().into()));
        fields.push(("Access-Control-Expose-Headers", EXPOSED.into()));
    }
    fields
}

/// The answer to a preflight, which a browser sends without a key ahead of the request of a page; `None` for any other
/// request, and where the page's origin is not allowed.
pub fn preflight(context: &Context, head: &Head, found: Option<&Found>) -> Option<Response> {
    if head.method() != "OPTIONS" {
        return None;
    }
    head.header("access-control-request-method")?;
    let fields = fields(context, head, head.header("origin")?);
    let is_allowed = |(name, _): &Field| *name == "Access-Control-Allow-Origin";
    fields.iter().find(|field| is_allowed(field))?;
    let methods = found.map_or(OF_NO_ENDPOINT, |found| Endpoint::allow(found.endpoint));
    let mut answer = ResponseHead::new(204, "text/plain")
        .with("Allow", methods)
        .with("Access-Control-Allow-Methods", methods)
        .with("Access-Control-Allow-Headers", headers(head))
        .with("Access-Control-Max-Age", MAX_AGE);
    let asks = |name| head.header(name).is_some_and(|value| value == "true");
    if context.config.cors_private_network && asks("access-control-request-private-network") {
        answer = answer.with("Access-Control-Allow-Private-Network", "true");
    }
    Some(Response::new(answer, Vec::new()))
}

/// The fields that the page may set: those that are always allowed, and those that it asks for.
fn headers(head: &Head) -> String {
    let mut allowed = ALLOWED.to_owned();
    let asked = head.header("access-control-request-headers");
    for name in asked.unwrap_or_default().split(',').map(str::trim) {
        let is_known = allowed
            .split(", ")
            .any(|known| known.eq_ignore_ascii_case(name));
        if !is_known && is_field_name(name) && allowed.len() + name.len() <= MOST_ASKED_FOR {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
    }
    allowed
}

/// RFC 9110 section 5.6.2: a name is a token. `*` is one too, and would not mean a name here.
fn is_field_name(name: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(in_name)
}
