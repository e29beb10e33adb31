//! Text from speech, the dialects of `POST /v1/audio/transcriptions` and `/v1/audio/translations`: a form with a file up, a
//! text in one of many formats down.

use std::time::Duration;

use super::transcript_answer::{self, TranscriptFormat};
use super::transcript_stream::TranscriptJudge;
use crate::dialect::answer::{Flaw, JudgedWhole, WholeAnswer};
use crate::dialect::call_rules::CallRules;
use crate::dialect::multipart::Form;
use crate::dialect::reading::Asked;
use crate::dialect::request::{Incoming, Payload, Request, RequestError, Unfit};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::dialect::{DONE, Dialect, Framing, StreamJudge};

/// The dialect of one of the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recordings {
    /// Texts in the language of the recording.
    Transcriptions,
    /// Texts in English.
    Translations,
}

/// A recording of an hour takes a while.
const TIMEOUT: Duration = Duration::from_secs(120);

impl Dialect for Recordings {
    fn name(&self) -> &'static str {
        match self {
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
        }
    }

    fn operation(&self) -> &'static str {
        "generate_content"
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        let form = form_of(incoming)?;
        let stream = *self == Self::Transcriptions && form.flag("stream")?;
        request(form, stream)
    }

    fn unfit(&self, _: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        unfit(step)
    }

    fn rules(&self) -> CallRules {
        CallRules {
            timeout: TIMEOUT,
            ..CallRules::beside_chat()
        }
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        match self {
            Self::Transcriptions => "/audio/transcriptions",
            Self::Translations => "/audio/translations",
        }
    }

    fn accept(&self, _stream: bool) -> &'static str {
        "*/*"
    }

    fn framing(&self, request: &Request<'_>) -> Framing {
        framing(request)
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(TranscriptJudge::default())
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        transcript_answer::judge(text, format(asked))
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        let mut events = transcript_answer::events(answer.text());
        events.push(DONE.to_owned());
        Ok(events)
    }
}

/// The form of a request with a recording in it.
fn form_of(incoming: Incoming<'_>) -> Result<Form<'_>, RequestError> {
    let Some(content_type) = incoming.form_type else {
        return Err(RequestError::Form(
            "multipart/form-data is needed, with the recording in it",
        ));
    };
    let form = Form::parse(incoming.body, content_type)?;
    if form.count("file") == 0 {
        return Err(RequestError::missing("file"));
    }
    Ok(form)
}

fn request(form: Form<'_>, stream: bool) -> Result<Request<'_>, RequestError> {
    let model = form.single("model")?;
    let model = model.ok_or_else(|| RequestError::missing("model"))?;
    if model.is_empty() {
        return Err(RequestError::invalid("model", "a text that is not empty"));
    }
    form.single("response_format")?;
    Ok(Request {
        model: model.to_owned(),
        stream,
        payload: Payload::Multipart(form),
    })
}

fn unfit(step: &StepTraits) -> Option<Unfit> {
    (step.kind == ProviderKind::Anthropic)
        .then(|| Unfit::from("Anthropic's API has no audio".to_owned()))
}

fn framing(request: &Request<'_>) -> Framing {
    match format_of(request) {
        _ if request.stream => Framing::Events,
        TranscriptFormat::Json => Framing::Events,
        TranscriptFormat::Text | TranscriptFormat::Srt => {
            Framing::Text("text/plain; charset=utf-8")
        }
        TranscriptFormat::Vtt => Framing::Text("text/vtt"),
    }
}

fn format_of(request: &Request<'_>) -> TranscriptFormat {
    let form = request.payload.form();
    let format = form.and_then(|form| form.text("response_format"));
    TranscriptFormat::named(format.unwrap_or_default())
}

fn format(asked: &Asked<'_>) -> TranscriptFormat {
    match asked.request {
        // What makes a stream is an object, whatever the format.
        Some(request) if !request.stream => format_of(request),
        _ => TranscriptFormat::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";

    fn read(parts: &[(&str, &str)]) -> Result<(String, bool, Framing), RequestError> {
        let mut body = String::new();
        for (name, text) in parts {
            let file = if *name == "file" {
                "; filename=\"a.wav\""
            } else {
                ""
            };
            body.push_str(&format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
            ));
        }
        body.push_str("--b--\r\n");
        let incoming = Incoming {
            body: body.as_bytes(),
            form_type: Some(TYPE),
        };
        let request = Recordings::Transcriptions.read(incoming)?;
        let framing = Recordings::Transcriptions.framing(&request);
        Ok((request.model.clone(), request.stream, framing))
    }

    #[test]
    fn a_form_is_read_in_any_order() {
        let file = ("file", "RIFF");
        for (parts, expected) in [
            (vec![("model", "m"), file], (false, Framing::Events)),
            (
                vec![file, ("model", "m"), ("stream", "True")],
                (true, Framing::Events),
            ),
            (
                vec![file, ("response_format", "srt"), ("model", "m")],
                (false, Framing::Text("text/plain; charset=utf-8")),
            ),
            (
                vec![
                    file,
                    ("response_format", "vtt"),
                    ("model", "m"),
                    ("stream", ""),
                ],
                (false, Framing::Text("text/vtt")),
            ),
            (
                vec![
                    file,
                    ("response_format", "text"),
                    ("model", "m"),
                    ("stream", "true"),
                ],
                (true, Framing::Events),
            ),
        ] {
            let (model, stream, framing) = read(&parts).unwrap();
            assert_eq!(
                (model.as_str(), (stream, framing)),
                ("m", expected),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn a_client_is_told_which_part_is_wrong() {
        let file = ("file", "RIFF");
        for (parts, param) in [
            (vec![("model", "m")], "file"),
            (vec![file], "model"),
            (vec![file, ("model", "")], "model"),
            (vec![file, ("model", "a"), ("model", "b")], "model"),
            (vec![file, ("model", "a"), ("stream", "maybe")], "stream"),
            (
                vec![
                    file,
                    ("model", "a"),
                    ("response_format", "srt"),
                    ("response_format", "json"),
                ],
                "response_format",
            ),
        ] {
            let error = read(&parts).unwrap_err();
            assert_eq!(error.param(), Some(param), "{parts:?}");
            assert_eq!(error.code().label(), "VALIDATION_FAILED");
        }
        let json = Incoming::from(br#"{"model":"m"}"#.as_slice());
        let error = Recordings::Transcriptions.read(json).unwrap_err();
        assert!(
            error.to_string().contains("multipart/form-data is needed"),
            "{error}"
        );
        assert_eq!(error.code().label(), "VALIDATION_FAILED");
    }
}
