//! The typed events of a stream: what each means for the commit point and the end.

use super::answer::{silence_of, usage_of};
use super::breaking::{Break, Told};
use super::item::{Substance, substance, substance_of_all};
use crate::dialect::annotation::Annotation;
use crate::dialect::answer::Silence;
use crate::dialect::error::ErrorBody;
use crate::dialect::provider_error::{ProviderError, error_in, error_of};
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::dialect::signals::signal_of;
use crate::dialect::usage::Usage;
use crate::dialect::{FrameKind, Judged, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// The advice on a provider whose events have no numbers: typed clients abort.
const WITHOUT_NUMBERS: &str = "this provider's Responses streams cannot be read by clients, as their events have no sequence_number; \
     set `responses: false`";

/// The judge of one stream of events.
#[derive(Default)]
pub struct EventJudge {
    /// Some event has come.
    has_begun: bool,
    /// The event that ends an answer has come.
    has_ended: bool,
    silence: Option<Silence>,
    usage: Option<Usage>,
    repairs: Repairs,
    /// The account that a break would have to give.
    so_far: Break,
}

impl StreamJudge for EventJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        if frame.stray.is_none() && raw::is_object(frame.data.trim_ascii_start()) {
            if frame.was_mended {
                self.repairs.add(RepairKind::Utf8);
            }
            return self.judge_object(&frame.data);
        }
        let signal = signal_of(frame);
        without_object(match signal {
            Some(signal) => signal,
            None if frame.data.trim_ascii() == DONE && self.has_ended => FrameKind::End,
            None if frame.data.trim_ascii() == DONE => {
                FrameKind::Unusable("the stream was cut before its end".to_owned())
            }
            None => FrameKind::Broken("it is no JSON object".to_owned()),
        })
    }

    fn is_whole(&self) -> bool {
        self.has_ended
    }

    /// The ends of other dialects' streams are not told by this one's.
    fn names_its_end(&self) -> bool {
        false
    }

    fn silence(&self) -> Silence {
        self.silence.unwrap_or(Silence::Unexplained)
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

    fn kept(&self) -> usize {
        self.so_far.bytes()
    }

    fn forget(&mut self) {
        self.so_far.forget();
    }

    fn passes_errors(&self) -> bool {
        true
    }

    fn broken(&mut self, error: &ErrorBody<'_>) -> Option<Vec<String>> {
        Some(self.so_far.events(error))
    }
}

/// The mark that some providers send behind the last event, as their chat streams have it.
const DONE: &str = "[DONE]";

/// The members of an event that count, raw.
#[derive(Default)]
struct Members<'a> {
    kind: Option<&'a str>,
    number: Option<u64>,
    delta: Option<&'a str>,
    item: Option<&'a str>,
    response: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Members<'a> {
    /// The members of an object; none of a text that is no JSON.
    fn of(data: &'a str) -> Option<Self> {
        let mut members = Self::default();
        raw::each_member(data, &mut |key, value| match key {
            r#""type""# => members.kind = Some(value),
            r#""sequence_number""# => members.number = raw::whole_number(value),
            r#""delta""# => members.delta = Some(value),
            r#""item""# => members.item = Some(value),
            r#""response""# => members.response = Some(value),
            r#""error""# => members.error = Some(value),
            _ => {}
        })
        .ok()?;
        Some(members)
    }
}

impl EventJudge {
    fn judge_object(&mut self, data: &str) -> Judged {
        let Some(members) = Members::of(data) else {
            return without_object(FrameKind::Broken("it is no JSON".to_owned()));
        };
        let kind = members.kind.and_then(raw::text).unwrap_or_default();
        let error = self.error_of(&kind, &members, data);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if error.is_none() && is_first && members.number.is_none() {
            return without_object(FrameKind::Unusable(WITHOUT_NUMBERS.to_owned()));
        }
        self.so_far.note_number(members.number);
        if let Some(response) = members.response {
            self.so_far.note_frame(response);
        }
        let kind = match error {
            Some(error) => FrameKind::Error(error),
            None => self.kind_of(&kind, &members),
        };
        Judged {
            kind,
            annotation: Some(Annotation::of_nested(data, "response", false)),
            mended: None,
        }
    }

    /// The failure that an event tells of; none of all others.
    fn error_of(
        &mut self,
        kind: &str,
        members: &Members<'_>,
        data: &str,
    ) -> Option<Box<ProviderError>> {
        match kind {
            "response.failed" => {
                self.has_ended = true;
                self.usage = members.response.and_then(usage_of).or(self.usage);
                self.so_far.told = Told::Failed;
                let said = members
                    .response
                    .and_then(|response| raw::member(response, "error"));
                let said = said.and_then(error_in).or_else(|| error_of(data));
                Some(said.unwrap_or_else(|| silent_failure(kind)))
            }
            "error" | "response.error" => {
                self.so_far.told = match members.error {
                    Some(error) if raw::is_object(error) => Told::ErrorObject,
                    _ => Told::FlatError,
                };
                Some(error_of(data).unwrap_or_else(|| silent_failure(kind)))
            }
            // An error of another dialect's shape.
            "" => {
                let said = members.error.and_then(error_in)?;
                self.so_far.told = Told::ErrorObject;
                Some(said)
            }
            _ => None,
        }
    }

    fn kind_of(&mut self, kind: &str, members: &Members<'_>) -> FrameKind {
        let of_substance = |substance, otherwise| match substance {
            Substance::Content => FrameKind::Content,
            Substance::Reasoning => FrameKind::Reasoning,
            Substance::Nothing => otherwise,
        };
        match kind {
            "response.completed" | "response.incomplete" => {
                self.has_ended = true;
                let response = members.response.unwrap_or_default();
                self.usage = usage_of(response);
                self.silence = Some(silence_of(response));
                let output = raw::member(response, "output").unwrap_or_default();
                of_substance(substance_of_all(output), FrameKind::Opening)
            }
            "response.output_item.done" => {
                let item = members.item.unwrap_or_default();
                self.so_far.note_item(item);
                // An item that is done has been shown, be it without a word.
                of_substance(substance(item), FrameKind::Opening)
            }
            // A message or a thought has begun; of all else, that it has begun is worth something: a tool is at work.
            "response.output_item.added" => {
                let item = members.item.unwrap_or_default();
                let kind = raw::kind_of(item);
                match kind.as_deref() {
                    None | Some("message" | "reasoning") => FrameKind::Opening,
                    Some(_) => FrameKind::Content,
                }
            }
            "response.image_generation_call.partial_image" => FrameKind::Content,
            "response.created" => FrameKind::Opening,
            added if added.ends_with(".added") => FrameKind::Opening,
            delta if delta.ends_with(".delta") => match members.delta {
                None | Some("null" | "\"\"" | "{}" | "[]") => FrameKind::Prelude,
                Some(_) if delta.starts_with("response.reasoning") => FrameKind::Reasoning,
                Some(_) => FrameKind::Content,
            },
            done if done.ends_with(".done") => FrameKind::Opening,
            _ => FrameKind::Prelude,
        }
    }
}

fn silent_failure(kind: &str) -> Box<ProviderError> {
    ProviderError::saying(format!(
        "the provider ended its answer with the event {kind}"
    ))
}

fn without_object(kind: FrameKind) -> Judged {
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

    fn kind(members: &str) -> FrameKind {
        let data = format!(r#"{{"sequence_number":0,{members}}}"#);
        EventJudge::default().judge(&event(&data)).kind
    }

    #[test]
    fn only_content_commits() {
        for members in [
            r#""type":"response.output_text.delta","delta":"x""#,
            r#""type":"response.refusal.delta","delta":"x""#,
            r#""type":"response.function_call_arguments.delta","delta":"{""#,
            r#""type":"response.some_new_tool.delta","delta":"x""#,
            r#""type":"response.output_item.added","item":{"type":"web_search_call"}"#,
            r#""type":"response.output_item.added","item":{"type":"function_call"}"#,
            r#""type":"response.output_item.done","item":{"type":"function_call"}"#,
            r#""type":"response.image_generation_call.partial_image","partial_image_b64":"x""#,
            r#""type":"response.completed","response":{"output":[{"type":"function_call"}]}"#,
        ] {
            assert_eq!(kind(members), FrameKind::Content, "{members}");
        }
        for members in [
            r#""type":"response.reasoning_summary_text.delta","delta":"x""#,
            r#""type":"response.reasoning_text.delta","delta":"x""#,
            r#""type":"response.output_item.done","item":{"type":"reasoning","summary":[]}"#,
        ] {
            assert_eq!(kind(members), FrameKind::Reasoning, "{members}");
        }
        for members in [
            r#""type":"response.created","response":{}"#,
            r#""type":"response.output_item.added","item":{"type":"message"}"#,
            r#""type":"response.output_item.added","item":{"type":"reasoning"}"#,
            r#""type":"response.content_part.added","part":{"type":"output_text","text":""}"#,
            r#""type":"response.reasoning_summary_part.added","part":{}"#,
            r#""type":"response.completed","response":{"output":[]}"#,
        ] {
            assert_eq!(kind(members), FrameKind::Opening, "{members}");
        }
        for members in [
            r#""type":"response.in_progress","response":{}"#,
            r#""type":"response.queued","response":{}"#,
            r#""type":"response.output_text.delta","delta":"""#,
            r#""type":"keepalive""#,
            r#""type":"codex.rate_limits""#,
        ] {
            assert_eq!(kind(members), FrameKind::Prelude, "{members}");
        }
    }

    #[test]
    fn failures_are_seen_in_every_shape() {
        for members in [
            r#""type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}"#,
            r#""type":"error","code":"server_error","message":"m","param":null"#,
            r#""type":"error","error":{"type":"server_error","message":"m"}"#,
            r#""error":{"code":"invalid_prompt","message":"m"}"#,
        ] {
            match kind(members) {
                FrameKind::Error(error) => assert_eq!(error.message, "m", "{members}"),
                other => panic!("{members}: {other:?}"),
            }
        }
        let silent = kind(r#""type":"response.failed","response":{"error":null}"#);
        assert!(matches!(silent, FrameKind::Error(_)), "{silent:?}");
    }

    #[test]
    fn an_answer_ends_with_its_last_event_and_with_no_mark() {
        for (members, whole) in [
            (
                r#""type":"response.completed","response":{"output":[]}"#,
                true,
            ),
            (
                r#""type":"response.incomplete","response":{"output":[]}"#,
                true,
            ),
            (r#""type":"response.failed","response":{}"#, true),
            (r#""type":"response.output_item.done","item":{}"#, false),
            (r#""type":"error","message":"m""#, false),
        ] {
            let data = format!(r#"{{"sequence_number":0,{members}}}"#);
            let mut judge = EventJudge::default();
            judge.judge(&event(&data));
            assert_eq!(judge.is_whole(), whole, "{members}");
            let done = judge.judge(&event("[DONE]")).kind;
            assert_eq!(done == FrameKind::End, whole, "{members}");
        }
    }

    #[test]
    fn a_stream_without_numbers_is_none() {
        let first = EventJudge::default()
            .judge(&event(r#"{"type":"response.created","response":{}}"#))
            .kind;
        assert!(matches!(first, FrameKind::Unusable(_)), "{first:?}");
        let mut judge = EventJudge::default();
        judge.judge(&event(r#"{"type":"response.created","sequence_number":0}"#));
        let second = judge
            .judge(&event(r#"{"type":"response.in_progress"}"#))
            .kind;
        assert_eq!(second, FrameKind::Prelude);
    }

    #[test]
    fn heartbeats_and_stumps_are_told_apart() {
        let of = |data: &str| EventJudge::default().judge(&event(data)).kind;
        assert_eq!(of(""), FrameKind::Heartbeat);
        assert_eq!(of("ping"), FrameKind::Heartbeat);
        for stump in [r#"{"type":"response.cre"#, "hello", "[]"] {
            assert!(matches!(of(stump), FrameKind::Broken(_)), "{stump}");
        }
    }

    #[test]
    fn usage_and_the_reason_of_silence_come_with_the_end() {
        let mut judge = EventJudge::default();
        judge.judge(&event(
            r#"{"type":"response.incomplete","sequence_number":4,"response":{"output":[],"incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":3,"output_tokens":5}}}"#,
        ));
        assert_eq!(judge.silence(), Silence::Length);
        let usage = Usage {
            audio: None,
            cached_tokens: None,
            prompt_tokens: Some(3),
            completion_tokens: Some(5),
        };
        assert_eq!(judge.usage(), Some(usage));
    }
}
