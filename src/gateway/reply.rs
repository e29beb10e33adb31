//! Answers that are whole at once, and refusals.

use crate::dialect::error::{Code, ErrorBody};
use crate::http::{BodyError, Exchange, Reason, Refusal, Response};
use crate::text::cut;

use super::journal::{CLIENT_GONE, Journal};

/// What clients are told whose answers do not finish in time.
pub const STOPPING: &str = "the gateway is stopping; try again in a moment";

/// Sends a response and ends the request's line in the log.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn finish(exchange: Exchange<'_>, journal: Box<Journal<'_>>, response: Response) {
    let delivery = exchange.send(response);
    journal.end(if delivery.complete {
        delivery.status
    } else {
        CLIENT_GONE
    });
}

/// An error of the gateway's own.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn refuse(exchange: Exchange<'_>, journal: Box<Journal<'_>>, code: Code, message: &str) {
    refuse_with(exchange, journal, code, &ErrorBody::new(code, message));
}

/// An error about one member of the request.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn refuse_member(
    exchange: Exchange<'_>,
    journal: Box<Journal<'_>>,
    code: Code,
    message: &str,
    param: Option<&str>,
) {
    refuse_with(
        exchange,
        journal,
        code,
        &ErrorBody {
            param,
            ..ErrorBody::new(code, message)
        },
    );
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn refuse_route(exchange: Exchange<'_>, journal: Box<Journal<'_>>, name: &str) {
    let message = format!(
        "there is no route {:?}; GET /v1/models lists the routes",
        cut(name, 200)
    );
    refuse_member(
        exchange,
        journal,
        Code::RouteNotFound,
        &message,
        Some("model"),
    );
}

pub fn refuse_method(exchange: Exchange<'_>, mut journal: Box<Journal<'_>>, allow: &'static str) {
    let code = Code::MethodNotAllowed;
    journal.failed(code.label());
    let message = format!("this path takes {allow}");
    let body = ErrorBody::new(code, &message).to_json();
    finish(
        exchange,
        journal,
        Response::json(code.status(), body).with("Allow", allow),
    );
}

pub fn refuse_overload(exchange: Exchange<'_>, journal: Box<Journal<'_>>) {
    let message = "too many requests wait for this; try again in a second";
    refuse_for_now(exchange, journal, message);
}

/// The gateway has no time left to answer. Another one, or its successor, will.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn refuse_as_stopping(exchange: Exchange<'_>, journal: Box<Journal<'_>>) {
    refuse_for_now(exchange, journal, STOPPING);
}

fn refuse_for_now(exchange: Exchange<'_>, mut journal: Box<Journal<'_>>, message: &str) {
    let code = Code::Overloaded;
    journal.failed(code.label());
    let body = ErrorBody::new(code, message).to_json();
    finish(
        exchange,
        journal,
        Response::json(code.status(), body).with("Retry-After", "1"),
    );
}

/// The refusal of a request that the edge turned away.
pub fn edge_refusal(refusal: &Refusal) -> Response {
    let code = match refusal.reason {
        Reason::Malformed => Code::InvalidRequest,
        Reason::HeadTimeout => Code::RequestTimeout,
        Reason::TargetTooLong => Code::TargetTooLong,
        Reason::UnknownExpectation => Code::ExpectationFailed,
        Reason::HeadTooLarge => Code::HeadTooLarge,
        Reason::Panic => Code::Internal,
        Reason::NotImplemented => Code::NotImplemented,
        Reason::Overload => Code::Overloaded,
        Reason::UnknownVersion => Code::VersionNotSupported,
    };
    let body = ErrorBody::new(code, refusal.message).to_json();
    Response::json(refusal.status(), body)
}

/// The answer to a body that could not be read whole.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
pub fn refuse_body(
    exchange: Exchange<'_>,
    journal: Box<Journal<'_>>,
    error: BodyError,
    limit: usize,
) {
    match error {
        BodyError::TooLarge => {
            let message = format!("the body is larger than {limit} bytes");
            refuse(exchange, journal, Code::BodyTooLarge, &message);
        }
        BodyError::TimedOut => refuse(
            exchange,
            journal,
            Code::RequestTimeout,
            "the body did not arrive in time",
        ),
        BodyError::Malformed(reason) => refuse(exchange, journal, Code::InvalidRequest, reason),
        BodyError::Stopping => refuse_as_stopping(exchange, journal),
        BodyError::Gone => journal.end(CLIENT_GONE),
    }
}

fn refuse_with(
    exchange: Exchange<'_>,
    mut journal: Box<Journal<'_>>,
    code: Code,
    body: &ErrorBody<'_>,
) {
    journal.failed(code.label());
    let response = Response::json(code.status(), body.to_json());
    finish(exchange, journal, response);
}
