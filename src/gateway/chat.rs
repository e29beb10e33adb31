//! `POST /v1/chat/completions`: from the body to the answer of the first step that can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::config::{self, ResponseModel, Route, Step};
use crate::dialect::chat::answer::Usage;
use crate::dialect::chat::request::ChatRequest;
use crate::dialect::class::Class;
use crate::dialect::error::Code;
use crate::http::{Exchange, Response, ResponseHead};
use crate::routing::{AnsweredWalk, StepReport, Verdict, fallbacks};
use crate::telemetry::trace::{AttemptSpan, Attribute, current, names};

use super::attempt::Reached;
use super::content::Transcript;
use super::excerpt::excerpt;
use super::journal::{CLIENT_GONE, Journal, milliseconds};
use super::prelude::Opened;
use super::relay::{Marks, Relayed, relay};
use super::walk::{self, Ended, Served};
use super::{Gateway, auth, content, reply, summary};

/// Answers one request for a chat completion.
pub fn complete<'g>(
    gateway: &'g Gateway,
    mut exchange: Exchange<'_>,
    mut journal: Box<Journal<'g>>,
    client: &config::Client,
) {
    let body = match exchange.read_body() {
        Ok(body) => body,
        Err(error) => {
            let limit = gateway.config.server.max_body;
            return reply::refuse_body(exchange, journal, error, limit);
        }
    };
    let request = match ChatRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => {
            return reply::refuse_member(
                exchange,
                journal,
                error.code(),
                &error.to_string(),
                error.param(),
            );
        }
    };
    journal.asks_for_stream(request.stream());
    log_excerpt("request body", &journal, gateway, request.object().source());
    let route = gateway.config.route(request.model());
    let Some(route) = route.filter(|route| auth::may_use(client, route)) else {
        journal.asks_in_vain_for(request.model(), &gateway.redactor);
        return reply::refuse_route(exchange, journal, &gateway.redactor.redact(request.model()));
    };
    journal.takes(route);
    let client_socket = exchange.client_socket();
    match walk::walk(gateway, route, &request, &client_socket, &journal) {
        Ended::ClientGone { reports } => left(exchange, journal, &reports),
        Ended::Exhausted { verdict, reports } => {
            exhausted(gateway, exchange, journal, route, &verdict, &reports)
        }
        Ended::Served(served) => serve(gateway, exchange, journal, route, served),
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn left(exchange: Exchange<'_>, mut journal: Box<Journal<'_>>, reports: &[StepReport]) {
    journal.walked(summary::tried(reports), 0, None);
    if exchange.is_ending() {
        return reply::refuse_as_stopping(exchange, journal);
    }
    journal.failed(Class::Cancelled.label());
    journal.end(CLIENT_GONE);
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn serve(
    gateway: &Gateway,
    exchange: Exchange<'_>,
    mut journal: Box<Journal<'_>>,
    route: &Route,
    served: Box<Served>,
) {
    let answered = &served.answered;
    let Some(step) = route.steps.get(answered.step_index()) else {
        return reply::refuse(
            exchange,
            journal,
            Code::Internal,
            "the walk ended on a step that is not there",
        );
    };
    let via = [step.provider.name.as_str(), "/", &step.model].concat();
    let fallbacks = answered.fallbacks();
    journal.walked(summary::tried(answered.reports()), fallbacks, Some(&via));
    if let Some(report) = answered.reports().last() {
        journal.attempt_succeeded(report, fallbacks);
    }
    let routing_summary = summary::summary(&route.name, answered.reports(), &gateway.redactor);
    let marks = Marks {
        model: match gateway.config.response_model {
            ResponseModel::Route => Some(&route.name),
            ResponseModel::Upstream => None,
        },
        routing_summary: &routing_summary,
    };
    let content_type = match served.reached {
        Reached::Whole(_) => "application/json",
        Reached::Stream(_) => "text/event-stream",
    };
    let head = ResponseHead::new(200, content_type)
        .with("X-Routed-Via", via)
        .with("X-Fallback-Count", fallbacks.to_string());
    match served.reached {
        Reached::Whole(answer) => {
            let usage = answer.usage;
            journal.used(answered.step_index(), usage);
            journal.attempt_answered(answered.step_index(), answered.started().elapsed());
            log_excerpt("answer body", &journal, gateway, answer.text());
            let body = answer.marked(marks.model, marks.routing_summary);
            show_answer(gateway, || Some(answer.into_text()));
            current::event("commit", Vec::new);
            end_span(served.span, usage);
            reply::finish(exchange, journal, Response::new(head, body));
        }
        Reached::Stream(opened) => {
            let stream = Streamed {
                opened,
                head,
                answered: served.answered,
                span: served.span,
            };
            serve_stream(gateway, exchange, journal, step, &marks, stream);
        }
    }
}

/// A stream that is past its commit point.
struct Streamed {
    opened: Box<Opened>,
    head: ResponseHead,
    answered: AnsweredWalk,
    span: AttemptSpan,
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn serve_stream(
    gateway: &Gateway,
    exchange: Exchange<'_>,
    journal: Box<Journal<'_>>,
    step: &Step,
    marks: &Marks<'_>,
    streamed: Streamed,
) {
    let Streamed {
        opened,
        head,
        answered,
        span,
    } = streamed;
    current::event("commit", || {
        let held = opened.held.len().saturating_sub(1);
        let held = i64::try_from(held).unwrap_or(i64::MAX);
        vec![Attribute::new(names::HELD_EVENTS, held)]
    });
    let transcript = shows_content(gateway).then(Transcript::default);
    journal.content_began(answered.step_index(), answered.started().elapsed());
    let relayed = relay(
        *opened,
        exchange.stream(head),
        marks,
        step.stall_timeout,
        &gateway.redactor,
        transcript,
    );
    end_stream(gateway, journal, step, relayed, answered, span);
}

/// A stream that broke after the commit point has been answered with 200; the log and the ledger know better.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn end_stream(
    gateway: &Gateway,
    mut journal: Box<Journal<'_>>,
    step: &Step,
    relayed: Relayed,
    mut answered: AnsweredWalk,
    span: AttemptSpan,
) {
    let index = answered.step_index();
    let duration = answered.started().elapsed();
    journal.used(index, relayed.usage);
    show_answer(gateway, || relayed.transcript.and_then(Transcript::answer));
    let Some(failure) = relayed.failure else {
        journal.attempt_answered(index, duration);
        end_span(span, relayed.usage);
        return journal.end(200);
    };
    journal.failed(failure.class.label());
    let gone = failure.class == Class::Cancelled && !relayed.stopped;
    if !gone {
        journal.broke();
    }
    if failure.class == Class::Cancelled {
        journal.attempt_cancelled(index, duration);
    } else {
        journal.attempt_failed(index, step, &failure, duration, &gateway.redactor);
    }
    let (class, message) = (failure.class, failure.message.clone());
    answered.cut(&mut gateway.memory.ledger(), failure, Instant::now());
    gateway.memory.changed();
    span.failed(class.label(), || gateway.redactor.redact(&message));
    journal.end(if gone { CLIENT_GONE } else { 200 });
}

fn end_span(span: AttemptSpan, usage: Option<Usage>) {
    span.answered(
        usage.and_then(|usage| usage.prompt_tokens),
        usage.and_then(|usage| usage.completion_tokens),
    );
}

/// Whether somebody will see what is said, and may.
fn shows_content(gateway: &Gateway) -> bool {
    gateway.config.capture_content && current::is_recorded()
}

fn show_answer(gateway: &Gateway, answer: impl FnOnce() -> Option<String>) {
    if shows_content(gateway)
        && let Some(answer) = answer()
    {
        let shown = gateway.redactor.redact(&content::output(&answer));
        current::content(None, Some(shown));
    }
}

/// Every step failed: the status tells whether to retry, the details why.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn exhausted(
    gateway: &Gateway,
    exchange: Exchange<'_>,
    mut journal: Box<Journal<'_>>,
    route: &Arc<Route>,
    verdict: &Verdict,
    reports: &[StepReport],
) {
    let fallbacks = fallbacks(reports);
    journal.walked(summary::tried(reports), fallbacks, None);
    journal.failed(verdict.code.label());
    journal.exhausted(reports);
    let routing_summary = summary::summary(&route.name, reports, &gateway.redactor);
    let message = gateway.redactor.redact(&verdict.message);
    let body = summary::error_body(verdict, &message, &routing_summary);
    let mut response =
        Response::json(verdict.status, body).with("X-Fallback-Count", fallbacks.to_string());
    if let Some(after) = verdict.retry_after {
        response = response
            .with("Retry-After", whole_seconds(after).to_string())
            .with("Retry-After-Ms", milliseconds(after).to_string());
    }
    reply::finish(exchange, journal, response);
}

/// Rounded up: a client that comes back exactly then must not come too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn log_excerpt(what: &str, journal: &Journal<'_>, gateway: &Gateway, body: &str) {
    if log::log_enabled!(Level::Debug) {
        let body = excerpt(body, &gateway.redactor);
        log::debug!(request_id = journal.request_id(), body = body.as_str(); "{what}");
    }
}
