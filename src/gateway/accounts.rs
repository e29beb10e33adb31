//! Clients and their keys: `X-Api-Key` or `Authorization: Bearer`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{Account, Config, Route};
use crate::http::Head;
use crate::text::{same_name, trimmed};

/// The client whose key one of the two headers holds; none if neither holds a known one. Every configured key is
/// compared, so that the time taken does not tell which one was close.
pub fn client_of<'c>(config: &'c Config, head: &Head) -> Option<&'c Account> {
    let candidates = [
        head.header("x-api-key").map(trimmed),
        head.header("authorization").and_then(bearer),
    ];
    let mut found = None;
    for client in &config.clients {
        for candidate in candidates.into_iter().flatten() {
            if client.key.matches(candidate.as_bytes()) {
                found = Some(client);
            }
        }
    }
    found
}

/// The fault of a request without a known key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    Missing,
    /// Another scheme than Bearer, or no token behind it.
    NoToken,
    /// A key is there, in this field, and is no client's.
    Wrong(&'static str),
}

/// The fault of a request for which [`client_of`] finds no client. The key itself is repeated nowhere.
pub fn fault(head: &Head) -> KeyFault {
    let is_full = |value: &str| !value.trim().is_empty();
    let authorization = head.header("authorization");
    if authorization.and_then(bearer).is_some_and(is_full) {
        KeyFault::Wrong("Authorization")
    } else if head.header("x-api-key").is_some_and(is_full) {
        KeyFault::Wrong("X-Api-Key")
    } else if authorization.is_some() {
        KeyFault::NoToken
    } else {
        KeyFault::Missing
    }
}

/// Whether a request shows a key, be it a wrong one. A client whose user left the key empty sends `Bearer` alone.
pub fn shows_key(head: &Head) -> bool {
    let is_key = |value: &str| !value.is_empty() && !value.eq_ignore_ascii_case("bearer");
    let fields = ["x-api-key", "authorization"].into_iter();
    let mut values = fields.flat_map(|name| head.fields_named(name));
    // What is no text is no known key either.
    values.any(|value| {
        std::str::from_utf8(value).is_ok_and(|value| is_key(value.trim()))
            || std::str::from_utf8(value).is_err()
    })
}

/// The token behind the scheme, whose name is case-insensitive (RFC 9110 section 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    const SCHEME: &str = "bearer ";
    let (scheme, token) = trimmed(authorization).split_at_checked(SCHEME.len())?;
    same_name(scheme, SCHEME).then(|| trimmed(token))
}

/// Whether the key of a client is good no more.
pub fn has_expired(client: &Account) -> bool {
    client.expires.is_some_and(|end| {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        since_1970.is_ok_and(|now| now.as_millis() >= u128::from(end))
    })
}

/// Whether a client may not know if there is a route of this name: it is restricted to others.
pub fn hides(config: &Config, client: &Account, asked: &str) -> bool {
    let route = config.route(asked);
    client.routes.is_some() && route.is_none_or(|route| !client.may_use(&route.name))
}

/// The route of a request that asks for this model in this dialect, if its client may use it and it serves the dialect. A
/// request may name none where the configuration has a default.
pub fn route_of<'c>(
    config: &'c Config,
    client: &Account,
    asked: &str,
    dialect: &str,
) -> Option<&'c Arc<Route>> {
    let route = if asked.is_empty() {
        config.default_route(dialect)
    } else {
        config.route(asked)
    };
    route.filter(|route| client.may_use(&route.name) && route.serves(dialect))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_is_found_in_every_spelling() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("BEARER abc", Some("abc")),
            ("Basic abc", None),
            (" Bearer abc ", Some("abc")),
            ("Bearer\tabc", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("abc", None),
            ("", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
    }
}
