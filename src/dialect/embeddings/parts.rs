//! The parts of a request with more inputs than a step takes at once.

use crate::dialect::request::{Payload, Request};
use crate::json::raw;
use crate::json::reader::{EntryCursor, Reader};

use super::request::{count_inputs, input};

/// The requests for the inputs of one, some at a time. Only the part under way is copied.
pub struct InputParts<'a> {
    request: &'a Request<'a>,
    input: &'a str,
    /// In front of the next input.
    reader: Reader<'a>,
    array: EntryCursor,
    /// The most inputs of a part.
    most: usize,
}

impl<'a> InputParts<'a> {
    /// `None` of a request that has no more than `most` inputs.
    pub fn new(request: &'a Request<'a>, most: usize) -> Option<Self> {
        let input = input(request)?;
        if !raw::is_array(input) || count_inputs(input) <= most.max(1) {
            return None;
        }
        Some(Self {
            request,
            input,
            reader: Reader::new(input),
            array: EntryCursor::default(),
            most: most.max(1),
        })
    }
}

impl<'a> Iterator for InputParts<'a> {
    type Item = Request<'a>;

    fn next(&mut self) -> Option<Request<'a>> {
        let (mut begin, mut end) = (None, 0);
        for _ in 0..self.most {
            // The body was read before: there is no more behind an end.
            if !self.reader.item(&mut self.array).unwrap_or(false) {
                break;
            }
            let item = self.reader.value().ok()?;
            end = self.reader.at();
            begin = begin.or_else(|| end.checked_sub(item.len()));
        }
        let inputs = self.input.get(begin?..end)?;
        let mut object = self.request.payload.object()?.clone();
        object.set("input", ["[", inputs, "]"].concat());
        Some(Request {
            payload: Payload::Json(object),
            model: self.request.model.clone(),
            stream: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::read;
    use super::*;

    fn parts(input: &str, most: usize) -> Option<Vec<String>> {
        let body = format!(r#"{{"input":{input} ,"model":"r","user":"u"}}"#);
        let request = read(body.as_bytes()).unwrap();
        let parts = InputParts::new(&request, most)?;
        let texts = parts.map(|part| part.payload.object().unwrap().to_json());
        Some(texts.collect())
    }

    #[test]
    fn inputs_go_in_order_and_none_is_lost() {
        let part = |input: &str| format!(r#"{{"input":{input} ,"model":"r","user":"u"}}"#);
        let input = r#"[ "a", "b,]" ,"c" , "d","e" ]"#;
        assert_eq!(
            parts(input, 2).unwrap(),
            [
                part(r#"["a", "b,]"]"#),
                part(r#"["c" , "d"]"#),
                part(r#"["e"]"#)
            ]
        );
        assert_eq!(
            parts("[[1,2],[3]]", 1).unwrap(),
            [part("[[1,2]]"), part("[[3]]")]
        );
        assert_eq!(parts(input, 4).unwrap().len(), 2);
        assert_eq!(parts(input, 0).unwrap().len(), 5);
    }

    #[test]
    fn a_request_that_fits_stays_whole() {
        for input in [r#""abc""#, "[]", r#"["a","b"]"#, "[1,2,3,4]"] {
            assert_eq!(parts(input, 2), None, "{input}");
        }
    }
}
