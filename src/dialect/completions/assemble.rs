//! A whole completion from the chunks of a stream.

use crate::dialect::Assemble;
use crate::dialect::answer::Flaw;
use crate::heapsort::sorted_by_key;
use crate::json::raw;

/// OpenAI's bound for `n`.
const MAX_CHOICES: usize = 128;

/// The members of `logprobs`, each an array that goes on from chunk to chunk.
const LOGPROBS: [&str; 4] = ["tokens", "token_logprobs", "top_logprobs", "text_offset"];

/// A completion in the making.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The other members of the answer, raw: of a repeated one the last.
    members: Vec<(String, String)>,
    choices: Vec<Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    index: u64,
    /// The inside of a JSON string.
    text: String,
    /// The insides of the arrays; none without any.
    logprobs: Option<[String; 4]>,
    finish_reason: Option<String>,
}

impl Assemble for Assembler {
    fn push(&mut self, data: &str) -> Result<(), Flaw> {
        let mut choices = "";
        // A value that is no object has no members.
        let _ = raw::each_member(data, &mut |key, value| {
            if raw::is_key(key, "choices") {
                choices = value;
                return;
            }
            match self.members.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) if value != "null" => value.clone_into(known),
                Some(_) => {}
                None => self.members.push((key.to_owned(), value.to_owned())),
            }
        });
        let mut added = Ok(());
        let _ = raw::each_item(choices, &mut |choice| {
            if added.is_ok() {
                added = self.add(choice);
            }
        });
        added
    }

    fn finish(self: Box<Self>) -> String {
        let choices = sorted_by_key(self.choices, |choice| choice.index);
        let choices: Vec<String> = choices.iter().map(Choice::to_json).collect();
        let mut answer = format!("{{\"choices\":[{}]", choices.join(","));
        for (key, value) in &self.members {
            answer.push(',');
            answer.push_str(key);
            answer.push(':');
            answer.push_str(value);
        }
        answer.push('}');
        answer
    }
}

impl Assembler {
    fn add(&mut self, json: &str) -> Result<(), Flaw> {
        let index = raw::member(json, "index").and_then(raw::whole_number);
        let index = index.unwrap_or_default();
        let known = self.choices.iter().position(|choice| choice.index == index);
        let place = match known {
            Some(place) => place,
            None if self.choices.len() >= MAX_CHOICES => return Err(Flaw::TooMany("choices")),
            None => {
                self.choices.push(Choice {
                    index,
                    ..Choice::default()
                });
                self.choices.len() - 1
            }
        };
        if let Some(choice) = self.choices.get_mut(place) {
            choice.push(json);
        }
        Ok(())
    }
}

impl Choice {
    fn push(&mut self, json: &str) {
        let _ = raw::each_member(json, &mut |key, value| match raw::text(key).as_deref() {
            Some("text") => self.text.push_str(raw::inside(value).unwrap_or_default()),
            Some("finish_reason") if value != "null" => {
                self.finish_reason = Some(value.to_owned());
            }
            Some("logprobs") if raw::is_object(value) => self.push_logprobs(value),
            _ => {}
        });
    }

    fn push_logprobs(&mut self, json: &str) {
        let arrays = self.logprobs.get_or_insert_default();
        for (array, name) in arrays.iter_mut().zip(LOGPROBS) {
            let items = raw::member(json, name).unwrap_or_default();
            let _ = raw::each_item(items, &mut |item| {
                if !array.is_empty() {
                    array.push(',');
                }
                array.push_str(item);
            });
        }
    }

    fn to_json(&self) -> String {
        let logprobs = self.logprobs.as_ref().map(|arrays| {
            let members = LOGPROBS.iter().zip(arrays);
            let members = members.map(|(name, items)| format!("\"{name}\":[{items}]"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        });
        format!(
            r#"{{"index":{},"text":"{}","logprobs":{},"finish_reason":{}}}"#,
            self.index,
            self.text,
            logprobs.as_deref().unwrap_or("null"),
            self.finish_reason.as_deref().unwrap_or("null")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_on_choice_by_choice() {
        let mut assembler = Box::new(Assembler::default());
        for chunk in [
            r#"{"id":"1","usage":null,"choices":[{"index":1,"text":"b"}]}"#,
            r#"{"id":"1","choices":[{"index":0,"text":"a\n","logprobs":{"tokens":["a"],"text_offset":[0]}}]}"#,
            r#"{"id":"1","choices":[{"index":0,"text":"c","logprobs":{"tokens":["c"],"text_offset":[2]},"finish_reason":"stop"}]}"#,
            r#"{"id":"1","choices":[],"usage":{"prompt_tokens":1}}"#,
        ] {
            assembler.push(chunk).unwrap();
        }
        assert_eq!(
            assembler.finish(),
            r#"{"choices":[{"index":0,"text":"a\nc","logprobs":{"tokens":["a","c"],"token_logprobs":[],"top_logprobs":[],"text_offset":[0,2]},"finish_reason":"stop"},{"index":1,"text":"b","logprobs":null,"finish_reason":null}],"id":"1","usage":{"prompt_tokens":1}}"#
        );
    }
}
