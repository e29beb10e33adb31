//! Answers, and their encoding.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::freed_memory::LEAST_SHARED;
use crate::text::put_decimal;

use super::content::Content;
use super::fields::{Field, FieldValue, Fields, is_free};
use super::framing::Version;
use super::head::Head;

/// Status and fields of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    pub status: u16,
    pub content_type: FieldValue,
    /// Further fields. Control characters in a value become spaces, so that a reflected value cannot split the answer.
    pub headers: Fields,
}

impl ResponseHead {
    pub fn new(status: u16, content_type: impl Into<FieldValue>) -> Self {
        Self {
            status,
            content_type: content_type.into(),
            headers: Vec::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FieldValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub head: ResponseHead,
    pub body: Content,
}

impl Response {
    pub fn new(head: ResponseHead, body: impl Into<Content>) -> Self {
        Self {
            head,
            body: body.into(),
        }
    }

    pub fn json(status: u16, body: impl Into<Content>) -> Self {
        Self::new(ResponseHead::new(status, "application/json"), body)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<FieldValue>) -> Self {
        self.head = self.head.with(name, value);
        self
    }
}

/// The delivery of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub status: u16,
    /// Whether the client's system took all of it, or the front will see to the rest.
    pub complete: bool,
    /// Bytes of the body, without framing.
    pub bytes: u64,
}

/// The framing of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    Length(usize),
    Chunked,
    /// By the end of the connection: a stream to an HTTP/1.0 client.
    Close,
}

/// The encoder of the answer to one request.
pub(super) struct Encoder<'r> {
    request_id: &'r str,
    version: Version,
    /// A HEAD request: the fields of the answer, without its body.
    head_only: bool,
    /// Fields that come behind the answer's own.
    fields: &'r [Field],
}

impl<'r> Encoder<'r> {
    /// The encoder of the answer to a request, which gets these fields besides its own.
    pub fn for_request(head: &'r Head, fields: &'r [Field]) -> Self {
        Self {
            request_id: head.request_id(),
            version: head.version(),
            head_only: head.is_head_request(),
            fields,
        }
    }

    /// The encoder of an answer to a request whose head could not be read.
    pub fn for_unreadable(request_id: &'r str) -> Self {
        Self {
            request_id,
            version: Version::Http11,
            head_only: false,
            fields: &[],
        }
    }

    /// Whether an answer of this status to this request carries a body (RFC 9110 section 6.4.1).
    pub fn wants_body(&self, status: u16) -> bool {
        !self.head_only && !matches!(status, 100..=199 | 204 | 304)
    }

    /// Head and body in one piece, to be sent at once.
    pub fn encode(&self, response: &Response, keep_alive: Option<Duration>) -> Vec<u8> {
        let mut bytes = self.encode_head(
            &response.head,
            BodyEnd::Length(response.body.len()),
            keep_alive,
        );
        if self.wants_body(response.head.status) {
            bytes.extend_from_slice(&response.body.to_bytes());
        }
        bytes
    }

    /// The status line and the fields. The version is ours, not the client's (RFC 9112 section 2.3). `keep_alive` is the
    /// idle timeout of the connection; `None` closes it.
    pub fn encode_head(
        &self,
        head: &ResponseHead,
        end: BodyEnd,
        keep_alive: Option<Duration>,
    ) -> Vec<u8> {
        // Lines begin with their CRLF, and what stands between two values is one piece: each costs more than its bytes.
        let mut bytes = Vec::with_capacity(LEAST_SHARED);
        let status = head.status.clamp(100, 999);
        put_status(&mut bytes, status);
        head.content_type.put(&mut bytes);
        // What a provider or a client wrote is never taken for a page or a script, whatever it looks like.
        macro_rules! safe_type {
            ($behind:literal) => {
                concat!("\r\nX-Content-Type-Options: nosniff", $behind).as_bytes()
            };
        }
        match end {
            BodyEnd::Length(length) if !matches!(status, 100..=199 | 204) => {
                bytes.extend_from_slice(safe_type!("\r\nContent-Length: "));
                put_decimal(&mut bytes, length);
            }
            BodyEnd::Chunked => {
                bytes.extend_from_slice(safe_type!("\r\nTransfer-Encoding: chunked"));
            }
            BodyEnd::Length(_) | BodyEnd::Close => bytes.extend_from_slice(safe_type!("")),
        }
        bytes.extend_from_slice(b"\r\nX-Request-Id: ");
        bytes.extend_from_slice(self.request_id.as_bytes());
        put_date(&mut bytes);
        put_connection(
            &mut bytes,
            self.version,
            keep_alive.filter(|_| end != BodyEnd::Close),
        );
        for (name, value) in head.headers.iter().chain(self.fields) {
            // Names stand in the source: a wrong one shows in the tests.
            debug_assert!(is_free(name), "{name:?}");
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            value.put(&mut bytes);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }
}

/// The fields about the connection. Its idle timeout is announced as a second less: a request that is on its way when the
/// connection closes is lost, and clients that know the time (Node, Apache) do not send one then.
fn put_connection(bytes: &mut Vec<u8>, version: Version, keep_alive: Option<Duration>) {
    let Some(timeout) = keep_alive else {
        return bytes.extend_from_slice(b"\r\nConnection: close");
    };
    let announced =
        usize::try_from(timeout.as_secs()).map_or(0, |seconds| seconds.saturating_sub(1));
    if announced > 0 {
        bytes.extend_from_slice(b"\r\nConnection: keep-alive\r\nKeep-Alive: timeout=");
        put_decimal(bytes, announced);
    } else if version == Version::Http10 {
        bytes.extend_from_slice(b"\r\nConnection: keep-alive");
    }
}

/// The `Date` field. Its text changes once a second, so each thread keeps the last one.
fn put_date(bytes: &mut Vec<u8>) {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now();
    let second = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(last, text)| {
        if *last != second || text.is_empty() {
            *text = format!("\r\nDate: {}", httpdate::fmt_http_date(now));
            *last = second;
        }
        bytes.extend_from_slice(text.as_bytes());
    });
}

/// The status line, and the name of the field behind it. The reason phrase of a status that is not in use is empty, as it may
/// be (RFC 9112 section 4).
fn put_status(bytes: &mut Vec<u8>, status: u16) {
    macro_rules! lines {
        ($($status:literal $reason:literal,)*) => {
            match status {
                $($status => concat!("HTTP/1.1 ", $status, " ", $reason, "\r\nContent-Type: "),)*
                _ => "",
            }
        };
    }
    let usual = lines! {
        200 "OK",
        204 "No Content",
        400 "Bad Request",
        401 "Unauthorized",
        403 "Forbidden",
        404 "Not Found",
        405 "Method Not Allowed",
        408 "Request Timeout",
        413 "Content Too Large",
        414 "URI Too Long",
        415 "Unsupported Media Type",
        417 "Expectation Failed",
        421 "Misdirected Request",
        429 "Too Many Requests",
        431 "Request Header Fields Too Large",
        500 "Internal Server Error",
        501 "Not Implemented",
        502 "Bad Gateway",
        503 "Service Unavailable",
        504 "Gateway Timeout",
        505 "HTTP Version Not Supported",
    };
    bytes.extend_from_slice(usual.as_bytes());
    if usual.is_empty() {
        bytes.extend_from_slice(b"HTTP/1.1 ");
        put_decimal(bytes, status.into());
        bytes.extend_from_slice(b" \r\nContent-Type: ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(response: &Response) -> String {
        String::from_utf8(
            Encoder::for_unreadable("req-1").encode(response, Some(Duration::from_secs(10))),
        )
        .unwrap()
    }

    #[test]
    fn a_reflected_value_cannot_split_the_answer() {
        let response =
            Response::json(200, "{}").with("X-Routed-Via", "a\r\nSet-Cookie: b\0\x7f/é".to_owned());
        let text = encoded(&response);
        assert!(
            text.contains("X-Routed-Via: a  Set-Cookie: b  /é\r\n"),
            "{text}"
        );
        assert!(!text.contains("\nSet-Cookie"), "{text}");
    }

    #[test]
    fn a_status_has_its_line() {
        for (status, line) in [
            (200, "HTTP/1.1 200 OK\r\n"),
            (299, "HTTP/1.1 299 \r\n"),
            (7, "HTTP/1.1 100 \r\n"),
        ] {
            let text = encoded(&Response::json(status, "{}"));
            let behind = "Content-Type: application/json\r\n";
            assert!(text.starts_with(&[line, behind].concat()), "{text}");
        }
    }

    #[test]
    fn a_handler_cannot_contradict_the_framing() {
        for own in [
            "Content-Length",
            "transfer-encoding",
            "X-Request-ID",
            "no token",
            "",
        ] {
            assert!(!is_free(own), "{own}");
        }
        let text = encoded(&Response::json(200, "{}").with("Allow", "GET"));
        assert!(
            text.contains("Content-Length: 2\r\n") && text.contains("Allow: GET\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\n{}"), "{text}");
    }

    #[test]
    #[should_panic(expected = "Content-Length")]
    fn a_field_of_the_edge_in_a_handler_shows_in_the_tests() {
        encoded(&Response::json(200, "{}").with("Content-Length", "9"));
    }
}
