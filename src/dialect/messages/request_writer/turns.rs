//! The messages of a conversation: turns of one side that follow each other are one, the user begins, and nothing is blank.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::canonical::{Call, Escaped, Media, Part, Role, ToolResult, Turn};
use crate::dialect::request::Unfit;
use crate::json::raw;

/// The message before one of the assistant's that would be the first.
const START: &str = "(start)";

/// Writes the messages, separated by commas.
///
/// # Errors
/// A part has no equivalent.
pub fn push(out: &mut String, turns: &[Turn<'_>]) -> Result<(), Unfit> {
    let last = turns.iter().rev().find_map(|turn| {
        Some((
            turn.role,
            turn.parts.iter().rev().find(|part| is_said(part))?,
        ))
    });
    let mut messages = Messages { out, role: None };
    for turn in turns {
        for part in turn.parts.iter().filter(|part| is_said(part)) {
            let is_last = last.is_some_and(|(_, last)| std::ptr::eq(last, part));
            let out = messages.block(turn.role);
            match part {
                // An answer that goes on must not begin behind white space.
                Part::Text(text) if is_last && turn.role == Role::Assistant => {
                    push_text(out, &trimmed(text));
                }
                part => push_part(out, part)?,
            }
        }
    }
    if messages.role.is_none() {
        push_text(messages.block(Role::User), &Escaped::plain(START));
    }
    messages.out.push_str("]}");
    Ok(())
}

/// Writes a block of text.
pub fn push_text(out: &mut String, text: &Escaped<'_>) {
    out.push_str(r#"{"type":"text","text":"#);
    text.push_quoted(out);
    out.push('}');
}

/// The messages so far, of which the last is open.
struct Messages<'o> {
    out: &'o mut String,
    role: Option<Role>,
}

impl Messages<'_> {
    /// The place for a block of a side.
    fn block(&mut self, role: Role) -> &mut String {
        match self.role {
            Some(open) if open == role => self.out.push(','),
            Some(_) => {
                self.out.push_str("]},");
                self.open(role);
            }
            None if role == Role::Assistant => {
                self.open(Role::User);
                push_text(self.out, &Escaped::plain(START));
                self.out.push_str("]},");
                self.open(role);
            }
            None => self.open(role),
        }
        self.out
    }

    fn open(&mut self, role: Role) {
        self.role = Some(role);
        self.out.push_str(match role {
            Role::User => r#"{"role":"user","content":["#,
            Role::Assistant => r#"{"role":"assistant","content":["#,
        });
    }
}

/// Whether anything of a part is sent. Reasoning that nobody signed is refused.
fn is_said(part: &Part<'_>) -> bool {
    match part {
        Part::Text(text) => !text.is_blank(),
        Part::Reasoning(reasoning) => reasoning.signature.is_some(),
        _ => true,
    }
}

fn trimmed<'t>(text: &'t Escaped<'_>) -> Escaped<'t> {
    let decoded = text.decoded();
    let kept = decoded.trim_end();
    if kept.len() == decoded.len() {
        Escaped::plain(text.inside())
    } else {
        Escaped::text(kept)
    }
}

fn push_part(out: &mut String, part: &Part<'_>) -> Result<(), Unfit> {
    match part {
        Part::Text(text) => push_text(out, text),
        Part::Image(image) => {
            out.push_str(r#"{"type":"image","source":"#);
            push_source(out, &image.media);
            out.push('}');
        }
        Part::File { name, media } => push_document(out, name.as_ref(), media)?,
        Part::Audio(_) => return Err(unfit("audio has no equivalent in Messages".to_owned())),
        Part::Reasoning(reasoning) => {
            out.push_str(r#"{"type":"thinking","thinking":"#);
            reasoning.text.push_quoted(out);
            if let Some(signature) = &reasoning.signature {
                out.push_str(r#","signature":"#);
                signature.push_quoted(out);
            }
            out.push('}');
        }
        Part::Call(call) => push_call(out, call),
        Part::Result(result) => push_result(out, result)?,
    }
    Ok(())
}

fn unfit(reason: String) -> Unfit {
    Unfit::at("messages", reason)
}

fn push_source(out: &mut String, media: &Media<'_>) {
    match media {
        Media::Url(url) => {
            out.push_str(r#"{"type":"url","url":"#);
            url.push_quoted(out);
        }
        Media::Base64 { media_type, data } => {
            out.push_str(r#"{"type":"base64","media_type":"#);
            media_type.push_quoted(out);
            out.push_str(r#","data":"#);
            data.push_quoted(out);
        }
    }
    out.push('}');
}

/// Documents are PDFs or texts, and texts are not encoded.
fn push_document(
    out: &mut String,
    name: Option<&Escaped<'_>>,
    media: &Media<'_>,
) -> Result<(), Unfit> {
    out.push_str(r#"{"type":"document","source":"#);
    match media {
        Media::Base64 { media_type, data }
            if !media_type.decoded().starts_with("application/pdf") =>
        {
            let kind = media_type.decoded();
            let decoded = STANDARD.decode(data.decoded().as_bytes());
            let text = decoded.ok().and_then(|text| String::from_utf8(text).ok());
            let is_text = kind.starts_with("text/") || kind == "application/json";
            let Some(text) = text.filter(|_| is_text) else {
                return Err(unfit(format!(
                    "a document of the type {kind} has no equivalent in Messages"
                )));
            };
            out.push_str(r#"{"type":"text","media_type":"text/plain","data":"#);
            raw::push_quoted(out, &text);
            out.push('}');
        }
        media => push_source(out, media),
    }
    if let Some(name) = name {
        out.push_str(r#","title":"#);
        name.push_quoted(out);
    }
    out.push('}');
    Ok(())
}

fn push_call(out: &mut String, call: &Call<'_>) {
    out.push_str(r#"{"type":"tool_use","id":"#);
    push_id(out, &call.id);
    out.push_str(r#","name":"#);
    call.name.push_quoted(out);
    out.push_str(r#","input":"#);
    let decoded = call.arguments.decoded();
    match decoded.trim_ascii() {
        "" | "null" => out.push_str("{}"),
        input if raw::each_member(input, &mut |_, _| ()).is_ok() => out.push_str(input),
        _ => {
            out.push_str(r#"{"arguments":"#);
            call.arguments.push_quoted(out);
            out.push('}');
        }
    }
    out.push('}');
}

fn push_result(out: &mut String, result: &ToolResult<'_>) -> Result<(), Unfit> {
    out.push_str(r#"{"type":"tool_result","tool_use_id":"#);
    push_id(out, &result.id);
    if result.attachments.is_empty() {
        out.push_str(r#","content":"#);
        result.text.push_quoted(out);
    } else {
        out.push_str(r#","content":["#);
        if !result.text.is_blank() {
            push_text(out, &result.text);
            out.push(',');
        }
        for (index, part) in result.attachments.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            push_part(out, part)?;
        }
        out.push(']');
    }
    if result.is_error {
        out.push_str(r#","is_error":true"#);
    }
    out.push('}');
    Ok(())
}

/// Writes the id of a call: of letters, digits, `_` and `-` alone, the same wherever it stands.
fn push_id(out: &mut String, id: &Escaped<'_>) {
    let id: Cow<'_, str> = id.decoded();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    out.push('"');
    out.extend(id.chars().map(|c| if is_plain(c) { c } else { '_' }));
    if id.is_empty() {
        out.push('_');
    }
    out.push('"');
}
