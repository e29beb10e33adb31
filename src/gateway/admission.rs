//! The admission of a request, by its head alone: whose it is, whether it may come in, and whether its body is read.

use crate::config::Account;
use crate::http::{Head, Response, ResponseHead};
use crate::quota::accounts::RefusalReason;

use super::accounts;
use super::context::Context;
use super::cors;
use super::endpoints::{self, Access, AnsweredBy, Found};
use super::hosts;
use super::keyless;
use super::refusal::Refusal;
use super::wrong_paths;

/// Whether the body of a request will be read: by an endpoint that needs it, for a client that has a key. All else is
/// answered by the head alone. It runs on the front thread.
pub fn wants_body(context: &Context, head: &Head) -> bool {
    let reads_body = |found: Found| {
        let endpoint = found.endpoint;
        endpoint.reads_body() && endpoint.allows(head.method())
    };
    hosts::is_accepted(&context.config, head)
        && !is_encoded(head)
        && endpoints::find(&context.config, head).is_some_and(|found| {
            let client = caller(context, head, Some(&found));
            client.is_some_and(|client| !accounts::has_expired(client)) && reads_body(found)
        })
}

/// The client that asks: the one whose key it shows, else the one that all callers share who need no key here.
pub fn caller<'c>(context: &'c Context, head: &Head, found: Option<&Found>) -> Option<&'c Account> {
    let known = accounts::client_of(&context.config, head);
    let may_lack_key =
        || found.is_some_and(|found| matches!(found.endpoint.access, Access::Ollama));
    known.or_else(|| may_lack_key().then(|| keyless::account(&context.config, head).ok())?)
}

/// Whether the body of a request has been compressed.
fn is_encoded(head: &Head) -> bool {
    let is_coding =
        |encoding: &str| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity");
    head.header("content-encoding")
        .is_some_and(|encodings| encodings.split(',').map(str::trim).any(is_coding))
}

/// A request that gets an answer: from its endpoint, or one that its head has already.
pub enum Admission<'f> {
    Endpoint(&'f Found),
    Early(Box<Response>),
}

/// The admission of a request by its head. The name comes first, so that a page that was led here reads nothing; then the
/// key: without one, a stranger does not learn which paths there are. Between them are preflights, which cannot have one.
///
/// # Errors
/// The refusal of a request that is not for this gateway, lacks a key, or asks for what is not here.
pub fn admit<'f>(
    context: &Context,
    head: &Head,
    found: Option<&'f Found>,
    client: Option<&Account>,
) -> Result<Admission<'f>, Box<Refusal>> {
    if !hosts::is_accepted(&context.config, head) {
        return Err(Refusal::misdirected().into());
    }
    if let Some(response) = cors::preflight(context, head, found) {
        return Ok(Admission::Early(Box::new(response)));
    }
    let is_open = found.is_some_and(|found| found.endpoint.is_open(context, head));
    if client.is_none() && !is_open {
        return Err(Box::new(match found.map(|found| found.endpoint.access) {
            Some(Access::Ollama) => keyless_refusal(context, head),
            _ => Refusal::unauthorized(accounts::fault(head)),
        }));
    }
    if let Some(expired) = client.filter(|client| !is_open && accounts::has_expired(client)) {
        context.count_refusal(expired, RefusalReason::Expired);
        return Err(Refusal::expired().into());
    }
    let found = found.ok_or_else(|| Refusal::not_found(wrong_paths::told(head.path())))?;
    match head.method() {
        "OPTIONS" => {
            let head = ResponseHead::new(204, "text/plain").with("Allow", found.endpoint.allow());
            Ok(Admission::Early(Box::new(Response::new(head, Vec::new()))))
        }
        method if found.endpoint.allows(method) => match found.endpoint.answer {
            AnsweredBy::Walk(_)
            | AnsweredBy::Aside(_)
            | AnsweredBy::Told(..)
            | AnsweredBy::Action
                if is_encoded(head) =>
            {
                Err(Refusal::encoded().into())
            }
            _ => Ok(Admission::Endpoint(found)),
        },
        _ => Err(Refusal::method(found.endpoint.allow()).into()),
    }
}

fn keyless_refusal(context: &Context, head: &Head) -> Refusal {
    let refused = keyless::account(&context.config, head).err();
    refused.unwrap_or_else(|| Refusal::unauthorized(accounts::fault(head)))
}
