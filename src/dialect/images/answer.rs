//! A whole answer with images.

use crate::dialect::annotation::Annotation;
use crate::dialect::answer::{Flaw, JudgedWhole, Says, Silence};
use crate::dialect::provider_error::{error_in, error_of};
use crate::dialect::repairs::Repairs;
use crate::dialect::usage::Usage;
use crate::json::{ObjectError, raw};

/// The most images of an answer; OpenAI's bound for `n` is 10.
const MOST_IMAGES: usize = 128;

/// Judges a body. Fewer images than were asked for are an answer.
///
/// # Errors
/// The reason why no client can be given it.
pub fn judge(body: &str) -> Result<JudgedWhole, Flaw> {
    let (mut error, mut data, mut usage) = (None, None, None);
    let annotation = Annotation::read(body, &mut |key, value| match key {
        "error" => error = error_in(value),
        "data" => data = Some(value),
        "usage" => usage = Usage::of(value),
        _ => {}
    });
    let annotation = annotation.map_err(|problem| match problem {
        ObjectError::NotAnObject => error_of(body).map_or(Flaw::NotAnObject, Flaw::ErrorObject),
        other => Flaw::NotJson(other.to_string()),
    })?;
    if let Some(error) = error {
        return Err(Flaw::ErrorObject(error));
    }
    let Some(data) = data.filter(|data| raw::is_array(data)) else {
        let flaw = Flaw::WrongShape("the answer has no images");
        return Err(error_of(body).map_or(flaw, Flaw::ErrorObject));
    };
    let (mut images, mut empty) = (0, 0);
    // It is an array.
    let _ = raw::each_item(data, &mut |item| {
        images += 1;
        let is_filled = |key| {
            let value = raw::member(item, key);
            value.is_some_and(|value| value.starts_with('"') && value != r#""""#)
        };
        empty += usize::from(!is_filled("b64_json") && !is_filled("url"));
    });
    Ok(JudgedWhole {
        annotation: annotation.without_model(),
        usage,
        says: match (images, empty) {
            (0, _) => Says::Nothing(Silence::Unexplained),
            (_, 0) => Says::Content,
            _ => Says::Nothing(Silence::Unexplained),
        },
        mended: None,
        repairs: Repairs::default(),
    })
}

/// The events that an answer makes as a stream: one of this kind for each image. The usage is in the last one.
///
/// # Errors
/// An image is an address, which no event can hold, or there are more than any sane answer has.
pub fn events(answer: &str, kind: &str) -> Result<Vec<String>, Flaw> {
    let mut images = Vec::new();
    let data = raw::member(answer, "data").unwrap_or_default();
    // What is no array has no items.
    let _ = raw::each_item(data, &mut |item| images.push(raw::member(item, "b64_json")));
    if images.len() > MOST_IMAGES {
        return Err(Flaw::TooMany("images"));
    }
    let beside = ["created", "background", "output_format", "quality", "size"];
    let beside: String = beside
        .into_iter()
        .filter_map(|key| {
            let value = raw::member(answer, key)?;
            let key = if key == "created" { "created_at" } else { key };
            Some(format!(r#","{key}":{value}"#))
        })
        .collect();
    let usage = raw::member(answer, "usage").filter(|usage| *usage != "null");
    let usage = usage.map_or_else(String::new, |usage| format!(r#","usage":{usage}"#));
    let last = images.len().saturating_sub(1);
    images
        .into_iter()
        .enumerate()
        .map(|(place, image)| {
            let image = image
                .filter(|image| image.starts_with('"'))
                .ok_or(Flaw::WrongShape(
                    "an image of the answer is a url, and a stream was asked for",
                ))?;
            let usage = if place == last { usage.as_str() } else { "" };
            Ok(format!(
                r#"{{"type":"{kind}","b64_json":{image}{beside}{usage}}}"#
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_picture_or_an_address() {
        for (body, says) in [
            (
                r#"{"created":1,"data":[{"b64_json":"iVBO"}]}"#,
                Says::Content,
            ),
            (
                r#"{"data":[{"url":"https://x/a.png","b64_json":null},{"b64_json":"iVBO"}]}"#,
                Says::Content,
            ),
            (r#"{"data":[]}"#, Says::Nothing(Silence::Unexplained)),
            (
                r#"{"data":[{"b64_json":""}]}"#,
                Says::Nothing(Silence::Unexplained),
            ),
            (
                r#"{"data":[{"url":"u"},{"revised_prompt":"x"}]}"#,
                Says::Nothing(Silence::Unexplained),
            ),
        ] {
            assert_eq!(judge(body).unwrap().says, says, "{body}");
        }
        for body in [
            r#"{"error":{"code":"content_policy_violation","message":"m"}}"#,
            r#"{"detail":"m"}"#,
        ] {
            assert!(matches!(judge(body), Err(Flaw::ErrorObject(_))), "{body}");
        }
        assert!(matches!(
            judge(r#"{"images":[]}"#),
            Err(Flaw::WrongShape(_))
        ));
        assert!(matches!(judge("<html>"), Err(Flaw::NotJson(_))));
    }

    #[test]
    fn an_answer_becomes_an_event_for_each_image() {
        let answer = r#"{"created":1,"size":"1x1","data":[{"b64_json":"a"},{"b64_json":"b"}],"usage":{"total_tokens":3}}"#;
        assert_eq!(
            events(answer, "image_generation.completed").unwrap(),
            [
                r#"{"type":"image_generation.completed","b64_json":"a","created_at":1,"size":"1x1"}"#,
                r#"{"type":"image_generation.completed","b64_json":"b","created_at":1,"size":"1x1","usage":{"total_tokens":3}}"#,
            ]
        );
        let address = r#"{"data":[{"url":"https://x/a.png"}]}"#;
        assert!(matches!(events(address, "x"), Err(Flaw::WrongShape(_))));
    }
}
