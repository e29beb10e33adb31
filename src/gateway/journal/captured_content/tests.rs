//! The content of requests and answers, as spans show it.

use serde_json::{Value, json};

use super::room::{LONGEST_TEXT, MOST_PARTS, MOST_TEXT};
use super::*;
use crate::budget::Budget;
use crate::dialect::Dialect;
use crate::dialect::chat::Chat;
use crate::json::Object;
use crate::secret::{Redactor, Secret};

fn shown_input(request: &str) -> Value {
    let shown = input(&Object::parse(request).unwrap(), &Redactor::default());
    shown.map_or(Value::Null, |shown| serde_json::from_str(&shown).unwrap())
}

fn shown_output(answer: &str) -> Value {
    let shown = output(answer, &Redactor::default());
    shown.map_or(Value::Null, |shown| serde_json::from_str(&shown).unwrap())
}

#[test]
fn messages_become_roles_and_parts() {
    let messages = r#"[
        {"role":"system","content":"be br\u0069ef"},
        {"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:SECRET"}}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"42"}]"#;
    let expected = json!([
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "what?"}, {"type": "image_url"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}]},
    ]);
    let shown: Value = shown_input(&format!(r#"{{"messages":{messages}}}"#));
    assert_eq!(shown, expected);
}

#[test]
fn choices_become_messages() {
    let answer = r#"{"choices":[{"message":{"content":"yes","reasoning_content":"hm"},"finish_reason":"stop"}]}"#;
    let expected = json!([{"role": "assistant", "finish_reason": "stop", "parts": [
        {"type": "reasoning", "content": "hm"}, {"type": "text", "content": "yes"},
    ]}]);
    let shown: Value = shown_output(answer);
    assert_eq!(shown, expected);
}

/// A conversation may be as long as a body; a span may not.
#[test]
fn of_a_long_conversation_the_end_is_shown() {
    let long = "ä".repeat(5000);
    let messages: Vec<Value> = (0..500)
        .map(|number| json!({"role": "user", "content": format!("{number} {long}")}))
        .collect();
    let shown = shown_input(&json!({"messages": messages}).to_string()).to_string();
    assert!(shown.len() < 2 * MOST_TEXT, "{}", shown.len());
    assert!(shown.contains("499 ä") && !shown.contains("\"1 ä"));
}

/// A key at the end of a long prompt would reach the collector, less its last letters.
#[test]
fn a_key_across_the_bound_of_a_text_is_masked() {
    let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
    let text = format!("{}sk-0123456789abcdef", "x".repeat(LONGEST_TEXT - 12));
    let request = json!({"messages": [{"role": "user", "content": text}]}).to_string();
    let shown = input(&Object::parse(&request).unwrap(), &redactor).unwrap();
    assert!(!shown.contains("sk-0123"), "{shown}");
    let answer = json!({"choices": [{"message": {"content": text}}]}).to_string();
    let shown = output(&answer, &redactor).unwrap();
    assert!(!shown.contains("sk-0123"), "{shown}");
}

/// Of every endpoint it is seen what was asked for, and of vectors and images nothing but that.
#[test]
fn requests_without_messages_are_shown() {
    let user = |parts: Value| json!([{"role": "user", "parts": parts}]);
    let text = |content: &str| json!({"type": "text", "content": content});
    for (request, expected) in [
        (r#"{"input":"one"}"#, user(json!([text("one")]))),
        (
            r#"{"input":["one","two"]}"#,
            user(json!([text("one"), text("two")])),
        ),
        (r#"{"input":[1,2,3]}"#, user(json!([{"type": "token_ids"}]))),
        (
            r#"{"input":[[1],[2]]}"#,
            user(json!([{"type": "token_ids"}])),
        ),
        (r#"{"prompt":"draw"}"#, user(json!([text("draw")]))),
        (
            r#"{"query":"q","documents":["a",{"text":"b"}]}"#,
            json!([
                {"role": "user", "parts": [text("q")]},
                {"role": "user", "parts": [text("a"), text("b")]},
            ]),
        ),
        (
            r#"{"instructions":"be brief","input":[
                {"role":"user","content":[{"type":"input_text","text":"hi"},{"type":"input_image","image_url":"data:SECRET"}]},
                {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
                {"type":"function_call_output","call_id":"c","output":"42"}]}"#,
            json!([
                {"role": "system", "parts": [text("be brief")]},
                {"role": "user", "parts": [text("hi"), {"type": "input_image"}]},
                {"role": "assistant", "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": "{}"}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "response": "42"}]},
            ]),
        ),
        (
            r#"{"system":[{"type":"text","text":"s"}],"messages":[
                {"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},
                {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"42"}]}]}]}"#,
            json!([
                {"role": "system", "parts": [text("s")]},
                {"role": "assistant", "parts": [
                    {"type": "reasoning", "content": "hm"},
                    {"type": "tool_call", "id": "t", "name": "f", "arguments": "{\"a\":1}"},
                ]},
                {"role": "user", "parts": [{"type": "tool_call_response", "id": "t", "response": "42"}]},
            ]),
        ),
        (r#"{"model":"m"}"#, Value::Null),
    ] {
        assert_eq!(shown_input(request), expected, "{request}");
    }
}

#[test]
fn answers_without_a_message_are_shown() {
    let said = |parts: Value, reason: &str| json!([{"role": "assistant", "parts": parts, "finish_reason": reason}]);
    let text = |content: &str| json!({"type": "text", "content": content});
    for (answer, expected) in [
        (
            r#"{"choices":[{"text":"done","finish_reason":"length"}]}"#,
            said(json!([text("done")]), "length"),
        ),
        (
            r#"{"output":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},
                {"type":"message","content":[{"type":"output_text","text":"yes"}]}]}"#,
            said(
                json!([{"type": "reasoning", "content": "hm"}, text("yes")]),
                "stop",
            ),
        ),
        (
            r#"{"type":"message","content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn"}"#,
            said(json!([text("yes")]), "end_turn"),
        ),
        (r#"{"text":"heard"}"#, said(json!([text("heard")]), "stop")),
        // Ollama's API.
        (
            r#"{"model":"m","message":{"role":"assistant","content":"yes","thinking":"hm","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a": 1}}}]},"done":true,"done_reason":"length"}"#,
            said(
                json!([{"type": "reasoning", "content": "hm"}, text("yes"),
                    {"type": "tool_call", "id": "c", "name": "f", "arguments": "{\"a\": 1}"}]),
                "length",
            ),
        ),
        (
            r#"{"model":"m","response":"yes","done":true,"done_reason":"stop"}"#,
            said(json!([text("yes")]), "stop"),
        ),
        (r#"{"data":[{"embedding":[0.1]}]}"#, Value::Null),
        (r#"{"data":[{"b64_json":"SECRET"}]}"#, Value::Null),
        (r#"{"output":[]}"#, Value::Null),
    ] {
        assert_eq!(shown_output(answer), expected, "{answer}");
    }
}

/// Two thousand texts to embed are a request, and no span.
#[test]
fn of_many_texts_the_first_are_shown() {
    let texts = vec!["ä".repeat(100); 2048];
    let shown = shown_input(&json!({"input": texts}).to_string());
    assert_eq!(shown[0]["parts"].as_array().unwrap().len(), MOST_PARTS);
}

/// A long string is read as far as it is shown; the rest of it would be in memory twice.
#[test]
fn of_a_long_text_the_beginning_is_shown() {
    for piece in ["x", "\\u0041", "\\ud83d\\ude00", "\\n"] {
        let long = piece.repeat(1 << 20);
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}]}}"#);
        let shown = shown_input(&body);
        let text = shown[0]["parts"][0]["content"].as_str().unwrap();
        assert!(
            text.len() > LONGEST_TEXT - 4 && text.len() <= LONGEST_TEXT,
            "{piece}"
        );
    }
}

/// Without room for it in the budget of memory, a stream goes on and is not shown.
#[test]
fn a_transcript_is_charged_for() {
    let budget = Budget::new(20_000, || {});
    let frame =
        |text: &str| json!({"choices": [{"delta": {"content": text}, "finish_reason": null}]});
    let mut transcript = Transcript::new(Chat.assemble(), budget.empty());
    transcript.push(&frame("yes").to_string());
    transcript.push(&frame(&"y".repeat(15_000)).to_string());
    assert!(budget.used() > 5_000, "{}", budget.used());
    transcript.push(&frame(&"n".repeat(50_000)).to_string());
    let answer = transcript.answer();
    assert!(answer.contains("yesyyy") && !answer.contains("nnn"));
    assert_eq!(budget.used(), 0);
}
