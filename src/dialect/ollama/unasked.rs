//! The questions about exchanges with a provider, which no provider is asked in this dialect: those of chat answer them.

/// The methods that all conversations of this dialect have in common.
macro_rules! questions {
    () => {
        fn name(&self) -> &'static str {
            super::ollama::NAME
        }

        fn operation(&self) -> &'static str {
            "chat"
        }

        fn unfit(&self, _: &Request<'_>, _: &StepTraits) -> Option<Unfit> {
            None
        }

        fn frame_form(&self) -> FrameForm {
            FrameForm::Lines
        }

        fn path(&self, request: &Request<'_>, step: &StepTraits) -> &'static str {
            chat::Chat.path(request, step)
        }

        fn framing(&self, request: &Request<'_>) -> super::Framing {
            chat::Chat.framing(request)
        }

        fn judge_stream(&self, asked: &super::reading::Asked<'_>) -> Box<dyn super::StreamJudge> {
            chat::Chat.judge_stream(asked)
        }

        fn judge_whole(
            &self,
            text: &str,
            _: &super::reading::Asked<'_>,
        ) -> Result<super::answer::JudgedWhole, super::answer::Flaw> {
            Ok(assemble::judge(text))
        }

        fn split(
            &self,
            answer: &super::answer::WholeAnswer,
        ) -> Result<Vec<String>, super::answer::Flaw> {
            chat::Chat.split(answer)
        }

        fn assemble(&self) -> Box<dyn Assemble> {
            Box::new(assemble::Assembler::default())
        }

        fn end_mark(&self) -> Option<&'static str> {
            None
        }

        fn unknown_model(&self, name: &str) -> Option<String> {
            Some(errors::unknown_model(name))
        }

        fn refusal(&self, error: &ErrorBody<'_>) -> Vec<u8> {
            errors::body(error).into_bytes()
        }

        fn broken(&self, error: &ErrorBody<'_>) -> String {
            errors::line(error)
        }
    };
}

pub(super) use questions;
