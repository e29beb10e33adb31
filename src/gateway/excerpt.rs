//! Bodies for the debug log: the same JSON with every string cut.

use serde_json::Value;

/// Characters of a string that are shown.
const SHOWN: usize = 100;

/// Elements of an array that are shown.
const MOST_ELEMENTS: usize = 20;

/// The body with long strings and arrays cut. Keys of objects are cut too: a client may put anything there.
pub fn excerpt(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(value) => shortened(value, &mut 500).to_string(),
        Err(_) => format!("{} bytes that are no JSON", body.len()),
    }
}

/// `left` bounds the number of values in all.
fn shortened(value: Value, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return Value::String("…".to_owned());
    }
    match value {
        Value::String(text) => Value::String(cut(&text)),
        Value::Array(elements) => {
            let shown = elements.into_iter().take(MOST_ELEMENTS);
            Value::Array(shown.map(|element| shortened(element, left)).collect())
        }
        Value::Object(members) => {
            let shown = members.into_iter().take(MOST_ELEMENTS);
            Value::Object(
                shown
                    .map(|(key, value)| (cut(&key), shortened(value, left)))
                    .collect(),
            )
        }
        other => other,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_does_not_fill_the_log() {
        let long = "ä".repeat(5000);
        let body = format!(r#"{{"model":"m","messages":[{{"content":"{long}"}}],"n":1}}"#);
        let shown = excerpt(&body);
        assert!(
            shown.contains(&format!("{}…", "ä".repeat(SHOWN))),
            "{shown}"
        );
        assert!(!shown.contains(&"ä".repeat(SHOWN + 1)));
        assert!(shown.contains(r#""n":1"#));
    }

    #[test]
    fn a_wide_body_is_bounded() {
        let wide = format!("[{}]", vec!["[1,2,3,4,5,6,7,8,9]"; 5000].join(","));
        assert!(excerpt(&wide).len() < 4096);
        assert_eq!(excerpt("{"), "1 bytes that are no JSON");
    }
}
