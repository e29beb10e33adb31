//! A message of the user's: the results of tools, and what else there is behind them.

use super::documents::{document, found_text};
use super::place::{Place, try_each};
use super::texts::said;
use crate::dialect::canonical::{
    Escaped, Image, Media, Part, Request as Canonical, Role, ToolResult, join,
};
use crate::dialect::request::Unfit;
use crate::json::raw;

/// Reads the content of a message.
///
/// # Errors
/// A block has no equivalent.
pub fn read<'a>(form: &mut Canonical<'a>, content: &'a str, place: &Place) -> Result<(), Unfit> {
    if let Some(text) = Escaped::of(content) {
        if !text.is_empty() {
            form.add(Role::User, Part::Text(text));
        }
        return Ok(());
    }
    try_each(content, &mut |index, block| {
        let place = place.block(index);
        if raw::kind_of(block).as_deref() == Some("tool_result") {
            let result = result(block, &place)?;
            super::calls::add_result(form, result);
            return Ok(());
        }
        for part in parts(block, &place)? {
            form.add(Role::User, part);
        }
        Ok(())
    })
}

/// The parts that a block makes, but for results of tools.
///
/// # Errors
/// The block has no equivalent.
pub fn parts<'a>(block: &'a str, place: &Place) -> Result<Vec<Part<'a>>, Unfit> {
    let kind = raw::kind_of(block).unwrap_or_default();
    match &*kind {
        "text" => Ok(said(block, "text").map(Part::Text).into_iter().collect()),
        "image" => Ok(vec![image(block, place)?]),
        "document" => document(block, place),
        "search_result" => Ok(vec![Part::Text(found_text(block))]),
        // A name of a tool that the provider has found: the tool itself is among the others.
        "tool_reference" => Ok(Vec::new()),
        kind => Err(place.no_equivalent(&format!("a block of the type {kind}"))),
    }
}

fn image<'a>(block: &'a str, place: &Place) -> Result<Part<'a>, Unfit> {
    let source = raw::member(block, "source").unwrap_or_default();
    let kind = raw::kind_of(source).unwrap_or_default();
    let media = match &*kind {
        "base64" => base64(source),
        "url" => said(source, "url").map(Media::Url),
        _ => None,
    };
    let no_equivalent = || place.no_equivalent(&format!("an image whose source is `{kind}`"));
    Ok(Part::Image(Image {
        media: media.ok_or_else(no_equivalent)?,
        detail: None,
    }))
}

/// The content of a source that holds it.
pub fn base64(source: &str) -> Option<Media<'_>> {
    Some(Media::Base64 {
        media_type: said(source, "media_type")?,
        data: said(source, "data")?,
    })
}

fn result<'a>(block: &'a str, place: &Place) -> Result<ToolResult<'a>, Unfit> {
    let id = said(block, "tool_use_id").unwrap_or_default();
    let content = raw::member(block, "content").unwrap_or_default();
    let (mut texts, mut attachments) = (Vec::new(), Vec::new());
    texts.extend(Escaped::of(content));
    try_each(content, &mut |index, block| {
        for part in parts(block, &place.block(index))? {
            match part {
                Part::Text(text) => texts.push(text),
                other => attachments.push(other),
            }
        }
        Ok(())
    })?;
    let label = [
        Escaped::plain("Image from tool result "),
        id.clone(),
        Escaped::plain(":"),
    ];
    Ok(ToolResult {
        label: join(label, ""),
        id,
        text: join(texts, r"\n"),
        attachments,
        stand_in: "(no content)",
        is_error: raw::member(block, "is_error") == Some("true"),
    })
}
