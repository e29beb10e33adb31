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

/// The length from which a string of base64's letters alone is no word of any language (bytes).
const DATA: usize = 1024;

/// The distance from the beginning of a string, or of a member, at which it tells what it is (bytes).
const NEAR: usize = 128;

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
        for data in embedded(text.as_bytes()) {
            self.bytes = self.bytes.saturating_sub(data);
            self.images += 1;
        }
        for at in memmem::find_iter(text.as_bytes(), b"\"image_url\"") {
            let behind = text.as_bytes().get(at..).unwrap_or_default();
            let near = behind.get(..NEAR).unwrap_or(behind);
            if memmem::find(near, b"\"http").is_some() {
                self.images += 1;
            }
        }
    }
}

/// The lengths of the images, sounds and files that lie in a text: data behind `;base64,`, and strings that are nothing but
/// long base64, as Anthropic's and Ollama's images and OpenAI's sounds are.
fn embedded(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'"', text).chain([text.len()]);
    ends.filter_map(move |end| {
        let string = text.get(start..end).unwrap_or_default();
        start = end + 1;
        let beginning = string.get(..NEAR).unwrap_or(string);
        if let Some(at) = memmem::find(beginning, b";base64,") {
            return Some(string.len() - at);
        }
        let is_data = string.len() >= DATA && string.iter().all(is_of_base64);
        is_data.then_some(string.len())
    })
}

/// Whether a byte is one of base64's, in either alphabet, or of a slash that JSON escapes.
fn is_of_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-_\\".contains(byte)
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
            (
                r#"{"messages":[{"image_url": {"url": "https://a", "detail": "low"}}]}"#,
                54,
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

    /// A photograph of a megabyte is a thousand tokens, not a quarter of a million.
    #[test]
    fn data_is_no_text_in_whichever_dialect_it_lies() {
        let data = "iVBORw0KGgo/AAA+".repeat(100);
        let long_text = "word ".repeat(400);
        for (body, images) in [
            (
                r#"{"messages":[{"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"DATA"}}]}]}"#,
                1,
            ),
            (
                r#"{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"DATA","format":"wav"}}]}]}"#,
                1,
            ),
            (
                r#"{"messages":[{"content":"hi","images":["DATA","DATA"]}]}"#,
                2,
            ),
            (
                r#"{"input":[{"type":"input_image","image_url":"data:image/jpeg;base64,DATA"}]}"#,
                1,
            ),
            (
                r#"{"messages":[{"content":[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,DATA"}}]}]}"#,
                1,
            ),
            (r#"{"messages":[{"content":"TEXT"}]}"#, 0),
        ] {
            let body = body.replace("DATA", &data).replace("TEXT", &long_text);
            let size = RequestSize::of(&Payload::Json(Object::parse(&body).unwrap()));
            assert_eq!(size.images, images, "{body}");
            let text = if images > 0 { 150 } else { 2020 };
            assert!(size.bytes <= text, "{}: {body}", size.bytes);
        }
    }
}
