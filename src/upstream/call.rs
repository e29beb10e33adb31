//! What goes into a call and what comes out.

use std::sync::Arc;
use std::time::Instant;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, Request, header, request};

use super::body::Body;
use super::error::CallError;
use super::in_progress::Hangup;

/// One request to a provider.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub method: Method,
    /// Absolute, `http` or `https`.
    pub url: &'a str,
    /// Sent as they are, except those that frame the message or belong to one connection: these are the client's own.
    pub headers: &'a [(&'a str, &'a str)],
    /// Sent with a `Content-Length`. A POST without one sends an empty body, a GET never sends any.
    pub body: Option<&'a [u8]>,
    /// For all up to the end of the answer's head: name, connection, TLS, sending, waiting.
    pub deadline: Instant,
    /// Watched for as long as the call and its body take.
    pub hangup: Option<&'a Arc<dyn Hangup>>,
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

/// What stands before an answer's body.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    headers: HeaderMap,
    /// The answer came over a connection that had served another call before.
    pub reused: bool,
}

impl Response {
    pub(super) fn new(
        answer: ureq::http::Response<ureq::Body>,
        hangup: Option<Arc<dyn Hangup>>,
        reused: bool,
    ) -> Self {
        let (head, body) = answer.into_parts();
        Self {
            head: Head {
                status: head.status.as_u16(),
                headers: head.headers,
                reused,
            },
            body: Body::new(body, hangup),
        }
    }
}

impl Head {
    /// The first value of this header, in any case; none if it is not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers whose values are visible ASCII, names in lower case, repeated ones repeatedly.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }
}

impl<'a> Call<'a> {
    /// The head of the request.
    ///
    /// # Errors
    /// `Unreachable` when it cannot be put on the wire: a malformed URL, a line break in a header.
    pub(super) fn head(&self) -> Result<request::Builder, CallError> {
        let mut request = match self.method {
            Method::Get => Request::get(self.url),
            Method::Post => Request::post(self.url),
        };
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
            request = request.header(name, value);
        }
        Ok(request)
    }

    pub(super) fn content(&self) -> Option<&'a [u8]> {
        match self.method {
            Method::Get => None,
            Method::Post => Some(self.body.unwrap_or_default()),
        }
    }
}

/// Fields that frame the request or control the connection (RFC 9110 section 7.6.1). Two framings in one request are how
/// requests are smuggled.
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
