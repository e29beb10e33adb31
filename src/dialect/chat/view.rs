//! The top level of an answer or a chunk, read in one pass, and the members that the gateway writes there.

use super::choice::{Choices, Usage};
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{Object, ObjectError, position, raw, slice};

/// What one pass over a body tells. Of repeated keys the last one counts.
#[derive(Debug, Default)]
pub(super) struct View<'a> {
    /// The `error` member, raw.
    pub error: Option<&'a str>,
    pub choices: Option<Choices>,
    pub usage: Option<Usage>,
    pub places: Places,
}

/// Where the gateway writes, in the body that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// From the first to behind the last byte of the value of `model`.
    model: Option<(u32, u32)>,
    /// Behind the last member, or the opening brace.
    end: u32,
    is_empty: bool,
    /// A key stands there twice, or the provider has a `routing_summary` of its own.
    is_odd: bool,
}

impl<'a> View<'a> {
    /// `holder` is the member of a choice with the content: `message` in answers, `delta` in chunks.
    pub fn read(body: &'a str, holder: &str) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let mut view = Self::default();
        match view.read_members(&mut Reader::new(body), holder) {
            Ok(()) => Ok(view),
            Err(Invalid) => Err(ObjectError::of(body)),
        }
    }

    fn read_members(&mut self, reader: &mut Reader<'a>, holder: &str) -> Result<(), Invalid> {
        reader.peek();
        self.places.end = position(reader.at()) + 1;
        self.places.is_empty = true;
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            match &*key.text().ok_or(Invalid)? {
                "error" => self.error = Some(reader.value()?),
                "choices" => self.choices = Some(Choices::read(reader, holder)?),
                "usage" => self.usage = Usage::read(reader)?,
                "model" => {
                    let length = reader.value()?.len();
                    let end = reader.at();
                    let place = (position(end - length), position(end));
                    self.places.is_odd |= self.places.model.replace(place).is_some();
                }
                name => {
                    self.places.is_odd |= name == "routing_summary";
                    reader.value()?;
                }
            }
            self.places.end = position(reader.at());
            self.places.is_empty = false;
        }
        reader.end()
    }
}

impl Places {
    /// Writes `body`, which is the one that was read, with its `model` replaced and `routing_summary`, raw JSON, set,
    /// where given; all else byte for byte.
    pub fn write(
        self,
        out: &mut String,
        body: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
    ) {
        if self.is_odd {
            return out.push_str(&edited(body, model, routing_summary));
        }
        let mut copied = 0;
        let mut comma = if self.is_empty { "" } else { "," };
        if let (Some(model), Some((from, to))) = (model, self.model) {
            out.push_str(slice(body, 0, from));
            raw::push_quoted(out, model);
            copied = to;
        }
        out.push_str(slice(body, copied, self.end));
        if let (Some(model), None) = (model, self.model) {
            out.push_str(comma);
            out.push_str("\"model\":");
            raw::push_quoted(out, model);
            comma = ",";
        }
        if let Some(summary) = routing_summary {
            out.push_str(comma);
            out.push_str("\"routing_summary\":");
            out.push_str(summary);
        }
        out.push_str(slice(body, self.end, position(body.len())));
    }

    /// The value of `model`, raw.
    pub fn model(self, body: &str) -> Option<&str> {
        self.model.map(|(from, to)| slice(body, from, to))
    }
}

/// For bodies whose members have to be looked for one by one.
#[cold]
fn edited(body: &str, model: Option<&str>, routing_summary: Option<&str>) -> String {
    let Ok(mut object) = Object::parse_lenient(body) else {
        return body.to_owned();
    };
    if let Some(model) = model {
        object.set("model", raw::quoted(model));
    }
    if let Some(summary) = routing_summary {
        object.set("routing_summary", summary.to_owned());
    }
    object.to_json()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(body: &str, model: Option<&str>, summary: Option<&str>) -> String {
        let mut out = String::new();
        let places = View::read(body, "delta").unwrap().places;
        places.write(&mut out, body, model, summary);
        out
    }

    #[test]
    fn members_are_written_where_they_stand_or_at_the_end() {
        for (body, expected) in [
            ("{}", r#"{"model":"r","routing_summary":1}"#),
            (" { } ", r#" {"model":"r","routing_summary":1 } "#),
            (r#"{"a":1 }"#, r#"{"a":1,"model":"r","routing_summary":1 }"#),
            (
                r#"{ "model" : "up" , "a":1}"#,
                r#"{ "model" : "r" , "a":1,"routing_summary":1}"#,
            ),
            (
                r#"{"mod\u0065l":{"a":[]}}"#,
                r#"{"mod\u0065l":"r","routing_summary":1}"#,
            ),
            (
                r#"{"model":1,"model":2}"#,
                r#"{"model":"r","routing_summary":1}"#,
            ),
            (
                r#"{"routing_summary":{},"model":2}"#,
                r#"{"routing_summary":1,"model":"r"}"#,
            ),
        ] {
            assert_eq!(written(body, Some("r"), Some("1")), expected);
            assert_eq!(written(body, None, None), body);
        }
        assert_eq!(
            written(r#"{"a":1}"#, Some("\"é\n"), None),
            r#"{"a":1,"model":"\"é\n"}"#
        );
    }

    proptest! {
        /// One pass writes what the edits of an object write.
        #[test]
        fn a_body_is_written_as_an_object_would_be(
            members in prop::collection::vec(("[ \n]{0,2}", "model|routing_summary|mode\\\\u006c|id|choices|usage", "[ \n]{0,2}", "[0-9]|\"[xyz,}é]*\"|\\[ \\]|\\{\"a\":1 \\}"), 0..5),
            model in prop::option::of("[a-z/\"\\\\]{1,4}"),
            summary in prop::option::of("[0-9]"),
        ) {
            let parts: Vec<String> = members
                .iter()
                .map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}{after}"))
                .collect();
            let body = format!(" {{{}}} ", parts.join(","));
            prop_assert_eq!(
                written(&body, model.as_deref(), summary.as_deref()),
                edited(&body, model.as_deref(), summary.as_deref())
            );
        }
    }
}
