//! The side of translation that asks for a completion: one prompt, perhaps a suffix, and the text between them or behind.

use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{
    Begin, Delta, End, Escaped, Part, Request, Role, TokenCounts, join,
};
use crate::dialect::finish::{Finish, finish_of};
use crate::dialect::request::Unfit;
use crate::dialect::translate::{AnswerReader, Target};
use crate::json::raw;

/// Writes a request as one JSON object.
///
/// # Errors
/// The request is more than one text.
pub fn write(request: &Request<'_>, target: &Target<'_>) -> Result<String, Unfit> {
    let prompt = prompt_of(request)
        .ok_or_else(|| Unfit::from("a completion goes on behind one text".to_owned()))?;
    // The name is replaced by that of the step's model.
    let mut out = String::from(r#"{"model":"-","prompt":"#);
    prompt.push_quoted(&mut out);
    if let Some(suffix) = &request.suffix {
        out.push_str(r#","suffix":"#);
        suffix.push_quoted(&mut out);
    }
    let sampling = &request.sampling;
    for (name, value) in [
        ("max_tokens", request.max_tokens),
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("seed", sampling.seed),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
    ] {
        if let Some(value) = value {
            out.push_str(&format!(r#","{name}":{value}"#));
        }
    }
    for (place, stop) in sampling.stop.iter().enumerate() {
        out.push_str(if place == 0 { r#","stop":["# } else { "," });
        stop.push_quoted(&mut out);
    }
    if !sampling.stop.is_empty() {
        out.push(']');
    }
    if request.stream {
        out.push_str(r#","stream":true"#);
        if !target.traits.translation.hides_usage {
            out.push_str(r#","stream_options":{"include_usage":true}"#);
        }
    }
    out.push('}');
    Ok(out)
}

/// The prompt of a request that is nothing but texts by the user, and instructions before them.
fn prompt_of<'a>(request: &Request<'a>) -> Option<Escaped<'a>> {
    let is_plain = request.tools.is_empty() && request.turns.len() <= 1;
    is_plain.then_some(())?;
    let mut texts = request.system.clone();
    for turn in &request.turns {
        for part in &turn.parts {
            match part {
                Part::Text(text) if turn.role == Role::User => texts.push(text.clone()),
                _ => return None,
            }
        }
    }
    Some(join(texts, r"\n\n"))
}

/// The reader of one stream of texts.
#[derive(Debug, Default)]
pub struct TextReader {
    has_begun: bool,
    has_ended: bool,
}

impl AnswerReader for TextReader {
    fn read(
        &mut self,
        data: &str,
        take: &mut dyn FnMut(Delta<'_>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if !std::mem::replace(&mut self.has_begun, true) {
            take(Delta::Begin(Begin {
                id: raw::member(data, "id").and_then(raw::inside),
                model: raw::member(data, "model").and_then(raw::inside),
            }))?;
        }
        let mut choice = None;
        // A value that is no array has no items.
        let _ = raw::each_item(
            raw::member(data, "choices").unwrap_or_default(),
            &mut |item| {
                choice.get_or_insert(item);
            },
        );
        if let Some(choice) = choice {
            let text = raw::member(choice, "text").and_then(raw::inside);
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                take(Delta::Text(text))?;
            }
            let reason = raw::member(choice, "finish_reason").and_then(raw::text);
            let end = match reason.as_deref().map(finish_of) {
                None | Some(Finish::Open) => None,
                Some(Finish::Stop) => Some(End::Stop),
                Some(Finish::Length) => Some(End::Length),
                Some(Finish::Broken | Finish::Other) => Some(End::Unknown),
            };
            if let Some(end) = end.filter(|_| !std::mem::replace(&mut self.has_ended, true)) {
                take(Delta::End(end))?;
            }
        }
        match raw::member(data, "usage").and_then(TokenCounts::of_chat) {
            Some(counts) => take(Delta::Usage(counts)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::step_traits::PLAIN;

    const TARGET: Target<'_> = Target {
        traits: &PLAIN,
        replays_reasoning: false,
        kept: &[],
    };

    #[test]
    fn a_prompt_and_a_suffix_are_asked_for_what_is_between() {
        let mut request = Request {
            suffix: Some(Escaped::plain(r"\n}")),
            max_tokens: Some("7"),
            stream: true,
            ..Request::default()
        };
        request.add(Role::User, Part::Text(Escaped::plain("fn a() {")));
        request.sampling.stop.push(Escaped::plain("x"));
        let written = write(&request, &TARGET).unwrap();
        assert_eq!(
            written,
            r#"{"model":"-","prompt":"fn a() {","suffix":"\n}","max_tokens":7,"stop":["x"],"stream":true,"stream_options":{"include_usage":true}}"#
        );
        request.add(Role::User, Part::Audio("{}"));
        assert!(write(&request, &TARGET).is_err());
    }

    #[test]
    fn texts_are_read_up_to_one_end() {
        let mut said = Vec::new();
        let mut reader = TextReader::default();
        for data in [
            r#"{"id":"c","model":"m","choices":[{"text":"a\n","finish_reason":null}]}"#,
            r#"{"choices":[{"text":"","finish_reason":"length"}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[{"text":"","finish_reason":"stop"}]}"#,
        ] {
            let mut take = |delta: Delta<'_>| {
                said.push(format!("{delta:?}"));
                Ok(())
            };
            reader.read(data, &mut take).unwrap();
        }
        assert_eq!(said.len(), 4, "{said:?}");
        assert_eq!(said[1..3], [r#"Text("a\\n")"#, "End(Length)"]);
    }
}
