//! The chunks of a provider's stream, read into canonical deltas.

use crate::dialect::answer::Flaw;
use crate::dialect::canonical::{Begin, CallFragment, Delta, End, ReasoningMember, TokenCounts};
use crate::dialect::finish::{Finish, finish_of};
use crate::dialect::translate::AnswerReader;
use crate::json::raw;

/// Members of a message beside the ones that the API knows. Of reasoning the first with text counts: OpenRouter and others
/// tell it under two names.
const REASONING: [(&str, ReasoningMember); 2] = [
    ("reasoning_content", ReasoningMember::Content),
    ("reasoning", ReasoningMember::Reasoning),
];

/// Whatever takes deltas.
type Take<'t> = dyn FnMut(Delta<'_>) -> Result<(), Flaw> + 't;

/// The reader of one stream.
#[derive(Debug, Default)]
pub struct ChunkReader {
    has_begun: bool,
    has_ended: bool,
    /// The member that the reasoning came in.
    reasoning: Option<ReasoningMember>,
}

impl AnswerReader for ChunkReader {
    fn read(&mut self, data: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        let [id, model, choices, usage] =
            raw::said_members(data, ["id", "model", "choices", "usage"]);
        if !std::mem::replace(&mut self.has_begun, true) {
            take(Delta::Begin(Begin {
                id: id.and_then(raw::inside),
                model: model.and_then(raw::inside),
            }))?;
        }
        if let Some(choice) = choices.and_then(first_choice) {
            self.read_choice(choice, take)?;
        }
        match usage.and_then(TokenCounts::of_chat) {
            Some(counts) => take(Delta::Usage(counts)),
            None => Ok(()),
        }
    }
}

impl ChunkReader {
    fn read_choice(&mut self, choice: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        let [delta, finish_reason, logprobs] =
            raw::said_members(choice, ["delta", "finish_reason", "logprobs"]);
        let logprobs = logprobs.and_then(|logprobs| raw::member(logprobs, "content"));
        if let Some(logprobs) = logprobs.filter(|logprobs| raw::is_array(logprobs)) {
            take(Delta::Logprobs(logprobs))?;
        }
        if let Some(delta) = delta {
            self.read_delta(delta, take)?;
        }
        match finish_reason.and_then(end_of) {
            Some(end) if !std::mem::replace(&mut self.has_ended, true) => take(Delta::End(end)),
            _ => Ok(()),
        }
    }

    fn read_delta(&mut self, delta: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        let [
            content,
            refusal,
            calls,
            call,
            annotations,
            images,
            reasoning_content,
            reasoning,
            details,
        ] = raw::said_members(
            delta,
            [
                "content",
                "refusal",
                "tool_calls",
                "function_call",
                "annotations",
                "images",
                "reasoning_content",
                "reasoning",
                "reasoning_details",
            ],
        );
        for (value, (_, member)) in [reasoning_content, reasoning].into_iter().zip(REASONING) {
            let text = value.and_then(raw::inside).filter(|text| !text.is_empty());
            let Some(text) = text else { continue };
            if *self.reasoning.get_or_insert(member) == member {
                take(Delta::Reasoning { text, member })?;
            }
        }
        if self
            .reasoning
            .is_none_or(|member| member == ReasoningMember::Details)
        {
            each(details, &mut |detail| self.read_detail(detail, take))?;
        }
        if let Some(content) = content {
            read_content(content, take)?;
        }
        if let Some(text) = refusal
            .and_then(raw::inside)
            .filter(|text| !text.is_empty())
        {
            take(Delta::Refusal(text))?;
        }
        each(annotations, &mut |annotation| {
            let citation = raw::member(annotation, "url_citation").unwrap_or(annotation);
            take(Delta::Citation(citation))
        })?;
        each(images, &mut |image| {
            let url = raw::member(image, "image_url").map_or(image, |url| url);
            let url = raw::inside(url).or_else(|| raw::member(url, "url").and_then(raw::inside));
            url.map_or(Ok(()), |url| take(Delta::Image(url)))
        })?;
        each(calls, &mut |call| read_call(call, take))?;
        match call.filter(|call| raw::is_object(call)) {
            Some(function) => take(Delta::Call(fragment_of(function, None, None))),
            None => Ok(()),
        }
    }

    /// Reasoning in parts, of which some are encrypted.
    fn read_detail(&mut self, detail: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
        let text = raw::member(detail, "text").or_else(|| raw::member(detail, "summary"));
        let text = text.and_then(raw::inside).filter(|text| !text.is_empty());
        let Some(text) = text else { return Ok(()) };
        let member = *self.reasoning.get_or_insert(ReasoningMember::Details);
        take(Delta::Reasoning { text, member })
    }
}

/// Content is a text, or a list of parts with texts.
fn read_content(content: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
    if let Some(text) = raw::inside(content) {
        return match text {
            "" => Ok(()),
            text => take(Delta::Text(text)),
        };
    }
    each(Some(content), &mut |part| {
        let text = raw::member(part, "text").and_then(raw::inside);
        match text.filter(|text| !text.is_empty()) {
            Some(text) => take(Delta::Text(text)),
            None => Ok(()),
        }
    })
}

fn read_call(call: &str, take: &mut Take<'_>) -> Result<(), Flaw> {
    let [index, id, function] = raw::said_members(call, ["index", "id", "function"]);
    take(Delta::Call(fragment_of(
        function.unwrap_or("{}"),
        index.and_then(raw::whole_number),
        id.and_then(raw::inside),
    )))
}

fn fragment_of<'a>(function: &'a str, index: Option<u64>, id: Option<&'a str>) -> CallFragment<'a> {
    let [name, arguments] = raw::said_members(function, ["name", "arguments"]);
    CallFragment {
        index,
        id,
        name: name.and_then(raw::inside),
        arguments: arguments.and_then(raw::inside).unwrap_or_default(),
    }
}

/// The end that a raw finish reason names; `None` for what says nothing.
fn end_of(reason: &str) -> Option<End<'static>> {
    let reason = raw::text(reason)?;
    match &*reason {
        "tool_calls" | "function_call" => return Some(End::ToolCalls),
        "content_filter" => return Some(End::ContentFilter),
        _ => {}
    }
    match finish_of(&reason) {
        Finish::Open => None,
        Finish::Stop => Some(End::Stop),
        Finish::Length => Some(End::Length),
        // A reason that means a break is an error to the judge, before it comes here.
        Finish::Broken | Finish::Other => Some(End::Unknown),
    }
}

/// The choice with the index 0, or without one.
fn first_choice(choices: &str) -> Option<&str> {
    let mut first = None;
    // A value that is no array has no items.
    let _ = raw::each_item(choices, &mut |choice| {
        let index = raw::member(choice, "index").and_then(raw::whole_number);
        if first.is_none() && index.unwrap_or(0) == 0 {
            first = Some(choice);
        }
    });
    first
}

/// Shows each item of a raw array to `visit`; other values have none.
fn each<'a>(
    items: Option<&'a str>,
    visit: &mut dyn FnMut(&'a str) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut visited = Ok(());
    let Some(items) = items.filter(|items| raw::is_array(items)) else {
        return visited;
    };
    let _ = raw::each_item(items, &mut |item| {
        if visited.is_ok() {
            visited = visit(item);
        }
    });
    visited
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deltas(chunks: &[&str]) -> Vec<String> {
        let mut reader = ChunkReader::default();
        let mut said = Vec::new();
        for chunk in chunks {
            let mut take = |delta: Delta<'_>| {
                said.push(format!("{delta:?}"));
                Ok(())
            };
            reader.read(chunk, &mut take).unwrap();
        }
        said
    }

    fn of_delta(delta: &str) -> Vec<String> {
        let chunk = format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
        deltas(&[&chunk]).split_off(1)
    }

    #[test]
    fn every_member_of_a_message_says_its_thing() {
        for (delta, expected) in [
            (r#"{"role":"assistant","content":""}"#, &[][..]),
            (r#"{"content":"a\n"}"#, &[r#"Text("a\\n")"#]),
            (
                r#"{"content":[{"type":"text","text":"a"},{"type":"x"}]}"#,
                &[r#"Text("a")"#],
            ),
            (
                r#"{"reasoning":"a","reasoning_content":"b"}"#,
                &[r#"Reasoning { text: "b", member: Content }"#],
            ),
            (
                r#"{"reasoning":"a"}"#,
                &[r#"Reasoning { text: "a", member: Reasoning }"#],
            ),
            (r#"{"refusal":"no"}"#, &[r#"Refusal("no")"#]),
            (
                r#"{"annotations":[{"type":"url_citation","url_citation":{"url":"u"}}]}"#,
                &[r#"Citation("{\"url\":\"u\"}")"#],
            ),
            (
                r#"{"images":[{"type":"image_url","image_url":{"url":"data:x"}}]}"#,
                &[r#"Image("data:x")"#],
            ),
            (
                r#"{"reasoning_details":[{"type":"reasoning.text","text":"a"},{"type":"reasoning.encrypted","data":"x"}]}"#,
                &[r#"Reasoning { text: "a", member: Details }"#],
            ),
            (
                r#"{"tool_calls":[{"index":1,"id":"c","function":{"name":"f","arguments":"{"}}]}"#,
                &[
                    r#"Call(CallFragment { index: Some(1), id: Some("c"), name: Some("f"), arguments: "{" })"#,
                ],
            ),
            (
                r#"{"function_call":{"name":"f"}}"#,
                &[
                    r#"Call(CallFragment { index: None, id: None, name: Some("f"), arguments: "" })"#,
                ],
            ),
        ] {
            assert_eq!(of_delta(delta), expected, "{delta}");
        }
    }

    #[test]
    fn the_first_choice_counts_and_an_answer_begins_and_ends_once() {
        let said = deltas(&[
            r#"{"id":"x","model":"m","choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":""}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"length","logprobs":{"content":[]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
        ]);
        assert_eq!(
            said[..4],
            [
                r#"Begin(Begin { id: Some("x"), model: Some("m") })"#,
                r#"Text("a")"#,
                r#"Logprobs("[]")"#,
                "End(Length)",
            ]
        );
        assert!(said[4].starts_with("Usage(") && said.len() == 5, "{said:?}");
    }
}
