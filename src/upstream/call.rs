//! A call's request and its response.

use std::time::Instant;

use crate::client_socket::ClientSocket;

use super::answer_head::Head;
use super::body::Body;

/// A request to a provider.
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
    pub body: Box<Body>,
}

impl<'a> Call<'a> {
    /// The length of the body that is sent (bytes).
    pub(super) fn content_length(&self) -> usize {
        self.content().iter().map(|slice| slice.len()).sum()
    }

    /// The body that is sent: none of a GET.
    pub(super) fn content(&self) -> &'a [&'a [u8]] {
        match self.method {
            Method::Get => &[],
            Method::Post => self.body.unwrap_or_default(),
        }
    }
}

impl Method {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}
