//! The head of a request: request line and fields.

use std::borrow::Cow;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::Arc;

use httparse::{Header, ParserConfig, Request, Status};

use crate::config;
use crate::header_fields::{HeaderFields, Place, place};
use crate::text::{is_token, same_name_bytes};

use super::arrival::Arrival;
use super::framing::{self, Framing, Version};
use super::refusal::Refusal;
use super::{request_id, strict};

/// The fields that there is room for at first: few requests have more, and the room for all that are allowed would be an
/// allocation.
const USUAL_FIELDS: usize = 32;

/// A valid request head. `Debug` shows no field: they hold keys.
pub struct Head {
    method: Cow<'static, str>,
    /// `None` for `/`, which the absolute form may leave out.
    path: Option<Place>,
    query: Option<Place>,
    version: Version,
    fields: HeaderFields,
    is_form: bool,
    request_id: Arc<str>,
    arrival: Arrival,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
}

impl Head {
    /// The method as it was sent: `GET`. Methods are case-sensitive.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The target without its query, not percent-decoded; it starts with `/`, or is `*` in `OPTIONS *`.
    pub fn path(&self) -> &str {
        (self.path.as_ref()).map_or("/", |path| self.fields.part(path))
    }

    /// The query of the target, behind the first `?`, not decoded; `None` without one.
    pub fn query(&self) -> Option<&str> {
        self.query.as_ref().map(|query| self.fields.part(query))
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// The client's `X-Request-Id` where it is harmless, else a new one.
    pub fn request_id(&self) -> &Arc<str> {
        &self.request_id
    }

    /// The way by which it came in.
    pub fn arrival(&self) -> Arrival {
        self.arrival
    }

    /// The same head of a request that came in this way.
    #[must_use]
    pub(super) fn arrived(self, arrival: Arrival) -> Self {
        Self { arrival, ..self }
    }

    /// The first value of this name in any case, without the white space around it; `None` without the field, or where it
    /// is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.text(name)
    }

    /// The media type of a form with files, its parameters included; `None` of all other bodies.
    pub fn form_type(&self) -> Option<&str> {
        let is_form = self.is_form;
        is_form.then(|| self.header("content-type")).flatten()
    }

    /// All fields in their order, names as they were sent.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter()
    }

    /// The values of the fields with this name in any case, in their order.
    pub fn fields_named<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f [u8]> {
        self.fields.named(name)
    }

    /// Whether a body follows this head.
    pub fn has_body(&self) -> bool {
        self.framing != Framing::Empty
    }

    pub(super) fn is_head_request(&self) -> bool {
        self.method == "HEAD"
    }

    /// Reads the head at the start of a connection in one pass, if there is nothing unusual about it, and returns its length
    /// as well. `None`: it is not whole, or those that look closer have a say, [`strict::head_length`] and [`Head::parse`].
    pub(super) fn usual(buffer: &[u8], limits: &config::EdgeLimits) -> Option<(Self, usize)> {
        // `httparse` passes over blank lines.
        if !buffer.first().copied().is_some_and(is_token) {
            return None;
        }
        let is_usual = |head: &[u8], fields: &[Header<'_>]| {
            let mut names = fields.iter().map(|field| field.name);
            head.len() <= limits.max_head && strict::is_in_strict_lines(head, &mut names)
        };
        Self::read(buffer, limits, is_usual).ok()
    }

    /// Parses a whole head, from the request line to the blank line that ends it, whose lines [`strict::head_length`] has
    /// looked at.
    ///
    /// # Errors
    /// The head is malformed, ambiguous or over a limit: strictly, see the module's documentation.
    pub(super) fn parse(head: &[u8], limits: &config::EdgeLimits) -> Result<Self, Refusal> {
        // Both readers must agree on where the head ends, or one of them sees another request.
        let read = Self::read(head, limits, |read, _| read.len() == head.len());
        read.map(|(head, _)| head)
    }

    /// Reads the head at the start of the bytes, if it is accepted with its fields, and returns its length as well.
    fn read(
        bytes: &[u8],
        limits: &config::EdgeLimits,
        is_accepted: impl FnOnce(&[u8], &[Header<'_>]) -> bool,
    ) -> Result<(Self, usize), Refusal> {
        let mut usual = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        let room = USUAL_FIELDS.min(limits.max_fields);
        let usual = usual.get_mut(..room).unwrap_or_default();
        let mut all;
        let reader = ParserConfig::default();
        let mut request = Request::new(&mut []);
        let mut parsed = reader.parse_request_with_uninit_headers(&mut request, bytes, usual);
        if parsed == Err(httparse::Error::TooManyHeaders) {
            all = Box::new_uninit_slice(limits.max_fields);
            request = Request::new(&mut []);
            parsed = reader.parse_request_with_uninit_headers(&mut request, bytes, &mut all);
        }
        let parsed = parsed.map_err(|error| refusal(error, bytes))?;
        let (Some(method), Some(target), Some(minor), Status::Complete(length)) =
            (request.method, request.path, request.version, parsed)
        else {
            return Err(Refusal::INVALID_REQUEST_LINE);
        };
        let head = match bytes.get(..length) {
            Some(head) if is_accepted(head, request.headers) => head,
            _ => return Err(Refusal::INVALID_REQUEST_LINE),
        };
        let version = if minor == 0 {
            Version::Http10
        } else {
            Version::Http11
        };
        if target.len() > limits.max_target {
            return Err(Refusal::TARGET_TOO_LONG);
        }
        let (path, query) = origin_form(method, target)?;
        let fields = request.headers.iter();
        let fields = HeaderFields::within(head, fields.map(|field| (field.name, field.value)));
        framing::check_host(&fields, version)?;
        let proposed_id = fields.get("x-request-id").and_then(request_id::adopt);
        let head = Self {
            method: owned_method(method),
            path: place(head, path.as_bytes()),
            query: query.and_then(|query| place(head, query.as_bytes())),
            version,
            framing: framing::of_body(&fields, version)?,
            keep_alive: framing::keeps_alive(&fields, version),
            expects_continue: framing::expects_continue(&fields, version)?,
            arrival: Arrival::default(),
            request_id: proposed_id.unwrap_or_else(request_id::fresh),
            is_form: fields.text("content-type").is_some_and(is_of_form),
            fields,
        };
        Ok((head, length))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.method, self.path(), self.request_id)
    }
}

/// The method, where the usual ones cost no memory.
fn owned_method(method: &str) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        other => return Cow::Owned(other.to_owned()),
    })
}

fn is_of_form(media_type: &str) -> bool {
    const MULTIPART: &[u8] = b"multipart/";
    let begin = media_type.as_bytes().get(..MULTIPART.len());
    begin.is_some_and(|begin| same_name_bytes(begin, MULTIPART))
}

/// Path and query of a target in any form (RFC 9112 section 3.2). The authority of the absolute form would replace Host
/// for a proxy; here it does not, as browsers do not send that form.
pub(super) fn origin_form<'t>(
    method: &str,
    target: &'t str,
) -> Result<(&'t str, Option<&'t str>), Refusal> {
    if method == "CONNECT" {
        return Err(Refusal::CONNECT);
    }
    if target == "*" && method == "OPTIONS" {
        return Ok((target, None));
    }
    let absolute = if target.starts_with('/') {
        None
    } else {
        absolute(target)
    };
    let target = match absolute {
        Some("") => "/",
        // `http://host?query` has an empty path, which is `/`.
        Some(behind_authority) if behind_authority.starts_with('?') => {
            return Ok(("/", behind_authority.get(1..)));
        }
        Some(behind_authority) => behind_authority,
        None => target,
    };
    if !target.starts_with('/') {
        return Err(Refusal::INVALID_TARGET);
    }
    let path = memchr::memchr(b'?', target.as_bytes()).and_then(|end| target.get(..end));
    Ok(match path {
        Some(path) => (path, target.get(path.len() + 1..)),
        None => (target, None),
    })
}

/// The part behind the authority of `http://authority/path`; `None` for another form.
fn absolute(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    rest.get(end..)
}

fn refusal(error: httparse::Error, head: &[u8]) -> Refusal {
    if let Some(fault) = strict::fault(head) {
        return fault;
    }
    match error {
        httparse::Error::Version if strict::names_a_version(head) => Refusal::UNKNOWN_VERSION,
        httparse::Error::HeaderName | httparse::Error::HeaderValue => Refusal::INVALID_FIELD,
        httparse::Error::TooManyHeaders => Refusal::TOO_MANY_FIELDS,
        _ => Refusal::INVALID_REQUEST_LINE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(lines: &str) -> Result<Head, Refusal> {
        let head = format!("{lines}\r\n");
        let length = strict::head_length(head.as_bytes(), 0)?;
        assert_eq!(length, Some(head.len()));
        Head::parse(head.as_bytes(), &config::EdgeLimits::default())
    }

    /// Two readers that see different lines are how a request is smuggled.
    #[test]
    fn no_reader_is_laxer_than_the_other() {
        for (fields, expected) in [
            ("X: a\r\n b\r\n", Refusal::FOLDED_FIELD),
            ("\tX: a\r\n", Refusal::FOLDED_FIELD),
            ("X : a\r\n", Refusal::SPACE_BEFORE_COLON),
            ("X: a\rb\r\n", Refusal::BARE_LINE_END),
            ("X: a\nY: b\r\n", Refusal::BARE_LINE_END),
            ("X: a\n\rY: b\r\n", Refusal::BARE_LINE_END),
            ("X: a\r\r\nY: b\n", Refusal::BARE_LINE_END),
            ("X: a\0\r\n", Refusal::NUL),
            ("X\r\n", Refusal::INVALID_FIELD),
            ("Host:\r\n", Refusal::REPEATED_HOST),
            ("Content-Length:\r\n", Refusal::INVALID_LENGTH),
            (
                "Content-Length: \r\ncontent-length:\r\n",
                Refusal::REPEATED_LENGTH,
            ),
            ("TRANSFER-ENCODING:  \r\n", Refusal::UNKNOWN_CODING),
        ] {
            let refused = parsed(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}"));
            assert_eq!(refused.err(), Some(expected), "{fields:?}");
        }
    }

    #[test]
    fn as_many_fields_as_are_allowed_are_read() {
        let most = config::EdgeLimits::default().max_fields;
        for (count, is_read) in [
            (USUAL_FIELDS, true),
            (USUAL_FIELDS + 1, true),
            (most, true),
            (most + 1, false),
        ] {
            let fields = "X: a\r\n".repeat(count - 1);
            let head = parsed(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}"));
            let read = head.map(|head| head.fields().count());
            assert_eq!(read.ok(), is_read.then_some(count));
        }
    }

    #[test]
    fn a_target_is_read_in_each_of_its_forms() {
        for (target, path, query) in [
            ("/v1/models", "/v1/models", None),
            ("/v1?a=b?c", "/v1", Some("a=b?c")),
            ("/?", "/", Some("")),
            ("/go?to=http://a/b", "/go", Some("to=http://a/b")),
            ("http://a/b?c", "/b", Some("c")),
            ("HTTP://a", "/", None),
            ("https://a?b", "/", Some("b")),
        ] {
            let head = parsed(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n")).unwrap();
            assert_eq!((head.path(), head.query()), (path, query), "{target}");
        }
    }
}
