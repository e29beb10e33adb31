//! A client's chat request, read into the canonical form.

use crate::dialect::canonical::{
    Call, Choice, Escaped, Format, Image, Media, Names, Part, Request as Canonical, Role, Schema,
    Tool, ToolResult, Turn, join,
};
use crate::dialect::request::{Request, Unfit};
use crate::json::{Object, raw};

/// Members that might have changed the answer, and that the form cannot say. All others are bookkeeping.
const LOST: [&str; 5] = [
    "logit_bias",
    "prediction",
    "functions",
    "function_call",
    "web_search_options",
];

/// Reads a request.
///
/// # Errors
/// The request asks for what only chat can answer.
pub fn read<'a>(request: &'a Request<'_>, names: &mut Names) -> Result<Canonical<'a>, Unfit> {
    let Some(object) = request.payload.object() else {
        return Err("the request is no JSON".to_owned().into());
    };
    refuse_what_only_chat_has(object)?;
    let mut form = Canonical {
        stream: request.stream,
        ..Canonical::default()
    };
    read_settings(&mut form, object);
    read_tools(&mut form, object, names)?;
    let mut place = 0;
    let mut read = Ok(());
    // What is no array has no items.
    let _ = raw::each_item(object.get("messages").unwrap_or_default(), &mut |message| {
        if read.is_ok() {
            read = read_message(&mut form, message, place, names);
        }
        place += 1;
    });
    read.map(|()| form)
}

fn refuse_what_only_chat_has(object: &Object<'_>) -> Result<(), Unfit> {
    let unfit = |param: &str, thing: &str| {
        Err(Unfit::at(
            param,
            format!("this step's provider speaks Messages, which has no {thing}"),
        ))
    };
    let choices = object.get("n").and_then(raw::whole_number);
    if choices.is_some_and(|choices| choices > 1) {
        return unfit("n", "second choice");
    }
    if object.get("logprobs") == Some("true") {
        return unfit("logprobs", "log probabilities");
    }
    let modalities = object.get("modalities").unwrap_or_default();
    let mut wants_audio = object.get("audio").is_some_and(|audio| audio != "null");
    let _ = raw::each_item(modalities, &mut |item| wants_audio |= item == r#""audio""#);
    if wants_audio {
        return unfit("modalities", "audio");
    }
    Ok(())
}

fn read_settings<'a>(form: &mut Canonical<'a>, object: &'a Object<'_>) {
    let value = |name| object.get(name).filter(|value| *value != "null");
    form.max_tokens = value("max_completion_tokens").or_else(|| value("max_tokens"));
    let sampling = &mut form.sampling;
    sampling.temperature = value("temperature");
    sampling.top_p = value("top_p");
    sampling.top_k = value("top_k");
    sampling.min_p = value("min_p");
    sampling.typical_p = value("typical_p");
    sampling.repetition_penalty = value("repetition_penalty");
    sampling.presence_penalty = value("presence_penalty");
    sampling.frequency_penalty = value("frequency_penalty");
    sampling.seed = value("seed");
    let stop = object.get("stop").unwrap_or_default();
    sampling.stop.extend(Escaped::of(stop));
    let _ = raw::each_item(stop, &mut |stop| sampling.stop.extend(Escaped::of(stop)));
    form.effort = object.get("reasoning_effort").and_then(Escaped::of);
    form.user = object.get("user").and_then(Escaped::of);
    form.parallel_calls = match object.get("parallel_tool_calls") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    form.format = format_of(object.get("response_format").unwrap_or_default());
    for member in LOST {
        if !matches!(object.get(member), None | Some("null" | "{}" | "[]")) {
            form.drop_member(member);
        }
    }
}

fn format_of(format: &str) -> Format<'_> {
    let kind = raw::kind_of(format);
    match kind.as_deref() {
        Some("json_object") => Format::Json,
        Some("json_schema") => {
            let asked = raw::member(format, "json_schema").unwrap_or_default();
            match raw::member(asked, "schema") {
                None => Format::Json,
                Some(schema) => Format::Schema(Schema {
                    name: text_of(asked, "name").unwrap_or(Escaped::plain("response")),
                    description: text_of(asked, "description"),
                    schema,
                    strict: raw::member(asked, "strict").map(|strict| strict == "true"),
                }),
            }
        }
        _ => Format::Text,
    }
}

fn read_tools<'a>(
    form: &mut Canonical<'a>,
    object: &'a Object<'_>,
    names: &mut Names,
) -> Result<(), Unfit> {
    let _ = raw::each_item(object.get("tools").unwrap_or_default(), &mut |tool| {
        let function = raw::member(tool, "function").filter(|function| raw::is_object(function));
        let Some(function) = function else {
            let kind = raw::kind_of(tool);
            return form.drop_member(&format!("tools.{}", kind.unwrap_or_default()));
        };
        let name = text_of(function, "name").unwrap_or_default();
        form.tools.push(Tool {
            name: Escaped::text(&names.sent(&name.decoded())),
            description: text_of(function, "description"),
            parameters: raw::member(function, "parameters")
                .filter(|schema| raw::is_object(schema))
                .map(Into::into),
            strict: raw::member(function, "strict").map(|strict| strict == "true"),
        });
    });
    let choice = object.get("tool_choice").unwrap_or_default();
    form.choice = match choice {
        "" | "null" | r#""auto""# => Choice::Auto,
        r#""none""# => Choice::None,
        r#""required""# => Choice::Required,
        named => {
            let function = raw::member(named, "function").unwrap_or(named);
            let Some(name) = text_of(function, "name") else {
                return Err(Unfit::at(
                    "tool_choice",
                    "this choice of tools cannot be translated".to_owned(),
                ));
            };
            Choice::Tool(Escaped::text(&names.sent(&name.decoded())))
        }
    };
    Ok(())
}

fn read_message<'a>(
    form: &mut Canonical<'a>,
    message: &'a str,
    place: usize,
    names: &mut Names,
) -> Result<(), Unfit> {
    let role = raw::member(message, "role").and_then(raw::text);
    let content = raw::member(message, "content").unwrap_or("null");
    match role.as_deref().unwrap_or_default() {
        "system" | "developer" => read_system(form, content),
        "assistant" => read_assistant(form, message, names),
        "tool" | "function" => {
            let id = text_of(message, "tool_call_id").or_else(|| text_of(message, "name"));
            let (texts, attachments): (Vec<_>, Vec<_>) = parts_of(content, place)?
                .into_iter()
                .partition(|part| matches!(part, Part::Text(_)));
            let texts = texts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                _ => None,
            });
            let result = Part::Result(ToolResult {
                id: id.unwrap_or_default(),
                text: join(texts, r"\n"),
                attachments,
                label: Escaped::default(),
                stand_in: "(no content)",
                is_error: false,
            });
            // Results stand before all else that a turn of the user says.
            let ends_with_result = |turn: &Turn<'_>| {
                turn.role == Role::User && matches!(turn.parts.last(), Some(Part::Result(_)))
            };
            match form.turns.last_mut() {
                Some(turn) if ends_with_result(turn) => turn.parts.push(result),
                _ => form.turns.push(Turn {
                    role: Role::User,
                    parts: vec![result],
                }),
            }
        }
        _ => {
            for part in parts_of(content, place)? {
                form.add(Role::User, part);
            }
        }
    }
    Ok(())
}

/// Instructions in the middle of a conversation keep their place there, as the user's.
fn read_system<'a>(form: &mut Canonical<'a>, content: &'a str) {
    let texts = texts_of(content);
    if form.turns.is_empty() {
        form.system.extend(texts);
        return;
    }
    for text in texts {
        let mut reminder = Escaped::plain("<system-reminder>");
        reminder.push(text.inside());
        reminder.push("</system-reminder>");
        form.add(Role::User, Part::Text(reminder));
    }
}

fn read_assistant<'a>(form: &mut Canonical<'a>, message: &'a str, names: &mut Names) {
    let content = raw::member(message, "content").unwrap_or("null");
    let refusal = text_of(message, "refusal");
    for text in texts_of(content).into_iter().chain(refusal) {
        form.add(Role::Assistant, Part::Text(text));
    }
    let calls = raw::member(message, "tool_calls").unwrap_or_default();
    let _ = raw::each_item(calls, &mut |call| {
        let id = text_of(call, "id").unwrap_or_default();
        let function = raw::member(call, "function").unwrap_or_default();
        form.add(Role::Assistant, call_of(id, function, names));
    });
    let older = raw::member(message, "function_call").filter(|call| raw::is_object(call));
    if let Some(function) = older {
        let id = text_of(function, "name").unwrap_or_default();
        form.add(Role::Assistant, call_of(id, function, names));
    }
}

fn call_of<'a>(id: Escaped<'a>, function: &'a str, names: &mut Names) -> Part<'a> {
    let name = text_of(function, "name").unwrap_or_default();
    Part::Call(Call {
        id,
        name: Escaped::text(&names.sent(&name.decoded())),
        arguments: raw::member(function, "arguments")
            .map(|raw| Escaped::of(raw).unwrap_or_else(|| Escaped::text(raw)))
            .unwrap_or_default(),
    })
}

/// The texts of a content, which is one text or a list of parts.
fn texts_of(content: &str) -> Vec<Escaped<'_>> {
    if let Some(text) = Escaped::of(content) {
        return if text.is_empty() {
            Vec::new()
        } else {
            vec![text]
        };
    }
    let mut texts = Vec::new();
    let _ = raw::each_item(content, &mut |part| {
        let text = text_of(part, "text").or_else(|| text_of(part, "refusal"));
        texts.extend(text.filter(|text| !text.is_empty()));
    });
    texts
}

fn parts_of(content: &str, place: usize) -> Result<Vec<Part<'_>>, Unfit> {
    if content == "null" {
        return Ok(Vec::new());
    }
    if let Some(text) = Escaped::of(content) {
        return Ok(vec![Part::Text(text)]);
    }
    let (mut parts, mut wrong, mut at) = (Vec::new(), None, 0);
    let _ = raw::each_item(content, &mut |part| {
        match part_of(part) {
            Some(part) => parts.push(part),
            None => {
                let kind = raw::kind_of(part);
                wrong.get_or_insert(Unfit::at(
                    &format!("messages[{place}].content[{at}]"),
                    format!(
                        "a part of the type {} cannot be translated",
                        kind.unwrap_or_default()
                    ),
                ));
            }
        }
        at += 1;
    });
    wrong.map_or(Ok(parts), Err)
}

fn part_of(part: &str) -> Option<Part<'_>> {
    let kind = raw::kind_of(part)?;
    match &*kind {
        "text" => Some(Part::Text(text_of(part, "text")?)),
        "image_url" => {
            let image = raw::member(part, "image_url")?;
            let url = Escaped::of(image).or_else(|| text_of(image, "url"))?;
            Some(Part::Image(Image {
                media: Media::of_url(url),
                detail: text_of(image, "detail").filter(|detail| detail.inside() != "auto"),
            }))
        }
        "file" => {
            let file = raw::member(part, "file")?;
            Some(Part::File {
                name: text_of(file, "filename"),
                media: Media::of_url(text_of(file, "file_data")?),
            })
        }
        "input_audio" => Some(Part::Audio(raw::member(part, "input_audio")?)),
        _ => None,
    }
}

/// The text of a member; `None` for other values.
fn text_of<'a>(object: &'a str, name: &str) -> Option<Escaped<'a>> {
    raw::member(object, name).and_then(Escaped::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::dialect::chat::Chat;
    use crate::dialect::chat::request_writer;
    use crate::dialect::step_traits::PLAIN;
    use crate::dialect::translate::Target;

    fn there_and_back(body: &str) -> Result<(String, Vec<String>), Unfit> {
        let request = Chat.read(body.as_bytes().into()).unwrap();
        let mut form = read(&request, &mut Names::default())?;
        let target = Target {
            traits: &PLAIN,
            replays_reasoning: false,
            kept: &[],
        };
        let written = request_writer::write(&mut form, &target)?;
        Ok((written, form.dropped))
    }

    /// Whatever the form can say comes back as it was.
    #[test]
    fn a_conversation_goes_through_the_form_and_is_the_same() {
        let body = concat!(
            r#"{"model":"-","messages":[{"role":"system","content":"be\n\nbrief"},"#,
            r#"{"role":"user","content":[{"type":"text","text":"a \"b\""},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA==","detail":"low"}},{"type":"file","file":{"filename":"x.pdf","file_data":"data:application/pdf;base64,BB=="}}]},"#,
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},"#,
            r#"{"role":"tool","tool_call_id":"c1","content":"one"},{"role":"tool","tool_call_id":"c2","content":"two"},"#,
            r#"{"role":"user","content":"and?"}],"#,
            r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"#,
            r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"a":1},"strict":true}},"#,
            r#""max_tokens":7,"temperature":0.50,"top_p":1,"presence_penalty":1,"frequency_penalty":0,"seed":3,"reasoning_effort":"low","stop":["x","y"],"stream":true,"stream_options":{"include_usage":true}}"#,
        );
        let (written, dropped) = there_and_back(body).unwrap();
        assert_eq!(written, body);
        assert!(dropped.is_empty());
    }

    #[test]
    fn arguments_that_are_no_text_are_one_and_results_keep_what_is_attached() {
        let body = concat!(
            r#"{"model":"r","messages":[{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]},"#,
            r#"{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"http://i"}}]}]}"#
        );
        let (written, _) = there_and_back(body).unwrap();
        assert!(written.contains(r#""arguments":"{\"a\":1}""#), "{written}");
        assert!(written.contains(r#""content":"x""#), "{written}");
        assert!(written.contains(r#""url":"http://i""#), "{written}");
    }

    #[test]
    fn a_later_system_message_is_a_reminder_where_it_stands() {
        let body = r#"{"model":"r","messages":[{"role":"developer","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"d"}]}"#;
        let (written, _) = there_and_back(body).unwrap();
        assert_eq!(
            written,
            r#"{"model":"-","messages":[{"role":"system","content":"a\n\nb"},{"role":"user","content":"c\n\n<system-reminder>d</system-reminder>"}]}"#
        );
    }

    #[test]
    fn what_the_form_cannot_say_is_named_or_refused() {
        let body = |members: &str| {
            format!(r#"{{"model":"r","messages":[{{"role":"user","content":"a"}}],{members}}}"#)
        };
        let lost = body(r#""logit_bias":{"1":2},"store":true,"tools":[{"type":"web_search"}]"#);
        assert_eq!(
            there_and_back(&lost).unwrap().1,
            ["logit_bias", "tools.web_search"]
        );
        for (members, param) in [
            (r#""n":2"#, "n"),
            (r#""logprobs":true"#, "logprobs"),
            (r#""modalities":["text","audio"]"#, "modalities"),
            (r#""tool_choice":{"type":"allowed_tools"}"#, "tool_choice"),
        ] {
            let unfit = there_and_back(&body(members)).unwrap_err();
            assert_eq!(unfit.param.as_deref(), Some(param));
        }
        let parts = r#"{"model":"r","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"x"}}]}]}"#;
        let unfit = there_and_back(parts).unwrap_err();
        assert_eq!(unfit.param.as_deref(), Some("messages[0].content[0]"));
    }
}
