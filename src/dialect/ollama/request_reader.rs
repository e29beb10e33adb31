//! Requests of Ollama's API, read into the canonical form.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::pairing::Calls;
use super::request::member;
use crate::dialect::canonical::{
    Call, Escaped, Format, Image, Media, Names, Part, Reasoning, ReasoningMember,
    Request as Canonical, Role, Schema, Tool, ToolResult, Turn,
};
use crate::dialect::request::Request;
use crate::dialect::translate::Target;
use crate::json::raw;

/// The beginnings of images in base64, and their types; what is none of these is taken for a JPEG.
const TYPES: [(&str, &str); 4] = [
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lG", "image/gif"),
    ("UklGR", "image/webp"),
];

/// Reads a request of `/api/chat`.
pub fn of_chat<'a>(
    request: &'a Request<'_>,
    target: &Target<'_>,
    names: &mut Names,
) -> Canonical<'a> {
    let mut canonical = settings(request);
    let mut conversation = Conversation {
        target,
        names,
        system: Vec::new(),
        turns: Vec::new(),
        calls: Calls::default(),
        results: BTreeMap::new(),
    };
    each(member(request, "messages"), &mut |message| {
        conversation.read(message);
    });
    canonical.turns = conversation.finish(&mut canonical.system);
    each(member(request, "tools"), &mut |tool| {
        canonical.tools.extend(tool_of(tool, names));
    });
    canonical
}

/// Reads a request of `/api/generate` that is a conversation of one question.
pub fn of_generate<'a>(request: &'a Request<'_>) -> Canonical<'a> {
    let mut canonical = settings(request);
    canonical.system.extend(text(member(request, "system")));
    let mut parts: Vec<Part<'a>> = text(member(request, "prompt"))
        .map(Part::Text)
        .into_iter()
        .collect();
    canonical.suffix = text(member(request, "suffix"));
    push_images(&mut parts, member(request, "images"));
    canonical.turns.push(Turn {
        role: Role::User,
        parts,
    });
    canonical
}

/// The request without its conversation.
fn settings<'a>(request: &'a Request<'_>) -> Canonical<'a> {
    let mut canonical = Canonical {
        stream: request.stream,
        format: format_of(member(request, "format")),
        effort: effort_of(member(request, "think")),
        ..Canonical::default()
    };
    let sampling = &mut canonical.sampling;
    sampling.logprobs = member(request, "logprobs") == Some("true");
    sampling.top_logprobs = member(request, "top_logprobs").filter(|value| is_number(value));
    let options = member(request, "options").unwrap_or("{}");
    let number = |key| raw::member(options, key).filter(|value| is_number(value));
    sampling.temperature = number("temperature");
    sampling.top_p = number("top_p");
    sampling.seed = number("seed");
    sampling.presence_penalty = number("presence_penalty");
    sampling.frequency_penalty = number("frequency_penalty");
    sampling.top_k = number("top_k");
    sampling.min_p = number("min_p");
    sampling.typical_p = number("typical_p");
    sampling.repetition_penalty = number("repeat_penalty");
    let stop = raw::member(options, "stop");
    sampling.stop.extend(text(stop));
    each(stop, &mut |stop| sampling.stop.extend(text(Some(stop))));
    let is_bound = |value: &&str| raw::whole_number(value).is_some_and(|tokens| tokens > 0);
    canonical.max_tokens = number("num_predict").filter(is_bound);
    canonical
}

/// Ollama's word for a setting that chat calls `member`.
pub fn word(member: &str) -> Cow<'_, str> {
    match member {
        "reasoning_effort" => Cow::Borrowed("think"),
        "repetition_penalty" => Cow::Borrowed("options.repeat_penalty"),
        option => Cow::Owned(["options.", option].concat()),
    }
}

/// The conversation so far.
struct Conversation<'a, 't> {
    target: &'t Target<'t>,
    names: &'t mut Names,
    system: Vec<Escaped<'a>>,
    turns: Vec<Turn<'a>>,
    calls: Calls<'a>,
    /// Results of tools, by the place of the turn whose calls they are for.
    results: BTreeMap<usize, Vec<Part<'a>>>,
}

impl<'a> Conversation<'a, '_> {
    fn read(&mut self, message: &'a str) {
        let role = raw::member(message, "role").and_then(raw::text);
        let content = text(raw::member(message, "content"));
        match role.unwrap_or_default().to_ascii_lowercase().as_str() {
            "system" | "developer" => self.system.extend(content),
            "assistant" => self.assistant(message, content),
            "tool" => self.result(message, content.unwrap_or_default()),
            _ => {
                let mut parts = said_by_user(raw::member(message, "content"));
                push_images(&mut parts, raw::member(message, "images"));
                self.turns.push(Turn {
                    role: Role::User,
                    parts,
                });
            }
        }
    }

    fn assistant(&mut self, message: &'a str, content: Option<Escaped<'a>>) {
        if self.turns.last().is_none_or(|turn| turn.role == Role::User) {
            self.turns.push(Turn {
                role: Role::Assistant,
                parts: Vec::new(),
            });
        }
        let place = self.turns.len().saturating_sub(1);
        let Some(turn) = self.turns.last_mut() else {
            return;
        };
        let thinking = text(raw::member(message, "thinking"));
        if let Some(text) = thinking.filter(|_| self.target.replays_reasoning) {
            turn.parts.push(Part::Reasoning(Reasoning {
                text,
                member: ReasoningMember::Content,
                signature: None,
            }));
        }
        turn.parts.extend(content.map(Part::Text));
        each(raw::member(message, "tool_calls"), &mut |call| {
            let function = raw::member(call, "function").unwrap_or(call);
            let Some(name) = text(raw::member(function, "name")) else {
                return;
            };
            let id = raw::member(call, "id").and_then(Escaped::of);
            let id = self.calls.add(id, &name, place);
            turn.parts.push(Part::Call(Call {
                id,
                name: sent(&name, self.names),
                arguments: arguments_of(raw::member(function, "arguments")),
            }));
        });
    }

    /// Adds the result of a tool. One without a call before it is something that the user says.
    fn result(&mut self, message: &'a str, content: Escaped<'a>) {
        let id = text(raw::member(message, "tool_call_id"));
        let name = text(raw::member(message, "tool_name"));
        let name = name.or_else(|| text(raw::member(message, "name")));
        if self
            .turns
            .last()
            .is_none_or(|turn| turn.role == Role::Assistant)
        {
            // What the assistant says behind it is another turn.
            self.turns.push(Turn {
                role: Role::User,
                parts: Vec::new(),
            });
        }
        let mut images = Vec::new();
        push_images(&mut images, raw::member(message, "images"));
        match self.calls.answer(id.as_ref(), name.as_ref()) {
            Some((id, place)) => {
                let results = self.results.entry(place).or_default();
                results.push(Part::Result(ToolResult {
                    id,
                    text: content,
                    attachments: images,
                    label: Escaped::plain("The images of the result:"),
                    stand_in: "",
                    is_error: false,
                }));
            }
            None => {
                let Some(turn) = self.turns.last_mut() else {
                    return;
                };
                turn.parts.push(Part::Text(content));
                turn.parts.extend(images);
            }
        }
    }

    /// The turns, with each result right behind its call.
    fn finish(self, system: &mut Vec<Escaped<'a>>) -> Vec<Turn<'a>> {
        *system = self.system;
        let mut results = self.results;
        let mut turns: Vec<Turn<'a>> = Vec::new();
        // Those of the assistant's turn before.
        let mut waiting: Vec<Part<'a>> = Vec::new();
        for (place, mut turn) in self.turns.into_iter().enumerate() {
            if turn.role == Role::User {
                turn.parts.splice(..0, waiting.drain(..));
                if !turn.parts.is_empty() {
                    turns.push(turn);
                }
                continue;
            }
            waiting = results.remove(&place).unwrap_or_default();
            match turns.last_mut() {
                // Between them was nothing that anybody said.
                Some(last) if last.role == Role::Assistant => last.parts.append(&mut turn.parts),
                _ => turns.push(turn),
            }
        }
        turns
    }
}

fn tool_of<'a>(tool: &'a str, names: &mut Names) -> Option<Tool<'a>> {
    let function = raw::member(tool, "function")?;
    let name = text(raw::member(function, "name"))?;
    let parameters = raw::member(function, "parameters").filter(|value| raw::is_object(value));
    Some(Tool {
        name: sent(&name, names),
        description: text(raw::member(function, "description")),
        parameters: parameters.map(Into::into),
        strict: None,
    })
}

fn sent<'a>(name: &Escaped<'a>, names: &mut Names) -> Escaped<'a> {
    let decoded = name.decoded();
    let sent = names.sent(&decoded);
    match sent == *decoded {
        true => name.clone(),
        false => Escaped::text(&sent),
    }
}

/// The parts of a user's content: a text, be it an empty one, or a list as chat has it, which some clients send.
fn said_by_user(content: Option<&str>) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    each(content, &mut |part| {
        let url = raw::member(part, "image_url").and_then(|image| raw::member(image, "url"));
        parts.extend(text(raw::member(part, "text")).map(Part::Text));
        parts.extend(text(url).map(|url| {
            Part::Image(Image {
                media: Media::of_url(url),
                detail: None,
            })
        }));
    });
    if parts.is_empty() {
        let text = content.and_then(Escaped::of).unwrap_or_default();
        parts.push(Part::Text(text));
    }
    parts
}

/// Arguments are an object here, and a text in the form.
fn arguments_of(arguments: Option<&str>) -> Escaped<'_> {
    match arguments {
        None | Some("null" | "\"\"") => Escaped::plain("{}"),
        Some(arguments) => Escaped::of(arguments).unwrap_or_else(|| Escaped::text(arguments)),
    }
}

fn push_images<'a>(parts: &mut Vec<Part<'a>>, images: Option<&'a str>) {
    each(images, &mut |image| {
        let Some(data) = text(Some(image)) else {
            return;
        };
        let data = match data.inside().contains('\\') {
            // Base64 needs no escapes, but some encoders escape the slash.
            true => Escaped::text(&data.decoded()),
            false => data,
        };
        let media = if data.inside().starts_with("data:") {
            Media::Url(data)
        } else {
            let mut types = TYPES.iter();
            let known = types.find(|(begin, _)| data.inside().starts_with(begin));
            Media::Base64 {
                media_type: Escaped::plain(known.map_or("image/jpeg", |(_, name)| name)),
                data,
            }
        };
        parts.push(Part::Image(Image {
            media,
            detail: None,
        }));
    });
}

fn format_of(format: Option<&str>) -> Format<'_> {
    match format {
        Some("\"json\"") => Format::Json,
        Some(schema) if raw::is_object(schema) => Format::Schema(Schema {
            name: Escaped::plain("response"),
            description: None,
            schema,
            strict: None,
        }),
        _ => Format::Text,
    }
}

/// The effort of a level of `think`; none for true and false, which say nothing that all providers know.
fn effort_of(think: Option<&str>) -> Option<Escaped<'_>> {
    match think.and_then(raw::inside)? {
        "max" => Some(Escaped::plain("high")),
        "" => None,
        level => Some(Escaped::plain(level)),
    }
}

/// The text of a raw value that is one, and not empty.
fn text(value: Option<&str>) -> Option<Escaped<'_>> {
    value.and_then(Escaped::of).filter(|text| !text.is_empty())
}

fn is_number(value: &str) -> bool {
    value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// Visits the items of a list; what is no list has none.
fn each<'a>(list: Option<&'a str>, visit: &mut dyn FnMut(&'a str)) {
    // Of a value that is no list nothing is visited.
    let _ = raw::each_item(list.unwrap_or_default(), visit);
}
