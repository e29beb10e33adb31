//! The number of a request's tokens, the question of `POST /v1/messages/count_tokens`.

use super::{Messages, estimate, request};
use crate::dialect::Dialect;
use crate::dialect::request::{Incoming, Request, RequestError};
use crate::dialect::side_question::SideQuestion;
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::json::raw;

/// The question for the number of tokens.
pub struct CountTokens;

impl SideQuestion for CountTokens {
    fn dialect(&self) -> &'static dyn Dialect {
        &Messages
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        request::read_to_count(incoming.body)
    }

    fn path(&self, step: &StepTraits) -> Option<&'static str> {
        match (step.kind, step.base_has_version) {
            (ProviderKind::Anthropic, true) => Some("/messages/count_tokens"),
            (ProviderKind::Anthropic, false) => Some("/v1/messages/count_tokens"),
            (ProviderKind::OpenAi, _) => None,
        }
    }

    fn answer(&self, body: &str) -> Option<String> {
        let tokens = raw::member(body, "input_tokens").and_then(raw::whole_number)?;
        Some(spelled(tokens))
    }

    fn estimate(&self, request: &Request<'_>) -> String {
        let object = request.payload.object();
        spelled(object.map_or(0, estimate::tokens_of))
    }

    fn estimate_mark(&self) -> (&'static str, &'static str) {
        ("X-Token-Count", "estimated")
    }
}

fn spelled(tokens: u64) -> String {
    format!(r#"{{"input_tokens":{tokens}}}"#)
}
