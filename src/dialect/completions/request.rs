//! A request for a completion: reading it, and making it what the provider of a step takes.

use crate::dialect::json_request::object_of;
use crate::dialect::reading::Expectation;
use crate::dialect::request::{Payload, Request, RequestError, Unfit, model_of, stream_of};
use crate::dialect::step_traits::{FillInTheMiddle, ProviderKind, StepTraits};
use crate::json::{Object, raw};

/// The members that Mistral's endpoint takes; it refuses all others.
const OF_MISTRAL: [&str; 10] = [
    "model",
    "prompt",
    "suffix",
    "stream",
    "stop",
    "max_tokens",
    "temperature",
    "top_p",
    "random_seed",
    "min_tokens",
];

/// The members of completions that chat has in another meaning or not at all, and the values that ask for nothing.
const NOT_OF_CHAT: [(&str, &[&str]); 4] = [
    ("suffix", &["null"]),
    ("echo", &["null", "false"]),
    ("best_of", &["null", "1"]),
    ("logprobs", &["null"]),
];

/// Takes a body apart as far as routing needs; the prompt is the provider's business.
///
/// # Errors
/// The first fault in the body.
pub fn read(body: &[u8]) -> Result<Request<'_>, RequestError> {
    let object = object_of(body)?;
    Ok(Request {
        model: model_of(object.get("model"))?,
        stream: stream_of(object.get("stream"))?,
        payload: Payload::Json(object),
    })
}

/// Whether the text is to stand before a suffix. An editor whose cursor is at the end sends an empty one.
pub fn has_suffix(request: &Request<'_>) -> bool {
    let suffix = request
        .payload
        .object()
        .and_then(|object| object.get("suffix"));
    suffix.is_some_and(|suffix| suffix.starts_with('"'))
}

/// The endpoint of its own that a request with a suffix goes to; `None` where it goes the usual way.
pub fn infix(request: &Request<'_>, step: &StepTraits) -> Option<FillInTheMiddle> {
    step.fim.filter(|_| has_suffix(request))
}

/// The reason why a step cannot carry a request; `None` where it may.
pub fn unfit(request: &Request<'_>, step: &StepTraits) -> Option<Unfit> {
    if step.kind == ProviderKind::Anthropic {
        return Some(Unfit::from("Anthropic's API has no completions".to_owned()));
    }
    let about = |param: &str, reason: &str| {
        Some(Unfit {
            reason: reason.to_owned(),
            param: Some(param.to_owned()),
            too_large: false,
        })
    };
    let object = request.payload.object()?;
    let prompt = object.get("prompt").unwrap_or_default();
    if !step.token_ids && has_token_ids(prompt) {
        return about(
            "prompt",
            "the prompt is token ids, which are OpenAI's (token_ids: true on a step says that its model has the same)",
        );
    }
    let is_text = prompt.starts_with('"');
    match infix(request, step) {
        Some(_) if !is_text => about("prompt", "the step completes one text alone"),
        Some(_) => None,
        None if step.completions_by_chat => {
            let foreign = NOT_OF_CHAT.into_iter().find(|(member, nothing)| {
                let value = object.get(member);
                value.is_some_and(|value| !nothing.contains(&value))
            });
            match foreign {
                Some((member, _)) => about(
                    member,
                    &format!("the step has chat alone, and so no {member}"),
                ),
                None if !is_text => {
                    about("prompt", "the step has chat alone, and so takes one text")
                }
                None => None,
            }
        }
        None => None,
    }
}

/// Whether a prompt is token ids, or a list of them.
fn has_token_ids(prompt: &str) -> bool {
    let mut found = false;
    // What is no array has no items.
    let _ = raw::each_item(prompt, &mut |item| {
        found |= !item.starts_with('"');
    });
    found
}

/// Makes a request what the provider takes.
pub fn fit(sent: &mut Object<'_>, request: &Request<'_>, step: &StepTraits) {
    match infix(request, step) {
        Some(FillInTheMiddle::Mistral) => keep_only(sent, &OF_MISTRAL),
        Some(FillInTheMiddle::LlamaCpp) => {
            for (name, to) in [
                ("prompt", "input_prefix"),
                ("suffix", "input_suffix"),
                ("max_tokens", "n_predict"),
            ] {
                rename(sent, name, to);
            }
        }
        None if step.completions_by_chat => make_chat(sent),
        None => {}
    }
}

fn keep_only(sent: &mut Object<'_>, known: &[&str]) {
    let names: Vec<String> = sent
        .members()
        .filter_map(|(key, _)| raw::text(key))
        .filter(|key| !known.contains(&&**key))
        .map(|key| key.into_owned())
        .collect();
    for name in names {
        sent.remove(&name);
    }
}

fn rename(sent: &mut Object<'_>, name: &str, to: &str) {
    if let Some(value) = sent.get(name).map(str::to_owned) {
        sent.remove(name);
        sent.set(to, value);
    }
}

fn make_chat(sent: &mut Object<'_>) {
    for (member, _) in NOT_OF_CHAT {
        sent.remove(member);
    }
    let prompt = sent.get("prompt").unwrap_or(r#""""#);
    let messages = format!(r#"[{{"role":"user","content":{prompt}}}]"#);
    sent.remove("prompt");
    sent.set("messages", messages);
}

/// The expectations of a request that was read.
pub fn expectation(request: &Payload<'_>) -> Expectation {
    let Some(object) = request.object() else {
        return Expectation::default();
    };
    Expectation {
        max_tokens: object.get("max_tokens").and_then(raw::whole_number),
        has_stop: !matches!(object.get("stop"), None | Some("null" | "[]" | r#""""#)),
        ..Expectation::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(change: impl FnOnce(&mut StepTraits)) -> StepTraits {
        let mut step = StepTraits::default();
        change(&mut step);
        step
    }

    fn sent(body: &str, step: &StepTraits) -> String {
        let request = read(body.as_bytes()).unwrap();
        assert_eq!(unfit(&request, step), None, "{body}");
        let Payload::Json(mut sent) = request.payload.clone() else {
            panic!("no JSON");
        };
        fit(&mut sent, &request, step);
        sent.to_json()
    }

    #[test]
    fn a_request_becomes_what_the_provider_takes() {
        let mistral = step(|step| step.fim = Some(FillInTheMiddle::Mistral));
        let llama = step(|step| step.fim = Some(FillInTheMiddle::LlamaCpp));
        let chat = step(|step| step.completions_by_chat = true);
        let plain = StepTraits::default();
        let with_suffix =
            r#"{"model":"m","prompt":"a","suffix":"b","max_tokens":5,"user":"u","random_seed":1}"#;
        for (step, body, expected) in [
            (&plain, with_suffix, with_suffix),
            (
                &mistral,
                with_suffix,
                r#"{"model":"m","prompt":"a","suffix":"b","max_tokens":5,"random_seed":1}"#,
            ),
            (
                &llama,
                with_suffix,
                r#"{"model":"m","user":"u","random_seed":1,"input_prefix":"a","input_suffix":"b","n_predict":5}"#,
            ),
            (
                &mistral,
                r#"{"model":"m","prompt":"a","user":"u","suffix":null}"#,
                r#"{"model":"m","prompt":"a","user":"u","suffix":null}"#,
            ),
            (
                &chat,
                r#"{"model":"m","prompt":"a\n","suffix":null,"echo":false,"best_of":1,"max_tokens":5}"#,
                r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a\n"}]}"#,
            ),
        ] {
            assert_eq!(sent(body, step), expected, "{body}");
        }
    }

    #[test]
    fn a_step_that_cannot_carry_a_request_is_passed_over() {
        let plain = StepTraits::default();
        let ids = step(|step| step.token_ids = true);
        let chat = step(|step| step.completions_by_chat = true);
        let llama = step(|step| step.fim = Some(FillInTheMiddle::LlamaCpp));
        let anthropic = step(|step| step.kind = ProviderKind::Anthropic);
        for (step, members, param) in [
            (&plain, r#""prompt":[1,2]"#, Some("prompt")),
            (&plain, r#""prompt":[[1],[2]]"#, Some("prompt")),
            (&chat, r#""prompt":["a","b"]"#, Some("prompt")),
            (&chat, r#""prompt":"a","suffix":"b""#, Some("suffix")),
            (&chat, r#""prompt":"a","echo":true"#, Some("echo")),
            (&chat, r#""prompt":"a","best_of":2"#, Some("best_of")),
            (&chat, r#""prompt":"a","logprobs":0"#, Some("logprobs")),
            (&llama, r#""prompt":["a"],"suffix":"b""#, Some("prompt")),
            (&anthropic, r#""prompt":"a""#, None),
        ] {
            let body = format!(r#"{{"model":"m",{members}}}"#);
            let unfit = unfit(&read(body.as_bytes()).unwrap(), step);
            assert_eq!(
                unfit.map(|unfit| unfit.param),
                Some(param.map(str::to_owned)),
                "{members}"
            );
        }
        for (step, members) in [
            (&ids, r#""prompt":[1,2]"#),
            (&plain, r#""prompt":["a","b"]"#),
            (&plain, r#""prompt":"a""#),
            (&llama, r#""prompt":["a"]"#),
        ] {
            let body = format!(r#"{{"model":"m",{members}}}"#);
            assert_eq!(
                unfit(&read(body.as_bytes()).unwrap(), step),
                None,
                "{members}"
            );
        }
    }
}
