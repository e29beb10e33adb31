//! Moderations, the dialect of `POST /v1/moderations`: which categories a text belongs to.
//!
//! A verdict is never made up: without an answer the client gets the error, not a pass.

use super::annotation::Annotation;
use super::answer::{Flaw, JudgedWhole, Says, WholeAnswer};
use super::call_rules::CallRules;
use super::json_request::{model_if_any, object_of};
use super::provider_error::{error_in, error_of};
use super::questions::{Dialect, Framing};
use super::reading::Asked;
use super::repairs::Repairs;
use super::request::{Incoming, Payload, Request, RequestError, Unfit};
use super::step_traits::{ProviderKind, StepTraits};
use super::stream::{Assemble, StreamJudge};
use super::usage::Usage;
use super::without_streams::WithoutStreams;
use crate::json::{ObjectError, raw};

/// The dialect of moderations.
pub struct Moderations;

impl Dialect for Moderations {
    fn name(&self) -> &'static str {
        "moderations"
    }

    fn operation(&self) -> &'static str {
        "moderation"
    }

    /// SDKs really leave the model out.
    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError> {
        let object = object_of(incoming.body)?;
        let model = model_if_any(object.get("model"))?;
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

    fn rules(&self) -> CallRules {
        CallRules::beside_chat()
    }

    fn unfit(&self, _: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
        (step.kind == ProviderKind::Anthropic)
            .then(|| Unfit::from("Anthropic's API has no moderations".to_owned()))
    }

    fn path(&self, _: &Request<'_>, _: &StepTraits) -> &'static str {
        "/moderations"
    }

    fn accept(&self, _: bool) -> &'static str {
        "application/json"
    }

    fn framing(&self, _: &Request<'_>) -> Framing {
        Framing::Events
    }

    fn judge_stream(&self, _: &Asked<'_>) -> Box<dyn StreamJudge> {
        Box::new(WithoutStreams)
    }

    fn judge_whole(&self, text: &str, asked: &Asked<'_>) -> Result<JudgedWhole, Flaw> {
        judge(text, asked.request.map(count_inputs))
    }

    fn assemble(&self) -> Box<dyn Assemble> {
        Box::new(WithoutStreams)
    }

    fn split(&self, _: &WholeAnswer) -> Result<Vec<String>, Flaw> {
        Err(Flaw::NoAnswer("the endpoint has no streams".to_owned()))
    }
}

/// The number of results that a request asks for: each text of an array has one, the parts of one input have one together.
fn count_inputs(request: &Request<'_>) -> usize {
    let object = request.payload.object();
    let input = object.and_then(|object| object.get("input"));
    let (mut texts, mut has_parts) = (0, false);
    match input {
        Some(input) if raw::is_array(input) => {
            // The body was read before.
            let _ = raw::each_item(input, &mut |item| {
                has_parts |= raw::is_object(item);
                texts += 1;
            });
        }
        _ => texts = 1,
    }
    if has_parts { 1 } else { texts }
}

fn judge(body: &str, inputs: Option<usize>) -> Result<JudgedWhole, Flaw> {
    let (mut error, mut results, mut usage) = (None, None, None);
    let annotation = Annotation::read(body, &mut |key, value| match key {
        "error" => error = error_in(value),
        "results" => results = Some(value),
        "usage" => usage = Usage::of(value),
        _ => {}
    });
    let annotation = annotation.map_err(|error| match error {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    if let Some(error) = error {
        return Err(Flaw::ErrorObject(error));
    }
    let Some(results) = results.filter(|results| raw::is_array(results)) else {
        let none = || Flaw::NoAnswer("the answer has no results".to_owned());
        return Err(error_of(body).map_or_else(none, Flaw::ErrorObject));
    };
    let verdicts = Verdicts::read(results);
    if verdicts.count == 0 && inputs != Some(0) {
        return Err(error_of(body).map_or(Flaw::EmptyContent, Flaw::ErrorObject));
    }
    if verdicts.lack_categories {
        return Err(Flaw::NoAnswer(
            "a result of the answer has no categories".to_owned(),
        ));
    }
    let count = verdicts.count;
    if let Some(inputs) = inputs.filter(|inputs| *inputs != count) {
        return Err(Flaw::NoAnswer(format!(
            "the answer has {count} results to {inputs} inputs"
        )));
    }
    let mended = verdicts.lack_flagged.then(|| flagged(body)).flatten();
    let annotation = match &mended {
        None => annotation,
        Some(text) => Annotation::read(text, &mut |_, _| ())
            .map_err(|error| Flaw::NotJson(error.to_string()))?,
    };
    Ok(JudgedWhole {
        annotation,
        usage,
        says: Says::Content,
        mended,
        repairs: Repairs::default(),
    })
}

/// The results of an answer.
#[derive(Default)]
struct Verdicts {
    count: usize,
    lack_categories: bool,
    lack_flagged: bool,
}

impl Verdicts {
    fn read(results: &str) -> Self {
        let mut verdicts = Self::default();
        // It was read before.
        let _ = raw::each_item(results, &mut |result| {
            let categories = raw::member(result, "categories");
            verdicts.count += 1;
            verdicts.lack_categories |= !categories.is_some_and(raw::is_object);
            verdicts.lack_flagged |= lacks_flagged(result);
        });
        verdicts
    }
}

fn lacks_flagged(result: &str) -> bool {
    !matches!(raw::member(result, "flagged"), Some("true" | "false"))
}

/// The body with `flagged` in every result, where some provider leaves it to the reader (Mistral): users of the SDKs test
/// nothing else.
fn flagged(body: &str) -> Option<String> {
    let body = raw::map_members(body, &mut |key, results| {
        if !raw::is_key(key, "results") {
            return None;
        }
        raw::edit_items(results, &mut |result| {
            lacks_flagged(result).then(|| with_flagged(result))
        })
    });
    body.ok()
}

fn with_flagged(result: &str) -> String {
    let mut is_any = false;
    let categories = raw::member(result, "categories").unwrap_or_default();
    // It was read before.
    let _ = raw::each_member(categories, &mut |_, value| is_any |= value == "true");
    let Ok(mut object) = crate::json::Object::parse_lenient(result) else {
        return result.to_owned();
    };
    object.set("flagged", is_any.to_string());
    object.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Request<'_>, RequestError> {
        Moderations.read(body.as_bytes().into())
    }

    fn of(results: &str) -> String {
        format!(r#"{{"id":"modr-1","model":"omni","results":{results}}}"#)
    }

    const CLEAN: &str = r#"{"flagged":false,"categories":{"hate":false}}"#;

    #[test]
    fn the_model_may_be_left_out_and_the_input_may_not() {
        for (body, model) in [
            (r#"{"input":"x"}"#, ""),
            (r#"{"input":"x","model":null}"#, ""),
            (r#"{"input":["x"],"model":"m"}"#, "m"),
        ] {
            assert_eq!(read(body).unwrap().model, model);
        }
        for (body, param) in [
            ("{}", "input"),
            (r#"{"input":7}"#, "input"),
            (r#"{"input":"x","model":""}"#, "model"),
            (r#"{"input":"x","model":7}"#, "model"),
        ] {
            assert_eq!(read(body).unwrap_err().param(), Some(param), "{body}");
        }
    }

    #[test]
    fn inputs_are_counted_in_every_form() {
        for (input, count) in [
            (r#""a""#, 1),
            (r#"["a"]"#, 1),
            (r#"["a","b"]"#, 2),
            (
                r#"[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]"#,
                1,
            ),
            ("[]", 0),
        ] {
            let body = format!(r#"{{"input":{input}}}"#);
            assert_eq!(count_inputs(&read(&body).unwrap()), count, "{input}");
        }
    }

    #[test]
    fn a_right_answer_stays_as_it_came() {
        for (inputs, results) in [
            (1, format!("[ {CLEAN} ]")),
            (2, format!("[{CLEAN},{CLEAN}]")),
            (0, "[]".to_owned()),
        ] {
            let judged = judge(&of(&results), Some(inputs)).unwrap();
            assert_eq!(judged.mended, None, "{results}");
        }
    }

    /// A user who tests `flagged` alone must not let everything pass.
    #[test]
    fn flagged_is_added_where_a_category_speaks() {
        let results = r#"[{"categories":{"hate":false,"pii":true}, "category_scores":{}},{"categories":{"hate":false}},{"flagged":null,"categories":{"x":true}}]"#;
        let judged = judge(&of(results), Some(3)).unwrap();
        assert_eq!(
            judged.mended.unwrap(),
            of(
                r#"[{"categories":{"hate":false,"pii":true}, "category_scores":{},"flagged":true},{"categories":{"hate":false},"flagged":false},{"flagged":true,"categories":{"x":true}}]"#
            )
        );
    }

    #[test]
    fn what_judges_nothing_is_no_answer() {
        for (results, words) in [
            (format!("[{CLEAN},{CLEAN}]"), "2 results to 1"),
            ("[{}]".to_owned(), "categories"),
            (r#"[{"flagged":false}]"#.to_owned(), "categories"),
            (
                r#"[{"flagged":false,"categories":["hate"]}]"#.to_owned(),
                "categories",
            ),
            ("[7]".to_owned(), "categories"),
            ("{}".to_owned(), "no results"),
        ] {
            let flaw = judge(&of(&results), Some(1)).unwrap_err();
            assert!(matches!(flaw, Flaw::NoAnswer(_)), "{results}");
            assert!(flaw.to_string().contains(words), "{results}: {flaw}");
        }
        assert_eq!(judge(&of("[]"), Some(1)), Err(Flaw::EmptyContent));
        assert_eq!(judge("[]", Some(1)), Err(Flaw::NotAnObject));
        for body in [
            r#"{"error":{"message":"busy"}}"#,
            r#"{"detail":"busy"}"#,
            r#"{"results":[],"error":"busy"}"#,
        ] {
            assert!(
                matches!(judge(body, Some(1)), Err(Flaw::ErrorObject(_))),
                "{body}"
            );
        }
    }
}
