//! An attempt: a call to one provider with one key, up to the point where its answer can be given to the client.

use std::time::{Instant, SystemTime};

use crate::adapt;
use crate::config::Step;
use crate::dialect::Framing;
use crate::dialect::answer::{Flaw, WholeAnswer};
use crate::dialect::class::Class;
use crate::dialect::provider_error::{ProviderError, error_of};
use crate::dialect::rate_limits::{RemainingLimits, remaining_limits};
use crate::gateway::journal::Journal;
use crate::routing::{Attempt, Failure};
use crate::upstream::{Body, CallError, Head, Response};

use super::arriving_answer::ArrivingAnswer;
use super::commit::Committed;
use super::errand::Errand;
use super::failure::{failure_of, failure_of_error, failure_of_flaw};
use super::provider_call::ProviderCall;

/// Bytes of a refusal that are read; providers' error bodies are a few hundred.
const LONGEST_REFUSAL: usize = 64 * 1024;

/// An answer that a client can have.
pub enum Reply<'a> {
    /// A JSON object.
    Whole(WholeAnswer),
    /// A stream whose first content has arrived.
    Stream(Box<Committed<'a>>),
    /// Bytes without frames, whole.
    Opaque(OpaqueAnswer),
}

/// An answer that the gateway does not look into.
pub struct OpaqueAnswer {
    pub content_type: String,
    pub body: Vec<u8>,
}

/// An attempt without an answer that counts.
pub struct Missed<'a> {
    /// The class and the provider's own message; keys in it are not masked yet.
    pub failure: Failure,
    /// The answer that is delivered if no step does better.
    pub second_best: Option<Reply<'a>>,
}

impl From<Failure> for Box<Missed<'_>> {
    fn from(failure: Failure) -> Self {
        Self::new(Missed {
            failure,
            second_best: None,
        })
    }
}

impl<'a> Errand<'a> {
    /// Makes the attempt. With the answer comes what the provider says about its limits.
    ///
    /// # Errors
    /// There is no answer, or one that is second best.
    pub(super) fn attempt(
        &self,
        attempt: &Attempt,
        journal: &Journal<'_>,
    ) -> Result<(Reply<'a>, RemainingLimits), Box<Missed<'a>>> {
        let Some(step) = self.route.steps.get(attempt.step_index) else {
            return Err(Failure::new(Class::Rejected, "the route has no such step").into());
        };
        let request = adapt::adapt(self.request, step);
        let answer = self.send(attempt, step, &request, journal);
        let Response { head, body } = answer.map_err(|error| failure_of(&error))?;
        journal.status_seen(head.status);
        if !(200..300).contains(&head.status) {
            return Err(refusal(&head, body, attempt.deadline).into());
        }
        refuse_coding(&head)?;
        let reply = match self.dialect.framing() {
            Framing::Opaque => self.opaque(&head, body, attempt.deadline)?,
            Framing::Events => {
                let answer = ArrivingAnswer::new(self, step, &request, &head, attempt.deadline);
                answer.read(body, journal)?
            }
        };
        Ok((reply, limits_of(&head)))
    }

    fn send(
        &self,
        attempt: &Attempt,
        step: &Step,
        request: &[u8],
        journal: &Journal<'_>,
    ) -> Result<Response, CallError> {
        let key = attempt
            .key_index
            .and_then(|index| step.provider.keys.get(index));
        let is_made_stream = step.upstream_stream && !self.request.stream;
        let streamed = is_made_stream.then(|| self.dialect.streamed(request));
        let streamed = streamed.flatten();
        let call = ProviderCall {
            provider: &step.provider,
            key,
            path: self.dialect.path(),
            accept: self
                .dialect
                .accept(self.request.stream || step.upstream_stream),
            body: Some(streamed.as_deref().unwrap_or(request)),
            deadline: attempt.deadline,
            client: Some(self.client),
            trace: &journal.outgoing(),
        };
        call.send(&self.context.client)
    }

    fn opaque(&self, head: &Head, body: Body, deadline: Instant) -> Result<Reply<'a>, Failure> {
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
}

/// A status that is no success, with the provider's own words.
fn refusal(head: &Head, body: Body, deadline: Instant) -> Failure {
    let body = match beginning(body, deadline) {
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
        // Some servers name that there is none.
        Some(coding)
            if !["", "identity", "none"]
                .iter()
                .any(|none| coding.trim().eq_ignore_ascii_case(none)) =>
        {
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
