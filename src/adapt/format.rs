//! The format that an answer is to have, wherever a dialect keeps it.

use crate::dialect::vocabulary::FormatMember;
use crate::json::{Object, raw};

/// The format of a request, raw; none if it has none.
pub fn format_of<'b>(body: &'b Object<'_>, place: FormatMember) -> Option<&'b str> {
    match place {
        FormatMember::ResponseFormat => body.get("response_format"),
        FormatMember::TextFormat => raw::member(body.get("text")?, "format"),
        FormatMember::None => None,
    }
}

/// Puts a format in the place of the one that is there.
pub fn replace(body: &mut Object<'_>, place: FormatMember, format: String) {
    match place {
        FormatMember::ResponseFormat => body.set("response_format", format),
        FormatMember::TextFormat => edit_text(body, |text| text.set("format", format)),
        FormatMember::None => {}
    }
}

pub fn remove(body: &mut Object<'_>, place: FormatMember) {
    match place {
        FormatMember::ResponseFormat => {
            body.remove("response_format");
        }
        FormatMember::TextFormat => edit_text(body, |text| {
            text.remove("format");
        }),
        FormatMember::None => {}
    }
}

fn edit_text(body: &mut Object<'_>, edit: impl FnOnce(&mut Object<'_>)) {
    let Some(Ok(mut text)) = body.get("text").map(Object::parse_lenient) else {
        return;
    };
    edit(&mut text);
    let text = text.to_json();
    body.set("text", text);
}
