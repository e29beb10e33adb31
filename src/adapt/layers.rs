//! The layers of a step's edits in words, for `explain`, and the edits that work against each other, for `check`.

use crate::config::{Config, ConflictResolution, SchemaFallback, Step};
use crate::json::path;

use super::configured;
use super::operations::Kept;
use super::profile::ProfileRule;
use super::profile_rules::{profile_of, rules};
use super::{schema, tools};

/// A layer of a step's edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub name: String,
    /// The edits in words, each by itself.
    pub edits: Vec<String>,
}

/// The layers of a step that have edits, in their order, without what is remembered.
pub fn layers(step: &Step) -> Vec<Layer> {
    let layer = |name: &str, edits: Vec<String>| Layer {
        name: name.to_owned(),
        edits,
    };
    let profile = profile_of(&step.provider);
    let built_in = match profile {
        None => "built-in (none)".to_owned(),
        Some(profile) => format!("built-in ({})", profile.name),
    };
    let all = vec![
        layer(&built_in, built_in_words(step)),
        layer("provider", configured::words(&step.provider.fit.edits)),
        layer("step", configured::words(&step.fit.edits)),
    ];
    all.into_iter()
        .filter(|layer| !layer.edits.is_empty())
        .collect()
}

fn built_in_words(step: &Step) -> Vec<String> {
    let mut words = Vec::new();
    let kept = Kept(&step.fit.keep);
    if let Some(profile) = profile_of(&step.provider) {
        words.push("empty tools, functions, stop and logit_bias are dropped".to_owned());
        for rule in rules(profile, &step.model, None) {
            if !rule.place().is_some_and(|place| kept.has(place)) {
                words.push(rule.words());
            }
        }
    }
    match schema::fallback(step, &[]) {
        Some(SchemaFallback::Object) => {
            words.push("a json_schema becomes json_object and a line of the system's".to_owned());
        }
        Some(SchemaFallback::Prompt) => {
            words.push("a json_schema becomes a line of the system's".to_owned());
        }
        Some(SchemaFallback::Skip) => {
            words.push("requests with a json_schema pass the step over".to_owned());
        }
        None => {}
    }
    if step.fit.reasoning_replay {
        words.push("reasoning_replay: true".to_owned());
    }
    words
}

impl ProfileRule {
    fn words(self) -> String {
        match self {
            Self::Drop(place) => format!("{place} is dropped"),
            Self::DropIf(place, values) => {
                format!("{place} is dropped if it is {}", values.join(" or "))
            }
            Self::DropUnless(place, values) => {
                format!("{place} is dropped unless it is {}", values.join(" or "))
            }
            Self::DropNulls => "nulls are dropped".to_owned(),
            Self::Rename(place, to) => format!("{place} becomes {to}"),
            Self::Replace(place, from, to) => format!("{place} {from} becomes {to}"),
            Self::AtMost(place, most) => format!("{place} is at most {most}"),
            Self::Shape(shape) => shape.words().to_owned(),
            Self::OnlyKnownMembers(_) => "messages keep the usual members only".to_owned(),
            Self::EqualStrict => "strict is the same in all tools".to_owned(),
            Self::FormatYields => "response_format gives way to tools".to_owned(),
            Self::RelaxToolChoice => "a forced tool_choice becomes auto".to_owned(),
        }
    }
}

/// The settings that were there before the layers, as the configuration spells them.
pub fn names(step: &Step) -> Vec<&'static str> {
    let conflict = step.conflict_resolution.map(|resolution| match resolution {
        ConflictResolution::Tools => "conflict_resolution: tools",
        ConflictResolution::Format => "conflict_resolution: format",
    });
    let thinking = tools::relaxes(step).then_some("thinking: true");
    let strict = step
        .provider
        .strict_json_schema
        .then_some("strict_json_schema: true");
    [conflict, thinking, strict].into_iter().flatten().collect()
}

/// Settings that can hardly be meant, in a sentence each: an `override` of a member that the profile drops, as providers like
/// this one are known to refuse it.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    for (of_route, route) in config.routes.iter().enumerate() {
        for (index, step) in route.steps.iter().enumerate() {
            let place = format!("routes[{of_route}].steps[{index}]");
            warnings.extend(warnings_of(step).map(|words| format!("{place}: {words}")));
        }
    }
    warnings
}

fn warnings_of(step: &Step) -> impl Iterator<Item = String> {
    let profile = profile_of(&step.provider);
    let by_provider = step.provider.fit.edits.overrides.iter();
    let overrides = by_provider.chain(&step.fit.edits.overrides);
    overrides.filter_map(move |(member, _)| {
        let profile = profile?;
        let dropped = rules(profile, &step.model, None).any(|rule| match rule {
            ProfileRule::Drop(place) | ProfileRule::DropUnless(place, _) => path::is_within(member, place),
            _ => false,
        });
        dropped.then(|| {
            format!(
                "`override` sets {member}, which the profile {} drops: such providers are known to refuse it",
                profile.name
            )
        })
    })
}
