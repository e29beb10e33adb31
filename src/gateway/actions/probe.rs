//! A real request of a few tokens to one step, whether it is cooling or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::Outcome;
use crate::config::{Account, Route, Step};
use crate::dialect::Dialect;
use crate::dialect::chat::Chat;
use crate::dialect::class::Class;
use crate::dialect::embeddings::Embeddings;
use crate::dialect::error::Code;
use crate::dialect::request::Incoming;
use crate::dialect::step_traits::OutputLimit;
use crate::gateway::answers::settle;
use crate::gateway::booking::ClientBooking;
use crate::gateway::context::Context;
use crate::gateway::journal::CLIENT_GONE;
use crate::gateway::pending::Pending;
use crate::gateway::refusal::Refusal;
use crate::gateway::walk::{Ended, Errand, Reply};
use crate::routing::StepReport;
use crate::text::{for_people, milliseconds};

/// The status of a probe that failed, for the log and the metrics; its body tells why.
const FAILED: u16 = 502;

/// Asks a step of a route, in whose log line, figures and account it counts like any request of the client. Marks on the step
/// are taken off before, and set anew by what comes of it.
pub fn answer<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    client: &'g Account,
    route: &'g Arc<Route>,
    index: usize,
) {
    let Some(step) = route.steps.get(index) else {
        return pending.refuse(Refusal::not_found("there is no such step"));
    };
    let Some((dialect, body)) = question(route, step) else {
        let message = "a probe is a chat or a text to embed, and this route serves neither";
        return pending.refuse(Refusal::new(Code::ValidationFailed, message));
    };
    let request = match dialect.read(Incoming::from(body.as_bytes())) {
        Ok(request) => Box::new(request),
        Err(error) => return pending.refuse(Refusal::new(Code::Internal, error.to_string())),
    };
    pending.journal.read(dialect, &request);
    pending.journal.walk_began(route, dialect, &request);
    match ClientBooking::admit(context, client, route, dialect, &request) {
        Ok(admitted) => pending.journal.admitted(admitted.booking),
        Err(refused) => {
            let (zone, currency) = (context.config.time_zone, context.config.currency.as_deref());
            let refusal = Refusal::used_up(&client.name, &refused.0, zone, currency);
            return pending.refuse(refusal);
        }
    }
    let now = Instant::now();
    let (provider, model) = (step.provider.index, step.model.as_str());
    context.ledger.lock().forgive(provider, Some(model), now);
    let budget = pending.exchange.budget().clone();
    let errand = Errand {
        context,
        dialect,
        translated_for: None,
        route,
        request: &request,
        edited: &request,
        elided: None,
        hides_usage: false,
        passed: &Vec::new(),
        request_id: None,
        client: &pending.exchange.client_socket(),
        conversation: None,
        received: pending.exchange.received(),
        budget: &budget,
    };
    let outcome = match errand.walk_to(index, &mut pending.journal) {
        Ended::Answered { reply, answered } => {
            let took = answered.started().elapsed();
            pending.journal.walk_answered(&answered, dialect);
            // History keeps the way of it; nobody is sent it.
            let _ = pending.journal.routing_summary(route, answered.reports());
            let mut tokens = String::new();
            if let Reply::Whole(held) = &reply {
                pending.journal.whole_arrived(&held.answer);
                settle(context, &answered, held.answer.usage);
                pending.journal.answered_whole(&answered, &held.answer);
                let usage = held.answer.usage.unwrap_or_default();
                if let (Some(input), Some(output)) = (usage.prompt_tokens, usage.completion_tokens)
                {
                    tokens = format!(" ({input} tokens in, {output} out)");
                }
            }
            let (of, took) = (&step.label, words(took));
            Outcome::new(true, format!("{of} answered in {took}{tokens}."))
        }
        Ended::Exhausted { reports, .. } => {
            let _ = pending.journal.routing_summary(route, &reports);
            Outcome::new(false, failed(context, step, &reports))
        }
        Ended::ClientGone => {
            pending.journal.failed(Class::Cancelled.label());
            return pending.journal.end(CLIENT_GONE);
        }
    };
    outcome.tell(client, "probe");
    let status = if outcome.ok { 200 } else { FAILED };
    pending.finish(outcome.response(status));
}

/// The request in its dialect; `None` for a route that takes neither chats nor texts to embed.
fn question(route: &Route, step: &Step) -> Option<(&'static dyn Dialect, String)> {
    let limit = match step.traits.translation.output_limit {
        OutputLimit::MaxTokens => "max_tokens",
        OutputLimit::MaxCompletionTokens => "max_completion_tokens",
    };
    if ["chat", "responses", "messages", "ollama"]
        .iter()
        .any(|dialect| route.serves(dialect))
    {
        let body = format!(
            r#"{{"model":"probe","messages":[{{"role":"user","content":"Say OK."}}],"{limit}":16}}"#
        );
        return Some((&Chat, body));
    }
    let embeds = route.serves(Embeddings.name());
    embeds.then(|| {
        let body = r#"{"model":"probe","input":"OK"}"#.to_owned();
        (&Embeddings as &dyn Dialect, body)
    })
}

fn failed(context: &Context, step: &Step, reports: &[StepReport]) -> String {
    let of = &step.label;
    let Some(report) = reports.last() else {
        return format!("{of} cannot be called now.");
    };
    let message = report.message.as_ref();
    let message = message.map(|said| said.masked(&context.redactor));
    let message = message.unwrap_or_default();
    let message = for_people(&message);
    let class = report.class.map_or("", Class::label).replace('_', " ");
    match (report.skipped, report.status) {
        (true, _) => format!("{of} was not called: {class} {message}"),
        (false, Some(status)) => format!("{of} failed ({class}, {status}): {message}"),
        (false, None) => format!("{of} failed ({class}): {message}"),
    }
}

fn words(took: Duration) -> String {
    match milliseconds(took) {
        ms @ ..1000 => format!("{ms} ms"),
        ms => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
    }
}
