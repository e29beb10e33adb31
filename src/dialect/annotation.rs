//! Writing two members into a JSON text without touching the rest of it.

use crate::json::pieces::{Piece, Pieces, Written};
use crate::json::reader::{EntryCursor, Invalid, Reader};
use crate::json::{Object, ObjectError, position, raw, slice};

/// The places in a JSON object where the gateway writes: the value of `model`, and the end of the object.
///
/// The reader of a dialect notes them in the pass that judges the text, so that annotating costs no second one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// From the first to behind the last byte of the value of `model`.
    model: Option<(u32, u32)>,
    /// Behind the last member, or the opening brace.
    end: u32,
    is_empty: bool,
    /// A key stands there twice, or the provider has a `routing_summary` of its own.
    is_odd: bool,
    /// A second value of `model`, behind the first one.
    second_model: Option<(u32, u32)>,
    /// The member whose object holds `model` and, if so, is written into; none for the body itself.
    holder: Option<Holder>,
    takes: Takes,
}

/// The members that a text takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Takes {
    #[default]
    Both,
    /// The answers of the dialect have no `model`.
    Summary,
    /// The text is no object.
    Nothing,
}

/// An object inside a body that has the `model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    key: &'static str,
    /// The `routing_summary` goes into it as well, not beside it.
    takes_summary: bool,
}

impl Annotation {
    /// The places in an object whose first byte inside its braces is at `begin`, as long as no member was read.
    pub fn of_empty(begin: usize) -> Self {
        Self {
            end: position(begin),
            is_empty: true,
            ..Self::default()
        }
    }

    /// The places in `body`, an object with the `model` in an object of its own: the value of `key`. A `model` beside it is
    /// replaced, too, and none is added. The `routing_summary` goes into the inner object where `takes_summary` says so,
    /// else to the end of the body.
    pub fn of_nested(body: &str, key: &'static str, takes_summary: bool) -> Self {
        let mut outer = Self::of_object(body, body);
        let Some(inner) = raw::member(body, key).filter(|inner| raw::is_object(inner)) else {
            return Self {
                holder: Some(Holder { key, takes_summary }),
                ..outer
            };
        };
        let inner = Self::of_object(body, inner);
        let from = |place: Option<(u32, u32)>| place.map_or(u32::MAX, |(from, _)| from);
        let mut models = [outer.model, inner.model];
        if from(inner.model) < from(outer.model) {
            models.reverse();
        }
        outer.is_odd |= inner.is_odd;
        if takes_summary {
            (outer.end, outer.is_empty) = (inner.end, inner.is_empty);
        }
        Self {
            model: models[0],
            second_model: models[1],
            holder: Some(Holder { key, takes_summary }),
            ..outer
        }
    }

    /// The places in a body whose `model` stands in it.
    pub fn of_body(body: &str) -> Self {
        Self::of_object(body, body)
    }

    /// The places in `object`, a slice of `body`.
    fn of_object(body: &str, object: &str) -> Self {
        let at = |part: &str| (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
        let opened = object.find('{').map_or(0, |brace| brace + 1);
        let mut places = Self::of_empty(at(object) + opened);
        // What is no object has no places.
        let _ = raw::each_member(object, &mut |key, value| {
            let end = at(value) + value.len();
            if raw::is_key(key, "model") {
                places.note_model(value, end);
            } else if raw::is_key(key, "routing_summary") {
                places.note_summary();
            }
            places.note_end(end);
        });
        places
    }

    /// No place at all, in a text that is no object.
    pub fn nowhere() -> Self {
        Self {
            takes: Takes::Nothing,
            ..Self::default()
        }
    }

    /// The places in an object, each of whose members is shown to `visit`: the key as text, and the raw value.
    ///
    /// # Errors
    /// The text is no JSON object.
    pub fn read<'a>(
        body: &'a str,
        visit: &mut dyn FnMut(&str, &'a str),
    ) -> Result<Self, ObjectError> {
        u32::try_from(body.len()).map_err(|_| ObjectError::TooLarge)?;
        let read = Self::read_members(&mut Reader::new(body), visit);
        read.map_err(|Invalid| ObjectError::of(body))
    }

    fn read_members<'a>(
        reader: &mut Reader<'a>,
        visit: &mut dyn FnMut(&str, &'a str),
    ) -> Result<Self, Invalid> {
        reader.peek();
        let mut places = Self::of_empty(reader.at() + 1);
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            let key = key.text().ok_or(Invalid)?;
            let value = reader.value()?;
            match &*key {
                "model" => places.note_model(value, reader.at()),
                "routing_summary" => places.note_summary(),
                _ => {}
            }
            visit(&key, value);
            places.note_end(reader.at());
        }
        reader.end()?;
        Ok(places)
    }

    /// The same places but that of `model`, for answers that have none.
    #[must_use]
    pub fn without_model(self) -> Self {
        Self {
            takes: Takes::Summary,
            ..self
        }
    }

    /// Notes the value of a member `model` that was read; it ends at `end`.
    pub fn note_model(&mut self, value: &str, end: usize) {
        let place = (position(end.saturating_sub(value.len())), position(end));
        self.is_odd |= self.model.replace(place).is_some();
    }

    /// Notes a `routing_summary` of the provider's own.
    pub fn note_summary(&mut self) {
        self.is_odd = true;
    }

    /// Notes the end of a member's value.
    pub fn note_end(&mut self, end: usize) {
        self.end = position(end);
        self.is_empty = false;
    }

    /// Appends `body`, the text that was read, with its `model` replaced and `routing_summary`, raw JSON, set, where
    /// given; all else byte for byte.
    pub fn write(
        self,
        out: &mut String,
        body: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
    ) {
        let mut written = Written { source: body, out };
        self.each_piece(body, model, routing_summary, &mut written);
    }

    /// The same in pieces of `body`.
    pub fn each_piece(
        self,
        body: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
        out: &mut impl Pieces,
    ) {
        let model = model.filter(|_| self.takes == Takes::Both);
        if self.takes == Takes::Nothing {
            return out.take(Piece::Kept(0, position(body.len())));
        }
        if self.is_odd {
            return match self.holder {
                None => edit(body, model, routing_summary, out),
                Some(holder) => holder.edit(body, model, routing_summary, out),
            };
        }
        let mut kept = 0;
        let mut comma = if self.is_empty { "" } else { "," };
        if let (Some(model), Some((from, to))) = (model, self.model) {
            out.take(Piece::Kept(0, from));
            out.take_quoted(model);
            kept = to;
        }
        // It may stand behind the object that is written into.
        let (before, behind) = match self.second_model {
            Some(place) if place.0 >= self.end => (None, Some(place)),
            place => (place, None),
        };
        if let (Some(model), Some((from, to))) = (model, before) {
            out.take(Piece::Kept(kept, from));
            out.take_quoted(model);
            kept = to;
        }
        out.take(Piece::Kept(kept, self.end));
        if let (Some(model), None, None) = (model, self.model, self.holder) {
            out.take(Piece::New(comma));
            out.take(Piece::New("\"model\":"));
            out.take_quoted(model);
            comma = ",";
        }
        if let Some(summary) = routing_summary {
            out.take(Piece::New(comma));
            out.take(Piece::New("\"routing_summary\":"));
            out.take(Piece::New(summary));
        }
        let mut kept = self.end;
        if let (Some(model), Some((from, to))) = (model, behind) {
            out.take(Piece::Kept(kept, from));
            out.take_quoted(model);
            kept = to;
        }
        out.take(Piece::Kept(kept, position(body.len())));
    }

    /// The value of `model` in `body`, raw; none if it has no such member.
    pub fn model(self, body: &str) -> Option<&str> {
        self.model.map(|(from, to)| slice(body, from, to))
    }
}

impl Holder {
    /// Edits a body whose members have to be looked for one by one.
    fn edit(
        self,
        body: &str,
        model: Option<&str>,
        routing_summary: Option<&str>,
        out: &mut impl Pieces,
    ) {
        let Ok(mut object) = Object::parse_lenient(body) else {
            return out.take(Piece::Kept(0, position(body.len())));
        };
        let replaced = |object: &Object<'_>| model.filter(|_| object.get("model").is_some());
        if let Some(Ok(mut inner)) = object.get(self.key).map(Object::parse_lenient) {
            if let Some(model) = replaced(&inner) {
                inner.set("model", raw::quoted(model));
            }
            if let Some(summary) = routing_summary.filter(|_| self.takes_summary) {
                inner.set("routing_summary", summary.to_owned());
            }
            let inner = inner.to_json();
            object.set(self.key, inner);
        }
        if let Some(model) = replaced(&object) {
            object.set("model", raw::quoted(model));
        }
        if let Some(summary) = routing_summary.filter(|_| !self.takes_summary) {
            object.set("routing_summary", summary.to_owned());
        }
        object.each_piece(&mut |piece| out.take(piece));
    }
}

/// Edits a body whose members have to be looked for one by one.
fn edit(body: &str, model: Option<&str>, routing_summary: Option<&str>, out: &mut impl Pieces) {
    let Ok(mut object) = Object::parse_lenient(body) else {
        return out.take(Piece::Kept(0, position(body.len())));
    };
    if let Some(model) = model {
        object.set("model", raw::quoted(model));
    }
    if let Some(summary) = routing_summary {
        object.set("routing_summary", summary.to_owned());
    }
    object.each_piece(&mut |piece| out.take(piece));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edited(body: &str, model: Option<&str>, summary: Option<&str>) -> String {
        let mut out = String::new();
        let mut written = Written {
            source: body,
            out: &mut out,
        };
        edit(body, model, summary, &mut written);
        out
    }

    fn written(body: &str, model: Option<&str>, summary: Option<&str>) -> String {
        let mut out = String::new();
        let annotation = crate::dialect::chat::annotation_of(body);
        annotation.write(&mut out, body, model, summary);
        out
    }

    #[test]
    fn a_model_inside_is_replaced_and_none_is_made_up() {
        for (body, beside, inside) in [
            (
                r#"{"type":"t","response":{"model":"up","a":1},"n":0}"#,
                r#"{"type":"t","response":{"model":"r","a":1},"n":0,"routing_summary":1}"#,
                r#"{"type":"t","response":{"model":"r","a":1,"routing_summary":1},"n":0}"#,
            ),
            (
                r#"{"model":"up","response":{}}"#,
                r#"{"model":"r","response":{},"routing_summary":1}"#,
                r#"{"model":"r","response":{"routing_summary":1}}"#,
            ),
            (
                r#"{"response":{"model":"up" },"model":"x" } "#,
                r#"{"response":{"model":"r" },"model":"r","routing_summary":1 } "#,
                r#"{"response":{"model":"r","routing_summary":1 },"model":"r" } "#,
            ),
            (
                r#"{"response":{"model":"up","routing_summary":{}}}"#,
                r#"{"response":{"model":"r","routing_summary":{}},"routing_summary":1}"#,
                r#"{"response":{"model":"r","routing_summary":1}}"#,
            ),
            (
                r#"{"delta":"x"}"#,
                r#"{"delta":"x","routing_summary":1}"#,
                r#"{"delta":"x","routing_summary":1}"#,
            ),
        ] {
            for (takes_summary, expected) in [(false, beside), (true, inside)] {
                let mut out = String::new();
                let annotation = Annotation::of_nested(body, "response", takes_summary);
                annotation.write(&mut out, body, Some("r"), Some("1"));
                assert_eq!(out, expected);
                let mut out = String::new();
                annotation.write(&mut out, body, None, None);
                assert_eq!(out, body);
            }
        }
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
        let data = r#"{"id":"\u0031","model":"up","choices":[ ]}"#;
        assert_eq!(
            written(data, Some("r"), None),
            data.replace("\"up\"", "\"r\"")
        );
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
