//! The members beside `input` and the tools.

use super::parts;
use crate::dialect::canonical::{Escaped, Format, Request as Canonical, Schema};
use crate::dialect::request::Unfit;
use crate::json::{Object, raw};

/// Members that bring a conversation which another provider has. Taken and ignored, they lose it without a word.
const KEPT_ELSEWHERE: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// Refuses what must not vanish.
pub fn check(object: &Object<'_>) -> Result<(), Unfit> {
    for member in KEPT_ELSEWHERE {
        if said(object, member).is_some() {
            return Err(Unfit::at(
                member,
                format!(
                    "'{member}' stands for what only a provider that speaks Responses can have kept: send the whole \
                     conversation in 'input'"
                ),
            ));
        }
    }
    match said(object, "moderation") {
        Some(_) => Err(Unfit::at(
            "moderation",
            "'moderation' asks for a filter that only a provider that speaks Responses has"
                .to_owned(),
        )),
        None => Ok(()),
    }
}

/// Reads what changes the answer. All other members are bookkeeping, or unknown to every provider of another dialect.
pub fn read<'a>(object: &'a Object<'_>, canonical: &mut Canonical<'a>) -> Result<(), Unfit> {
    if let Some(instructions) = said(object, "instructions") {
        read_instructions(instructions, canonical)?;
    }
    canonical.max_tokens = said(object, "max_output_tokens");
    canonical.sampling.temperature = said(object, "temperature");
    canonical.sampling.top_p = said(object, "top_p");
    // n8n sends 0, which means none.
    let top_logprobs = said(object, "top_logprobs").filter(|number| *number != "0");
    canonical.sampling.top_logprobs = top_logprobs;
    canonical.sampling.logprobs = top_logprobs.is_some() || includes_logprobs(object);
    if let Some(effort) = said(object, "reasoning").and_then(|it| raw::member(it, "effort")) {
        canonical.effort = Escaped::of(effort);
    }
    if let Some(text) = said(object, "text") {
        let [format, verbosity] = raw::said_members(text, ["format", "verbosity"]);
        canonical.format = format.map_or(Ok(Format::Text), format_of)?;
        if verbosity.is_some() {
            canonical.drop_member("text.verbosity");
        }
    }
    if said(object, "truncation").and_then(raw::text).as_deref() == Some("auto") {
        canonical.drop_member("truncation");
    }
    if said(object, "context_management").is_some() {
        canonical.drop_member("context_management");
    }
    Ok(())
}

/// The raw value of a member that is there and not null.
pub fn said<'a>(object: &'a Object<'_>, member: &str) -> Option<&'a str> {
    object.get(member).filter(|value| *value != "null")
}

/// Instructions are a text, or items whose texts count.
fn read_instructions<'a>(raw: &'a str, canonical: &mut Canonical<'a>) -> Result<(), Unfit> {
    if !raw::is_array(raw) {
        let text = Escaped::of(raw)
            .ok_or_else(|| Unfit::at("instructions", "'instructions' is no text".to_owned()))?;
        if !text.is_empty() {
            canonical.system.push(text);
        }
        return Ok(());
    }
    let mut items = Vec::new();
    // The array was read with the request.
    let _ = raw::each_item(raw, &mut |item| items.push(item));
    for (index, item) in items.into_iter().enumerate() {
        let content = raw::member(item, "content").unwrap_or_default();
        let path = format!("instructions[{index}]");
        let texts = parts::texts(content, &path)?;
        canonical
            .system
            .extend(texts.into_iter().filter(|text| !text.is_empty()));
    }
    Ok(())
}

fn includes_logprobs(object: &Object<'_>) -> bool {
    let mut found = false;
    // What is no array includes nothing.
    let _ = raw::each_item(said(object, "include").unwrap_or_default(), &mut |member| {
        found |= raw::text(member).as_deref() == Some("message.output_text.logprobs");
    });
    found
}

fn format_of(format: &str) -> Result<Format<'_>, Unfit> {
    let [kind, name, description, schema, strict] =
        raw::said_members(format, ["type", "name", "description", "schema", "strict"]);
    match kind.and_then(raw::text).as_deref() {
        None | Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => match schema {
            Some(schema) => Ok(Format::Schema(Schema {
                name: name
                    .and_then(Escaped::of)
                    .unwrap_or_else(|| Escaped::plain("response")),
                description: description.and_then(Escaped::of),
                schema,
                strict: strict.map(|strict| strict == "true"),
            })),
            None => Err(Unfit::at(
                "text.format.schema",
                "'text.format' has no schema".to_owned(),
            )),
        },
        Some(_) => Err(Unfit::at(
            "text.format",
            "'text.format' has a type that only a provider that speaks Responses may know"
                .to_owned(),
        )),
    }
}
