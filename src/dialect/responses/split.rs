//! The events of a whole answer, for a client that asked for a stream: item after item, a delta for each text.

use crate::dialect::answer::Flaw;
use crate::json::{Object, raw};

/// The most items of an answer, and parts of an item.
const MOST: usize = 1024;

/// The data of the events that an answer makes.
///
/// # Errors
/// An answer with more items or parts than any sane one has.
pub fn split(answer: &str) -> Result<Vec<String>, Flaw> {
    let mut events = Events::default();
    let opening = opening(answer);
    events.push("response.created", &format!("\"response\":{opening}"));
    events.push("response.in_progress", &format!("\"response\":{opening}"));
    for (index, item) in items(raw::member(answer, "output"), "items")?
        .into_iter()
        .enumerate()
    {
        events.item(index, item)?;
    }
    let status = raw::member(answer, "status").and_then(raw::text);
    let last = match status.as_deref() {
        Some("incomplete") => "response.incomplete",
        _ => "response.completed",
    };
    events.push(last, &format!("\"response\":{}", answer.trim_ascii()));
    Ok(events.data)
}

/// The frame of an answer that has just begun.
fn opening(answer: &str) -> String {
    let Ok(mut frame) = Object::parse_lenient(answer) else {
        return "{}".to_owned();
    };
    frame.set("status", "\"in_progress\"".to_owned());
    frame.set("output", "[]".to_owned());
    for later in ["usage", "completed_at", "incomplete_details"] {
        if frame.get(later).is_some() {
            frame.set(later, "null".to_owned());
        }
    }
    frame.to_json()
}

/// The items of an array; of what is none, none.
fn items<'a>(array: Option<&'a str>, named: &'static str) -> Result<Vec<&'a str>, Flaw> {
    let mut found = Vec::new();
    let _ = raw::each_item(array.unwrap_or_default(), &mut |item| found.push(item));
    if found.len() > MOST {
        return Err(Flaw::TooMany(named));
    }
    Ok(found)
}

#[derive(Default)]
struct Events {
    data: Vec<String>,
}

impl Events {
    fn push(&mut self, kind: &str, members: &str) {
        let number = self.data.len();
        self.data.push(format!(
            r#"{{"type":"{kind}","sequence_number":{number},{members}}}"#
        ));
    }

    fn item(&mut self, index: usize, item: &str) -> Result<(), Flaw> {
        let of_item = format!("\"output_index\":{index}");
        let id = raw::member(item, "id").unwrap_or("\"\"");
        let place = format!("\"item_id\":{id},{of_item}");
        let (emptied, texts): (&[(&str, &str)], &str) = match raw::kind_of(item).as_deref() {
            Some("message") => (&[("content", "[]")], "content"),
            Some("reasoning") => (&[("summary", "[]")], "summary"),
            Some("function_call") => (&[("arguments", "\"\"")], ""),
            Some("custom_tool_call") => (&[("input", "\"\"")], ""),
            _ => (&[], ""),
        };
        self.push(
            "response.output_item.added",
            &format!("{of_item},\"item\":{}", begun(item, emptied)),
        );
        match raw::kind_of(item).as_deref() {
            Some("message") => {
                for (index, part) in items(raw::member(item, texts), "parts")?
                    .into_iter()
                    .enumerate()
                {
                    self.part(&format!("{place},\"content_index\":{index}"), part);
                }
            }
            Some("reasoning") => {
                for (index, part) in items(raw::member(item, texts), "parts")?
                    .into_iter()
                    .enumerate()
                {
                    self.summary(&format!("{place},\"summary_index\":{index}"), part);
                }
            }
            Some("function_call") => {
                let arguments = raw::member(item, "arguments").unwrap_or("\"\"");
                let name = raw::member(item, "name").unwrap_or("\"\"");
                self.delta("response.function_call_arguments", &place, arguments, "");
                self.push(
                    "response.function_call_arguments.done",
                    &format!("{place},\"arguments\":{arguments},\"name\":{name}"),
                );
            }
            Some("custom_tool_call") => {
                let input = raw::member(item, "input").unwrap_or("\"\"");
                self.delta("response.custom_tool_call_input", &place, input, "");
                self.push(
                    "response.custom_tool_call_input.done",
                    &format!("{place},\"input\":{input}"),
                );
            }
            _ => {}
        }
        self.push(
            "response.output_item.done",
            &format!("{of_item},\"item\":{item}"),
        );
        Ok(())
    }

    /// A delta with the whole of a text; none for an empty one.
    fn delta(&mut self, of: &str, place: &str, text: &str, more: &str) {
        if text != "\"\"" {
            self.push(
                &format!("{of}.delta"),
                &format!("{place},\"delta\":{text}{more}"),
            );
        }
    }

    fn part(&mut self, place: &str, part: &str) {
        let (name, of, logprobs) = match raw::kind_of(part).as_deref() {
            Some("refusal") => ("refusal", "response.refusal", ""),
            _ => ("text", "response.output_text", ",\"logprobs\":[]"),
        };
        let text = raw::member(part, name).unwrap_or("\"\"");
        let empty = begun(part, &[(name, "\"\"")]);
        self.push(
            "response.content_part.added",
            &format!("{place},\"part\":{empty}"),
        );
        self.delta(of, place, text, logprobs);
        self.push(
            &format!("{of}.done"),
            &format!("{place},\"{name}\":{text}{logprobs}"),
        );
        self.push(
            "response.content_part.done",
            &format!("{place},\"part\":{part}"),
        );
    }

    fn summary(&mut self, place: &str, part: &str) {
        let text = raw::member(part, "text").unwrap_or("\"\"");
        let empty = begun(part, &[("text", "\"\"")]);
        let of = "response.reasoning_summary_text";
        self.push(
            "response.reasoning_summary_part.added",
            &format!("{place},\"part\":{empty}"),
        );
        self.delta(of, place, text, "");
        self.push(&format!("{of}.done"), &format!("{place},\"text\":{text}"));
        self.push(
            "response.reasoning_summary_part.done",
            &format!("{place},\"part\":{part}"),
        );
    }
}

/// An item or a part as it begins: without what its deltas bring, and under way if it has a status.
fn begun(item: &str, emptied: &[(&str, &str)]) -> String {
    let Ok(mut item) = Object::parse_lenient(item) else {
        return "{}".to_owned();
    };
    for (member, empty) in emptied {
        item.set(member, (*empty).to_owned());
    }
    if item.get("status").is_some() {
        item.set("status", "\"in_progress\"".to_owned());
    }
    item.to_json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_follow_each_other_and_events_are_numbered() {
        let answer = r#"{"id":"resp_1","object":"response","status":"completed","model":"m","usage":{"input_tokens":1},"output":[
            {"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
            {"id":"msg_1","type":"message","status":"completed","content":[{"type":"output_text","text":"hi","annotations":[]}]},
            {"id":"fc_1","type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"id":"ws_1","type":"web_search_call","status":"completed"}]}"#;
        let events = split(answer).unwrap();
        let kinds: Vec<_> = events
            .iter()
            .enumerate()
            .map(|(number, data)| {
                assert_eq!(
                    raw::member(data, "sequence_number"),
                    Some(&*number.to_string())
                );
                let kind = raw::text(raw::member(data, "type").unwrap()).unwrap();
                kind.trim_start_matches("response.").to_owned()
            })
            .collect();
        assert_eq!(
            kinds.join(" "),
            "created in_progress \
             output_item.added reasoning_summary_part.added reasoning_summary_text.delta reasoning_summary_text.done \
             reasoning_summary_part.done output_item.done \
             output_item.added content_part.added output_text.delta output_text.done content_part.done output_item.done \
             output_item.added function_call_arguments.delta function_call_arguments.done output_item.done \
             output_item.added output_item.done completed"
        );
        assert_eq!(
            events[0],
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"m","usage":null,"output":[]}}"#
        );
        assert_eq!(
            events[10],
            r#"{"type":"response.output_text.delta","sequence_number":10,"item_id":"msg_1","output_index":1,"content_index":0,"delta":"hi","logprobs":[]}"#
        );
        let last = events.last().unwrap();
        assert_eq!(raw::member(last, "response"), Some(answer));
    }

    #[test]
    fn an_answer_that_was_cut_short_says_so() {
        let events = split(r#"{"status":"incomplete","output":[]}"#).unwrap();
        assert!(events[2].starts_with(r#"{"type":"response.incomplete""#));
        let many = vec!["{}"; MOST + 1].join(",");
        let many = split(&format!(r#"{{"output":[{many}]}}"#));
        assert_eq!(many, Err(Flaw::TooMany("items")));
    }
}
