//! A connection to a provider, and the origin that it leads to.

use std::sync::Arc;

use super::call_state::CallState;
use super::error::{CallError, Phase};
use super::wire::Wire;

/// A wire to an origin.
pub(super) struct Connection {
    origin: Box<str>,
    pub wire: Box<dyn Wire>,
    /// A clone, by which the pool counts its connections.
    _counted: Arc<()>,
}

impl Connection {
    pub fn new(origin: &str, wire: Box<dyn Wire>, counted: Arc<()>) -> Self {
        Self {
            origin: origin.into(),
            wire,
            _counted: counted,
        }
    }

    /// The beginning of the URLs that the connection serves, see [`origin`].
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Waits for more input, unless some is there that the last reader has not seen. False at the end of input.
    pub fn await_input(&mut self, state: &mut CallState) -> Result<bool, CallError> {
        if self.wire.buffers().can_use_input() {
            return Ok(true);
        }
        if state.phase == Phase::Send {
            self.wire.flush(state)?;
            state.phase = Phase::FirstByte;
        }
        let received = self.wire.receive(state)?;
        state.answered |= received;
        Ok(received)
    }
}

/// The part of a URL before its path: scheme, host and port. Calls with the same origin share connections.
pub(super) fn origin(url: &str) -> &str {
    let scheme = url.find(':').unwrap_or_default();
    let is_absolute = url
        .get(scheme..)
        .is_some_and(|rest| rest.starts_with("://"));
    let authority = if is_absolute { scheme + "://".len() } else { 0 };
    let behind = url.get(authority..).unwrap_or_default();
    let mut bytes = behind.bytes();
    let length = bytes.position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let length = length.unwrap_or(behind.len());
    url.get(..authority + length).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two providers that share a connection would get each other's keys.
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            (
                "https://api.example.com/v1/models",
                "https://api.example.com",
            ),
            ("https://api.example.com", "https://api.example.com"),
            ("http://127.0.0.1:8080?x=/", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/v1", "http://[::1]:8080"),
            ("http://a#b/c", "http://a"),
            ("http://user:pass@a/", "http://user:pass@a"),
            ("/v1", ""),
            ("nothing", "nothing"),
        ] {
            assert_eq!(origin(url), expected, "{url}");
        }
    }
}
