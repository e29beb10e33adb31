//! An attempt: a call to one provider with one key, up to the point where its answer can be given to the client.

use std::time::{Instant, SystemTime};

use crate::client_socket::ClientSocket;
use crate::config::{HeaderEdit, Provider, Step};
use crate::dialect::answer::{Flaw, WholeAnswer};
use crate::dialect::class::Class;
use crate::dialect::provider_error::{ProviderError, error_of};
use crate::dialect::rate_limits::{RemainingLimits, remaining_limits};
use crate::dialect::{FrameKind, Framing};
use crate::gateway::journal::Journal;
use crate::routing::{Attempt, Failure};
use crate::secret::Secret;
use crate::upstream::{Body, Call, CallError, Client, Head, Method, Response};

use super::commit::{Committed, Frames, open};
use super::errand::Errand;
use super::failure::{cut, failure_of, failure_of_error, failure_of_flaw};
use super::heal::{Healing, Refused};

/// Bytes of a refusal that are read; providers' error bodies are a few hundred.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// An answer that a client can have.
pub enum Reply {
    /// A JSON object.
    Whole(WholeAnswer),
    /// A stream whose first content has arrived.
    Stream(Box<Committed>),
    /// Bytes without frames, whole.
    Opaque(OpaqueAnswer),
}

/// An answer that the gateway does not look into.
pub struct OpaqueAnswer {
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Errand<'_> {
    /// Makes the attempt. With the answer comes what the provider says about its limits.
    ///
    /// # Errors
    /// The class and the provider's own message; keys in it are not masked yet.
    pub(super) fn attempt(
        &self,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Result<(Reply, RemainingLimits), Failure> {
        let Response { head, body } = self.accepted(attempt, journal)?;
        refuse_coding(&head)?;
        let reply = match self.dialect.framing() {
            Framing::Opaque => self.opaque(&head, body, attempt.deadline)?,
            Framing::Events if self.request.stream => {
                self.stream(&head, body, attempt.deadline, journal)?
            }
            Framing::Events => self.whole(&head, body, attempt.deadline, journal)?,
        };
        Ok((reply, limits_of(&head)))
    }

    /// An answer that is no refusal. A step that refuses a member is called again without it.
    fn accepted(&self, attempt: &mut Attempt, journal: &Journal<'_>) -> Result<Response, Failure> {
        let Some(step) = self.route.steps.get(attempt.step_index) else {
            return Err(Failure::new(Class::Rejected, "the route has no such step"));
        };
        let mut healing = Healing::new(self.context, self.request, step);
        let mut sent = healing.body();
        loop {
            let answer = self.send(step, attempt, &sent, journal);
            let Response { head, body } = answer.map_err(|error| failure_of(&error))?;
            journal.status_seen(head.status);
            if (200..300).contains(&head.status) {
                healing.accepted(journal);
                return Ok(Response { head, body });
            }
            let (mut failure, text) = refusal(&head, body, attempt.deadline);
            let refused = Refused {
                status: head.status,
                body: &text,
                failure: &mut failure,
            };
            match healing.refused(refused, &sent, journal, &mut attempt.healed) {
                Some(other) => sent = other,
                None => return Err(failure),
            }
        }
    }

    fn send(
        &self,
        step: &Step,
        attempt: &Attempt,
        sent: &[u8],
        journal: &Journal<'_>,
    ) -> Result<Response, CallError> {
        let key = attempt
            .key_index
            .and_then(|index| step.provider.keys.get(index));
        let call = ProviderCall {
            provider: &step.provider,
            key,
            path: self.dialect.path(),
            accept: self.dialect.accept(self.request.stream),
            body: Some(sent),
            deadline: attempt.deadline,
            client: Some(self.client),
            trace: &journal.outgoing(),
            edits: &step.fit.edits.headers,
        };
        call.send(&self.context.client)
    }

    /// A plain answer; one that comes as a stream all the same is put together.
    fn whole(
        &self,
        head: &Head,
        body: Body,
        deadline: Instant,
        journal: &Journal<'_>,
    ) -> Result<Reply, Failure> {
        let flawed = |flaw| failure_of_flaw(head, flaw);
        let text = self.read_text(body, deadline)?;
        let is_stream = is_event_stream(head) || text.starts_with("data:");
        let (text, is_whole) = if is_stream {
            self.assemble(&text).map_err(flawed)?
        } else {
            (text, true)
        };
        let answer = self.dialect.whole(text).map_err(flawed)?;
        // After the judgement: a body that is no answer anyway has more to say of itself than that it is cut.
        if !is_whole {
            return Err(cut());
        }
        journal.model_seen(|| answer.model());
        Ok(Reply::Whole(answer))
    }

    /// An object put together from a stream that is all there, and whether the stream came to its end.
    fn assemble(&self, text: &str) -> Result<(String, bool), Flaw> {
        let mut assembler = self.dialect.assemble();
        let mut judge = self.dialect.judge_stream();
        let mut ended = false;
        let mut frames = Frames::of_text(text);
        while let Some(event) = frames.next_event() {
            ended |= judge.judge(&event).kind == FrameKind::End;
            assembler.push(&event.data)?;
        }
        Ok((assembler.finish(), ended || judge.is_whole()))
    }

    /// A stream up to its first content; a plain answer is made into one.
    fn stream(
        &self,
        head: &Head,
        body: Body,
        deadline: Instant,
        journal: &Journal<'_>,
    ) -> Result<Reply, Failure> {
        let frames = if is_event_stream(head) {
            Frames::live(body)
        } else {
            let text = self.read_text(body, deadline)?;
            if text.starts_with("data:") {
                Frames::of_text(&text)
            } else {
                let answer = self.dialect.whole(text);
                let frames = answer.and_then(|answer| self.dialect.split(&answer));
                Frames::ready(frames.map_err(|flaw| failure_of_flaw(head, flaw))?)
            }
        };
        let judge = self.dialect.judge_stream();
        open(head, frames, judge, deadline, journal).map(|open| Reply::Stream(Box::new(open)))
    }

    fn opaque(&self, head: &Head, body: Body, deadline: Instant) -> Result<Reply, Failure> {
        let content_type = head.header("content-type");
        let body = body
            .read_to_end(self.context.config.server.max_answer, deadline)
            .map_err(|error| failure_of(&error))?;
        if body.is_empty() {
            return Err(failure_of_flaw(head, Flaw::EmptyContent));
        }
        Ok(Reply::Opaque(OpaqueAnswer {
            content_type: content_type
                .unwrap_or("application/octet-stream")
                .to_owned(),
            body,
        }))
    }

    fn read_text(&self, body: Body, deadline: Instant) -> Result<String, Failure> {
        let body = body
            .read_to_end(self.context.config.server.max_answer, deadline)
            .map_err(|error| failure_of(&error))?;
        String::from_utf8(body)
            .map_err(|_| Failure::new(Class::BadResponse, "the answer is not UTF-8"))
    }
}

/// A call to a provider: its address, its key, its headers.
pub struct ProviderCall<'a> {
    pub provider: &'a Provider,
    pub key: Option<&'a Secret>,
    /// Behind the provider's base URL, with its slash.
    pub path: &'a str,
    pub accept: &'a str,
    /// A JSON body makes the call a POST.
    pub body: Option<&'a [u8]>,
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
        let url = [self.provider.base_url.as_str(), self.path].concat();
        let bearer = self.key.map(|key| ["Bearer ", key.expose()].concat());
        let unlisted;
        let mut headers = Vec::with_capacity(3 + self.trace.len() + self.provider.headers.len());
        headers.push(("Accept", self.accept));
        if self.body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer));
        }
        let trace = self.trace.iter();
        headers.extend(trace.map(|(name, value)| (*name, value.as_str())));
        // The file has the last word, also over the headers above.
        for (name, value) in &self.provider.headers {
            headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
            headers.push((name, value.expose()));
        }
        let of_provider = self.provider.fit.edits.headers.iter();
        if let Some(list) = edit_headers(&mut headers, of_provider.chain(self.edits)) {
            unlisted = list;
            let (name, rest) = &unlisted;
            headers.push((name, rest.as_str()));
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

/// Makes the configured edits. The list that names were taken off comes back, with its header's name.
fn edit_headers<'h>(
    headers: &mut Vec<(&'h str, &'h str)>,
    edits: impl Iterator<Item = &'h HeaderEdit>,
) -> Option<(&'h str, String)> {
    let mut unlisted: Vec<&'h String> = Vec::new();
    let mut listed: Option<(&'h str, &'h str)> = None;
    for edit in edits {
        let name = edit.name();
        let known = headers
            .iter()
            .find(|(set, _)| set.eq_ignore_ascii_case(name));
        match edit {
            HeaderEdit::Unlist(_, names) => {
                listed = listed.or_else(|| known.copied());
                unlisted.extend(names);
            }
            HeaderEdit::Set(name, value) => {
                headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
                headers.push((name, value.expose()));
            }
            HeaderEdit::Unset(name) => {
                headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
            }
        }
    }
    let (name, list) = listed?;
    headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
    let names = list.split(',').map(str::trim);
    let names = names.filter(|name| !unlisted.iter().any(|gone| gone.as_str() == *name));
    let rest = names.collect::<Vec<_>>().join(",");
    (!rest.is_empty()).then_some((name, rest))
}

/// A status that is no success, with the provider's own words: as a failure, and as they came.
fn refusal(head: &Head, body: Body, deadline: Instant) -> (Failure, String) {
    let body = match beginning(body, deadline) {
        Ok(body) => body,
        Err(cancelled) => return (failure_of(&cancelled), String::new()),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let said = error_of(&text).unwrap_or_else(|| ProviderError {
        message: text.trim().to_owned(),
        ..ProviderError::default()
    });
    (failure_of_error(head, &said), text)
}

/// The beginning of a refusal's body. Its status says enough when the body breaks off, or is too long.
///
/// # Errors
/// The client left.
fn beginning(mut body: Body, deadline: Instant) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < LONGEST_REFUSAL {
        match body.read(&mut buffer, deadline) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(buffer.get(..read).unwrap_or_default()),
            Err(CallError::Cancelled) => return Err(CallError::Cancelled),
            Err(_) => break,
        }
    }
    Ok(bytes)
}

fn refuse_coding(head: &Head) -> Result<(), Failure> {
    match head.header("content-encoding") {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            let message = format!(
                "the answer came with Content-Encoding {coding:?}, which was not asked for"
            );
            Err(Failure {
                status: Some(head.status),
                ..Failure::new(Class::BadResponse, &message)
            })
        }
        _ => Ok(()),
    }
}

/// Most providers say nothing of their limits: then none of the many names is looked up.
fn limits_of(head: &Head) -> RemainingLimits {
    let mut names = head.headers().map(|(name, _)| name);
    if names.any(|name| name.starts_with("x-ratelimit-")) {
        remaining_limits(&|name| head.header(name), SystemTime::now())
    } else {
        RemainingLimits::default()
    }
}

fn is_event_stream(head: &Head) -> bool {
    head.header("content-type").is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}
