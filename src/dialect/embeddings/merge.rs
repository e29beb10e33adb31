//! The answer to a request, from the answers to its parts.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says, WholeAnswer};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::raw;

use super::answer::first_length;

/// Makes one answer: the items in the order of the parts, their indexes counted on, the numbers of `usage` added up; all
/// else is the first part's. The texts of the parts are dropped as they are taken over.
///
/// # Errors
/// There is no part, or they are of different lengths.
pub fn merge(parts: Vec<WholeAnswer>) -> Result<WholeAnswer, Flaw> {
    let mut repairs = Repairs::default();
    let mut summed = SummedUsage::default();
    let mut lengths = Vec::new();
    for part in &parts {
        repairs.add_all(part.repairs);
        summed.add(raw::member(part.text(), "usage").unwrap_or_default());
        lengths.extend(first_length(part.text()));
    }
    let summed = summed.to_json();
    lengths.dedup();
    if let [one, other, ..] = lengths.as_slice() {
        return Err(Flaw::NoAnswer(format!(
            "the answers to parts of the request have vectors of different lengths: {one} and {other}"
        )));
    }
    let mut parts = parts.into_iter();
    let first = parts.next().ok_or(Flaw::EmptyContent)?;
    let (before, behind) = around_items(first.text(), &summed);
    let mut out = before;
    let mut count = append(&mut out, first.text(), 0);
    drop(first);
    for part in parts {
        count += append(&mut out, part.text(), count);
    }
    out.push_str(&behind);
    let annotation = Annotation::read(&out, &mut |_, _| ());
    let annotation = annotation.map_err(|error| Flaw::NotJson(error.to_string()))?;
    let usage = raw::member(&out, "usage").and_then(Usage::of);
    Ok(WholeAnswer::new(
        out,
        JudgedWhole {
            annotation,
            usage,
            says: Says::Content,
            mended: None,
            repairs,
        },
    ))
}

/// Appends the items of a part, behind `count` others; their number comes back.
fn append(out: &mut String, part: &str, count: usize) -> usize {
    let mut added = 0;
    // The parts were judged: they have items, and each an index.
    let _ = raw::each_item(raw::member(part, "data").unwrap_or_default(), &mut |item| {
        if count + added > 0 {
            out.push(',');
        }
        let mut copied = 0;
        let _ = raw::each_member(item, &mut |key, value| {
            if raw::is_key(key, "index")
                && let Some(index) = raw::whole_number(value)
            {
                let at = raw::offset(item, value);
                out.push_str(item.get(copied..at).unwrap_or_default());
                out.push_str(&index.saturating_add(count as u64).to_string());
                copied = at + value.len();
            }
        });
        out.push_str(item.get(copied..).unwrap_or_default());
        added += 1;
    });
    added
}

/// The text before the items of an answer and the text behind them, with another `usage`. All but the items is small.
fn around_items(text: &str, usage: &str) -> (String, String) {
    let (mut before, mut behind) = (String::new(), String::new());
    let (mut copied, mut is_behind) = (0, false);
    // It was judged: it is an object with items.
    let _ = raw::each_member(text, &mut |key, value| {
        let at = raw::offset(text, value);
        let out = if is_behind { &mut behind } else { &mut before };
        if raw::is_key(key, "usage") {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str(usage);
            copied = at + value.len();
        } else if raw::is_key(key, "data") && !is_behind {
            out.push_str(text.get(copied..=at).unwrap_or_default());
            copied = (at + value.len()).saturating_sub(1);
            is_behind = true;
        }
    });
    behind.push_str(text.get(copied..).unwrap_or_default());
    (before, behind)
}

/// The `usage` of several answers: of members that are numbers the sum, of others the first.
#[derive(Default)]
struct SummedUsage<'a>(Vec<(&'a str, Summed<'a>)>);

enum Summed<'a> {
    Number(u64),
    Other(&'a str),
}

impl<'a> SummedUsage<'a> {
    fn add(&mut self, usage: &'a str) {
        // What is no object has no members.
        let _ = raw::each_member(usage, &mut |key, value| {
            let is_full = self.0.len() == MOST_MEMBERS;
            let known = self.0.iter_mut().find(|(known, _)| *known == key);
            let number = raw::whole_number(value);
            match (known, number) {
                (Some((_, Summed::Number(sum))), Some(number)) => *sum = sum.saturating_add(number),
                (Some(_), _) => {}
                (None, _) if is_full => {}
                (None, Some(number)) => self.0.push((key, Summed::Number(number))),
                (None, None) => self.0.push((key, Summed::Other(value))),
            }
        });
    }

    fn to_json(&self) -> String {
        let members = self.0.iter().map(|(key, sum)| match sum {
            Summed::Number(sum) => format!("{key}:{sum}"),
            Summed::Other(value) => format!("{key}:{value}"),
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// More members than any `usage` has.
const MOST_MEMBERS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Embeddings;
    use super::super::parts::InputParts;
    use super::super::request::read;
    use super::*;
    use crate::dialect::Dialect;
    use crate::dialect::answer::Annotated;
    use crate::dialect::reading::{Asked, Reading};
    use crate::dialect::request::Request;

    fn part(text: &str) -> WholeAnswer {
        let dialect: &dyn Dialect = &Embeddings;
        let asked = Asked::nothing(Reading::default());
        dialect.whole(text.to_owned(), &asked).unwrap()
    }

    #[test]
    fn the_order_of_the_inputs_is_kept() {
        let first = r#"{ "usage":{"prompt_tokens":2,"x":"y"}, "object":"list","data":[ {"index":1,"embedding":[1]} ,{"embedding":[2],"index":0}], "model":"m" }"#;
        let second = r#"{"object":"list","model":"n","data":[{"index":0,"embedding":[3]}],"usage":{"prompt_tokens":1,"total_tokens":4}}"#;
        let third = r#"{"object":"list","data":[{"embedding":[4]}],"model":"m"}"#;
        let merged = merge(vec![part(first), part(second), part(third)]).unwrap();
        assert_eq!(
            merged.text(),
            r#"{ "usage":{"prompt_tokens":3,"x":"y","total_tokens":4}, "object":"list","data":[{"index":1,"embedding":[1]},{"embedding":[2],"index":0},{"index":2,"embedding":[3]},{"embedding":[4],"index":3}], "model":"m" }"#
        );
        assert_eq!(merged.usage.unwrap().prompt_tokens, Some(3));
        let Annotated::Copied(annotated) = merged.annotated(Some("r"), Some("1")) else {
            panic!("a small answer");
        };
        assert!(
            annotated.contains(r#""model":"r","routing_summary":1 }"#),
            "{annotated}"
        );
    }

    proptest! {
        /// However many a step takes at once, the client gets the same vectors in the same order.
        #[test]
        fn parts_make_the_answer_of_the_whole(
            texts in prop::collection::vec("[a-z,\\[\\] ]{0,6}", 1..30),
            most in 1..12_usize,
        ) {
            let body = serde_json::json!({"model": "r", "input": texts}).to_string();
            let request = read(body.as_bytes()).unwrap();
            let answers = match InputParts::new(&request, most) {
                None => vec![part(&answer_to(&request))],
                Some(parts) => parts.map(|request| part(&answer_to(&request))).collect(),
            };
            let whole: serde_json::Value = serde_json::from_str(&answer_to(&request)).unwrap();
            let merged: serde_json::Value = serde_json::from_str(merge(answers).unwrap().text()).unwrap();
            prop_assert_eq!(merged, whole);
        }
    }

    /// The answer of a provider without fault: the length of a text is its vector.
    fn answer_to(request: &Request<'_>) -> String {
        let body = request.payload.object().unwrap().to_json();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let texts = body["input"].as_array().unwrap();
        let data = texts.iter().enumerate().map(|(index, text)| {
            let length = text.as_str().unwrap().len() + 1;
            serde_json::json!({"object": "embedding", "index": index, "embedding": [length]})
        });
        let data: Vec<_> = data.collect();
        let tokens = texts.len();
        serde_json::json!({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": tokens}})
            .to_string()
    }

    #[test]
    fn a_model_that_changed_on_the_way_is_found_out() {
        let of = |vector: &str| {
            part(&format!(
                r#"{{"object":"list","model":"m","data":[{{"index":0,"embedding":{vector}}}],"usage":{{}}}}"#
            ))
        };
        assert!(merge(vec![of("[1]"), of("[2]")]).is_ok());
        assert!(matches!(
            merge(vec![of("[1]"), of("[2,3]")]),
            Err(Flaw::NoAnswer(_))
        ));
        assert_eq!(merge(Vec::new()), Err(Flaw::EmptyContent));
    }
}
