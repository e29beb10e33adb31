//! Documents and what a search has found.

use super::place::{Place, try_each};
use super::texts::{said, texts_of};
use super::user::{base64, parts};
use crate::dialect::canonical::{Escaped, Part, join};
use crate::dialect::request::Unfit;
use crate::json::raw;

/// The parts that a document makes. Title and context stand in front of a text; a file has its title for a name.
///
/// # Errors
/// The document is not in the request.
pub fn document<'a>(block: &'a str, place: &Place) -> Result<Vec<Part<'a>>, Unfit> {
    let source = raw::member(block, "source").unwrap_or_default();
    let (title, context) = (said(block, "title"), said(block, "context"));
    let kind = raw::kind_of(source).unwrap_or_default();
    let no_equivalent = || place.no_equivalent(&format!("a document whose source is `{kind}`"));
    let mut before = Vec::new();
    match &*kind {
        "text" => {
            let data = said(source, "data").unwrap_or_default();
            before.extend(title);
            before.extend(context);
            before.push(data);
            Ok(vec![Part::Text(join(before, r"\n"))])
        }
        "content" => {
            before.extend(title);
            before.extend(context);
            let mut found: Vec<_> = before.into_iter().map(Part::Text).collect();
            let content = raw::member(source, "content").unwrap_or_default();
            found.extend(Escaped::of(content).map(Part::Text));
            // Texts and images: a document holds no other.
            try_each(content, &mut |index, inner| {
                let is_flat = matches!(raw::kind_of(inner).as_deref(), Some("text" | "image"));
                let place = place.block(index);
                if !is_flat {
                    return Err(place.no_equivalent("a document of such blocks"));
                }
                found.extend(parts(inner, &place)?);
                Ok(())
            })?;
            Ok(found)
        }
        "base64" => {
            let media = base64(source).ok_or_else(no_equivalent)?;
            let name = title.unwrap_or_else(|| Escaped::plain("document.pdf"));
            let file = Part::File {
                name: Some(name),
                media,
            };
            Ok(context.map(Part::Text).into_iter().chain([file]).collect())
        }
        _ => Err(no_equivalent()),
    }
}

/// A result of a search as a text: title, source, content.
pub fn found_text(block: &str) -> Escaped<'_> {
    let mut texts = Vec::new();
    texts.extend(said(block, "title"));
    texts.extend(said(block, "source"));
    texts.extend(texts_of(raw::member(block, "content").unwrap_or_default()));
    join(texts, r"\n")
}

/// The pages that a tool of the provider's own found: a line `title: url` each; `None` where it found none.
pub fn pages(block: &str) -> Option<Escaped<'_>> {
    let mut lines = Vec::new();
    let mut page = |page| {
        let Some(url) = said(page, "url") else { return };
        // A page that was fetched has its title in the document.
        let document = raw::member(page, "content").unwrap_or_default();
        let title = said(page, "title").or_else(|| said(document, "title"));
        lines.push(join(title.into_iter().chain([url]), ": "));
    };
    let content = raw::member(block, "content").unwrap_or_default();
    if raw::is_object(content) {
        page(content);
    } else {
        // An error is no array.
        let _ = raw::each_item(content, &mut page);
    }
    (!lines.is_empty()).then(|| join(lines, r"\n"))
}
