//! Bodies for the debug log: the same JSON with every string masked and then cut, since of a key that is cut in two nobody
//! knows the half. All is read that the gateway itself reads, lone surrogates and any depth.

use std::borrow::Cow;

use crate::dialect::multipart::Form;
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::secret::Redactor;
use crate::text::cut;

/// Characters of a string that are shown.
const SHOWN: usize = 100;

/// Bytes of a string that are read: those that are shown, however they are spelled, and the rest of a key that begins in
/// them. A string of many megabytes would be in memory once more.
const READ: usize = 8 * 1024;

/// Elements of an array, and members of an object, that are shown.
const MOST_ELEMENTS: usize = 20;

/// Values of a body that are shown.
const MOST_VALUES: usize = 500;

/// Levels of nesting that are shown.
const DEEPEST: usize = 16;

/// The body in short; the number of its bytes where it is no JSON.
pub fn excerpt(body: &str, redactor: &Redactor) -> String {
    let mut excerpt = Excerpt::new(redactor);
    let mut reader = Reader::new(body);
    let value = reader.value();
    match value.and_then(|value| {
        reader.end()?;
        excerpt.value(value, DEEPEST)
    }) {
        Ok(()) => excerpt.text,
        Err(Invalid) => format!("{} bytes that are no JSON", body.len()),
    }
}

/// The parts of a form, by name, and how much each holds: what it holds may be a file.
pub fn form_excerpt(form: &Form<'_>, redactor: &Redactor) -> String {
    let mut excerpt = Excerpt::new(redactor);
    excerpt.text.push('{');
    for (position, (name, length)) in form.lengths().take(MOST_ELEMENTS).enumerate() {
        if position > 0 {
            excerpt.text.push(',');
        }
        excerpt.string(&name);
        excerpt.text.push(':');
        excerpt.string(&format!("{length} bytes"));
    }
    excerpt.text.push('}');
    excerpt.text
}

struct Excerpt<'r> {
    text: String,
    /// Values that may still be shown.
    left: usize,
    redactor: &'r Redactor,
}

impl<'r> Excerpt<'r> {
    fn new(redactor: &'r Redactor) -> Self {
        Self {
            text: String::new(),
            left: MOST_VALUES,
            redactor,
        }
    }

    /// `depth` is the number of levels that may still be shown.
    fn value(&mut self, value: &str, depth: usize) -> Result<(), Invalid> {
        self.left = self.left.saturating_sub(1);
        let is_nested = raw::is_object(value) || raw::is_array(value);
        if self.left == 0 || (is_nested && depth == 0) {
            self.text.push_str("\"…\"");
        } else if raw::is_object(value) {
            self.object(value, depth - 1)?;
        } else if raw::is_array(value) {
            self.array(value, depth - 1)?;
        } else if let Some(text) = raw::lossy_beginning(value, READ) {
            self.string(&text);
        } else if value.len() > SHOWN {
            // A number, however long.
            self.string(cut(value, READ));
        } else {
            self.text.push_str(value);
        }
        Ok(())
    }

    fn object(&mut self, object: &str, depth: usize) -> Result<(), Invalid> {
        let (mut reader, mut members) = (Reader::new(object), EntryCursor::default());
        self.text.push('{');
        let mut shown = 0;
        while let Some(key) = reader.key(&mut members)? {
            let value = reader.value()?;
            shown += 1;
            if shown > MOST_ELEMENTS {
                break;
            }
            if shown > 1 {
                self.text.push(',');
            }
            self.string(&raw::lossy_beginning(key.raw(), READ).unwrap_or(Cow::Borrowed("…")));
            self.text.push(':');
            self.value(value, depth)?;
        }
        self.text.push('}');
        Ok(())
    }

    fn array(&mut self, array: &str, depth: usize) -> Result<(), Invalid> {
        let (mut reader, mut items) = (Reader::new(array), EntryCursor::default());
        self.text.push('[');
        let mut shown = 0;
        while reader.item(&mut items)? {
            let value = reader.value()?;
            shown += 1;
            if shown > MOST_ELEMENTS {
                break;
            }
            if shown > 1 {
                self.text.push(',');
            }
            self.value(value, depth)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn string(&mut self, text: &str) {
        let text = self.redactor.redact(text);
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => {
                let shown = text.get(..end).unwrap_or_default();
                raw::push_quoted(&mut self.text, &format!("{shown}…"));
            }
            None => raw::push_quoted(&mut self.text, &text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// Clients cut emojis in two, and schemas nest: what is served is shown.
    #[test]
    fn what_the_gateway_reads_is_shown() {
        let shown = |body: &str| excerpt(body, &Redactor::default());
        assert_eq!(
            shown(r#"{"a":"findme \ud83d","\udc00":1.50,"b":[true, null]}"#),
            "{\"a\":\"findme \u{fffd}\",\"\u{fffd}\":1.50,\"b\":[true,null]}"
        );
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let expected = format!("{}\"…\"{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert_eq!(shown(&deep), expected);
        assert!(shown(&format!("[{}]", "9".repeat(10_000))).len() < 200);
        assert_eq!(shown("{\"a\":}"), "6 bytes that are no JSON");
        assert_eq!(shown("[1] 2"), "5 bytes that are no JSON");
    }

    #[test]
    fn of_a_form_names_and_lengths_are_shown() {
        let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
        let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF secret\r\n--b\r\n\
                    Content-Disposition: form-data; name=\"sk-0123456789abcdef\"\r\n\r\nr\r\n--b--\r\n";
        let form = Form::parse(body.as_bytes(), "multipart/form-data; boundary=b").unwrap();
        assert_eq!(
            form_excerpt(&form, &redactor),
            r#"{"file":"11 bytes","***":"1 bytes"}"#
        );
    }

    /// The halves of a key that is spelled with escapes are one key.
    #[test]
    fn a_key_beside_half_a_pair_is_masked() {
        let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
        let body = r#"["\ud83d sk-01234567\u00389abcdef"]"#;
        let shown = excerpt(body, &redactor);
        assert!(
            !shown.contains("abcdef") && shown.contains("***"),
            "{shown}"
        );
    }

    #[test]
    fn a_prompt_does_not_fill_the_log() {
        let long = "ä".repeat(5000);
        let body = format!(r#"{{"model":"m","messages":[{{"content":"{long}"}}],"n":1}}"#);
        let shown = excerpt(&body, &Redactor::default());
        assert!(
            shown.contains(&format!("{}…", "ä".repeat(SHOWN))),
            "{shown}"
        );
        assert!(!shown.contains(&"ä".repeat(SHOWN + 1)));
        assert!(shown.contains(r#""n":1"#));
    }

    #[test]
    fn a_key_across_the_cut_is_masked() {
        let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
        let body = format!(r#"["{}sk-0123456789abcdef"]"#, "x".repeat(SHOWN - 12));
        let shown = excerpt(&body, &redactor);
        assert!(
            !shown.contains("sk-0123") && shown.contains("***"),
            "{shown}"
        );
    }

    /// A picture that is spelled with escapes would be in memory twice more.
    #[test]
    fn of_a_long_string_only_the_beginning_is_read() {
        let redactor = Redactor::new([Secret::new("sk-0123456789abcdef")]);
        for (piece, shown) in [
            ("x", "x"),
            ("\\u0041", "A"),
            ("\\n", "\\n"),
            ("\\ud83d\\ude00", "😀"),
        ] {
            let body = format!(r#"["{}"]"#, piece.repeat(READ));
            let expected = format!(r#"["{}…"]"#, shown.repeat(SHOWN));
            assert_eq!(excerpt(&body, &redactor), expected);
        }
        // Not even halfway through an escape.
        for cut in 0..14 {
            let body = format!(
                r#""{}\ud83d\ude00{}""#,
                "x".repeat(READ - cut),
                "y".repeat(READ)
            );
            assert!(excerpt(&body, &redactor).ends_with("x…\""));
        }
        let digits = "9".repeat(READ * 2);
        assert!(excerpt(&digits, &redactor).len() < 2 * SHOWN);
    }

    #[test]
    fn a_wide_body_is_bounded() {
        let wide = format!("[{}]", vec!["[1,2,3,4,5,6,7,8,9]"; 5000].join(","));
        assert!(excerpt(&wide, &Redactor::default()).len() < 4096);
        assert_eq!(
            excerpt("{", &Redactor::default()),
            "1 bytes that are no JSON"
        );
    }
}
