//! A call's request and its response.

use std::time::Instant;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use crate::client_socket::ClientSocket;

use super::body::Body;
use super::error::CallError;

/// One request to a provider.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub method: Method,
    /// The absolute URL, `http` or `https`.
    pub url: &'a str,
    /// The request's fields, sent as they are, except those that frame the message or belong to one connection: these
    /// are the client's own.
    pub headers: &'a [(&'a str, &'a str)],
    /// The request's body in slices, sent with a `Content-Length`. `None`: a POST sends an empty body. A GET never sends
    /// any.
    pub body: Option<&'a [&'a [u8]]>,
    /// The end of all phases up to the answer's head: name, connection, TLS, sending, waiting.
    pub deadline: Instant,
    /// The downstream client, watched for as long as the call and its body take. `None`: the call is the gateway's own.
    pub client: Option<&'a ClientSocket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// An answer whose head is complete.
#[derive(Debug)]
pub struct Response {
    pub head: Head,
    pub body: Body,
}

/// The status and the fields of an answer.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    headers: HeaderMap,
    /// The answer came over a connection that had served another call before.
    pub reused: bool,
}

impl Head {
    pub(super) fn new(answer: ureq::http::Response<()>, reused: bool) -> Self {
        let (head, ()) = answer.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            reused,
        }
    }

    /// The first value of a field, whose name is compared without case. `None`: it is absent, or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields whose values are visible ASCII, names in lower case, repeated ones repeatedly.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }
}

impl<'a> Call<'a> {
    /// The head of the request, with all that it needs but `Host`.
    ///
    /// # Errors
    /// `Unreachable` when it cannot be put on the wire: a malformed URL, a line break in a header.
    pub(super) fn head(&self, user_agent: &HeaderValue) -> Result<Request<()>, CallError> {
        let mut request = Request::new(());
        *request.method_mut() = match self.method {
            Method::Get => ureq::http::Method::GET,
            Method::Post => ureq::http::Method::POST,
        };
        *request.uri_mut() = self.url.parse().map_err(|error| {
            CallError::Unreachable(format!("the URL cannot be asked for: {error}"))
        })?;
        let fields = request.headers_mut();
        fields.reserve(self.headers.len() + OWN_FIELDS);
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| CallError::Unreachable("a header name cannot be sent".to_owned()))?;
            if is_the_clients_own(&name) {
                continue;
            }
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
                CallError::Unreachable(format!("the value of {name} cannot be sent"))
            })?;
            // Any header may be a key, so none prints itself.
            value.set_sensitive(true);
            fields.append(name, value);
        }
        if let Method::Post = self.method {
            fields.insert(header::CONTENT_LENGTH, self.content_length().into());
        }
        let identity = HeaderValue::from_static("identity");
        let anything = HeaderValue::from_static("*/*");
        fields.entry(header::ACCEPT_ENCODING).or_insert(identity);
        fields.entry(header::ACCEPT).or_insert(anything);
        fields
            .entry(header::USER_AGENT)
            .or_insert_with(|| user_agent.clone());
        Ok(request)
    }

    /// An upper bound of the request's head: its line and its fields, with `Host` and, where the URL has a user in it,
    /// `Authorization` (bytes).
    pub(super) fn head_size(&self, request: &Request<()>) -> usize {
        const LINE_AND_NAMES: usize = 128;
        let fields = request.headers().iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len());
        LINE_AND_NAMES + self.url.len() * 4 + fields.sum::<usize>()
    }

    fn content_length(&self) -> usize {
        self.content().iter().map(|slice| slice.len()).sum()
    }

    pub(super) fn content(&self) -> &'a [&'a [u8]] {
        match self.method {
            Method::Get => &[],
            Method::Post => self.body.unwrap_or_default(),
        }
    }
}

/// The number of fields that [`Call::head`] adds.
const OWN_FIELDS: usize = 4;

/// Fields that frame the request or control the connection (RFC 9110 section 7.6.1). Two framings in one request are
/// how requests are smuggled.
fn is_the_clients_own(name: &HeaderName) -> bool {
    [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ]
    .contains(name)
}
