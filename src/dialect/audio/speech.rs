//! Speech, the dialect of `POST /v1/audio/speech`: JSON up, the bytes of a recording down, or events with pieces of it.

use std::time::Duration;

use crate::dialect::answer::{Flaw, JudgedWhole, Silence, WholeAnswer};
use crate::dialect::call_rules::CallRules;
use crate::dialect::json_request::object_of;
use crate::dialect::object_frame::{ObjectFrame, read_frame};
use crate::dialect::provider_error::error_of;
use crate::dialect::reading::Asked;
use crate::dialect::repairs::Repairs;
use crate::dialect::request::{Incoming, Payload, Request, RequestError, Unfit, model_of};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::dialect::usage::Usage;
use crate::dialect::{Dialect, FrameKind, Framing, Judged, StreamJudge};
use crate::json::raw;
use crate::sse::Event;

/// The dialect of speech.
pub struct Speech;

/// No whole answer is one: recordings come as bytes or as events.
const NO_SPEECH: Flaw = Flaw::WrongShape("the answer is no speech");

impl Dialect for Speech {
    fn name(&self) -> &'static str {
        "speech"
    }

    fn operation(&self) -> &'static str {
        "generate_content"
    }

    fn output_type(&self, _: &Payload<'_>) -> Option<&'static str> {
        Some("speech")
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        let object = object_of(incoming.body)?;
        Ok(Request {
            model: model_of(object.get("model"))?,
            stream: object.text("stream_format").as_deref() == Some("sse"),
            payload: Payload::Json(object),
        })
    }

    fn unfit(&self, _: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        (step.kind == ProviderKind::Anthropic)
            .then(|| Unfit::from("Anthropic's API has no audio".to_owned()))
    }

    fn rules(&self) -> CallRules {
        CallRules {
            timeout: Duration::from_secs(60),
            ..CallRules::beside_chat()
        }
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/audio/speech"
    }

    fn accept(&self, stream: bool) -> &'static str {
        if stream { "text/event-stream" } else { "*/*" }
    }

    fn framing(&self, request: &Request<'_>) -> Framing {
        if request.stream {
            Framing::Events
        } else {
            Framing::Opaque
        }
    }

    fn is_opaque_type(&self, media_type: &str) -> bool {
        media_type.is_empty()
            || media_type.starts_with("audio/")
            || matches!(
                media_type,
                "application/octet-stream" | "binary/octet-stream" | "application/ogg"
            )
    }

    fn wants_pcm(&self, request: &Request<'_>) -> bool {
        matches!(&request.payload, Payload::Json(object)
            if object.text("response_format").as_deref() == Some("pcm"))
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(SpeechJudge::default())
    }

    fn judge_whole(&self, text: &str, _: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        Err(error_of(text).map_or(NO_SPEECH, Flaw::ErrorObject))
    }

    fn split(&self, _: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Err(NO_SPEECH)
    }

    fn end_mark(&self) -> Option<&'static str> {
        None
    }
}

/// The judge of one recording in events: `speech.audio.delta`, `speech.audio.done`.
#[derive(Debug, Default)]
struct SpeechJudge {
    is_done: bool,
    usage: Option<Usage>,
}

impl StreamJudge for SpeechJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        let annotation = match read_frame(frame) {
            ObjectFrame::Object(annotation) => annotation,
            ObjectFrame::Other(kind) => return kind.into(),
        };
        let text = |member| raw::member(&frame.data, member).and_then(raw::text);
        let kind = match text("type").as_deref() {
            Some("speech.audio.delta") if text("audio").is_some_and(|audio| !audio.is_empty()) => {
                FrameKind::Content
            }
            Some("speech.audio.done") => {
                self.is_done = true;
                self.usage = raw::member(&frame.data, "usage").and_then(Usage::of);
                FrameKind::Prelude
            }
            _ => FrameKind::Prelude,
        };
        Judged {
            kind,
            annotation: Some(annotation.without_model()),
            mended: None,
        }
    }

    fn is_whole(&self) -> bool {
        self.is_done
    }

    /// Every recording does: an end mark alone is none.
    fn names_its_end(&self) -> bool {
        true
    }

    fn silence(&self) -> Silence {
        Silence::Unexplained
    }

    fn repairs(&self) -> Repairs {
        Repairs::default()
    }

    fn rest(&mut self) -> Option<String> {
        None
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_that_were_asked_for_are_a_stream() {
        let framing = |body: &str| {
            let request = Speech.read(body.as_bytes().into()).unwrap();
            (request.stream, Speech.framing(&request))
        };
        assert_eq!(
            framing(r#"{"model":"m","stream":true}"#),
            (false, Framing::Opaque)
        );
        assert_eq!(
            framing(r#"{"model":"m","stream_format":"audio"}"#),
            (false, Framing::Opaque)
        );
        assert_eq!(
            framing(r#"{"model":"m","stream_format":"sse"}"#),
            (true, Framing::Events)
        );
        assert!(Speech.read(br#"{"input":"x"}"#.as_slice().into()).is_err());
    }

    #[test]
    fn recordings_come_under_the_types_of_sound() {
        for (kind, is_sound) in [
            ("audio/mpeg", true),
            ("audio/pcm", true),
            ("application/octet-stream", true),
            ("", true),
            ("application/json", false),
            ("text/html", false),
            ("text/plain", false),
            ("image/png", false),
        ] {
            assert_eq!(Speech.is_opaque_type(kind), is_sound, "{kind}");
        }
    }

    #[test]
    fn audio_commits_and_done_ends() {
        let mut judge = SpeechJudge::default();
        for (data, kind, is_whole) in [
            (
                r#"{"type":"speech.audio.delta","audio":""}"#,
                FrameKind::Prelude,
                false,
            ),
            (
                r#"{"type":"speech.audio.delta","audio":"UklG"}"#,
                FrameKind::Content,
                false,
            ),
            (
                r#"{"type":"speech.audio.done","usage":{"input_tokens":1,"output_tokens":2}}"#,
                FrameKind::Prelude,
                true,
            ),
        ] {
            let event = Event {
                data: data.into(),
                ..Event::default()
            };
            assert_eq!(judge.judge(&event).kind, kind, "{data}");
            assert_eq!(judge.is_whole(), is_whole, "{data}");
        }
        assert_eq!(judge.usage().unwrap().completion_tokens, Some(2));
    }
}
