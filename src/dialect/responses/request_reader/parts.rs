//! The parts of messages and of results.

use crate::dialect::canonical::{Escaped, Image, Media, Part};
use crate::dialect::request::Unfit;
use crate::json::raw;

/// The texts of a content that can hold nothing else.
///
/// # Errors
/// A part that is no text.
pub fn texts<'a>(content: &'a str, path: &str) -> Result<Vec<Escaped<'a>>, Unfit> {
    let mut texts = Vec::new();
    for (index, part) in all(content, path)?.into_iter().enumerate() {
        match part {
            Part::Text(text) => texts.push(text),
            _ => {
                let path = format!("{path}.content[{index}]");
                let reason = format!("'{path}' is no text, and nothing else can stand there");
                return Err(Unfit::at(&path, reason));
            }
        }
    }
    Ok(texts)
}

/// The parts of a content: a string, an array of parts, or nothing.
///
/// # Errors
/// A part that the form cannot say.
pub fn all<'a>(content: &'a str, path: &str) -> Result<Vec<Part<'a>>, Unfit> {
    if let Some(text) = Escaped::of(content) {
        return Ok(vec![Part::Text(text)]);
    }
    if matches!(content, "" | "null") {
        return Ok(Vec::new());
    }
    let (mut parts, mut flaw, mut index) = (Vec::new(), None, 0_usize);
    let visited = raw::each_item(content, &mut |part| {
        if flaw.is_none() {
            match part_of(part, &|| format!("{path}.content[{index}]")) {
                Ok(part) => parts.push(part),
                Err(unfit) => flaw = Some(unfit),
            }
        }
        index += 1;
    });
    match (visited, flaw) {
        (Ok(()), None) => Ok(parts),
        (_, Some(flaw)) => Err(flaw),
        (Err(_), None) => {
            let path = format!("{path}.content");
            let reason = format!("'{path}' is neither a text nor an array of parts");
            Err(Unfit::at(&path, reason))
        }
    }
}

/// A part; `path` tells its place, where it is needed.
///
/// # Errors
/// The form cannot say it.
pub fn part_of<'a>(part: &'a str, path: &dyn Fn() -> String) -> Result<Part<'a>, Unfit> {
    let kind = raw::kind_of(part);
    let read = match kind.as_deref() {
        Some("input_text" | "output_text" | "text") => text_of(part, "text"),
        Some("refusal") => text_of(part, "refusal"),
        Some("input_image") => image_of(part),
        Some("input_file") => file_of(part),
        Some("input_audio") => raw::member(part, "input_audio")
            .filter(|audio| raw::is_object(audio))
            .map(Part::Audio),
        _ => {
            let path = path();
            let reason =
                format!("'{path}' is a part that only a provider that speaks Responses may know");
            return Err(Unfit::at(&path, reason));
        }
    };
    read.ok_or_else(|| {
        let path = path();
        let reason = format!("'{path}' has not its content in it, but lies with another provider");
        Unfit::at(&path, reason)
    })
}

fn text_of<'a>(part: &'a str, member: &str) -> Option<Part<'a>> {
    let text = raw::member(part, member).and_then(Escaped::of);
    Some(Part::Text(text.unwrap_or_default()))
}

/// An image by its URL; `None` of one that lies elsewhere.
fn image_of(part: &str) -> Option<Part<'_>> {
    let [url, detail] = raw::said_members(part, ["image_url", "detail"]);
    let detail = detail.and_then(Escaped::of);
    let detail = match detail.as_ref().map(Escaped::inside) {
        None | Some("auto" | "") => None,
        // Other dialects have no word for it.
        Some("original") => Some(Escaped::plain("high")),
        Some(_) => detail,
    };
    Some(Part::Image(Image {
        media: Media::of_url(Escaped::of(url?)?),
        detail,
    }))
}

/// A document with its data; `None` of one that lies elsewhere.
fn file_of(part: &str) -> Option<Part<'_>> {
    let [data, name] = raw::said_members(part, ["file_data", "filename"]);
    let media = match Media::of_url(Escaped::of(data?)?) {
        // Bare base64, which the API has always taken for a PDF.
        Media::Url(data) if !data.inside().contains(':') => Media::Base64 {
            media_type: Escaped::plain("application/pdf"),
            data,
        },
        media => media,
    };
    Some(Part::File {
        name: name.and_then(Escaped::of),
        media,
    })
}
