//! Attributes of a request that its spans have besides its operation (OpenTelemetry's GenAI conventions), and of the events in
//! them.

use crate::dialect::Dialect;
use crate::dialect::class::Class;
use crate::dialect::request::Request;
use crate::json::raw;
use crate::routing::StepReport;
use crate::telemetry::trace::{Attribute, list, names};

/// The encodings of vectors that there are; other words are not shown, as clients may put anything there.
const ENCODINGS: [&str; 2] = ["float", "base64"];

/// The attributes that a request's members tell. Members of these names mean the same in every dialect that has them.
pub fn attributes(dialect: &dyn Dialect, request: &Request<'_>) -> Vec<Attribute> {
    let member = |name| request.payload.object().and_then(|object| object.get(name));
    let output_type = dialect.output_type(&request.payload);
    let dimensions = member("dimensions").and_then(raw::whole_number);
    let dimensions = dimensions.and_then(|count| i64::try_from(count).ok());
    let encoding = member("encoding_format").and_then(raw::text);
    let encoding = ENCODINGS
        .into_iter()
        .find(|known| Some(*known) == encoding.as_deref());
    [
        output_type.map(|kind| Attribute::new(names::OUTPUT_TYPE, kind)),
        dimensions.map(|count| Attribute::new(names::DIMENSIONS, count)),
        encoding.map(|name| list(names::ENCODING_FORMATS, &[name])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The attributes of an event about a step: which it is, and how it failed.
pub fn about(report: &StepReport) -> Vec<Attribute> {
    let mut attributes = vec![
        Attribute::new(names::STEP, number(report.step_index)),
        Attribute::new(names::PROVIDER, report.provider().to_owned()),
        Attribute::new(names::REQUEST_MODEL, report.model().to_owned()),
    ];
    let class = report.class.map(Class::label);
    attributes.extend(class.map(|class| Attribute::new(names::ERROR_TYPE, class)));
    let cooldown = report.retry_after.map(|rest| rest.as_secs_f64());
    attributes.extend(cooldown.map(|rest| Attribute::new(names::COOLDOWN, rest)));
    attributes
}

/// An index as attributes hold numbers.
pub fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::chat::Chat;
    use crate::dialect::request::Payload;
    use crate::json::Object;

    #[test]
    fn what_a_request_asks_for_is_told_in_the_conventions_words() {
        let told = |members: &str| {
            let body = format!("{{\"model\":\"m\"{members}}}");
            let request = Request {
                payload: Payload::Json(Object::parse(&body).unwrap()),
                model: "m".to_owned(),
                stream: false,
            };
            let attributes = attributes(&Chat, &request);
            let told = attributes
                .iter()
                .map(|one| format!("{} {:?}", one.key, one.value));
            told.collect::<Vec<_>>().join(", ")
        };
        for (members, expected) in [
            ("", ""),
            (
                r#","response_format":{"type":"json_object"}"#,
                r#"gen_ai.output.type String(Static("json"))"#,
            ),
            (r#","response_format":{"type":"text"}"#, ""),
            (
                r#","dimensions":256,"encoding_format":"base64""#,
                r#"gen_ai.embeddings.dimension.count I64(256), gen_ai.request.encoding_formats Array(String([Static("base64")]))"#,
            ),
            (r#","dimensions":-1,"encoding_format":"sk-0123456789""#, ""),
        ] {
            assert_eq!(told(members), expected, "{members}");
        }
    }
}
