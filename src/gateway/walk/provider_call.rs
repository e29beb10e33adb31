//! The call to a provider: its address, its key, its headers.

use std::time::Instant;

use crate::client_socket::ClientSocket;
use crate::config::{Auth, HeaderEdit, Provider};
use crate::secret::Secret;
use crate::upstream::{Call, CallError, Client, Method, Response};

use super::header_edits::edit_headers;

/// A call to a provider: its address, its key, its headers.
pub struct ProviderCall<'a> {
    pub provider: &'a Provider,
    pub key: Option<&'a Secret>,
    /// The provider's base URL, or the part of it that the path stands behind.
    pub base: &'a str,
    /// Behind the base, with its slash.
    pub path: &'a str,
    pub accept: &'a str,
    /// The fields that the dialect wants.
    pub headers: &'a [(&'a str, &'a str)],
    /// The media type of the body.
    pub content_type: &'a str,
    /// A body, in slices, makes the call a POST.
    pub body: Option<&'a [&'a [u8]]>,
    /// For everything up to the head of the answer.
    pub deadline: Instant,
    pub client: Option<&'a ClientSocket>,
    /// Headers that continue the trace.
    pub trace: &'a [(&'static str, String)],
    /// The edits that follow those of the provider.
    pub edits: &'a [HeaderEdit],
}

impl ProviderCall<'_> {
    /// Makes the call, up to the head of its answer. Blocks.
    ///
    /// # Errors
    /// The reason why no head of an answer arrived.
    pub fn send(&self, client: &Client) -> Result<Response, CallError> {
        let url = [self.base, self.path].concat();
        let bearer = match (self.provider.auth, self.key) {
            (Auth::Bearer, Some(key)) => Some(["Bearer ", key.expose()].concat()),
            _ => None,
        };
        let unlisted;
        let mut headers = Vec::with_capacity(3 + self.trace.len() + self.provider.headers.len());
        headers.push(("Accept", self.accept));
        if self.body.is_some() {
            headers.push(("Content-Type", self.content_type));
        }
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer));
        } else if let Some(key) = self.key {
            headers.push(("X-Api-Key", key.expose()));
        }
        headers.extend(self.headers);
        let trace = self.trace.iter();
        headers.extend(trace.map(|(name, value)| (*name, value.as_str())));
        // The file has the last word, also over the headers above.
        for (name, value) in &self.provider.headers {
            headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
            headers.push((name, value.expose()));
        }
        let edits = self.provider.fit.edits.headers.iter().chain(self.edits);
        if let Some(list) = edit_headers(&mut headers, edits) {
            unlisted = list;
            headers.push((unlisted.0, &unlisted.1));
        }
        client.call(Call {
            method: if self.body.is_some() {
                Method::Post
            } else {
                Method::Get
            },
            url: &url,
            headers: &headers,
            body: self.body,
            deadline: self.deadline,
            client: self.client,
        })
    }
}
