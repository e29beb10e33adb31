//! The call to a provider: its address, its key, its headers.

use std::time::Instant;

use crate::client_socket::ClientSocket;
use crate::config::{Auth, HeaderEdit, Provider};
use crate::gateway::kept_heads::{CallKind, HeadsOfProvider};
use crate::secret::Secret;
use crate::upstream::{CallError, CallHead, Client, Field, HeadedCall, Method, Response};

use super::header_edits::edit_headers;

/// The media type of nearly all bodies.
const JSON: &str = "application/json";

/// The mark of the place in a list of fields where those stand that differ from call to call.
const PLACE: Field<'_> = ("", "");

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
    pub headers: &'a [Field<'a>],
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

impl<'a> ProviderCall<'a> {
    /// Makes the call, up to the head of its answer. Blocks. Its head is one of those that are kept, where there are any
    /// and it is like others.
    ///
    /// # Errors
    /// The reason why no head of an answer arrived.
    pub fn send(
        &self,
        client: &Client,
        kept: Option<&HeadsOfProvider>,
    ) -> Result<Response, CallError> {
        let trace = self.trace.iter();
        let trace = trace.map(|(name, value)| (*name, value.as_str()));
        let own: Vec<Field<'_>> = self.headers.iter().copied().chain(trace).collect();
        let kept = match kept.filter(|_| self.is_like_others(&own)) {
            Some(heads) => heads.find(self.kind(), || self.head(client, &[]))?,
            None => None,
        };
        let made;
        let (head, fields) = match kept {
            Some(head) => (head, own.as_slice()),
            None => {
                made = self.head(client, &own)?;
                (&*made, [].as_slice())
            }
        };
        client.send(HeadedCall {
            head,
            fields,
            body: self.body,
            deadline: self.deadline,
            client: self.client,
        })
    }

    /// Whether the head is that of other calls as well, but for its own fields: the configuration says nothing of those.
    fn is_like_others(&self, own: &[Field<'_>]) -> bool {
        let names = self.provider.headers.iter().map(|(name, _)| name.as_str());
        let mut names = names.chain(self.edits().map(HeaderEdit::name));
        let is_own = |name: &str| own.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        self.body.is_some() && self.content_type == JSON && !names.any(is_own)
    }

    fn kind(&self) -> CallKind<'_> {
        CallKind {
            key: self.key,
            base: self.base,
            path: self.path,
            accept: self.accept,
            edits: self.edits,
        }
    }

    /// The head of the call with these fields of its own, and with a place for more where they stand.
    fn head(&self, client: &Client, own: &[Field<'_>]) -> Result<Box<CallHead>, CallError> {
        let url = [self.base, self.path].concat();
        let bearer = match (self.provider.auth, self.key) {
            (Auth::Bearer, Some(key)) => Some(["Bearer ", key.expose()].concat()),
            _ => None,
        };
        let unlisted;
        let mut headers = vec![("Accept", self.accept)];
        if self.body.is_some() {
            headers.push(("Content-Type", self.content_type));
        }
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer));
        } else if let Some(key) = self.key {
            headers.push(("X-Api-Key", key.expose()));
        }
        headers.extend(own);
        headers.push(PLACE);
        // The file has the last word, also over the headers above.
        for (name, value) in &self.provider.headers {
            headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
            headers.push((name, value.expose()));
        }
        if let Some(list) = edit_headers(&mut headers, self.edits()) {
            unlisted = list;
            headers.push((unlisted.0, &unlisted.1));
        }
        let mut place = headers.splitn(2, |field| *field == PLACE);
        let (before, behind) = (place.next(), place.next());
        let method = match self.body {
            Some(_) => Method::Post,
            None => Method::Get,
        };
        client.head(
            method,
            &url,
            before.unwrap_or_default(),
            behind.unwrap_or_default(),
        )
    }

    /// The edits of the head, in their order.
    fn edits(&self) -> impl Iterator<Item = &'a HeaderEdit> {
        let of_provider = &self.provider.fit.edits.headers;
        of_provider.iter().chain(self.edits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::config::{self, Config};
    use crate::gateway::kept_heads::{KeptHeads, MOST_OF_A_KEY};
    use crate::upstream::Settings;

    const BODY: &[u8] = b"{\"model\":\"m\"}";

    /// A provider that is called, and the heads that are kept of its calls.
    struct Called {
        provider: TcpListener,
        config: Config,
        kept: KeptHeads,
        client: Client,
    }

    impl Called {
        /// A provider with two keys and these settings; `step` has those of its step.
        fn new(settings: &str, step: &str) -> Self {
            let provider = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = provider.local_addr().unwrap();
            let text = format!(
                "api_key: client-key-of-some-length\nproviders: [{{name: p, base_url: \"http://{address}/v1\", \
                 api_keys: [provider-key-one, provider-key-two]{settings}}}]\nroutes:\n  - name: r\n    \
                 steps: [{{provider: p, model: m{step}}}]\n"
            );
            let config = config::parse(&text, &BTreeMap::<String, String>::new()).unwrap();
            Self {
                provider,
                kept: KeptHeads::new(&config),
                config,
                client: Client::new(Settings::default()).unwrap(),
            }
        }

        fn call<'a>(&'a self, key: usize, headers: &'a [Field<'a>]) -> ProviderCall<'a> {
            let step = &self.config.routes[0].steps[0];
            ProviderCall {
                provider: &step.provider,
                key: step.provider.keys.get(key),
                base: &step.provider.base_url,
                path: "/chat/completions",
                accept: "application/json",
                content_type: "application/json",
                headers,
                body: Some(&[BODY]),
                deadline: Instant::now() + Duration::from_secs(10),
                client: None,
                trace: &[],
                edits: &step.fit.edits.headers,
            }
        }

        /// The request as the provider reads it, with a kept head or with one of its own.
        fn sent(&self, call: &ProviderCall<'_>, keeps: bool) -> String {
            let kept = self.kept.of(call.provider).filter(|_| keeps);
            std::thread::scope(|scope| {
                let request = scope.spawn(|| {
                    let (mut stream, _) = self.provider.accept().unwrap();
                    let (mut request, mut part) = (Vec::new(), [0; 4096]);
                    while !request.ends_with(BODY) {
                        let read = stream.read(&mut part).unwrap();
                        request.extend_from_slice(&part[..read]);
                    }
                    let answer =
                        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).unwrap();
                    String::from_utf8(request).unwrap()
                });
                call.send(&self.client, kept).unwrap();
                request.join().unwrap()
            })
        }

        fn count(&self) -> usize {
            let heads = self.kept.of(&self.config.providers[0]).unwrap();
            heads.count()
        }
    }

    /// A kept head with another order or another value would be another request.
    #[test]
    fn a_kept_head_is_the_one_that_the_call_would_have_alone() {
        let trace = [("traceparent", "00-1-2-01".to_owned())];
        let own: [&[Field<'_>]; 3] = [
            &[],
            &[("Anthropic-Version", "2023-06-01")],
            &[
                ("Anthropic-Version", "2024-01-01"),
                ("Anthropic-Beta", "one,two"),
            ],
        ];
        for (settings, step, most) in [
            ("", "", 2),
            (", auth: x-api-key", "", 2),
            (
                ", headers: {X-Title: home, user-agent: me, Accept: a/b}",
                "",
                2,
            ),
            (
                ", headers: {anthropic-version: '1', TraceParent: none}",
                "",
                2,
            ),
            (
                ", headers: {X-Title: home}, edits: {headers: {x-title: null, Anthropic-Beta: -two}}",
                ", edits: {headers: {X-Step: s}}",
                2,
            ),
        ] {
            let called = Called::new(settings, step);
            for (key, headers) in (0..2).flat_map(|key| own.map(|headers| (key, headers))) {
                for traced in [false, true] {
                    let mut call = called.call(key, headers);
                    if traced {
                        call.trace = &trace;
                    }
                    let alone = called.sent(&call, false);
                    for _ in 0..2 {
                        assert_eq!(called.sent(&call, true), alone, "{settings} {headers:?}");
                    }
                }
            }
            assert_eq!(called.count(), most, "{settings}");
        }
    }

    /// The boundary of a form is another in each request: the first ones would take all the room.
    #[test]
    fn only_heads_that_come_again_are_kept_and_no_more_than_there_is_room_for() {
        let called = Called::new("", "");
        let form = ProviderCall {
            content_type: "multipart/form-data; boundary=x",
            ..called.call(0, &[])
        };
        assert_eq!(called.sent(&form, true), called.sent(&form, false));
        assert_eq!(called.count(), 0);
        let paths: Vec<String> = (0..20).map(|n| format!("/{n}")).collect();
        for path in &paths {
            let call = ProviderCall {
                path,
                ..called.call(0, &[])
            };
            assert!(
                called
                    .sent(&call, true)
                    .starts_with(&format!("POST /v1{path} "))
            );
        }
        assert_eq!(called.count(), 2 * MOST_OF_A_KEY);
    }
}
