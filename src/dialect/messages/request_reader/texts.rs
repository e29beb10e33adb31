//! The texts of blocks and of their members.

use crate::dialect::canonical::Escaped;
use crate::json::raw;

/// The texts of the text blocks in an array.
pub fn texts_of(blocks: &str) -> Vec<Escaped<'_>> {
    let mut texts = Vec::new();
    // What is no array has no blocks.
    let _ = raw::each_item(blocks, &mut |block| texts.extend(text_of(block)));
    texts
}

/// The text of a text block.
fn text_of(block: &str) -> Option<Escaped<'_>> {
    let is_text = raw::kind_of(block).as_deref() == Some("text");
    let text = raw::member(block, "text").and_then(Escaped::of);
    text.filter(|text| is_text && !text.is_empty())
}

/// The text of a member; `None` of what is no text, and of an empty one.
pub fn said<'a>(holder: &'a str, member: &str) -> Option<Escaped<'a>> {
    let text = raw::member(holder, member).and_then(Escaped::of);
    text.filter(|text| !text.is_empty())
}
