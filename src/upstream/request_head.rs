//! The head of a request, written once for all calls that have it in common, and completed for each of them.
//!
//! Values are checked byte by byte as they are written: a line break in one would be a field of its own, or a second
//! request (RFC 9112 section 11.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::inline_bytes::InlineBytes;
use crate::text::{has_control, is_field_name, same_name};

use super::call::{Field, Method};
use super::connection::origin;
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

/// The head of calls that differ in a few fields and in the length of their bodies. Field names are written in lower
/// case.
///
/// There is no `Debug`: the lines hold keys.
pub struct CallHead {
    method: Method,
    url: Box<str>,
    origin: Box<str>,
    /// The lines before the fields of a call.
    before: Vec<u8>,
    /// The lines from there to the length of the body, of a POST up to its number.
    between: Vec<u8>,
    /// The lines behind it, to the blank one.
    end: Vec<u8>,
}

impl CallHead {
    /// A head with these fields before those of a call, and those behind them. None of a call's own may be among them.
    ///
    /// # Errors
    /// `Unreachable` when it cannot be put on the wire: a malformed URL, a line break in a field.
    pub(super) fn new(
        method: Method,
        url: &str,
        before: &[Field<'_>],
        behind: &[Field<'_>],
        user_agent: &str,
    ) -> Result<Self, CallError> {
        let target = Target::of(url)?;
        let given = Given::among(before.iter().chain(behind));
        let mut lines = HeadLines::default();
        // Each line begins with the CRLF before it, so that others can follow anywhere.
        for piece in [method.name(), " ", target.slash, target.path, " HTTP/1.1"] {
            lines.put(piece);
        }
        if !given.host {
            lines.put("\r\nhost: ");
            lines.put(target.host);
        }
        if let Some(user) = target.user.filter(|_| !given.authorization) {
            lines.put("\r\nauthorization: Basic ");
            lines.put(&STANDARD.encode(user));
        }
        lines.fields(before)?;
        let before = lines.take();
        lines.fields(behind)?;
        if let Method::Post = method {
            lines.put("\r\ncontent-length: ");
        }
        let between = lines.take();
        if !given.accept_encoding {
            lines.put("\r\naccept-encoding: identity");
        }
        if !given.accept {
            lines.put("\r\naccept: */*");
        }
        if !given.user_agent {
            lines.put("\r\nuser-agent: ");
            lines.put(user_agent);
        }
        lines.put("\r\n\r\n");
        Ok(Self {
            method,
            url: url.into(),
            origin: origin(url).into(),
            before,
            between,
            end: lines.take(),
        })
    }

    /// Writes the head of one call, with its fields and the length of its body (bytes).
    ///
    /// # Errors
    /// `Unreachable` when a field cannot be put on the wire.
    pub(super) fn complete(
        &self,
        fields: &[Field<'_>],
        length: usize,
        head: &mut HeadLines,
    ) -> Result<(), CallError> {
        head.0.push(&self.before);
        head.fields(fields)?;
        head.0.push(&self.between);
        if let Method::Post = self.method {
            head.0.push_number(length as u64);
        }
        head.0.push(&self.end);
        Ok(())
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The part of the URL before its path, see [`origin`].
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }
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
    fn among<'f>(fields: impl Iterator<Item = &'f Field<'f>>) -> Self {
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

/// The bytes of most heads.
const USUAL: usize = 512;

/// The lines of a head under way.
#[derive(Default)]
pub(super) struct HeadLines(InlineBytes<USUAL>);

impl HeadLines {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The lines so far.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).as_bytes().to_vec()
    }

    fn put(&mut self, piece: &str) {
        self.0.push(piece.as_bytes());
    }

    /// Fields from elsewhere, without those that are the client's own.
    fn fields(&mut self, fields: &[Field<'_>]) -> Result<(), CallError> {
        for (name, value) in fields {
            if !is_the_clients(name) {
                self.field(name, value)?;
            }
        }
        Ok(())
    }

    /// A field from elsewhere. The error holds no value: any field may be a key.
    fn field(&mut self, name: &str, value: &str) -> Result<(), CallError> {
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
        self.0.push_lower(name.as_bytes());
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
    use super::*;

    /// The head of a call that brings the fields from this one on by itself; with a length it is a POST.
    fn completed(
        url: &str,
        fields: &[Field<'_>],
        own: usize,
        length: Option<usize>,
    ) -> Result<String, CallError> {
        let method = length.map_or(Method::Get, |_| Method::Post);
        let (before, own) = fields.split_at(own);
        let head = CallHead::new(method, url, before, &[], "me/1")?;
        let mut lines = HeadLines::default();
        head.complete(own, length.unwrap_or_default(), &mut lines)?;
        Ok(String::from_utf8(lines.as_bytes().to_vec()).unwrap())
    }

    fn written(url: &str, fields: &[Field<'_>], length: Option<usize>) -> Result<String, String> {
        completed(url, fields, fields.len(), length).map_err(|error| error.to_string())
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
            written("http://me:secret@a/x", &given, Some(2)).unwrap(),
            "POST /x HTTP/1.1\r\nuser-agent: you\r\naccept: text/event-stream\r\naccept-encoding: br\r\nhost: else\r\n\
             authorization: Bearer k\r\nx-title: caf\u{e9}\r\ncontent-length: 2\r\n\r\n"
        );
    }

    /// What a call brings stands where it would stand had the head been written for it alone.
    #[test]
    fn a_head_is_completed_for_each_call() {
        fn head(before: &[Field<'_>], behind: &[Field<'_>]) -> CallHead {
            CallHead::new(Method::Post, "http://a/x", before, behind, "me/1").unwrap()
        }
        fn completed(head: &CallHead, own: &[Field<'_>], length: usize) -> String {
            let mut lines = HeadLines::default();
            head.complete(own, length, &mut lines).unwrap();
            String::from_utf8(lines.as_bytes().to_vec()).unwrap()
        }
        let kept = head(&[("Accept", "a/b")], &[("X-Title", "home")]);
        let long = "k".repeat(2 * USUAL);
        for (own, length) in [
            (&[][..], 0),
            (
                &[("traceparent", "00-1"), ("Upgrade", "h2c"), ("A", "b")],
                usize::MAX,
            ),
            (&[("Authorization", long.as_str()), ("Upper", "b")], 1),
        ] {
            let all = [&[("Accept", "a/b")], own, &[("X-Title", "home")]].concat();
            let written = completed(&head(&all, &[]), &[], length);
            assert_eq!(completed(&kept, own, length), written);
        }
        let text = completed(&kept, &[("A", "b")], 7);
        assert!(text.contains("\r\naccept: a/b\r\na: b\r\nx-title: home\r\ncontent-length: 7\r\n"));
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
            for own in [0, 1] {
                let error = completed("http://a/", &[(name, value)], own, None).unwrap_err();
                let error = error.to_string();
                assert!(
                    error.contains("cannot be sent"),
                    "{name:?} {value:?}: {error}"
                );
                assert!(!error.contains("b: c"), "{error}");
            }
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
