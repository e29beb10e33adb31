//! A chat request from the canonical form.
//!
//! Strict providers have to accept it: one system message, first; no two messages of the assistant in a row; the results
//! of tools right behind their calls; plain strings where all is text; and no member that some provider may not know, as
//! Groq, Mistral and Cerebras answer 400 or 422 to those.

use crate::dialect::canonical::{
    Call, Choice, Escaped, Format, Image, Media, Part, ReasoningMember, Request, Role, Sampling,
    Schema, Tool, ToolResult, Turn, join,
};
use crate::dialect::request::Unfit;
use crate::dialect::step_traits::OutputLimit;
use crate::dialect::translate::Target;

/// Between two texts that become one: a blank line, escaped.
const BETWEEN: &str = r"\n\n";

/// OpenAI's bound for `stop`.
const MOST_STOPS: usize = 4;

/// Google's documented value for calls whose signature is not at hand: Gemini 3 answers 400 without one.
const GOOGLES_SIGNATURE: &str =
    r#","extra_content":{"google":{"thought_signature":"skip_thought_signature_validator"}}"#;

/// Writes a request as one JSON object.
///
/// # Errors
/// Chat has no way to say a part of it.
pub fn write(request: &mut Request<'_>, target: &Target<'_>) -> Result<String, Unfit> {
    // The name is replaced by that of the step's model.
    let mut out = String::from(r#"{"model":"-","messages":["#);
    let mut messages = Messages {
        out: &mut out,
        target,
        has_any: false,
    };
    messages.write(request)?;
    out.push(']');
    write_tools(&mut out, request);
    write_format(&mut out, &request.format);
    note_dropped(request, target);
    write_sampling(&mut out, request, target);
    if request.stream {
        out.push_str(r#","stream":true"#);
        if !target.traits.translation.hides_usage {
            out.push_str(r#","stream_options":{"include_usage":true}"#);
        }
    }
    out.push('}');
    Ok(out)
}

/// The writer of `messages`.
struct Messages<'o, 't> {
    out: &'o mut String,
    target: &'o Target<'t>,
    has_any: bool,
}

impl Messages<'_, '_> {
    fn write(&mut self, request: &Request<'_>) -> Result<(), Unfit> {
        let system = join(request.system.iter().cloned(), BETWEEN);
        if !system.is_empty() {
            self.begin("system");
            self.text(&system);
            self.out.push('}');
        }
        for turn in &request.turns {
            match turn.role {
                Role::User => self.user(turn)?,
                Role::Assistant => self.assistant(turn),
            }
        }
        Ok(())
    }

    fn begin(&mut self, role: &str) {
        self.out
            .push_str(if std::mem::replace(&mut self.has_any, true) {
                r#",{"role":""#
            } else {
                r#"{"role":""#
            });
        self.out.push_str(role);
        self.out.push('"');
    }

    fn text(&mut self, text: &Escaped<'_>) {
        self.out.push_str(r#","content":"#);
        text.push_quoted(self.out);
    }

    /// The results of tools are messages of their own, and hold texts only: what is attached to them follows behind the
    /// whole run, in one message with whatever else the user says.
    fn user(&mut self, turn: &Turn<'_>) -> Result<(), Unfit> {
        let mut parts = Vec::new();
        let mut others = Vec::new();
        for part in &turn.parts {
            match part {
                Part::Result(result) => {
                    self.result(result);
                    if !result.attachments.is_empty() {
                        parts.push(Part::Text(result.label.clone()));
                        parts.extend(result.attachments.iter().cloned());
                    }
                }
                other => others.push(other.clone()),
            }
        }
        parts.extend(others);
        if parts.is_empty() {
            return Ok(());
        }
        self.begin("user");
        let texts = parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            _ => None,
        });
        match texts.collect::<Option<Vec<_>>>() {
            Some(texts) => self.text(&join(texts, BETWEEN)),
            None => {
                self.out.push_str(r#","content":["#);
                let mut is_first = true;
                for part in &parts {
                    let begun = self.out.len();
                    if !is_first {
                        self.out.push(',');
                    }
                    if write_part(self.out, part)? {
                        is_first = false;
                    } else {
                        self.out.truncate(begun);
                    }
                }
                self.out.push(']');
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn result(&mut self, result: &ToolResult<'_>) {
        self.begin("tool");
        self.out.push_str(r#","tool_call_id":"#);
        result.id.push_quoted(self.out);
        let text = if result.text.is_empty() {
            Escaped::plain(result.stand_in)
        } else {
            result.text.clone()
        };
        let is_marked = ["Error", "error", "<tool_use_error>"]
            .iter()
            .any(|mark| text.inside().starts_with(mark));
        self.text(&if result.is_error && !is_marked {
            join([Escaped::plain("Error: "), text], "")
        } else {
            text
        });
        self.out.push('}');
    }

    fn assistant(&mut self, turn: &Turn<'_>) {
        let mut texts = Vec::new();
        let mut calls = Vec::new();
        let mut reasoning: Option<(&str, Vec<Escaped<'_>>)> = None;
        for part in &turn.parts {
            match part {
                Part::Text(text) => texts.push(text.clone()),
                Part::Call(call) => calls.push(call),
                Part::Reasoning(thought) => {
                    let member = match thought.member {
                        ReasoningMember::Content => "reasoning_content",
                        ReasoningMember::Reasoning => "reasoning",
                        ReasoningMember::Thinking if self.target.replays_reasoning => {
                            "reasoning_content"
                        }
                        ReasoningMember::Thinking | ReasoningMember::Details => continue,
                    };
                    let texts = &mut reasoning.get_or_insert((member, Vec::new())).1;
                    texts.push(thought.text.clone());
                }
                // An assistant says nothing else that chat would take back.
                Part::Image(_) | Part::File { .. } | Part::Audio(_) | Part::Result(_) => {}
            }
        }
        if texts.is_empty() && calls.is_empty() {
            return;
        }
        self.begin("assistant");
        if texts.is_empty() {
            self.out.push_str(r#","content":null"#);
        } else {
            self.text(&join(texts, BETWEEN));
        }
        if let Some((member, texts)) = reasoning {
            self.out.push_str(",\"");
            self.out.push_str(member);
            self.out.push_str("\":");
            join(texts, BETWEEN).push_quoted(self.out);
        }
        if !calls.is_empty() {
            self.out.push_str(r#","tool_calls":["#);
            for (place, call) in calls.into_iter().enumerate() {
                if place > 0 {
                    self.out.push(',');
                }
                write_call(
                    self.out,
                    call,
                    self.target.traits.translation.needs_signatures,
                );
            }
            self.out.push(']');
        }
        self.out.push('}');
    }
}

fn write_call(out: &mut String, call: &Call<'_>, is_signed: bool) {
    out.push_str(r#"{"id":"#);
    call.id.push_quoted(out);
    out.push_str(r#","type":"function","function":{"name":"#);
    call.name.push_quoted(out);
    out.push_str(r#","arguments":"#);
    if call.arguments.is_blank() {
        out.push_str(r#""{}""#);
    } else {
        call.arguments.push_quoted(out);
    }
    out.push('}');
    if is_signed {
        out.push_str(GOOGLES_SIGNATURE);
    }
    out.push('}');
}

/// Writes a part of a user's message. Tells whether there was something to write.
fn write_part(out: &mut String, part: &Part<'_>) -> Result<bool, Unfit> {
    match part {
        Part::Text(text) => {
            out.push_str(r#"{"type":"text","text":"#);
            text.push_quoted(out);
        }
        Part::Image(Image { media, detail }) => {
            out.push_str(r#"{"type":"image_url","image_url":{"url":"#);
            write_media(out, media);
            if let Some(detail) = detail {
                out.push_str(r#","detail":"#);
                detail.push_quoted(out);
            }
            out.push('}');
        }
        Part::File {
            media: Media::Url(_),
            ..
        } => {
            let reason = "chat completions have no documents that are named by a URL";
            return Err(reason.to_owned().into());
        }
        Part::File { name, media } => {
            out.push_str(r#"{"type":"file","file":{"#);
            if let Some(name) = name {
                out.push_str(r#""filename":"#);
                name.push_quoted(out);
                out.push(',');
            }
            out.push_str(r#""file_data":"#);
            write_media(out, media);
            out.push('}');
        }
        Part::Audio(audio) => {
            out.push_str(r#"{"type":"input_audio","input_audio":"#);
            out.push_str(audio);
        }
        Part::Reasoning(_) | Part::Call(_) | Part::Result(_) => return Ok(false),
    }
    out.push('}');
    Ok(true)
}

/// Writes a URL, which is one with data where the content itself is there.
fn write_media(out: &mut String, media: &Media<'_>) {
    match media {
        Media::Url(url) => url.push_quoted(out),
        Media::Base64 { media_type, data } => {
            out.push_str("\"data:");
            out.push_str(media_type.inside());
            out.push_str(";base64,");
            out.push_str(data.inside());
            out.push('"');
        }
    }
}

/// Providers refuse a choice among tools, and how many at once, where there are none.
fn write_tools(out: &mut String, request: &Request<'_>) {
    if request.tools.is_empty() {
        return;
    }
    out.push_str(r#","tools":["#);
    for (place, tool) in request.tools.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_tool(out, tool);
    }
    out.push(']');
    match &request.choice {
        Choice::Auto => {}
        Choice::None => out.push_str(r#","tool_choice":"none""#),
        Choice::Required => out.push_str(r#","tool_choice":"required""#),
        Choice::Tool(name) => {
            out.push_str(r#","tool_choice":{"type":"function","function":{"name":"#);
            name.push_quoted(out);
            out.push_str("}}");
        }
    }
    if request.parallel_calls == Some(false) {
        out.push_str(r#","parallel_tool_calls":false"#);
    }
}

/// `strict` is false where nothing is said, and null is refused by some: it is said where it is true, and only there.
fn write_tool(out: &mut String, tool: &Tool<'_>) {
    out.push_str(r#"{"type":"function","function":{"name":"#);
    tool.name.push_quoted(out);
    if let Some(description) = &tool.description {
        out.push_str(r#","description":"#);
        description.push_quoted(out);
    }
    if let Some(parameters) = &tool.parameters {
        out.push_str(r#","parameters":"#);
        out.push_str(parameters);
    }
    if tool.strict == Some(true) {
        out.push_str(r#","strict":true"#);
    }
    out.push_str("}}");
}

fn write_format(out: &mut String, format: &Format<'_>) {
    let Schema {
        name,
        description,
        schema,
        strict,
    } = match format {
        Format::Text => return,
        Format::Json => return out.push_str(r#","response_format":{"type":"json_object"}"#),
        Format::Schema(schema) => schema,
    };
    out.push_str(r#","response_format":{"type":"json_schema","json_schema":{"name":"#);
    name.push_quoted(out);
    if let Some(description) = description {
        out.push_str(r#","description":"#);
        description.push_quoted(out);
    }
    out.push_str(r#","schema":"#);
    out.push_str(schema);
    if let Some(strict) = strict {
        out.push_str(if *strict {
            r#","strict":true"#
        } else {
            r#","strict":false"#
        });
    }
    out.push_str("}}");
}

/// The settings of sampling that only some local servers know.
fn rare_settings<'a>(sampling: &Sampling<'a>) -> [(&'static str, Option<&'a str>); 4] {
    [
        ("top_k", sampling.top_k),
        ("min_p", sampling.min_p),
        ("typical_p", sampling.typical_p),
        ("repetition_penalty", sampling.repetition_penalty),
    ]
}

fn note_dropped(request: &mut Request<'_>, target: &Target<'_>) {
    for (name, value) in rare_settings(&request.sampling) {
        if value.is_some() && !target.keeps(name) {
            request.drop_member(name);
        }
    }
    if request.sampling.stop.len() > MOST_STOPS {
        request.drop_member("stop");
    }
}

fn write_sampling(out: &mut String, request: &Request<'_>, target: &Target<'_>) {
    let sampling = &request.sampling;
    let limit = match target.traits.translation.output_limit {
        OutputLimit::MaxTokens => "max_tokens",
        OutputLimit::MaxCompletionTokens => "max_completion_tokens",
    };
    let known = [
        (limit, request.max_tokens),
        ("temperature", sampling.temperature),
        ("top_p", sampling.top_p),
        ("presence_penalty", sampling.presence_penalty),
        ("frequency_penalty", sampling.frequency_penalty),
        ("seed", sampling.seed),
        ("logprobs", sampling.logprobs.then_some("true")),
        ("top_logprobs", sampling.top_logprobs),
    ];
    let rare = rare_settings(sampling);
    let rare = rare.into_iter().filter(|(name, _)| target.keeps(name));
    for (name, value) in known.into_iter().chain(rare) {
        if let Some(value) = value {
            out.push_str(",\"");
            out.push_str(name);
            out.push_str("\":");
            out.push_str(value);
        }
    }
    if let Some(effort) = &request.effort {
        out.push_str(r#","reasoning_effort":"#);
        effort.push_quoted(out);
    }
    for (place, stop) in sampling.stop.iter().take(MOST_STOPS).enumerate() {
        out.push_str(if place == 0 { r#","stop":["# } else { "," });
        stop.push_quoted(out);
    }
    if !sampling.stop.is_empty() {
        out.push(']');
    }
}

#[cfg(test)]
mod tests;
