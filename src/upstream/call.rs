//! A call's request and its response.

use std::time::Instant;

use crate::client_socket::ClientSocket;

use super::answer_head::Head;
use super::body::Body;
use super::request_head::CallHead;

/// The name and the value of a field.
pub type Field<'a> = (&'a str, &'a str);

/// A request to a provider.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub method: Method,
    /// The absolute URL, `http` or `https`.
    pub url: &'a str,
    /// The request's fields, sent as they are, except those that frame the message or belong to one connection: these
    /// are the client's own.
    pub headers: &'a [Field<'a>],
    /// The request's body in slices, sent with a `Content-Length`. `None`: a POST sends an empty body. A GET never sends
    /// any.
    pub body: Option<&'a [&'a [u8]]>,
    /// The end of all phases up to the answer's head: name, connection, TLS, sending, waiting.
    pub deadline: Instant,
    /// The downstream client, watched for as long as the call and its body take. `None`: the call is the gateway's own.
    pub client: Option<&'a ClientSocket>,
}

/// A request to a provider whose head is written but for what differs from call to call.
#[derive(Clone, Copy)]
pub struct HeadedCall<'a> {
    pub head: &'a CallHead,
    /// The fields of this call alone, sent as those of a [`Call`]. The head has none of them.
    pub fields: &'a [Field<'a>],
    /// As in [`Call::body`].
    pub body: Option<&'a [&'a [u8]]>,
    pub deadline: Instant,
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

impl<'a> HeadedCall<'a> {
    /// The body that is sent: none of a GET.
    pub(super) fn content(&self) -> &'a [&'a [u8]] {
        match self.head.method() {
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
