//! A request that waits for its answer: what it is sent in its client's dialect, and with that its end.

use crate::budget::Charge;
use crate::dialect::Dialect;
use crate::dialect::answer::Flaw;
use crate::dialect::error::{Code, ErrorBody};
use crate::dialect::restatement::Restatement;
use crate::http::{BodyError, Exchange, Response, ResponseHead};

use super::journal::{CLIENT_GONE, Journal};
use super::keepalive::early_head;
use super::refusal::Refusal;
use super::walk::STOPPING;

/// Other requests have all the memory for bodies.
pub const NO_MEMORY: &str = "other requests have all the memory for bodies; try again in a second";

/// A request that waits for its answer.
pub struct Pending<'g, 't> {
    pub exchange: Exchange<'t>,
    pub journal: Box<Journal<'g>>,
    /// The dialect of refusals; none for OpenAI's shape, which stands for all endpoints without a dialect.
    pub(super) dialect: Option<&'static dyn Dialect>,
    /// The way in which a whole answer is stated anew for the client, and the model that the client named.
    restated: Option<(&'static dyn Restatement, String)>,
    /// The fields that tell what is left of the client's limits.
    limit_fields: Vec<(&'static str, String)>,
}

impl<'g, 't> Pending<'g, 't> {
    pub fn new(
        exchange: Exchange<'t>,
        journal: Box<Journal<'g>>,
        dialect: Option<&'static dyn Dialect>,
    ) -> Self {
        Self {
            exchange,
            journal,
            dialect,
            restated: None,
            limit_fields: Vec::new(),
        }
    }

    /// The answer tells what is left of its client's limits.
    pub fn limit(&mut self, limit_fields: Vec<(&'static str, String)>) {
        self.limit_fields = limit_fields;
    }

    /// A whole answer is stated anew for the client.
    pub fn restate(&mut self, restatement: &'static dyn Restatement, model: &str) {
        self.restated = Some((restatement, model.to_owned()));
    }

    /// Sends an answer.
    pub fn finish(self, response: Response) {
        self.finish_charged(response, None);
    }

    /// Sends an answer that the budget is charged for.
    pub(super) fn finish_charged(self, mut response: Response, charge: Option<Charge>) {
        if let Some(field) = self.id_field() {
            response = response.with(field, self.exchange.request_id());
        }
        for (name, value) in self.limit_fields {
            response = response.with(name, value);
        }
        let delivery = self.exchange.send_charged(response, charge);
        self.journal.end(if delivery.complete {
            delivery.status
        } else {
            CLIENT_GONE
        });
    }

    /// Sends a refusal.
    pub fn refuse(mut self, refusal: Refusal) {
        self.journal.failed(refusal.code.label());
        let request_id = self.request_id().map(str::to_owned);
        if self.exchange.has_begun() {
            return self.break_off(&ErrorBody {
                request_id: request_id.as_deref(),
                ..ErrorBody::new(refusal.code, &refusal.message)
            });
        }
        let body = self.spell(&ErrorBody {
            param: refusal.param.as_deref(),
            request_id: request_id.as_deref(),
            details: refusal.details.as_deref(),
            ..ErrorBody::new(refusal.code, &refusal.message)
        });
        let response = Response::json(refusal.code.status(), body);
        let headers = refusal.headers.into_iter();
        self.finish(headers.fold(response, |response, (name, value)| {
            response.with(name, value)
        }));
    }

    /// Answers a body that could not be read whole.
    pub fn refuse_body(self, error: BodyError) {
        let refusal = match error {
            BodyError::TooLarge(limit) => Refusal::new(
                Code::BodyTooLarge,
                format!("the body is larger than {limit} bytes"),
            ),
            BodyError::TimedOut => {
                Refusal::new(Code::RequestTimeout, "the body did not arrive in time")
            }
            BodyError::Malformed(reason) => Refusal::new(Code::InvalidRequest, reason),
            BodyError::NoMemory => Refusal::overloaded(NO_MEMORY),
            BodyError::Stopping => Refusal::overloaded(STOPPING),
            BodyError::Gone => return self.client_left(),
        };
        self.refuse(refusal);
    }

    /// Ends a request whose client does not wait any more.
    pub fn client_left(self) {
        self.journal.end(CLIENT_GONE);
    }

    /// A whole answer as the client's dialect has it; `None` where it has it as it came.
    pub(super) fn restatement_of(&self, answer: &str) -> Option<Result<String, Flaw>> {
        let (restatement, model) = self.restated.as_ref()?;
        let elapsed = self.exchange.received().elapsed().as_nanos();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        Some(restatement.answer(answer, model, elapsed))
    }

    /// Ends a stream that has begun with signs of life and never got further.
    pub(super) fn break_off(mut self, error: &ErrorBody<'_>) {
        self.journal.stream_broke();
        let mut event = String::new();
        if let Some(dialect) = self.dialect {
            dialect.push_break(&mut event, error);
        }
        let mut stream = self.exchange.stream(early_head());
        let is_told = stream.write(event.as_bytes()).is_ok() && stream.finish().complete;
        self.journal.end(if is_told { 200 } else { CLIENT_GONE });
    }

    pub(super) fn with_limits(&self, head: ResponseHead) -> ResponseHead {
        let fields = self.limit_fields.iter();
        fields.fold(head, |head, (name, value)| head.with(name, value.clone()))
    }

    pub(super) fn spell(&self, error: &ErrorBody<'_>) -> Vec<u8> {
        match self.dialect {
            Some(dialect) => dialect.refusal(error),
            None => error.to_json(),
        }
    }

    /// The field of the dialect's own with the id of the request.
    pub(super) fn id_field(&self) -> Option<&'static str> {
        self.dialect?.id_field()
    }

    /// The id of the request, where the dialect has a place for it.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.id_field().map(|_| &**self.exchange.request_id())
    }
}
