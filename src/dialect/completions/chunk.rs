//! The chunks of a stream, judged one by one.

use super::answer::{JudgedObject, Question};
use crate::dialect::answer::Silence;
use crate::dialect::finish::{Ends, Finish};
use crate::dialect::provider_error::error_of;
use crate::dialect::reading::Asked;
use crate::dialect::repairs::{RepairKind, Repairs};
use crate::dialect::signals::signal_of;
use crate::dialect::usage::Usage;
use crate::dialect::{DONE, FrameKind, Judged, StreamJudge};
use crate::json::ObjectError;
use crate::sse::Event;

/// The judge of one stream of chunks.
#[derive(Debug, Default)]
pub struct ChunkJudge {
    question: Question,
    ends: Ends,
    finish: Option<Finish>,
    usage: Option<Usage>,
    repairs: Repairs,
}

impl ChunkJudge {
    pub fn new(asked: &Asked<'_>) -> Self {
        Self {
            question: Question::new(asked),
            ..Self::default()
        }
    }

    fn judge_data(&mut self, data: &str) -> Judged {
        if data.trim_ascii() == DONE {
            return FrameKind::End.into();
        }
        let judged = match JudgedObject::read(data, self.question) {
            Ok(judged) => judged,
            Err(error @ ObjectError::NotAnObject) => {
                let broken = || FrameKind::Broken(error.to_string());
                return error_of(data).map_or_else(broken, FrameKind::Error).into();
            }
            Err(error) => return FrameKind::Broken(error.to_string()).into(),
        };
        // Only an object without choices is searched for the other shapes of errors.
        let error = judged.error.or_else(|| {
            let is_no_chunk = judged.choices == 0 && judged.usage.is_none();
            is_no_chunk.then(|| error_of(data)).flatten()
        });
        self.ends.add(judged.ends);
        self.finish = judged.finish.or(self.finish);
        self.usage = judged.usage.or(self.usage);
        let is_end_of_nothing = self.question.has_suffix && judged.finish.is_some();
        let kind = match error {
            Some(error) => FrameKind::Error(error),
            None if judged.has_text || is_end_of_nothing => FrameKind::Content,
            None => FrameKind::Prelude,
        };
        Judged {
            kind,
            annotation: Some(judged.annotation),
            mended: judged.mended,
        }
    }
}

impl StreamJudge for ChunkJudge {
    fn judge(&mut self, frame: &Event<'_>) -> Judged {
        if let Some(signal) = signal_of(frame) {
            return signal.into();
        }
        if frame.was_mended {
            self.repairs.add(RepairKind::Utf8);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::reading::Reading;
    use crate::dialect::request::Request;
    use crate::dialect::step_traits::{FillInTheMiddle, StepTraits};

    fn request(members: &str) -> Request<'_> {
        super::super::request::read(members.as_bytes()).unwrap()
    }

    #[test]
    fn text_commits_and_with_a_suffix_the_end_does() {
        let plain = request(r#"{"model":"m","prompt":"a"}"#);
        let infix = request(r#"{"model":"m","prompt":"a","suffix":"b"}"#);
        let step = StepTraits::default();
        let kind = |request, data: &str| {
            let asked = Asked {
                request: Some(request),
                step: &step,
                reading: Reading::default(),
            };
            let mut judge = ChunkJudge::new(&asked);
            let judged = judge.judge_data(data);
            (judged.kind, judge.is_whole())
        };
        let chunk = |text: &str, reason: &str| {
            format!(r#"{{"choices":[{{"index":0,"text":{text},"finish_reason":{reason}}}]}}"#)
        };
        let said = chunk(r#""x""#, "null");
        let silent = chunk(r#""""#, "null");
        let ended = chunk(r#""""#, r#""stop""#);
        assert_eq!(kind(&plain, &said), (FrameKind::Content, false));
        assert_eq!(kind(&plain, &silent), (FrameKind::Prelude, false));
        assert_eq!(kind(&plain, &ended), (FrameKind::Prelude, true));
        assert_eq!(kind(&infix, &silent), (FrameKind::Prelude, false));
        assert_eq!(kind(&infix, &ended), (FrameKind::Content, true));
        assert_eq!(kind(&plain, "[DONE]").0, FrameKind::End);
        assert!(matches!(
            kind(&plain, r#"{"error":"m"}"#).0,
            FrameKind::Error(_)
        ));
        assert!(matches!(
            kind(&plain, r#"{"choices":[{"te"#).0,
            FrameKind::Broken(_)
        ));
    }

    #[test]
    fn chunks_in_other_shapes_become_text() {
        let infix = request(r#"{"model":"m","prompt":"a","suffix":"b"}"#);
        let step = StepTraits {
            fim: Some(FillInTheMiddle::LlamaCpp),
            ..StepTraits::default()
        };
        let asked = Asked {
            request: Some(&infix),
            step: &step,
            reading: Reading::default(),
        };
        let mut judge = ChunkJudge::new(&asked);
        let judged = judge.judge_data(r#"{"content":"x","stop":false}"#);
        assert_eq!(judged.kind, FrameKind::Content);
        assert!(judged.mended.unwrap().contains(r#""text":"x""#));
        let judged = judge
            .judge_data(r#"{"content":"","stop":true,"tokens_evaluated":1,"tokens_predicted":2}"#);
        assert!(judged.mended.is_some() && judge.is_whole());
        assert_eq!(judge.usage().unwrap().completion_tokens, Some(2));
        let judged = judge.judge_data(r#"{"choices":[{"index":0,"delta":{"content":"y"}}]}"#);
        assert_eq!(judged.kind, FrameKind::Content);
        assert!(judged.mended.unwrap().contains(r#""text":"y""#));
    }
}
