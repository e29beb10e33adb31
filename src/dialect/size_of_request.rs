//! The size of a request, as far as it tells how many tokens it takes.

use memchr::memmem;

use super::request::Payload;
use crate::json::raw;

/// The size of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestSize {
    /// Bytes of what the model reads: messages and tools, without images.
    pub bytes: usize,
    pub images: usize,
    /// The most output that it asks for (tokens).
    pub max_output: Option<u64>,
}

/// Members that the model reads, in whichever dialect.
const READ: [&str; 8] = [
    "messages",
    "tools",
    "input",
    "instructions",
    "prompt",
    "system",
    "functions",
    "documents",
];

/// Members that bound the output.
const BOUNDS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

impl RequestSize {
    pub fn of(payload: &Payload<'_>) -> Self {
        let Some(object) = payload.object() else {
            return Self::default();
        };
        let mut size = Self::default();
        for text in READ.iter().filter_map(|key| object.get(key)) {
            size.add(text);
        }
        let mut bounds = BOUNDS.iter().filter_map(|key| object.get(key));
        size.max_output = bounds.find_map(raw::whole_number);
        size
    }

    fn add(&mut self, text: &str) {
        self.bytes += text.len();
        for at in memmem::find_iter(text.as_bytes(), b";base64,") {
            let data = text.get(at..).unwrap_or_default();
            let length = data.find('"').unwrap_or(data.len());
            self.bytes = self.bytes.saturating_sub(length);
            self.images += 1;
        }
        for _ in memmem::find_iter(text.as_bytes(), b"\"image_url\":{\"url\":\"http") {
            self.images += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Object;

    #[test]
    fn what_a_model_reads_is_measured() {
        for (body, bytes, images, max_output) in [
            (
                r#"{"model":"m","messages":[1,2,3],"max_tokens":9}"#,
                7,
                0,
                Some(9),
            ),
            (
                r#"{"model":"m","input":"abc","tools":[],"max_output_tokens":5}"#,
                7,
                0,
                Some(5),
            ),
            (
                r#"{"messages":[{"url":"data:image/png;base64,AAAAAAAAAAAAAAAA"}],"max_tokens":"x"}"#,
                26,
                1,
                None,
            ),
            (
                r#"{"messages":[{"image_url":{"url":"https://a"}}]}"#,
                35,
                1,
                None,
            ),
            ("{}", 0, 0, None),
        ] {
            let size = RequestSize::of(&Payload::Json(Object::parse(body).unwrap()));
            let expected = RequestSize {
                bytes,
                images,
                max_output,
            };
            assert_eq!(size, expected, "{body}");
        }
    }
}
