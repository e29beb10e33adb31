//! A request for embeddings: reading it, and whether a step can carry it.

use crate::dialect::json_request::object_of;
use crate::dialect::request::{Payload, Request, RequestError, Unfit, model_of};
use crate::dialect::step_traits::{ProviderKind, StepTraits};
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};

use super::vector::Encoding;

/// Takes a body apart as far as routing needs. An empty input is the provider's business.
///
/// # Errors
/// The first fault in the body.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let object = object_of(body)?;
    let model = model_of(object.get("model"))?;
    match object.get("input") {
        None => return Err(RequestError::missing("input")),
        Some(input) if input.starts_with(['"', '[']) => {}
        Some(_) => return Err(RequestError::invalid("input", "a string or an array")),
    }
    Ok(Request {
        model,
        stream: false,
        payload: Payload::Json(object),
    })
}

/// The reason why a step cannot carry a request; `None` where it may.
pub fn unfit(request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
    if step.kind == ProviderKind::Anthropic {
        return Some(Unfit::from("Anthropic's API has no embeddings".to_owned()));
    }
    let own = &step.vectors.space;
    if let Some(space) = step.vectors.space_of_route.as_ref()
        && space != own
    {
        let reason = format!(
            "its vectors are of the space {own}, those of the route of {space} (`space` on a step, or allow_mixed: true on the route, says otherwise)"
        );
        return Some(Unfit::from(reason));
    }
    let input = input(request)?;
    (!step.token_ids && has_token_ids(input)).then(|| Unfit {
        reason: "token arrays: set check_embedding_ctx_length=False in LangChain (token_ids: true on a step says that its model has OpenAI's vocabulary)".to_owned(),
        param: Some("input".to_owned()),
        too_large: false,
    })
}

/// The raw `input`; none of a form.
pub fn input<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    request.payload.object()?.get("input")
}

/// The number of inputs: a text and one array of token ids are one each.
pub fn count_inputs(input: &str) -> usize {
    if !raw::is_array(input) {
        return 1;
    }
    let mut count = 0;
    let mut is_one = false;
    // The body was read before.
    let _ = raw::each_item(input, &mut |item| {
        is_one |= is_number(item);
        count += 1;
    });
    if is_one { 1 } else { count }
}

/// The length that the request asks for; none if it says none that can be one.
pub fn length(request: &Request<'_>) -> Option<u64> {
    request
        .payload
        .object()?
        .get("dimensions")
        .and_then(raw::whole_number)
}

/// Whether the request decides the length of the vectors.
pub fn has_length(request: &Request<'_>) -> bool {
    length(request).is_some()
}

/// The encoding that the client asks for.
pub fn encoding(request: &Request<'_>) -> Encoding {
    let object = request.payload.object();
    let format = object.and_then(|object| object.get("encoding_format"));
    match format.map(raw::text) {
        None => Encoding::Floats,
        Some(None) if format == Some("null") => Encoding::Floats,
        Some(Some(format)) if format == "float" => Encoding::Floats,
        Some(Some(format)) if format == "base64" => Encoding::Base64,
        Some(_) => Encoding::Foreign,
    }
}

/// Whether an input begins with a token id, or with an array of them.
fn has_token_ids(input: &str) -> bool {
    first_item(input).is_ok_and(|first| {
        first.is_some_and(|first| {
            is_number(first)
                || raw::is_array(first)
                    && first_item(first).is_ok_and(|inner| inner.is_some_and(is_number))
        })
    })
}

fn first_item(array: &str) -> Result<Option<&str>, Invalid> {
    let mut reader = Reader::new(array);
    if reader.item(&mut EntryCursor::default())? {
        reader.value().map(Some)
    } else {
        Ok(None)
    }
}

fn is_number(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::step_traits::VectorTraits;

    fn request(members: &str) -> String {
        format!(r#"{{"model":"r",{members}}}"#)
    }

    #[test]
    fn a_client_is_told_what_is_wrong_and_where() {
        for (body, param) in [
            (r#"{"input":"x"}"#, "model"),
            (r#"{"model":"r"}"#, "input"),
            (r#"{"model":"r","input":null}"#, "input"),
            (r#"{"model":"r","input":7}"#, "input"),
            (r#"{"model":"r","input":{"text":"x"}}"#, "input"),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
        // An empty one is the provider's to refuse.
        for input in [r#""""#, "[]", r#"["a"]"#, "[1]", "[[1]]"] {
            let body = request(&format!(r#""input":{input}"#));
            assert!(read(body.as_bytes()).is_ok(), "{input}");
        }
    }

    #[test]
    fn inputs_are_counted_in_every_form() {
        for (input, count, are_ids) in [
            (r#""a""#, 1, false),
            (r#""""#, 1, false),
            (r#"["a"]"#, 1, false),
            (r#"[ "a" , "b" ]"#, 2, false),
            ("[1,2,3]", 1, true),
            ("[ [1,2], [3] ]", 2, true),
            ("[[],[3]]", 2, false),
            ("[]", 0, false),
            (r#"[{"text":"a"},{"image":"b"}]"#, 2, false),
        ] {
            assert_eq!(count_inputs(input), count, "{input}");
            assert_eq!(has_token_ids(input), are_ids, "{input}");
        }
    }

    #[test]
    fn ids_go_only_where_they_mean_the_same() {
        let body = request(r#""input":[[1,2],[3]]"#);
        let asked = read(body.as_bytes()).unwrap();
        let unfit_of = unfit(&asked, &StepTraits::default()).unwrap();
        assert_eq!(unfit_of.param.as_deref(), Some("input"));
        assert!(unfit_of.reason.contains("check_embedding_ctx_length=False"));
        let step = StepTraits {
            token_ids: true,
            ..StepTraits::default()
        };
        assert_eq!(unfit(&asked, &step), None);
        let step = StepTraits {
            kind: ProviderKind::Anthropic,
            ..step
        };
        assert!(unfit(&asked, &step).is_some());
    }

    #[test]
    fn a_step_of_another_space_takes_no_part() {
        let body = request(r#""input":"x""#);
        let asked = read(body.as_bytes()).unwrap();
        let step = |of_route: Option<&str>| StepTraits {
            vectors: VectorTraits {
                space: "bge-m3".to_owned(),
                space_of_route: of_route.map(str::to_owned),
                ..VectorTraits::default()
            },
            ..StepTraits::default()
        };
        assert_eq!(unfit(&asked, &step(Some("bge-m3"))), None);
        assert_eq!(unfit(&asked, &step(None)), None);
        let reason = unfit(&asked, &step(Some("nomic"))).unwrap().reason;
        assert!(
            reason.contains("bge-m3") && reason.contains("nomic"),
            "{reason}"
        );
    }

    #[test]
    fn the_encoding_is_the_one_that_the_client_reads() {
        for (members, expected) in [
            (r#""input":"x""#, Encoding::Floats),
            (r#""input":"x","encoding_format":null"#, Encoding::Floats),
            (r#""input":"x","encoding_format":"float""#, Encoding::Floats),
            (
                r#""input":"x","encoding_format":"base64""#,
                Encoding::Base64,
            ),
            (r#""input":"x","encoding_format":"int8""#, Encoding::Foreign),
        ] {
            let body = request(members);
            let asked = read(body.as_bytes()).unwrap();
            assert_eq!(encoding(&asked), expected, "{members}");
        }
    }
}
