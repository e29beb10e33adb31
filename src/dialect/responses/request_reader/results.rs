//! The result of a call: a text, parts, or any other JSON value.

use super::parts;
use crate::dialect::canonical::{Escaped, Part, ToolResult, join};
use crate::dialect::request::Unfit;
use crate::json::raw;

/// The blank line between two texts, escaped.
pub const BLANK_LINE: &str = r"\n\n";

/// The text of a result that only has attachments.
const STAND_IN: &str = "(see the attachment below)";

/// The result of the call with an id.
///
/// # Errors
/// A part that the form cannot say.
pub fn read<'a>(
    id: Escaped<'a>,
    output: Option<&'a str>,
    path: &str,
) -> Result<ToolResult<'a>, Unfit> {
    let (text, attachments) = match output {
        None => (Escaped::default(), Vec::new()),
        Some(output) if raw::is_array(output) => split(output, path)?,
        Some(output) => {
            let text = Escaped::of(output).unwrap_or_else(|| Escaped::text(output));
            (text, Vec::new())
        }
    };
    let label = join(
        [
            Escaped::plain("Attached to the result of tool call "),
            id.clone(),
            Escaped::plain(":"),
        ],
        "",
    );
    let stand_in = if attachments.is_empty() { "" } else { STAND_IN };
    Ok(ToolResult {
        id,
        text,
        attachments,
        label,
        stand_in,
        is_error: false,
    })
}

/// The texts of an array of parts, joined, and all else of it. An array of other values is a text as it stands.
fn split<'a>(output: &'a str, path: &str) -> Result<(Escaped<'a>, Vec<Part<'a>>), Unfit> {
    let (mut texts, mut attachments) = (Vec::new(), Vec::new());
    let mut items = Vec::new();
    // The array was read with the request.
    let _ = raw::each_item(output, &mut |item| items.push(item));
    let is_part = |item: &&str| raw::member(item, "type").is_some_and(|kind| kind.starts_with('"'));
    if !items.iter().all(is_part) {
        return Ok((Escaped::text(output), attachments));
    }
    for (index, item) in items.into_iter().enumerate() {
        match parts::part_of(item, &|| format!("{path}.output[{index}]"))? {
            Part::Text(text) => texts.push(text),
            other => attachments.push(other),
        }
    }
    Ok((join(texts, BLANK_LINE), attachments))
}
