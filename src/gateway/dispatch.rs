//! From a request to whatever answers it: its row in the table, access, and then a page or a walk.

use std::sync::Arc;
use std::time::SystemTime;

use crate::budget::Charge;
use crate::config::{Account, Route};
use crate::dialect::request::{Incoming, Request, RequestError};
use crate::dialect::restatement::Restatement;
use crate::dialect::translate::FrameForm;
use crate::dialect::{Dialect, Framing};
use crate::http::{Exchange, Response};
use crate::json::Object;
use crate::json::elided::Elided;
use crate::quota::accounts::RefusalReason;
use crate::routing::Conversation;

use super::accounts;
use super::actions;
use super::admission::{Admission, admit, caller};
use super::booking::{ClientBooking, limit_fields};
use super::context::Context;
use super::endpoints::{self, AnsweredBy, Endpoint, Found, Visibility};
use super::journal::Journal;
use super::keepalive::kept_alive;
use super::pages::{Unserved, Visit};
use super::pending::{NO_MEMORY, Pending};
use super::refusal::Refusal;
use super::side_call;
use super::walk::{Errand, passed_fields};

/// Answers one request on a worker thread. Blocks.
pub fn dispatch(context: &Context, exchange: Exchange<'_>) {
    let head = exchange.head();
    let found = endpoints::find(&context.config, head);
    let client = caller(context, head, found.as_ref());
    match admit(context, head, found.as_ref(), client) {
        Ok(Admission::Endpoint(found)) => answer(context, exchange, found, client),
        Ok(Admission::Early(response)) => {
            let endpoint = found.as_ref().map(|found| found.endpoint);
            pending(context, exchange, endpoint, client).finish(*response);
        }
        Err(refusal) => {
            let endpoint = found.map(|found| found.endpoint);
            pending(context, exchange, endpoint, client).refuse(*refusal);
        }
    }
}

fn answer(context: &Context, exchange: Exchange<'_>, found: &Found, client: Option<&Account>) {
    let endpoint = found.endpoint;
    if endpoint.visibility == Visibility::Quiet {
        return answer_quietly(context, exchange, found, client);
    }
    let pending = pending(context, exchange, Some(endpoint), client);
    match (&endpoint.answer, client) {
        (&AnsweredBy::Walk(dialect), Some(client)) => complete(context, pending, dialect, client),
        (&AnsweredBy::Aside(question), Some(client)) => {
            side_call::answer(context, pending, question, client);
        }
        (&AnsweredBy::Action, Some(client)) => actions::answer(context, pending, client),
        (&AnsweredBy::Told(tell, _), Some(client)) => told(context, pending, found, client, tell),
        _ => answer_with_page(context, pending, found, client),
    }
}

fn answer_with_page(
    context: &Context,
    pending: Pending<'_, '_>,
    found: &Found,
    client: Option<&Account>,
) {
    match page(context, &pending.exchange, found, client) {
        Ok(response) => pending.finish(response),
        Err(Unserved::Refused(refusal)) => pending.refuse(refusal),
        Err(Unserved::ClientGone) => pending.client_left(),
    }
}

/// Answers with a page that only its failures are told of.
fn answer_quietly(
    context: &Context,
    exchange: Exchange<'_>,
    found: &Found,
    client: Option<&Account>,
) {
    match page(context, &exchange, found, client) {
        Ok(response) => {
            exchange.send(response);
        }
        Err(Unserved::ClientGone) => {}
        Err(Unserved::Refused(refusal)) => {
            pending(context, exchange, Some(found.endpoint), client).refuse(refusal);
        }
    }
}

/// Opens the journal of a request. A path that names no endpoint is worth a trace, too.
fn pending<'g, 't>(
    context: &'g Context,
    exchange: Exchange<'t>,
    endpoint: Option<&'static Endpoint>,
    client: Option<&'g Account>,
) -> Pending<'g, 't> {
    let pattern = endpoint.map(|endpoint| endpoint.pattern);
    let mut journal = Journal::open(context, &exchange, pattern);
    if endpoint.is_none_or(|endpoint| endpoint.visibility == Visibility::Traced) {
        journal.traced(&exchange, pattern);
    }
    match client {
        Some(client) => journal.identified(&client.name),
        None => journal.anonymous(exchange.client_address()),
    }
    Pending::new(exchange, journal, endpoint.and_then(Endpoint::dialect))
}

/// Answers with a page that is told from the body of the request.
fn told(
    context: &Context,
    mut pending: Pending<'_, '_>,
    found: &Found,
    client: &Account,
    tell: endpoints::ToldAnswer,
) {
    pending.exchange.identify(&client.name);
    let body = match found.endpoint.reads_body() {
        true => pending.exchange.read_body(),
        false => Ok(Arc::default()),
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return pending.refuse_body(error),
    };
    let visit = Visit {
        context,
        exchange: &pending.exchange,
        client: Some(client),
        parameter: &found.parameter,
    };
    match tell(&visit, &body) {
        Ok(response) => pending.finish(response),
        Err(Unserved::Refused(refusal)) => pending.refuse(refusal),
        Err(Unserved::ClientGone) => pending.client_left(),
    }
}

fn page(
    context: &Context,
    exchange: &Exchange<'_>,
    found: &Found,
    client: Option<&Account>,
) -> Result<Response, Unserved> {
    let visit = Visit {
        context,
        exchange,
        client,
        parameter: &found.parameter,
    };
    match found.endpoint.answer {
        AnsweredBy::Front(answer) => Ok(answer()),
        AnsweredBy::Page(answer) => answer(&visit),
        AnsweredBy::Absent(words, _) => Err(Refusal::not_found(words).into()),
        // A walk needs to know whose request it is.
        AnsweredBy::Walk(_) | AnsweredBy::Aside(_) | AnsweredBy::Told(..) | AnsweredBy::Action => {
            Err(Refusal::unauthorized(accounts::fault(exchange.head())).into())
        }
    }
}

/// Answers a request that names a route: from its body to the answer of the first step that can.
fn complete<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    dialect: &'static dyn Dialect,
    client: &Account,
) {
    pending.exchange.identify(&client.name);
    let body = match pending.exchange.read_body() {
        Ok(body) => body,
        Err(error) => return pending.refuse_body(error),
    };
    // Of other bodies the type tells nothing: JSON comes under every type that clients think of.
    let form_type = pending.exchange.head().form_type().map(str::to_owned);
    match read(dialect, Incoming::new(&body, form_type.as_deref())) {
        Ok(request) => route(context, pending, dialect, client, &request),
        Err(error) => refuse_unread(pending, &error),
    }
}

fn refuse_unread(pending: Pending<'_, '_>, error: &RequestError) {
    let refusal = Refusal::new(error.code(), error.to_string());
    pending.refuse(refusal.about(error.param()));
}

/// The request without its long strings; `None` where it is as well edited whole, and where the budget has no room for
/// one more text. On the heap: a waiting worker keeps a small stack.
fn elided<'b>(object: &'b Object<'_>, charge: &mut Charge) -> Option<Box<Elided<'b>>> {
    let part = object.get("messages").or_else(|| object.get("input"))?;
    let elided = Elided::of(object.source(), part, &mut |bytes| charge.cover(bytes));
    elided.map(Box::new)
}

/// On the heap: a waiting worker keeps a small stack.
fn read<'b>(
    dialect: &dyn Dialect,
    incoming: Incoming<'b>,
) -> Result<Box<Request<'b>>, RequestError> {
    dialect.read(incoming).map(Box::new)
}

fn route<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    dialect: &'static dyn Dialect,
    client: &Account,
    request: &Request<'_>,
) {
    pending.journal.read(dialect, request);
    let Some(route) = accounts::route_of(&context.config, client, &request.model, dialect.name())
    else {
        return refuse_unknown(context, pending, dialect, client, &request.model);
    };
    if let Some(answer) = dialect.at_once(request, SystemTime::now) {
        pending.journal.route_known(route);
        return answer_at_once(pending, answer);
    }
    match dialect.restatement() {
        None => walk(context, pending, dialect, client, route, request),
        Some(restatement) => restated(context, pending, restatement, client, route, request),
    }
}

fn answer_at_once(pending: Pending<'_, '_>, answer: String) {
    pending.finish(Response::json(200, answer));
}

fn refuse_unknown(
    context: &Context,
    mut pending: Pending<'_, '_>,
    dialect: &dyn Dialect,
    client: &Account,
    model: &str,
) {
    pending.journal.route_unknown(model);
    let name = context.redactor.redact(model);
    pending.refuse(if name.is_empty() {
        Refusal::no_model(dialect.name())
    } else if accounts::hides(&context.config, client, model) {
        context.count_refusal(client, RefusalReason::Route);
        Refusal::not_allowed(dialect, &name)
    } else {
        Refusal::unknown_model(dialect, &name)
    });
}

/// Answers a request that is stated anew in another dialect, for every step.
fn restated<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    restatement: &'static dyn Restatement,
    client: &Account,
    route: &'g Arc<Route>,
    request: &Request<'_>,
) {
    // Its text lies beside the client's as long as the request goes on.
    let length = request
        .payload
        .object()
        .map_or(0, |object| object.source().len());
    let mut copied = pending.exchange.budget().empty();
    if !copied.cover(length) {
        return pending.refuse(Refusal::overloaded(NO_MEMORY));
    }
    let model = Some(request.model.as_str()).filter(|model| !model.is_empty());
    let body = restatement.body(request, model.unwrap_or(&route.name));
    pending.restate(restatement, &request.model);
    let dialect = restatement.dialect();
    match dialect.read(body.as_bytes().into()) {
        Ok(request) => walk(context, pending, dialect, client, route, &request),
        Err(error) => refuse_unread(pending, &error),
    }
}

/// The conversation that a request of a sticky route belongs to; `None` on other routes, and for requests without messages.
fn conversation(
    context: &Context,
    dialect: &dyn Dialect,
    route: &Route,
    request: &Request<'_>,
    client: &Account,
) -> Option<Conversation> {
    if route.sticky.is_zero() {
        return None;
    }
    let key = context.ledger.orders().key();
    Conversation::of(&key, &client.name, &route.name, |take| {
        dialect.tell_opening(request, take)
    })
}

/// The request with the wish to be told what it took; `None` where it has it, or its dialect tells unasked.
fn asking_for_usage<'b>(dialect: &dyn Dialect, request: &Request<'b>) -> Option<Box<Request<'b>>> {
    let mut asking = Box::new(request.clone());
    dialect.ask_for_usage(&mut asking.payload).then_some(asking)
}

/// Books a request with its client's account. Whether the provider has to tell its usage comes back.
///
/// # Errors
/// The refusal of a request that exceeds a limit of its client.
fn booked<'g>(
    context: &'g Context,
    pending: &mut Pending<'g, '_>,
    client: &Account,
    route: &'g Route,
    dialect: &dyn Dialect,
    request: &Request<'_>,
) -> Result<bool, Box<Refusal>> {
    match ClientBooking::admit(context, client, route, dialect, request) {
        Ok(admitted) => {
            pending.journal.admitted(admitted.booking);
            pending.limit(limit_fields(&admitted.left));
            Ok(admitted.needs_usage)
        }
        Err(refused) => {
            let (excess, left) = *refused;
            let (zone, currency) = (context.config.time_zone, context.config.currency.as_deref());
            pending.limit(limit_fields(&left));
            let refusal = Refusal::used_up(&client.name, &excess, zone, currency);
            Err(Box::new(refusal))
        }
    }
}

/// Answers a request of a known route.
fn walk<'g>(
    context: &'g Context,
    mut pending: Pending<'g, '_>,
    dialect: &'static dyn Dialect,
    client: &Account,
    route: &'g Arc<Route>,
    request: &Request<'_>,
) {
    let conversation = conversation(context, dialect, route, request, client);
    pending.journal.walk_began(route, dialect, request);
    let needs_usage = match booked(context, &mut pending, client, route, dialect, request) {
        Ok(needs_usage) => needs_usage,
        Err(refusal) => return pending.refuse(*refusal),
    };
    let request_id = dialect
        .id_field()
        .map(|_| pending.exchange.request_id().to_owned());
    let passed = passed_fields(pending.exchange.head(), dialect);
    // On the heap: a waiting worker keeps a small stack.
    let budget = pending.exchange.budget().clone();
    let mut of_elided = budget.empty();
    let elided = request
        .payload
        .object()
        .and_then(|object| elided(object, &mut of_elided));
    let edited = elided
        .as_ref()
        .and_then(|elided| read(dialect, elided.text().as_bytes().into()).ok());
    let is_elided = edited.is_some();
    let edited = edited.as_deref().unwrap_or(request);
    let asking = if needs_usage && request.stream {
        asking_for_usage(dialect, edited)
    } else {
        None
    };
    let errand = Errand {
        context,
        dialect,
        translated_for: None,
        route,
        request,
        passed: &passed,
        request_id: request_id.as_deref(),
        elided: elided.as_deref().filter(|_| is_elided),
        edited: asking.as_deref().unwrap_or(edited),
        hides_usage: asking.is_some(),
        client: &pending.exchange.client_socket(),
        conversation: conversation.as_ref(),
        received: pending.exchange.received(),
        budget: &budget,
    };
    let keepalive = route.stream_keepalive;
    let has_comments = dialect.frame_form() == FrameForm::Events;
    let keepalive = keepalive
        .filter(|_| request.stream && has_comments && dialect.framing(request) == Framing::Events);
    let ended = match keepalive {
        None => errand.walk(&mut pending.journal),
        Some(every) => kept_alive(&mut pending.exchange, every, || {
            errand.walk(&mut pending.journal)
        }),
    };
    pending.conclude(&errand, ended);
}
