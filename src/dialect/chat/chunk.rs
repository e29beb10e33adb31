//! The chunks of a stream: judging them one by one, and reading them as deltas.

use super::answer::choice_deltas;
use super::envelope::{ChoiceMembers, Envelope};
use super::repair::Mender;
use super::template::ChunkTemplate;
use crate::dialect::answer::{Flaw, Silence};
use crate::dialect::chat::delta::{Delta, Member};
use crate::dialect::finish::{Ends, Finish};
use crate::dialect::provider_error::error_of;
use crate::dialect::reading::Reading;
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::dialect::signals::signal_of;
use crate::dialect::usage::Usage;
use crate::dialect::{DONE, FrameKind, Judged, StreamJudge};
use crate::json::{ObjectError, raw};
use crate::sse::Event;

/// The judge of one stream of chunks.
#[derive(Debug, Default)]
pub struct ChunkJudge {
    ends: Ends,
    finish: Option<Finish>,
    usage: Option<Usage>,
    mender: Mender,
    pub(super) template: ChunkTemplate,
}

impl StreamJudge for ChunkJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        if let Some(signal) = signal_of(frame) {
            return signal.into();
        }
        if frame.was_mended {
            self.mender.repairs.add(RepairKind::Utf8);
        }
        self.judge_data(&frame.data)
    }

    fn is_whole(&self) -> bool {
        self.ends.are_all_there()
    }

    fn names_its_end(&self) -> bool {
        self.ends.are_named()
    }

    fn silence(&self) -> Silence {
        Finish::silence(self.finish)
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn repairs(&self) -> Repairs {
        self.mender.repairs
    }

    fn rest(&mut self) -> Option<String> {
        self.mender.rest()
    }
}

impl ChunkJudge {
    pub fn new(reading: Reading) -> Self {
        Self {
            mender: Mender::new(reading),
            ..Self::default()
        }
    }

    /// Judges the data of an event.
    pub fn judge_data(&mut self, data: &str) -> Judged {
        if data.trim_ascii() == DONE {
            return FrameKind::End.into();
        }
        let (mender, template) = (&mut self.mender, Some(&mut self.template));
        let envelope = if mender.is_idle() {
            Envelope::read_like(template, data, "delta", &mut |_| ())
        } else {
            mender.begin();
            let take = &mut |choice: &mut ChoiceMembers<'_>| mender.take_delta(choice);
            Envelope::read_like(template, data, "delta", take)
        };
        let envelope = match envelope {
            Ok(envelope) => envelope,
            Err(ObjectError::NotAnObject) => {
                let broken = || FrameKind::Broken(ObjectError::NotAnObject.to_string());
                return error_of(data).map_or_else(broken, FrameKind::Error).into();
            }
            Err(other) => return FrameKind::Broken(other.to_string()).into(),
        };
        // Only an object without choices is searched for the other shapes of errors.
        let choices = envelope.choices.unwrap_or_default();
        let error = envelope.error.or(choices.error);
        let error = error.or_else(|| {
            let no_chunk = choices.count == 0 && envelope.usage.is_none();
            no_chunk.then(|| error_of(data)).flatten()
        });
        self.ends.add(choices.ends);
        self.finish = choices.finish.or(self.finish);
        self.usage = envelope.usage.or(self.usage);
        let kind = match error {
            Some(error) => FrameKind::Error(error),
            None if choices.has_content => FrameKind::Content,
            None if choices.has_reasoning => FrameKind::Reasoning,
            None => FrameKind::Prelude,
        };
        let mended = self.mender.mended(data, "delta");
        let annotation = match &mended {
            None => Some(envelope.annotation),
            Some(mended) => Envelope::read(mended, "delta", &mut |_| ())
                .ok()
                .map(|envelope| envelope.annotation),
        };
        Judged {
            kind,
            annotation,
            mended,
        }
    }
}

/// Reads a chunk that was judged, as deltas: first the members of the answer itself, then choice by choice. A choice
/// without an index is the first.
///
/// # Errors
/// As `take`.
pub fn deltas<'a>(
    data: &'a str,
    take: &mut dyn FnMut(Delta<'a>) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut taken = Ok(());
    let mut take = |delta| {
        if taken.is_ok() {
            taken = take(delta);
        }
    };
    // A value that is no object has no members, one that is no array has no items.
    let _ = raw::each_member(data, &mut |key, value| {
        if !raw::is_key(key, "choices") {
            take(Delta::Answer(Member { key, value }));
        }
    });
    let _ = raw::each_item(
        raw::member(data, "choices").unwrap_or_default(),
        &mut |choice| {
            let index = raw::member(choice, "index").and_then(raw::whole_number);
            choice_deltas(index.unwrap_or_default(), choice, "delta", &mut take);
        },
    );
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(data: &str) -> (Judged, ChunkJudge) {
        let mut judge = ChunkJudge::default();
        (judge.judge_data(data), judge)
    }

    fn kind(data: &str) -> FrameKind {
        judged(data).0.kind
    }

    #[test]
    fn only_content_commits() {
        for delta in [
            r#"{"content":"x"}"#,
            r#"{"role":"assistant","content":"\n"}"#,
            r#"{"refusal":"x"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
            r#"{"function_call":{"arguments":"{"}}"#,
            r#"{"audio":{"data":"UklG"}}"#,
        ] {
            let data = format!(r#"{{"choices":[{{"delta":{{}}}},{{"index":1,"delta":{delta}}}]}}"#);
            assert_eq!(kind(&data), FrameKind::Content, "{delta}");
        }
        for delta in [
            r#"{"content":[{"type":"thinking","thinking":[]}]}"#,
            r#"{"reasoning_content":"x","content":null}"#,
            r#"{"reasoning":"x","content":""}"#,
            r#"{"reasoning_text":"x"}"#,
            r#"{"thinking":"x"}"#,
            r#"{"thinking_blocks":[{"type":"thinking"}]}"#,
            r#"{"reasoning_state":{"a":1}}"#,
        ] {
            let data = format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
            assert_eq!(kind(&data), FrameKind::Reasoning, "{delta}");
        }
        for data in [
            r#"{"choices":[{"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":"","refusal":null,"tool_calls":null}}],"error":null}"#,
            r#"{"choices":[{"delta":{}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":"","thinking":[],"reasoning_details":{}}}]}"#,
            r#"{"choices":[{"delta":{}}],"error":{"code":0,"message":"success"}}"#,
            r#"{"choices":[{"delta":null}]}"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
            r#"{"type":"ping"}"#,
            "{}",
        ] {
            let (judged, judge) = judged(data);
            assert_eq!(judged.kind, FrameKind::Prelude, "{data}");
            assert!(!judge.is_whole(), "{data}");
        }
    }

    #[test]
    fn a_finish_reason_is_an_end_even_without_content() {
        let finished = |reason: &str| {
            let data = format!(
                r#"{{"choices":[{{"delta":{{}},"finish_reason":null}},{{"delta":{{}},"finish_reason":{reason}}}]}}"#
            );
            let (judged, judge) = judged(&data);
            assert_eq!(judged.kind, FrameKind::Prelude);
            judge.is_whole()
        };
        assert!(finished("\"stop\"") && finished("\"length\""));
        assert!(!finished("null") && !finished("\"\"") && !finished("\"null\""));
        let (both, judge) =
            judged(r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}"#);
        assert!(judge.is_whole() && both.kind == FrameKind::Content);
    }

    /// Would break for clients that ask for several choices: a proxy that closes properly after the first one's end.
    #[test]
    fn a_stream_with_a_choice_in_the_middle_has_not_ended() {
        let said = |index: u64| format!(r#"{{"index":{index},"delta":{{"content":"x"}}}}"#);
        let ended =
            |index: u64| format!(r#"{{"index":{index},"delta":{{}},"finish_reason":"stop"}}"#);
        let mut judge = ChunkJudge::default();
        for (choices, all) in [
            (said(0), false),
            (said(1), false),
            (ended(0), false),
            (ended(1), true),
            (said(u64::MAX), false),
            (format!("{},{}", ended(0), ended(200)), true),
        ] {
            judge.judge_data(&format!(r#"{{"choices":[{choices}]}}"#));
            assert_eq!(judge.is_whole(), all, "{choices}");
        }
    }

    #[test]
    fn errors_are_seen_in_every_shape() {
        for data in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"error":"m"}"#,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            r#"{"id":"1","choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}"#,
            r#"{"choices":[{"delta":{"content":"x"},"error":{"message":"m"}}]}"#,
            r#"{"object":"error","message":"m"}"#,
            r#"[{"error":{"message":"m"}}]"#,
        ] {
            match kind(data) {
                FrameKind::Error(error) => assert_eq!(error.message, "m", "{data}"),
                other => panic!("{data}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_end_and_a_cut_event_are_told_apart() {
        assert_eq!(kind("[DONE]"), FrameKind::End);
        assert_eq!(kind(" [DONE] "), FrameKind::End);
        for data in [
            "",
            "[DON",
            r#"{"choices":[{"delta":{"content":"he"#,
            "1",
            "[]",
        ] {
            assert!(matches!(kind(data), FrameKind::Broken(_)), "{data}");
        }
    }

    #[test]
    fn usage_is_read_from_any_chunk() {
        let usage = |data: &str| judged(data).1.usage();
        let counted = usage(r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
        let expected = Usage {
            audio: None,
            cached_tokens: None,
            prompt_tokens: Some(1),
            completion_tokens: Some(2),
        };
        assert_eq!(counted, Some(expected));
        assert_eq!(usage(r#"{"choices":[],"usage":null}"#), None);
    }

    /// `[DONE]` is no object to write into.
    #[test]
    fn only_objects_are_annotated() {
        assert_eq!(judged("[DONE]").0.annotation, None);
        assert!(judged(r#"{"choices":[ ]}"#).0.annotation.is_some());
    }
}
