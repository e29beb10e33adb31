//! The events of a stream: what each means for the commit point and the end.

use super::blocks::{Substance, substance};
use super::stop_reason::StopReason;
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::Silence;
use crate::dialect::provider_error::{ProviderError, error_of};
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::dialect::signals::signal_of;
use crate::dialect::usage::Usage;
use crate::dialect::{FrameKind, Judged, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// The judge of one stream of events.
pub struct EventJudge {
    /// The request allows an answer without a word.
    after_tool_result: bool,
    stopped: StopReason,
    /// The event that ends a message has come.
    has_ended: bool,
    usage: Option<Usage>,
    repairs: Repairs,
}

impl EventJudge {
    pub fn new(after_tool_result: bool) -> Self {
        Self {
            after_tool_result,
            stopped: StopReason::default(),
            has_ended: false,
            usage: None,
            repairs: Repairs::default(),
        }
    }
}

impl StreamJudge for EventJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        let data = frame.data.trim_ascii();
        if frame.stray.is_none() && raw::is_object(data) {
            if frame.was_mended {
                self.repairs.add(RepairKind::Utf8);
            }
            return self.judge_object(&frame.data);
        }
        bare(match signal_of(frame) {
            Some(signal) => signal,
            // Servers that speak chat as well end everything with it.
            None if data == "[DONE]" => FrameKind::Heartbeat,
            None => FrameKind::Broken("it is no JSON object".to_owned()),
        })
    }

    /// A stop reason without the last event is an end, too.
    fn is_whole(&self) -> bool {
        self.has_ended || self.stopped.is_told()
    }

    /// The ends of other dialects' streams are not told by this one's.
    fn names_its_end(&self) -> bool {
        false
    }

    fn silence(&self) -> Silence {
        self.stopped.silence()
    }

    fn repairs(&self) -> Repairs {
        self.repairs
    }

    fn rest(&mut self) -> Option<String> {
        None
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

impl EventJudge {
    fn judge_object(&mut self, data: &str) -> Judged {
        if raw::each_member(data, &mut |_, _| ()).is_err() {
            return bare(FrameKind::Broken("it is no JSON".to_owned()));
        }
        let member = |name: &str| raw::member(data, name).unwrap_or_default();
        let kind = match raw::text(member("type")).unwrap_or_default().as_ref() {
            "message_start" => {
                self.note_usage(raw::member(member("message"), "usage"));
                return Judged {
                    kind: FrameKind::Opening,
                    annotation: Some(Annotation::of_nested(data, "message", true)),
                    mended: None,
                };
            }
            "content_block_start" => {
                let block = member("content_block");
                of_substance(substance(block), FrameKind::Opening)
            }
            "content_block_delta" => of_delta(member("delta")),
            "content_block_stop" => FrameKind::Opening,
            "message_delta" => {
                self.note_usage(raw::member(data, "usage"));
                let stopped = StopReason::of(member("delta"));
                if stopped.is_told() {
                    self.stopped = stopped;
                }
                if self.stopped.allows_silence(self.after_tool_result) {
                    FrameKind::Content
                } else {
                    FrameKind::Opening
                }
            }
            "message_stop" => {
                self.has_ended = true;
                FrameKind::End
            }
            "error" => FrameKind::Error(error_of(data).unwrap_or_else(|| {
                let message = "the provider sent an error event without a word";
                ProviderError::saying(message.to_owned())
            })),
            // An error of another dialect's shape.
            "" => error_of(data).map_or(FrameKind::Prelude, FrameKind::Error),
            _ => FrameKind::Prelude,
        };
        bare(kind)
    }

    fn note_usage(&mut self, usage: Option<&str>) {
        if let Some(usage) = usage.filter(|usage| raw::is_object(usage)) {
            self.usage = Usage::of(usage)
                .map(|usage| usage.after(self.usage))
                .or(self.usage);
        }
    }
}

fn of_substance(substance: Substance, otherwise: FrameKind) -> FrameKind {
    match substance {
        Substance::Content => FrameKind::Content,
        Substance::Reasoning => FrameKind::Reasoning,
        Substance::Nothing => otherwise,
    }
}

/// The meaning of a delta: the one text in it, of whatever type, is content or reasoning.
fn of_delta(delta: &str) -> FrameKind {
    let has = |member: &str| !matches!(raw::member(delta, member), None | Some("null" | "\"\""));
    let kind = raw::kind_of(delta);
    match kind.as_deref() {
        Some("text_delta") if !has("text") => FrameKind::Prelude,
        Some("input_json_delta") if !has("partial_json") => FrameKind::Prelude,
        Some("thinking_delta") if has("thinking") => FrameKind::Reasoning,
        Some("signature_delta") if has("signature") => FrameKind::Reasoning,
        None | Some("thinking_delta" | "signature_delta") => FrameKind::Prelude,
        Some(_) => FrameKind::Content,
    }
}

fn bare(kind: FrameKind) -> Judged {
    Judged {
        kind,
        annotation: None,
        mended: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> Event<'_> {
        Event {
            data: data.into(),
            ..Event::default()
        }
    }

    fn kind(data: &str) -> FrameKind {
        EventJudge::new(false).judge(&event(data)).kind
    }

    #[test]
    fn only_content_commits() {
        for data in [
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"citations_delta","citation":{}}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"tool_use","input":{}}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"server_tool_use"}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"}}"#,
        ] {
            assert_eq!(kind(data), FrameKind::Content, "{data}");
        }
        for data in [
            r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"x"}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"x"}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"redacted_thinking","data":"x"}}"#,
        ] {
            assert_eq!(kind(data), FrameKind::Reasoning, "{data}");
        }
        for data in [
            r#"{"type":"message_start","message":{"content":[]}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":"","signature":""}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        ] {
            assert_eq!(kind(data), FrameKind::Opening, "{data}");
        }
        for data in [
            r#"{"type":"ping"}"#,
            r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":""}}"#,
            r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":""}}"#,
            r#"{"type":"something_new"}"#,
        ] {
            assert_eq!(kind(data), FrameKind::Prelude, "{data}");
        }
        assert_eq!(kind(r#"{"type":"message_stop"}"#), FrameKind::End);
        assert_eq!(kind("[DONE]"), FrameKind::Heartbeat);
        assert!(matches!(kind(r#"{"type":"mess"#), FrameKind::Broken(_)));
    }

    #[test]
    fn a_turn_may_end_without_a_word_after_the_result_of_a_tool() {
        let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
        assert_eq!(
            EventJudge::new(true).judge(&event(end)).kind,
            FrameKind::Content
        );
    }

    #[test]
    fn errors_are_seen_in_both_shapes() {
        for data in [
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            r#"{"error":{"type":"server_error","message":"m"}}"#,
        ] {
            match kind(data) {
                FrameKind::Error(error) => assert_eq!(error.message, "m", "{data}"),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_stream_is_whole_with_its_last_event_or_with_the_reason_of_its_end() {
        for (data, whole) in [
            (r#"{"type":"message_stop"}"#, true),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}"#,
                true,
            ),
            (
                r#"{"type":"message_delta","delta":{"stop_reason":null}}"#,
                false,
            ),
            (r#"{"type":"content_block_stop"}"#, false),
        ] {
            let mut judge = EventJudge::new(false);
            judge.judge(&event(data));
            assert_eq!(judge.is_whole(), whole, "{data}");
        }
    }

    #[test]
    fn usage_is_told_twice_and_the_later_counts() {
        let mut judge = EventJudge::new(false);
        judge.judge(&event(
            r#"{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}"#,
        ));
        judge.judge(&event(
            r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":5}}"#,
        ));
        let usage = judge.usage().unwrap();
        assert_eq!(
            (usage.prompt_tokens, usage.completion_tokens),
            (Some(3), Some(5))
        );
    }
}
