//! A whole transcript in each of its formats.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says};
use crate::dialect::markup::is_page;
use crate::dialect::provider_error::{error_in, error_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::{ObjectError, raw};

/// The format of a transcript, as far as it makes a difference here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptFormat {
    /// An object, short, verbose, or with speakers.
    Json,
    Text,
    Srt,
    Vtt,
}

impl TranscriptFormat {
    /// The format that `response_format` names; the usual one where it names none that is known.
    pub fn named(name: &str) -> Self {
        match name.trim() {
            "text" => Self::Text,
            "srt" => Self::Srt,
            "vtt" => Self::Vtt,
            _ => Self::Json,
        }
    }
}

/// Judges a body. An empty transcript is one: silence.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str, format: TranscriptFormat) -> Result<JudgedWhole, Flaw> {
    if format == TranscriptFormat::Json {
        return judge_object(body);
    }
    let is_object =
        raw::is_object(body.trim_ascii()) && raw::each_member(body, &mut |_, _| {}).is_ok();
    if is_object && let Some(error) = error_of(body) {
        return Err(Flaw::ErrorObject(error));
    }
    let text = body.trim_start_matches('\u{feff}').trim_ascii_start();
    let mended = match format {
        _ if is_page(body) => return Err(Flaw::WrongShape("the answer is a page of HTML")),
        TranscriptFormat::Text | TranscriptFormat::Json => unwrapped(body).filter(|_| is_object),
        TranscriptFormat::Srt if is_object || !(text.is_empty() || text.contains("-->")) => {
            return Err(Flaw::WrongShape(
                "the answer is no SRT, which was asked for",
            ));
        }
        TranscriptFormat::Vtt if is_object || !text.starts_with("WEBVTT") => {
            return Err(Flaw::WrongShape(
                "the answer is no WebVTT, which was asked for",
            ));
        }
        TranscriptFormat::Srt | TranscriptFormat::Vtt => None,
    };
    Ok(JudgedWhole {
        annotation: Annotation::nowhere(),
        usage: None,
        says: Says::Content,
        mended,
        repairs: Repairs::default(),
    })
}

/// The text in an object, with a line end behind it as servers write it that send text.
fn unwrapped(body: &str) -> Option<String> {
    let text = raw::member(body, "text").and_then(raw::text)?;
    Some([&*text, "\n"].concat())
}

fn judge_object(body: &str) -> Result<JudgedWhole, Flaw> {
    let (mut error, mut has_text, mut usage, mut duration) = (None, false, None, None);
    let annotation = Annotation::read(body, &mut |key, value| match key {
        "error" => error = error_in(value),
        "text" => has_text = value.starts_with('"'),
        "usage" => usage = Usage::of(value),
        // Verbose transcripts tell it beside the text, and many servers nowhere else.
        "duration" => duration = Usage::of_audio(value),
        _ => {}
    });
    let annotation = annotation.map_err(|problem| match problem {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    if let Some(error) = error {
        return Err(Flaw::ErrorObject(error));
    }
    if !has_text {
        let flaw = Flaw::WrongShape("the answer has no text");
        return Err(error_of(body).map_or(flaw, Flaw::ErrorObject));
    }
    Ok(JudgedWhole {
        annotation: annotation.without_model(),
        usage: usage.or(duration),
        says: Says::Content,
        mended: None,
        repairs: Repairs::default(),
    })
}

/// The events that a whole transcript makes as a stream: one delta with all of the text, and the end.
pub fn events(answer: &str) -> Vec<String> {
    let text = raw::member(answer, "text").unwrap_or(r#""""#);
    let usage = raw::member(answer, "usage").filter(|usage| *usage != "null");
    let usage = usage.map_or_else(String::new, |usage| format!(r#","usage":{usage}"#));
    vec![
        format!(r#"{{"type":"transcript.text.delta","delta":{text}}}"#),
        format!(r#"{{"type":"transcript.text.done","text":{text}{usage}}}"#),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(body: &str, format: TranscriptFormat) -> bool {
        judge(body, format).is_ok()
    }

    #[test]
    fn each_format_is_what_was_asked_for_or_none() {
        const SRT: &str = "1\n00:00:00,000 --> 00:00:01,000\nhi\n";
        const VTT: &str = "\u{feff}WEBVTT\n\n00:00.000 --> 00:01.000\nhi\n";
        for (body, good_as) in [
            (
                r#"{"text":"hi"}"#,
                &[TranscriptFormat::Json, TranscriptFormat::Text][..],
            ),
            (
                r#"{"text":"","duration":0.1}"#,
                &[TranscriptFormat::Json, TranscriptFormat::Text],
            ),
            (r#"{"segments":[]}"#, &[TranscriptFormat::Text]),
            (r#"{"text":null}"#, &[TranscriptFormat::Text]),
            ("hi there\n", &[TranscriptFormat::Text]),
            ("data: is what he said\n", &[TranscriptFormat::Text]),
            ("{not json}", &[TranscriptFormat::Text]),
            ("", &[TranscriptFormat::Text, TranscriptFormat::Srt]),
            (SRT, &[TranscriptFormat::Text, TranscriptFormat::Srt]),
            (
                VTT,
                &[
                    TranscriptFormat::Text,
                    TranscriptFormat::Srt,
                    TranscriptFormat::Vtt,
                ],
            ),
            ("WEBVTT", &[TranscriptFormat::Text, TranscriptFormat::Vtt]),
            (r#"{"error":{"message":"no -->"}}"#, &[]),
            (r#"{"error":"m","text":"hi"}"#, &[]),
            ("<!DOCTYPE html><html><body>--></body></html>", &[]),
            (r#"["a"]"#, &[TranscriptFormat::Text]),
        ] {
            for format in [
                TranscriptFormat::Json,
                TranscriptFormat::Text,
                TranscriptFormat::Srt,
                TranscriptFormat::Vtt,
            ] {
                let expected = good_as.contains(&format);
                assert_eq!(is_good(body, format), expected, "{format:?} {body}");
            }
        }
    }

    #[test]
    fn text_in_an_object_is_unwrapped() {
        let judged = judge(r#" {"text":"a\nb","x":1}"#, TranscriptFormat::Text).unwrap();
        assert_eq!(judged.mended.as_deref(), Some("a\nb\n"));
        let mut out = String::new();
        judged
            .annotation
            .write(&mut out, "a\nb\n", Some("r"), Some("{}"));
        assert_eq!(out, "a\nb\n");
    }

    #[test]
    fn an_object_gets_the_summary_alone() {
        let body = r#"{"text":"a","usage":{"type":"tokens","input_tokens":3,"output_tokens":1}}"#;
        let judged = judge(body, TranscriptFormat::Json).unwrap();
        assert_eq!(judged.usage.and_then(|usage| usage.prompt_tokens), Some(3));
        let mut out = String::new();
        judged
            .annotation
            .write(&mut out, body, Some("r"), Some("{}"));
        assert!(
            out.ends_with(r#"}},"routing_summary":{}}"#)
                || out.ends_with(r#","routing_summary":{}}"#),
            "{out}"
        );
        assert!(!out.contains(r#""model""#), "{out}");
        assert_eq!(
            events(body),
            [
                r#"{"type":"transcript.text.delta","delta":"a"}"#,
                r#"{"type":"transcript.text.done","text":"a","usage":{"type":"tokens","input_tokens":3,"output_tokens":1}}"#,
            ]
        );
    }
}
