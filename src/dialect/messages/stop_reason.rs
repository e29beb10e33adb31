//! The meaning of a `stop_reason`.

use crate::dialect::answer::Silence;
use crate::json::raw;

/// The end of an answer, as its `stop_reason` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopReason(Option<String>);

impl StopReason {
    /// The reason in the object that holds it; none where it says nothing.
    pub fn of(holder: &str) -> Self {
        let reason = raw::member(holder, "stop_reason").and_then(raw::text);
        Self(reason.map(|reason| reason.into_owned()))
    }

    pub fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// Whether an answer without a word is a good one: a refusal, a text at which the answer stops, and after the result
    /// of a tool the end of the turn.
    pub fn allows_silence(&self, after_tool_result: bool) -> bool {
        match self.0.as_deref() {
            Some("refusal" | "stop_sequence") => true,
            Some("end_turn") => after_tool_result,
            _ => false,
        }
    }

    /// The kind of silence that an answer without a word ends in.
    pub fn silence(&self) -> Silence {
        match self.0.as_deref() {
            Some("max_tokens") => Silence::Length,
            _ => Silence::Unexplained,
        }
    }
}
