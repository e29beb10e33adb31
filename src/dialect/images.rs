//! Images, the dialects of `POST /v1/images/generations`, `/edits` and `/variations`: each call costs, and what comes back
//! is an address or the picture itself in base64.

mod answer;
mod stream;

use std::time::Duration;

use super::answer::{Flaw, JudgedWhole, WholeAnswer};
use super::call_rules::CallRules;
use super::json_request::{model_if_any, object_of};
use super::multipart::Form;
use super::questions::{Dialect, Framing};
use super::reading::Asked;
use super::request::{Incoming, Payload, Request, RequestError, Unfit, stream_of};
use super::step_traits::{ProviderKind, StepTraits};
use super::stream::{Assemble, StreamJudge};

/// The dialect of one of the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Images {
    /// Pictures from words.
    Generations,
    /// Pictures from pictures and words.
    Edits,
    /// Pictures from a picture.
    Variations,
}

impl Dialect for Images {
    fn name(&self) -> &'static str {
        "images"
    }

    fn operation(&self) -> &'static str {
        "generate_content"
    }

    fn output_type(&self, _: &Payload<'_>) -> Option<&'static str> {
        Some("image")
    }

    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        match incoming.form_type {
            Some(content_type) if *self != Self::Generations => {
                read_form(Form::parse(incoming.body, content_type)?)
            }
            _ => read_object(incoming.body),
        }
    }

    fn unfit(&self, _: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        (step.kind == ProviderKind::Anthropic)
            .then(|| Unfit::from("Anthropic's API makes no images".to_owned()))
    }

    fn rules(&self) -> CallRules {
        CallRules {
            timeout: Duration::from_secs(180),
            repeats: false,
            ..CallRules::beside_chat()
        }
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        match self {
            Self::Generations => "/images/generations",
            Self::Edits => "/images/edits",
            Self::Variations => "/images/variations",
        }
    }

    fn framing(&self, _: &Request<'_>) -> Framing {
        Framing::Events
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(stream::ImageJudge::default())
    }

    fn judge_whole(&self, text: &str, _: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        answer::judge(text)
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(stream::Assembler::default())
    }

    fn split(&self, answer: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        let kind = match self {
            Self::Generations => "image_generation.completed",
            Self::Edits | Self::Variations => "image_edit.completed",
        };
        answer::events(answer.text(), kind)
    }

    /// The last completed image is the end.
    fn end_mark(&self) -> Option<&'static str> {
        None
    }
}

fn read_object(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let object = object_of(body)?;
    Ok(Request {
        model: model_if_any(object.get("model"))?,
        stream: stream_of(object.get("stream"))?,
        payload: Payload::Json(object),
    })
}

fn read_form(form: Form<'_>) -> Result<Request<'_>, RequestError> {
    if form.count("image") == 0 && form.count("image[]") == 0 {
        return Err(RequestError::missing("image"));
    }
    let model = form.single("model")?.unwrap_or_default().to_owned();
    Ok(Request {
        model,
        stream: form.flag("stream")?,
        payload: Payload::Multipart(form),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_may_be_left_out() {
        let read = |body: &str| {
            let request = Images::Generations.read(body.as_bytes().into())?;
            Ok::<_, RequestError>((request.model, request.stream))
        };
        assert_eq!(read(r#"{"prompt":"a"}"#), Ok((String::new(), false)));
        assert_eq!(
            read(r#"{"prompt":"a","model":null,"stream":true}"#),
            Ok((String::new(), true))
        );
        assert_eq!(
            read(r#"{"prompt":"a","model":"m"}"#),
            Ok(("m".to_owned(), false))
        );
        assert!(read(r#"{"prompt":"a","model":""}"#).is_err());
    }

    #[test]
    fn edits_come_as_forms_and_as_json() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\n\r\nPNG\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n--b--";
        let incoming = Incoming {
            body: form.as_bytes(),
            form_type: Some("multipart/form-data; boundary=b"),
        };
        let request = Images::Edits.read(incoming).unwrap();
        assert_eq!((request.model.as_str(), request.stream), ("", true));
        let json = br#"{"model":"m","images":[]}"#.as_slice();
        assert_eq!(Images::Edits.read(json.into()).unwrap().model, "m");
        let without = Incoming {
            body: b"--b--",
            ..incoming
        };
        assert_eq!(
            Images::Edits.read(without).unwrap_err().param(),
            Some("image")
        );
    }
}
