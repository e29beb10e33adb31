//! The head of a request, written in one pass.
//!
//! What is written is checked byte by byte on the way: a line break in a value would be a field of its own, or a second
//! request (RFC 9112 section 11.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::text::{has_control, is_field_name, put_decimal, same_name};

use super::call::{Call, Method};
use super::error::CallError;

/// Fields that frame the request or control the connection (RFC 9110 section 7.6.1). Two framings in one request are
/// how requests are smuggled.
const FIELDS_OF_THE_CLIENT: [&str; 7] = [
    "connection",
    "content-length",
    "expect",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Bytes enough for the request line and the fields that are added here.
const OWN_LINES: usize = 192;

/// The head of a call, from its request line to its blank line. Field names are written in lower case.
///
/// # Errors
/// `Unreachable` when it cannot be put on the wire: a malformed URL, a line break in a field.
pub(super) fn write(call: &Call<'_>, user_agent: &str) -> Result<Vec<u8>, CallError> {
    let target = Target::of(call.url)?;
    let fields = call.headers.iter();
    let fields = fields.map(|(name, value)| name.len() + value.len() + ": \r\n".len());
    let size = OWN_LINES + call.url.len() + user_agent.len() + fields.sum::<usize>();
    let mut head = Writer(Vec::with_capacity(size));
    // Lines begin with their CRLF, so that an own field is two pieces: each piece costs more than its bytes.
    for piece in [call.method.name(), " ", target.slash, target.path] {
        head.put(piece);
    }

    let own = Given::among(call.headers);
    if own.host {
        head.put(" HTTP/1.1");
    } else {
        head.put(" HTTP/1.1\r\nhost: ");
        head.put(target.host);
    }
    if let Some(user) = target.user.filter(|_| !own.authorization) {
        head.put("\r\nauthorization: Basic ");
        head.put(&STANDARD.encode(user));
    }
    for (name, value) in call.headers {
        if !is_the_clients(name) {
            head.given(name, value)?;
        }
    }
    if let Method::Post = call.method {
        head.put("\r\ncontent-length: ");
        put_decimal(&mut head.0, call.content_length());
    }
    if !own.accept_encoding {
        head.put("\r\naccept-encoding: identity");
    }
    if !own.accept {
        head.put("\r\naccept: */*");
    }
    if !own.user_agent {
        head.put("\r\nuser-agent: ");
        head.put(user_agent);
    }
    head.put("\r\n\r\n");
    Ok(head.0)
}

/// The parts of a URL that a head is made of.
struct Target<'u> {
    /// User and password, as they stand before the host.
    user: Option<&'u str>,
    /// The host, with its port where that is not the scheme's own.
    host: &'u str,
    /// The slash of a target that is nothing or a query only (RFC 9112 section 3.2.1).
    slash: &'static str,
    /// Path and query.
    path: &'u str,
}

impl<'u> Target<'u> {
    fn of(url: &'u str) -> Result<Self, CallError> {
        let malformed = |why| CallError::Unreachable(format!("the URL cannot be asked for: {why}"));
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed(
                "it holds a space, or a byte that URLs do not have",
            ));
        }
        // By bytes: the searches of std for patterns take a thousand instructions more, in each call.
        let https = || Some((url.strip_prefix("https://")?, ":443"));
        let http = url.strip_prefix("http://").map(|rest| (rest, ":80"));
        let Some((rest, usual_port)) = http.or_else(https) else {
            return Err(CallError::Unreachable("not an http URL".to_owned()));
        };
        let end = memchr::memchr3(b'/', b'?', b'#', rest.as_bytes()).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let fragment = memchr::memchr(b'#', path.as_bytes()).unwrap_or(path.len());
        let path = path.get(..fragment).unwrap_or_default();
        let (user, host) = match memchr::memrchr(b'@', authority.as_bytes()) {
            Some(at) => (
                authority.get(..at),
                authority.get(at + 1..).unwrap_or_default(),
            ),
            None => (None, authority),
        };
        let host = host.strip_suffix(usual_port).unwrap_or(host);
        if host.is_empty() {
            return Err(malformed("it has no host"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            user,
            host,
            slash,
            path,
        })
    }
}

/// The fields that a call brings, of those that are written here otherwise.
#[derive(Default)]
struct Given {
    host: bool,
    authorization: bool,
    accept_encoding: bool,
    accept: bool,
    user_agent: bool,
}

impl Given {
    fn among(fields: &[(&str, &str)]) -> Self {
        let mut given = Self::default();
        for (name, _) in fields {
            let place = match name.len() {
                4 => (&mut given.host, "host"),
                6 => (&mut given.accept, "accept"),
                10 => (&mut given.user_agent, "user-agent"),
                13 => (&mut given.authorization, "authorization"),
                15 => (&mut given.accept_encoding, "accept-encoding"),
                _ => continue,
            };
            *place.0 |= same_name(name, place.1);
        }
        given
    }
}

fn is_the_clients(name: &str) -> bool {
    FIELDS_OF_THE_CLIENT.iter().any(|own| same_name(name, own))
}

/// The head under way.
struct Writer(Vec<u8>);

impl Writer {
    fn put(&mut self, piece: &str) {
        self.0.extend_from_slice(piece.as_bytes());
    }

    /// A field from elsewhere. The error holds no value: any field may be a key.
    fn given(&mut self, name: &str, value: &str) -> Result<(), CallError> {
        if !is_field_name(name) {
            return Err(CallError::Unreachable(
                "a header name cannot be sent".to_owned(),
            ));
        }
        if has_control(value) && !value.bytes().all(is_value) {
            let name = name.to_ascii_lowercase();
            return Err(CallError::Unreachable(format!(
                "the value of {name} cannot be sent"
            )));
        }
        self.put("\r\n");
        let start = self.0.len();
        self.put(name);
        let lower = self.0.get_mut(start..).unwrap_or_default();
        lower.make_ascii_lowercase();
        self.put(": ");
        self.put(value);
        Ok(())
    }
}

/// A byte of a field value (RFC 9110 section 5.5).
fn is_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn written(
        url: &str,
        headers: &[(&str, &str)],
        body: Option<&[&[u8]]>,
    ) -> Result<String, String> {
        let call = Call {
            method: if body.is_some() {
                Method::Post
            } else {
                Method::Get
            },
            url,
            headers,
            body,
            deadline: Instant::now(),
            client: None,
        };
        let head = write(&call, "me/1").map_err(|error| error.to_string())?;
        Ok(String::from_utf8(head).unwrap())
    }

    #[test]
    fn a_head_has_what_a_request_needs() {
        let rest = "accept-encoding: identity\r\naccept: */*\r\nuser-agent: me/1\r\n\r\n";
        for (url, target, host) in [
            ("http://a/v1/x", "/v1/x", "a"),
            ("http://a:80/v1", "/v1", "a"),
            ("https://a:443", "/", "a"),
            ("http://a:443/", "/", "a:443"),
            ("https://[::1]:8443/v1?q=1#part", "/v1?q=1", "[::1]:8443"),
            ("http://a?q", "/?q", "a"),
        ] {
            let head = written(url, &[], None).unwrap();
            assert_eq!(
                head,
                format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{rest}"),
                "{url}"
            );
        }
        let head = written("http://me:secret@a/x", &[], None).unwrap();
        assert!(head.contains("\r\nhost: a\r\nauthorization: Basic bWU6c2VjcmV0\r\n"));
    }

    #[test]
    fn fields_of_the_call_stand_for_our_own() {
        let given = [
            ("User-Agent", "you"),
            ("ACCEPT", "text/event-stream"),
            ("accept-encoding", "br"),
            ("Host", "else"),
            ("Authorization", "Bearer k"),
            ("Content-Length", "7"),
            ("Transfer-Encoding", "chunked"),
            ("Expect", "100-continue"),
            ("X-Title", "caf\u{e9}"),
        ];
        assert_eq!(
            written("http://me:secret@a/x", &given, Some(&[b"{", b"}"])).unwrap(),
            "POST /x HTTP/1.1\r\nuser-agent: you\r\naccept: text/event-stream\r\naccept-encoding: br\r\nhost: else\r\n\
             authorization: Bearer k\r\nx-title: caf\u{e9}\r\ncontent-length: 2\r\n\r\n"
        );
    }

    /// A value with a line break would be a field, or a request, that nobody configured.
    #[test]
    fn what_would_be_another_line_is_not_sent() {
        for (name, value) in [
            ("x", "a\r\nb: c"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x", "\u{7f}"),
            ("x y", "a"),
            ("x:", "a"),
            ("x\r\n", "a"),
            ("", "a"),
            ("\u{e9}", "a"),
        ] {
            let error = written("http://a/", &[(name, value)], None).unwrap_err();
            assert!(
                error.contains("cannot be sent"),
                "{name:?} {value:?}: {error}"
            );
            assert!(!error.contains("b: c"), "{error}");
        }
        for url in [
            "http://a/\r\nx: y",
            "http://a/ b",
            "ftp://a/",
            "http:///x",
            "a",
            "",
            "http://u@/x",
        ] {
            assert!(written(url, &[], None).is_err(), "{url:?}");
        }
    }
}
