//! The part of a refused request that tells how its client reads a refusal.

use super::arrival::{Arrival, Entrance};
use super::head::{Head, origin_form};

/// A request as far as it was read before the edge turned it away.
pub struct Asked<'r> {
    /// As [`Head::path`]; empty where the request line does not tell.
    pub path: &'r str,
    pub entrance: Entrance,
    /// As the answer's `X-Request-Id`.
    pub request_id: &'r str,
}

impl<'r> Asked<'r> {
    /// The request of a head that was read.
    pub fn whole(head: &'r Head) -> Self {
        Self {
            path: head.path(),
            entrance: head.arrival().entrance,
            request_id: head.request_id(),
        }
    }

    /// The request whose head begins with these bytes, and was not understood. Its path chooses the shape of the refusal
    /// and nothing else, so the request line is read as leniently as can be: a head that is too long for the gateway is the
    /// mistake of a client that waits for an error it can read.
    pub(super) fn in_part(bytes: &'r [u8], entrance: Entrance, request_id: &'r str) -> Self {
        let line = bytes.split(u8::is_ascii_control).next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ');
        let mut words = words.by_ref().filter(|word| !word.is_empty());
        let method = words.next().and_then(|word| str::from_utf8(word).ok());
        let target = words.next().and_then(|word| str::from_utf8(word).ok());
        let found = method.zip(target);
        let found = found.and_then(|(method, target)| origin_form(method, target).ok());
        Self {
            path: found.map(|(path, _)| path).unwrap_or_default(),
            entrance,
            request_id,
        }
    }

    /// A request of which nothing was read.
    pub(super) fn unread(request_id: &'r str) -> Self {
        Self::in_part(b"", Arrival::default().entrance, request_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_head_that_is_refused() {
        for (bytes, path) in [
            (
                "POST /v1/messages HTTP/1.1\r\nHost: a\r\n b\r\n",
                "/v1/messages",
            ),
            (
                "POST /v1/messages?beta=true HTTP/1.1\nHost: a",
                "/v1/messages",
            ),
            ("POST  /v1/messages  HTTP/1.1\r\n", "/v1/messages"),
            ("POST http://a/v1/messages HTTP/9.9\r\n", "/v1/messages"),
            ("POST /v1/messages", "/v1/messages"),
            ("POST /v1/messages\0 HTTP/1.1\r\n", "/v1/messages"),
            ("CONNECT a:443 HTTP/1.1\r\n", ""),
            ("POST v1/messages HTTP/1.1\r\n", ""),
            ("\r\nPOST /v1/messages HTTP/1.1\r\n", ""),
            ("POST", ""),
            ("\x16\x03\x01", ""),
            ("", ""),
        ] {
            let asked = Asked::in_part(bytes.as_bytes(), Entrance::Main, "id");
            assert_eq!(asked.path, path, "{bytes:?}");
        }
        assert_eq!(
            Asked::in_part(b"POST /\xff HTTP/1.1", Entrance::Main, "id").path,
            ""
        );
    }
}
