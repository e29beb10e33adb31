//! Request adapters: pure edits that make one request fit one step, and what follows from a refusal.
//!
//! Edits are made in layers: the built-in table (what the provider is known to refuse), what is remembered (what it has
//! refused here before), what is configured, and the step's model. An edit works on the ordered raw members of the body;
//! what it does not know stays byte for byte, for the provider to judge.

mod always;
mod configured;
mod fit;
mod form_parts;
mod format;
mod layers;
mod learned;
mod lesson;
mod meaning;
mod members;
mod operations;
mod profile;
mod profile_rules;
mod profiles;
mod refusals;
mod schema;
mod shapes;
mod strict_schema;
mod tools;

use crate::config::{SchemaFallback, Step};
use crate::dialect::Dialect;
use crate::dialect::request::{Payload, Request};
use crate::dialect::step_traits::ProviderKind;
use crate::dialect::vocabulary::Vocabulary;
use crate::json::Object;

use operations::Kept;
use profile::ProfileRule;

pub use fit::unfit;
pub use layers::{Layer, layers, names, warnings};
pub use learned::Learned;
pub use lesson::Lesson;

/// The request in its dialect for a step, with the edits of all layers.
pub fn adapt<'r>(
    dialect: &dyn Dialect,
    request: &'r Request<'_>,
    step: &Step,
    lessons: &[Lesson],
) -> Payload<'r> {
    let mut payload = request.payload.borrowed();
    edit_all(dialect, &mut payload, request.stream, step, lessons);
    payload
}

/// Makes the edits of all layers in a payload. `stream` is whether the client asks for a stream.
pub fn edit_all(
    dialect: &dyn Dialect,
    payload: &mut Payload<'_>,
    stream: bool,
    step: &Step,
    lessons: &[Lesson],
) {
    dialect.own_edits(payload, &step.traits);
    match payload {
        Payload::Json(body) => edit(body, dialect.vocabulary(), stream, step, lessons),
        Payload::Multipart(form) => {
            form_parts::edit(form, &step.provider.fit.edits);
            form_parts::edit(form, &step.fit.edits);
            form.set("model", &step.model);
        }
    }
}

fn edit(
    body: &mut Object<'_>,
    vocabulary: Vocabulary,
    stream: bool,
    step: &Step,
    lessons: &[Lesson],
) {
    built_in(body, vocabulary, step, stream);
    let kept = Kept(&step.fit.keep);
    for lesson in lessons {
        lesson.apply(body, stream, kept);
    }
    if schema::is_asked_for(body)
        && !kept.has("response_format")
        && let Some(fallback) = schema::fallback(step, lessons)
    {
        schema::edit(body, fallback);
    }
    configured::edit(body, &step.provider.fit.edits);
    configured::edit(body, &step.fit.edits);
    body.set("model", String::from(&*step.quoted_model));
}

/// Whether the edits for a step may reach into the members of a request: what is edited there is copied.
pub fn reaches_inside(
    dialect: &dyn Dialect,
    request: &Request<'_>,
    step: &Step,
    lessons: &[Lesson],
) -> bool {
    let Some(body) = request.payload.object() else {
        return false;
    };
    let is_inside = |place: &str| place.contains(['.', '[']) || place == "messages";
    let by_table = || {
        let profile = profile_rules::profile_of(&step.provider);
        let profile = profile.filter(|_| dialect.vocabulary().has_table);
        profile.is_some_and(|profile| {
            let mut rules = profile_rules::rules(profile, &step.model, Some(body));
            rules.any(|rule| rule.place().is_none_or(is_inside))
        })
    };
    let by_lesson = || {
        let mut places = lessons.iter().filter_map(Lesson::place);
        places.any(is_inside)
    };
    let by_schema = || schema::is_asked_for(body) && schema::fallback(step, lessons).is_some();
    dialect.edits_inside()
        || step.fit.reasoning_replay
        || configured::places(&step.provider.fit.edits).any(is_inside)
        || configured::places(&step.fit.edits).any(is_inside)
        || by_table()
        || by_lesson()
        || by_schema()
}

/// Whether the step gets the schema that a request asks for in words: nobody but the gateway looks then whether the
/// answer is JSON at all.
pub fn puts_schema_into_words(request: &Request<'_>, step: &Step, lessons: &[Lesson]) -> bool {
    let Some(body) = request
        .payload
        .object()
        .filter(|body| schema::is_asked_for(body))
    else {
        return false;
    };
    let is_kept = Kept(&step.fit.keep).has("response_format");
    // Without tools that it gives way to, the format would have been sent.
    let stays = step.conflict_resolution.is_none() || !meaning::is_carried(body, "tools");
    let fallback = schema::fallback(step, lessons);
    stays && !is_kept && fallback.is_some_and(|fallback| fallback != SchemaFallback::Skip)
}

fn built_in(body: &mut Object<'_>, vocabulary: Vocabulary, step: &Step, stream: bool) {
    if vocabulary.has_table {
        if let Some(profile) = profile_rules::profile_of(&step.provider) {
            always::edit(body, stream, Kept(&step.fit.keep));
            profile_rules::edit(body, step, profile);
        }
        if step.fit.reasoning_replay {
            shapes::Shape::ReasoningBack.apply(body, shapes::FILLER);
        }
    }
    if let Some(resolution) = step.conflict_resolution {
        tools::resolve_conflict(body, vocabulary.format, resolution);
    }
    if tools::relaxes(step) {
        tools::relax_tool_choice(body);
    }
    if step.provider.strict_json_schema {
        strict_schema::enforce(body, vocabulary.format);
    }
}

/// Whether a step's provider takes the reasoning of earlier answers back: most refuse it, some answer 400 without it.
pub fn replays_reasoning(step: &Step) -> bool {
    let profile = profile_rules::profile_of(&step.provider);
    let wants =
        |rule: ProfileRule| matches!(rule, ProfileRule::Shape(shapes::Shape::ReasoningBack));
    step.fit.reasoning_replay
        || profile
            .is_some_and(|profile| profile_rules::rules(profile, &step.model, None).any(wants))
}

/// The lessons of a refusal for a request that was sent; none where it says nothing about a member that was sent.
pub fn lessons_of(status: u16, refusal: &str, sent: &Payload<'_>, step: &Step) -> Vec<Lesson> {
    match sent {
        Payload::Json(sent) => {
            let mut lessons = refusals::lessons(status, refusal, sent, Kept(&step.fit.keep));
            let is_messages = step.provider.traits.kind == ProviderKind::Anthropic;
            lessons.retain_mut(|lesson| lesson.turn_to(is_messages));
            lessons
        }
        Payload::Multipart(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
