//! The fit of a request to a step, judged before the call: what the step is known not to carry.

use crate::config::{Modality, SchemaFallback, Step};
use crate::dialect::request::{Request, Unfit};
use crate::dialect::vocabulary::Vocabulary;
use crate::json::{Object, raw};

use super::lesson::Lesson;
use super::meaning::{AUDIO, FILES, IMAGES, each_part, is_carried};
use super::operations::Kept;
use super::profile_rules::{profile_of, refused_by_profile};
use super::schema;

/// The bytes of text that are one token at least. A wrong skip is worse than a refusal, so the estimate is a lower bound:
/// no tokenizer in use makes less than a token of six bytes on average.
const BYTES_A_TOKEN: u64 = 6;

/// The tokens of an image at least.
const IMAGE: u64 = 250;

/// The reason why the request passes the step over; `None` where it may fit.
pub fn unfit(
    vocabulary: Vocabulary,
    request: &Request<'_>,
    step: &Step,
    lessons: &[Lesson],
) -> Option<Unfit> {
    let body = request.payload.object()?;
    let lacking = lacking(vocabulary, body, step, lessons).map(Unfit::from);
    lacking.or_else(|| too_long(body, step, lessons))
}

/// The needs of the request that the step does not have.
fn lacking(
    vocabulary: Vocabulary,
    body: &Object<'_>,
    step: &Step,
    lessons: &[Lesson],
) -> Option<String> {
    let kept = Kept(&step.fit.keep);
    if step.fit.refuses_tools && is_carried(body, "tools") {
        return Some("the step takes no tools".to_owned());
    }
    let modalities = step.fit.modalities.as_deref();
    if let Some(kind) = modalities.and_then(|kinds| foreign(body, kinds)) {
        return Some(format!("the step takes no {kind}"));
    }
    if vocabulary.has_table
        && let Some(profile) = profile_of(&step.provider)
        && let Some(member) = refused_by_profile(body, step, profile)
    {
        return Some(format!("{} does not take {member}", profile.name));
    }
    if schema::is_asked_for(body)
        && schema::fallback(step, lessons) == Some(SchemaFallback::Skip)
        && !kept.has("response_format")
    {
        return Some("the step has no json_schema response format".to_owned());
    }
    let mut passing = lessons.iter().filter(|lesson| {
        lesson.passes_over(body) && !lesson.place().is_some_and(|place| kept.has(place))
    });
    let lesson = passing.next()?;
    Some(format!("the provider has refused {}", lesson.label()))
}

/// The fault of a request that is longer than the configured context, else than the one that a refusal has told. What
/// the provider itself refused for its length is refused so again.
fn too_long(body: &Object<'_>, step: &Step, lessons: &[Lesson]) -> Option<Unfit> {
    let learned = lessons.iter().find_map(|lesson| match lesson {
        Lesson::ContextLength { tokens } => Some(*tokens),
        _ => None,
    });
    let length = step.fit.context_length.or(learned)?;
    let least = least_tokens(body);
    (least > length).then(|| Unfit {
        too_large: step.fit.context_length.is_none(),
        ..Unfit::from(format!(
            "the request has at least {least} tokens, the step's context {length}"
        ))
    })
}

/// The kind of parts that the request has and the step does not take.
fn foreign(body: &Object<'_>, kinds: &[Modality]) -> Option<&'static str> {
    let all = [
        (Modality::Image, IMAGES),
        (Modality::Audio, AUDIO),
        (Modality::File, FILES),
    ];
    let missing = all.into_iter().filter(|(kind, _)| !kinds.contains(kind));
    missing
        .map(|(_, parts)| parts)
        .find(|parts| is_carried(body, parts))
}

/// A lower bound of the request's tokens, those that it asks for included. Images are counted, their data is not.
pub fn least_tokens(body: &Object<'_>) -> u64 {
    let (mut bytes, mut images) = (0, 0);
    let mut count = |text: Option<&str>| {
        bytes += text.and_then(raw::text).map_or(0, |text| text.len() as u64);
    };
    // What is no array has no items.
    let _ = raw::each_item(body.get("messages").unwrap_or_default(), &mut |message| {
        count(raw::member(message, "content"));
        let calls = raw::member(message, "tool_calls").unwrap_or_default();
        let _ = raw::each_item(calls, &mut |call| {
            let function = raw::member(call, "function").unwrap_or_default();
            count(raw::member(function, "arguments"));
        });
    });
    each_part(body, &mut |part| {
        count(raw::member(part, "text"));
        images += u64::from(raw::member(part, "image_url").is_some());
    });
    let asked = ["max_completion_tokens", "max_tokens"]
        .into_iter()
        .find_map(|member| body.get(member).and_then(raw::whole_number));
    (bytes / BYTES_A_TOKEN)
        .saturating_add(images * IMAGE)
        .saturating_add(asked.unwrap_or_default())
}
