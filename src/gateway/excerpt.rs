//! Bodies for the debug log: the same JSON with every string cut.

use serde_json::Value;

use crate::secret::Redactor;

/// Characters of a string that are shown.
const SHOWN: usize = 100;

/// Elements of an array that are shown.
const MOST_ELEMENTS: usize = 20;

/// The body with secrets masked and long strings and arrays cut. Keys of objects are cut too: a client may put anything
/// there.
pub fn excerpt(body: &str, redactor: &Redactor) -> String {
    match serde_json::from_str(body) {
        Ok(value) => shortened(value, redactor, &mut 500).to_string(),
        Err(_) => format!("{} bytes that are no JSON", body.len()),
    }
}

/// `left` bounds the number of values in all.
fn shortened(value: Value, redactor: &Redactor, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return Value::String("…".to_owned());
    }
    match value {
        Value::String(text) => Value::String(cut(&text, redactor)),
        Value::Array(elements) => {
            let shown = elements.into_iter().take(MOST_ELEMENTS);
            Value::Array(
                shown
                    .map(|element| shortened(element, redactor, left))
                    .collect(),
            )
        }
        Value::Object(members) => {
            let shown = members.into_iter().take(MOST_ELEMENTS);
            Value::Object(
                shown
                    .map(|(key, value)| (cut(&key, redactor), shortened(value, redactor, left)))
                    .collect(),
            )
        }
        other => other,
    }
}

/// Masked first: of a secret that is cut in two nobody would know the half.
fn cut(text: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

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
