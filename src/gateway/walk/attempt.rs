//! An attempt: a call to one provider with one key, up to the point where its answer can be given to the client.

use std::time::{Instant, SystemTime};

use crate::client_socket::ClientSocket;
use crate::config::{HeaderEdit, Provider};
use crate::dialect::answer::{Flaw, WholeAnswer};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, remaining_limits, tells_of_a_window};
use crate::dialect::{FrameKind, Framing};
use crate::gateway::journal::Journal;
use crate::routing::{Attempt, Failure};
use crate::secret::Secret;
use crate::upstream::{Body, Call, CallError, Client, Head, Method, Response};

use super::commit::{Committed, Frames, open};
use super::errand::Errand;
use super::failure::{cut, failure_of, failure_of_flaw};
use super::header_edits::edit_headers;
use super::heal::{Healing, Refused};
use super::refusal::refusal;

/// An attempt that has an answer.
pub struct Success {
    pub reply: Reply,
    /// The provider's word about its limits.
    pub limits: RemainingLimits,
}

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
    /// Makes the attempt.
    ///
    /// # Errors
    /// The class and the provider's own message; keys in it are not masked yet.
    pub(super) fn attempt(
        &self,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Result<Box<Success>, Box<Failure>> {
        let Some(step) = self.route.steps.get(attempt.step_index) else {
            let failure = Failure::new(Class::Rejected, "the route has no such step");
            return Err(Box::new(failure));
        };
        let keys = &step.provider.keys;
        let mut healing = Box::new(Healing::new(self.context, self.request, step));
        loop {
            let call = ProviderCall {
                provider: &step.provider,
                key: attempt.key_index.and_then(|index| keys.get(index)),
                path: self.dialect.path(),
                accept: self.dialect.accept(self.request.stream),
                body: Some(healing.body()),
                deadline: attempt.deadline,
                client: Some(self.client),
                trace: &journal.outgoing(),
                edits: &step.fit.edits.headers,
            };
            // The answer is taken apart in a frame of its own: beside its parts it would stand on the stack of every
            // worker that waits for one.
            let answer = call.send(&self.context.client);
            if let Some(judged) = self.judge(answer, &mut healing, attempt, journal) {
                return judged;
            }
        }
    }

    /// The judgement on an answer; `None` where the step is to be called again, without what it refuses.
    fn judge(
        &self,
        answer: Result<Response, CallError>,
        healing: &mut Healing<'_>,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Option<Result<Box<Success>, Box<Failure>>> {
        let success = match answer.map_err(|error| failure_of(&error)) {
            Ok(answer) if !(200..300).contains(&answer.head.status) => {
                let failure = self.refused(answer, healing, attempt, journal)?;
                return Some(Err(failure));
            }
            Ok(answer) => {
                healing.accepted(journal);
                self.success(answer, attempt.deadline, journal)
            }
            Err(failure) => Err(failure),
        };
        Some(success.map(Box::new).map_err(Box::new))
    }

    /// The failure of a call that was refused; `None` where another body may do better.
    fn refused(
        &self,
        answer: Response,
        healing: &mut Healing<'_>,
        attempt: &mut Attempt,
        journal: &Journal<'_>,
    ) -> Option<Box<Failure>> {
        let Response { head, body } = answer;
        journal.status_seen(head.status);
        let step = self.route.steps.get(attempt.step_index);
        let base_url = step.map_or("", |step| step.provider.base_url.as_str());
        let url = [base_url, self.dialect.path()].concat();
        let (failure, text) = refusal(&head, body, attempt.deadline, &url);
        let mut failure = Box::new(failure);
        let refused = Refused {
            status: head.status,
            body: &text,
            failure: &mut failure,
        };
        let is_repeated = healing.refused(refused, journal, &mut attempt.healed);
        (!is_repeated).then_some(failure)
    }

    fn success(
        &self,
        answer: Response,
        deadline: Instant,
        journal: &Journal<'_>,
    ) -> Result<Success, Failure> {
        let Response { head, body } = answer;
        journal.status_seen(head.status);
        refuse_coding(&head)?;
        let reply = match self.dialect.framing() {
            Framing::Opaque => self.opaque(&head, body, deadline)?,
            Framing::Events if self.request.stream => {
                self.stream(&head, body, deadline, journal)?
            }
            Framing::Events => self.whole(&head, body, deadline, journal)?,
        };
        Ok(Success {
            reply,
            limits: limits_of(&head),
        })
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
    if names.any(tells_of_a_window) {
        let headers: Vec<(&str, &str)> = head.headers().collect();
        remaining_limits(&headers, SystemTime::now())
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
