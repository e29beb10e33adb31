//! The answer to a request that the edge turned away.

use crate::dialect::Dialect;
use crate::dialect::error::{Code, ErrorBody};
use crate::http::{Reason, Refusal, Response};

/// The answer in the dialect of the request's path; in OpenAI's shape where the path is not
/// known, or has none.
pub fn answer(refusal: &Refusal, request_id: &str, dialect: Option<&dyn Dialect>) -> Response {
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
    let field = dialect.and_then(Dialect::id_field);
    let error = ErrorBody {
        request_id: field.and(Some(request_id)),
        ..ErrorBody::new(code, refusal.message)
    };
    let body = match dialect {
        Some(dialect) => dialect.refusal(&error),
        None => error.to_json(),
    };
    let response = Response::json(refusal.status(), body);
    match field {
        Some(field) => response.with(field, request_id.to_owned()),
        None => response,
    }
}
