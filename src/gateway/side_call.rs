//! A call on the side of a route: one question to one step, which costs no cooldown, and is answered by the gateway itself
//! where the step does not.

use std::time::{Duration, Instant};

use crate::adapt;
use crate::config::{Account, Route, Step};
use crate::dialect::PassedFields;
use crate::dialect::request::{Incoming, Request};
use crate::dialect::side_question::SideQuestion;
use crate::http::Response;
use crate::quota::accounts::RefusalReason;
use crate::routing::Ledger;

use super::accounts;
use super::context::Context;
use super::pending::Pending;
use super::refusal::Refusal;
use super::walk::{ProviderCall, passed_fields};

/// The time of the call. A client asks many such questions at once, and before each answer that it shows.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer (bytes).
const LONGEST: usize = 64 * 1024;

/// Answers a request whose body asks a question on the side. Blocks.
pub fn answer<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    question: &dyn SideQuestion,
    client: &Account,
) {
    pending.exchange.identify(&client.name);
    let body = match pending.exchange.read_body() {
        Ok(body) => body,
        Err(error) => return pending.refuse_body(error),
    };
    let request = match question.read(Incoming::new(&body, None)) {
        Ok(request) => request,
        Err(error) => {
            let refusal = Refusal::new(error.code(), error.to_string());
            return pending.refuse(refusal.about(error.param()));
        }
    };
    let dialect = question.dialect().name();
    let Some(route) = accounts::route_of(&context.config, client, &request.model, dialect) else {
        pending.journal.route_unknown(&request.model);
        let name = context.redactor.redact(&request.model);
        return pending.refuse(
            match accounts::hides(&context.config, client, &request.model) {
                true => {
                    context.count_refusal(client, RefusalReason::Route);
                    Refusal::not_allowed(question.dialect(), &name)
                }
                false => Refusal::route(&name),
            },
        );
    };
    pending.journal.route_known(route);
    let asking = Asking {
        context,
        question,
        request: &request,
        passed: passed_fields(pending.exchange.head(), question.dialect()),
    };
    let response = match asking.ask(route, &pending) {
        Some(answer) => Response::json(200, answer),
        None => {
            let (name, value) = question.estimate_mark();
            Response::json(200, question.estimate(&request)).with(name, value)
        }
    };
    pending.finish(response);
}

struct Asking<'a> {
    context: &'a Context,
    question: &'a dyn SideQuestion,
    request: &'a Request<'a>,
    passed: PassedFields,
}

impl Asking<'_> {
    /// The answer of the first step that may have one; `None` where it has none in time.
    fn ask(&self, route: &Route, pending: &Pending<'_, '_>) -> Option<String> {
        let now = Instant::now();
        let (step, key_index) = {
            let ledger = self.context.ledger.lock();
            let mut steps = route.steps.iter();
            steps.find_map(|step| {
                self.question.path(&step.traits)?;
                Some((step, usable_key(step, &ledger, now)?))
            })?
        };
        let dialect = self.question.dialect();
        let lessons = self.context.ledger.learned().of(step, now);
        let adapted = adapt::adapt(dialect, self.request, step, &lessons);
        let deadline = now + PATIENCE;
        let call = ProviderCall {
            provider: &step.provider,
            key: step.provider.keys.get(key_index),
            base: &step.provider.base_url,
            path: self.question.path(&step.traits)?,
            accept: "application/json",
            content_type: adapted.content_type(),
            headers: &dialect.headers(&self.passed, &step.traits),
            body: Some(&adapted.slices()),
            deadline,
            client: Some(&pending.exchange.client_socket()),
            trace: &pending.journal.outgoing(),
            edits: &step.fit.edits.headers,
        };
        let response = call.send(&self.context.client, None).ok()?;
        if !(200..300).contains(&response.head.status) {
            return None;
        }
        let body = response.body.read_to_end(LONGEST, deadline).ok()?;
        self.question.answer(std::str::from_utf8(&body).ok()?)
    }
}

/// The first key of a step that is not cooling; none where the step is. A provider without keys has an empty one.
fn usable_key(step: &Step, ledger: &Ledger, now: Instant) -> Option<usize> {
    if ledger.cooling_of(step, now).is_some() {
        return None;
    }
    let is_cooling = |key: &usize| {
        ledger.cooling(now).any(|entry| {
            entry.provider == step.provider.index
                && entry.key == Some(*key)
                && entry.model.is_none_or(|model| model == step.model)
        })
    };
    let mut keys = 0..step.provider.keys.len().max(1);
    keys.find(|key| !is_cooling(key))
}
