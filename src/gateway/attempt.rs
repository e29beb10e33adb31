//! One attempt: a call to one provider with one key, up to the point where its answer can be given to the client.

use std::time::{Instant, SystemTime};

use crate::adapt;
use crate::client_socket::ClientSocket;
use crate::config::Step;
use crate::dialect::chat::answer::Answer;
use crate::dialect::chat::assemble::Assembler;
use crate::dialect::chat::chunk::{Chunk, ChunkKind, DONE, Ends};
use crate::dialect::chat::request::ChatRequest;
use crate::dialect::chat::unfold::unfold;
use crate::dialect::class::Class;
use crate::dialect::provider_error::{ProviderError, error_of};
use crate::dialect::rate_limits::{RemainingLimits, remaining_limits};
use crate::routing::Failure;
use crate::secret::Secret;
use crate::telemetry::trace::current;
use crate::upstream::{Body, CallError, Client, Head, Response};

use super::events::{Events, data_of};
use super::failure::{cut, failure_of, failure_of_error, failure_of_flaw};
use super::prelude::{Opened, open};
use super::provider_call::ProviderCall;
use super::trail::tell_model;

/// Bytes of a refusal that are read; providers' error bodies are a few hundred.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// What is tried.
pub struct Call<'a> {
    pub step: &'a Step,
    pub key: Option<&'a Secret>,
    pub request: &'a ChatRequest<'a>,
    pub deadline: Instant,
    pub client: &'a ClientSocket,
    /// The provider is told the trace that the call belongs to.
    pub propagate_trace: bool,
}

/// What a successful attempt gives, and what the provider told about its limits on the way.
pub struct Success {
    pub reached: Reached,
    pub told: RemainingLimits,
}

/// An answer the client can have.
pub enum Reached {
    /// A whole `chat.completion` object.
    Whole(Answer),
    /// A stream whose first content has arrived.
    Stream(Box<Opened>),
}

impl Call<'_> {
    /// # Errors
    /// The class and the provider's own message; keys in it are not masked yet.
    pub fn make(&self, client: &Client, max_answer: usize) -> Result<Success, Failure> {
        // Passed on whole: what is taken apart here would stand beside its parts on the stack of a waiting worker.
        self.judge(self.send(client), max_answer)
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn send(&self, client: &Client) -> Result<Response, CallError> {
        let body = self.body();
        let trace = self.trace();
        let call = ProviderCall {
            provider: &self.step.provider,
            key: self.key,
            path: "/chat/completions",
            accept: if self.request.stream() {
                "text/event-stream, application/json"
            } else {
                "application/json"
            },
            body: Some(&body),
            deadline: self.deadline,
            client: Some(self.client),
            trace: &trace,
        };
        call.send(client)
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn body(&self) -> Vec<u8> {
        adapt::adapt(self.request, self.step)
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn trace(&self) -> Vec<(&'static str, String)> {
        if self.propagate_trace {
            current::outgoing()
        } else {
            Vec::new()
        }
    }

    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn judge(
        &self,
        answer: Result<Response, CallError>,
        max_answer: usize,
    ) -> Result<Success, Failure> {
        let Response { head, body } = answer.map_err(|error| failure_of(&error))?;
        current::status(head.status);
        if !(200..300).contains(&head.status) {
            return Err(self.refusal(&head, body));
        }
        if let Some(encoding) = head.header("content-encoding")
            && !encoding.eq_ignore_ascii_case("identity")
        {
            let message = format!(
                "the answer came with Content-Encoding {encoding:?}, which was not asked for"
            );
            return Err(Failure {
                status: Some(head.status),
                ..Failure::new(Class::BadResponse, &message)
            });
        }
        let reached = if self.request.stream() {
            self.stream(&head, body, max_answer)?
        } else {
            self.whole(&head, body, max_answer)?
        };
        let told = limits_told(&head);
        Ok(Success { reached, told })
    }

    /// A plain answer; one that comes as a stream all the same is put together.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn whole(&self, head: &Head, body: Body, max_answer: usize) -> Result<Reached, Failure> {
        let body = self.read_all(body, max_answer)?;
        let answer = if is_event_stream(head) || body.starts_with("data:") {
            assemble(head, &body)?
        } else {
            Answer::read(body).map_err(|flaw| failure_of_flaw(head, flaw))?
        };
        tell_model(|| answer.model());
        Ok(Reached::Whole(answer))
    }

    /// A stream up to its first content; a plain answer is turned into one.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn stream(&self, head: &Head, body: Body, max_answer: usize) -> Result<Reached, Failure> {
        let events = if is_event_stream(head) {
            Events::live(body)
        } else {
            let body = self.read_all(body, max_answer)?;
            if body.starts_with("data:") {
                Events::of_text(&body)
            } else {
                let chunks = Answer::read(body).and_then(|answer| unfold(&answer));
                let chunks = chunks.map_err(|flaw| failure_of_flaw(head, flaw))?;
                Events::ready(chunks.iter().map(String::as_str).chain([DONE]))
            }
        };
        open(head, events, self.deadline).map(|opened| Reached::Stream(Box::new(opened)))
    }

    fn read_all(&self, body: Body, max_answer: usize) -> Result<String, Failure> {
        let body = body
            .read_to_end(max_answer, self.deadline)
            .map_err(|error| failure_of(&error))?;
        String::from_utf8(body)
            .map_err(|_| Failure::new(Class::BadResponse, "the answer is not UTF-8"))
    }

    /// A status that is no success, with what the provider says about it.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    fn refusal(&self, head: &Head, body: Body) -> Failure {
        let body = match beginning(body, self.deadline) {
            Ok(body) => body,
            Err(cancelled) => return failure_of(&cancelled),
        };
        let text = String::from_utf8_lossy(&body);
        let said = error_of(&text).unwrap_or_else(|| ProviderError {
            message: text.trim().to_owned(),
            ..ProviderError::default()
        });
        failure_of_error(head, &said)
    }
}

/// Most providers tell nothing of their limits: then none of the many names is looked up.
fn limits_told(head: &Head) -> RemainingLimits {
    let mut names = head.headers().map(|(name, _)| name);
    if names.any(|name| name.starts_with("x-ratelimit-")) {
        remaining_limits(&|name| head.header(name), SystemTime::now())
    } else {
        RemainingLimits::default()
    }
}

/// What can be had of a refusal's body. Its status says enough when it breaks off, or is too long; but a client that left
/// is a client that left.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
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

fn is_event_stream(head: &Head) -> bool {
    head.header("content-type").is_some_and(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/event-stream")
    })
}

/// One object from a stream that is all there.
fn assemble(head: &Head, body: &str) -> Result<Answer, Failure> {
    let flawed = |flaw| failure_of_flaw(head, flaw);
    let mut assembler = Assembler::new();
    let (mut ends, mut done) = (Ends::default(), false);
    for data in data_of(body) {
        let chunk = Chunk::inspect(&data);
        ends.add(chunk.ends);
        done |= chunk.kind == ChunkKind::Done;
        assembler.push(&data).map_err(flawed)?;
    }
    let answer = assembler.finish().map_err(flawed)?;
    if done || ends.are_all_there() {
        Ok(answer)
    } else {
        Err(cut())
    }
}
