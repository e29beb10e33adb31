//! The edits of forms with files that the configuration asks for: of whole text parts alone.

use crate::config::Edits;
use crate::dialect::multipart::Form;
use crate::json::raw;

/// Makes the edits, in the order of the page: rename, drop, default, override. A path into a member has no part.
pub fn edit(form: &mut Form<'_>, edits: &Edits) {
    for (part, to) in &edits.rename {
        form.rename(part, to);
    }
    for part in &edits.drop {
        form.remove(part);
    }
    for (part, json) in edits.default.iter().filter(|(part, _)| is_part(part)) {
        if form.count(part) == 0 {
            form.set(part, &text_of(json));
        }
    }
    for (part, json) in edits.overrides.iter().filter(|(part, _)| is_part(part)) {
        form.set(part, &text_of(json));
    }
}

fn is_part(path: &str) -> bool {
    !path.contains(['.', '['])
}

/// The text of a value: a string without its quotes, all else as JSON.
fn text_of(json: &str) -> std::borrow::Cow<'_, str> {
    raw::text(json).unwrap_or(std::borrow::Cow::Borrowed(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";

    fn edited(edits: &Edits) -> String {
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\nen\r\n--b--\r\n";
        let mut form = Form::parse(body.as_bytes(), TYPE).unwrap();
        edit(&mut form, edits);
        String::from_utf8(form.slices().concat()).unwrap()
    }

    #[test]
    fn whole_text_parts_are_edited_and_files_are_not() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let text = edited(&Edits {
            rename: vec![pair("language", "lang"), pair("file", "audio")],
            drop: vec!["file".to_owned(), "absent".to_owned()],
            default: vec![pair("temperature", "0.5"), pair("lang", "\"de\"")],
            overrides: vec![pair("prompt", "\"hi\""), pair("a.b", "1")],
            ..Edits::default()
        });
        for part in [
            "name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n",
            "name=\"lang\"\r\n\r\nen\r\n",
            "name=\"temperature\"\r\n\r\n0.5\r\n",
            "name=\"prompt\"\r\n\r\nhi\r\n--b--\r\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("a.b"), "{text}");
    }
}
