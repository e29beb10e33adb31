//! The meaning of a `finish_reason`, and which choices of a stream have come to their end.

use super::answer::Silence;
use super::provider_error::ProviderError;
use crate::text::cut;

/// The longest finish reason that is shown (bytes).
const LONGEST_REASON: usize = 100;

/// The meaning of a finish reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A text that says nothing: the choice goes on.
    Open,
    /// The choice was broken off: half an answer.
    Broken,
    Length,
    Stop,
    /// Any other end: tool calls, a filter, words that are new.
    Other,
}

impl Finish {
    /// The kind of silence that an answer without a word ends in.
    pub fn silence(finish: Option<Self>) -> Silence {
        match finish {
            Some(Self::Length) => Silence::Length,
            Some(Self::Stop) => Silence::Stop,
            _ => Silence::Unexplained,
        }
    }
}

/// The choices of a stream that have begun to speak, and those that have named their `finish_reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// A bit for each index; the API allows 128 choices.
    begun: u128,
    finished: u128,
}

impl Ends {
    /// Notes a choice, or a piece of one.
    pub fn note(&mut self, index: u64, speaks: bool, finish: Finish) {
        let bit = bit(index);
        if speaks {
            self.begun |= bit;
        }
        if finish != Finish::Open {
            self.finished |= bit;
        }
    }

    /// Adds the choices of a later chunk.
    pub fn add(&mut self, later: Self) {
        self.begun |= later.begun;
        self.finished |= later.finished;
    }

    /// Whether an end of the stream here is a whole answer: some choice has finished, and none is in the middle.
    pub fn are_all_there(self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }

    /// Whether some choice has finished.
    pub fn are_named(self) -> bool {
        self.finished != 0
    }
}

/// The bit of a choice; all beyond the API's bound share one.
pub fn bit(index: u64) -> u128 {
    1_u128 << index.min(127)
}

/// The error of a choice that was broken off, by its raw reason.
pub fn broken_off(reason: &str) -> Box<ProviderError> {
    ProviderError::saying(format!(
        "the provider ended its answer with finish_reason {}",
        cut(reason, LONGEST_REASON)
    ))
}

/// Texts that say nothing, in lower case. Ollama sent an empty one in every chunk but the last (issue 4357).
const NOTHING: [&str; 6] = [
    "",
    "null",
    "none",
    "undefined",
    "unspecified",
    "finish_reason_unspecified",
];

/// Parts of words for a break, in lower case. `abort` is vLLM's (pull request 57082), `network_error` z.ai's,
/// `insufficient_system_resource` DeepSeek's, `MALFORMED_FUNCTION_CALL` Gemini's.
const BREAKS: [&str; 24] = [
    "error",
    "abort",
    "fail",
    "insufficient",
    "interrupt",
    "cancel",
    "timeout",
    "timed_out",
    "timed out",
    "unavailable",
    "overload",
    "exhausted",
    "exception",
    "disconnect",
    "connection",
    "crash",
    "killed",
    "preempt",
    "evict",
    "shutdown",
    "malformed",
    "oom",
    "out_of_memory",
    "rate_limit",
];

/// The meaning of a finish reason's text.
pub fn finish_of(reason: &str) -> Finish {
    match reason {
        "stop" => return Finish::Stop,
        "length" => return Finish::Length,
        "tool_calls" | "function_call" | "content_filter" => return Finish::Other,
        _ => {}
    }
    let reason = reason.trim().to_ascii_lowercase();
    match &*reason {
        "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" => Finish::Stop,
        "length" | "max_tokens" | "max_length" | "max_output_tokens" => Finish::Length,
        nothing if NOTHING.contains(&nothing) => Finish::Open,
        // Whole words where a part would be found in harmless ones.
        broken if BREAKS.iter().any(|part| has_part(broken, part)) => Finish::Broken,
        _ => Finish::Other,
    }
}

fn has_part(reason: &str, part: &str) -> bool {
    if part == "oom" {
        reason
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == part)
    } else {
        reason.contains(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_ends_breaks_or_nothing() {
        for (reasons, meaning) in [
            (
                &["", " ", "null", "None", "NULL", "FINISH_REASON_UNSPECIFIED"][..],
                Finish::Open,
            ),
            (
                &[
                    "error",
                    "ERROR",
                    "abort",
                    "aborted",
                    "network_error",
                    "insufficient_system_resource",
                    "cancelled",
                    "canceled",
                    "timeout",
                    "internal_server_error",
                    "model_failed",
                    "interrupted",
                    "function_call_filter: MALFORMED_FUNCTION_CALL",
                    "engine_overloaded",
                    "OOM",
                ],
                Finish::Broken,
            ),
            (&["stop", "STOP", "eos", "end_turn"], Finish::Stop),
            (&["length", "MAX_TOKENS"], Finish::Length),
            (
                &[
                    "tool_calls",
                    "function_call",
                    "content_filter",
                    "SAFETY",
                    "recitation",
                    "sensitive",
                    "room",
                    "repetition",
                ],
                Finish::Other,
            ),
        ] {
            for reason in reasons {
                assert_eq!(finish_of(reason), meaning, "{reason}");
            }
        }
    }
}
