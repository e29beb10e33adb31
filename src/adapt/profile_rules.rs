//! The look-up of a step's profile, and the edits of its rules.

use crate::config::{ProfileChoice, Provider, Step, known_apis};
use crate::dialect::step_traits::ProviderKind;
use crate::json::{Object, raw};
use crate::text::is_like;

use super::meaning::{is_carried, items, may_matter};
use super::operations::{Kept, at_most, drop_member, is_same, rename, replace};
use super::profile::{Models, Profile, ProfileRule};
use super::profiles::TABLE;
use super::shapes::only_known_members;
use super::tools;

/// The profile of a provider; `None` where the table is switched off.
pub fn profile_of(provider: &Provider) -> Option<&'static Profile> {
    let row = provider.fit.profile_row.get_or_init(|| row_of(provider));
    TABLE.get((*row)?)
}

fn row_of(provider: &Provider) -> Option<usize> {
    let named = |name: &str| TABLE.iter().position(|profile| profile.name == name);
    match provider.fit.profile {
        // The table is about chat completions.
        _ if provider.traits.kind == ProviderKind::Anthropic => None,
        ProfileChoice::Off => None,
        ProfileChoice::Named(name) => named(name),
        ProfileChoice::ByHost => {
            let api = known_apis::at(&provider.server);
            named(api.map_or("generic", |api| api.profile))
        }
    }
}

/// The part of a model's name that patterns look at: `openai/gpt-oss-20b:free` is `gpt-oss-20b`.
fn bare(model: &str) -> &str {
    let model = model.rsplit_once('/').map_or(model, |(_, name)| name);
    model.split_once(':').map_or(model, |(name, _)| name)
}

impl Models {
    /// Whether rules for these models hold for a request.
    fn covers(self, model: &str, has_effort: impl Fn() -> bool) -> bool {
        let like = |patterns: &[&str]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| is_like(bare(model), pattern))
        };
        match self {
            Self::All => true,
            Self::None => false,
            Self::Like(patterns) => like(patterns),
            Self::Unlike(patterns) => !like(patterns),
            Self::WithEffort(patterns) => like(patterns) && has_effort(),
        }
    }
}

/// Whether the model is known to have no `json_schema` response format.
pub fn lacks_schemas(profile: &Profile, model: &str) -> bool {
    profile.without_schemas.covers(model, || false)
}

/// The rules that hold for a request to this model.
pub fn rules<'b>(
    profile: &'static Profile,
    model: &'b str,
    body: Option<&'b Object<'_>>,
) -> impl Iterator<Item = ProfileRule> + 'b {
    let has_effort = move || {
        let effort = body.and_then(|body| body.text("reasoning_effort"));
        // Without a request all rules are shown.
        body.is_none() || effort.is_some_and(|effort| effort != "none")
    };
    let parts = profile.parts.iter();
    parts
        .filter(move |part| part.models.covers(model, has_effort))
        .flat_map(|part| part.rules.iter().copied())
}

/// Makes the edits of a profile.
pub fn edit(body: &mut Object<'_>, step: &Step, profile: &'static Profile) {
    let kept = Kept(&step.fit.keep);
    let due: Vec<ProfileRule> = rules(profile, &step.model, Some(body)).collect();
    for rule in due {
        if !rule.place().is_some_and(|place| kept.has(place)) {
            apply(rule, body, step, profile, kept);
        }
    }
}

fn apply(rule: ProfileRule, body: &mut Object<'_>, step: &Step, profile: &Profile, kept: Kept<'_>) {
    match rule {
        ProfileRule::Drop(place) => {
            if !is_carried(body, place) {
                drop_member(body, place);
            }
        }
        ProfileRule::DropIf(member, values) => {
            if body
                .get(member)
                .is_some_and(|value| is_one_of(value, values))
            {
                body.remove(member);
            }
        }
        ProfileRule::DropUnless(member, values) => {
            if body
                .get(member)
                .is_some_and(|value| !is_one_of(value, values))
            {
                body.remove(member);
            }
        }
        ProfileRule::DropNulls => {
            let nulls = body.members().filter(|(_, value)| *value == "null");
            let nulls: Vec<String> = nulls
                .filter_map(|(key, _)| Some(raw::text(key)?.into_owned()))
                .filter(|key| !kept.has(key) && body.get(key) == Some("null"))
                .collect();
            for key in nulls {
                body.remove(&key);
            }
        }
        ProfileRule::Rename(place, to) => rename(body, place, to),
        ProfileRule::Replace(place, from, to) => replace(body, place, from, to),
        ProfileRule::AtMost(place, most) => at_most(body, place, most),
        ProfileRule::Shape(shape) => shape.apply(body, profile.filler),
        ProfileRule::OnlyKnownMembers(also) => only_known_members(body, also, kept),
        ProfileRule::EqualStrict => equal_strict(body),
        ProfileRule::FormatYields => tools::format_yields(body),
        ProfileRule::RelaxToolChoice => {
            let thinking = body
                .get("thinking")
                .and_then(|value| raw::member(value, "type"));
            if step.thinking != Some(false) && thinking != Some(r#""disabled""#) {
                tools::relax_tool_choice(body);
            }
        }
    }
}

fn is_one_of(value: &str, values: &[&str]) -> bool {
    values.iter().any(|other| is_same(value, other))
}

/// `Tools with mixed values for 'strict' are not allowed.` (Cerebras): where they are mixed, all are false.
pub fn equal_strict(body: &mut Object<'_>) {
    let is_strict = |tool: &str| {
        let function = raw::member(tool, "function").unwrap_or_default();
        raw::member(function, "strict") == Some("true")
    };
    let tools: Vec<bool> = items(body.get("tools").unwrap_or_default())
        .map(is_strict)
        .collect();
    if tools.contains(&true) && tools.contains(&false) {
        super::operations::put(body, "tools[*].function.strict", "false");
    }
}

/// The member with a meaning that the profile would have to drop; `None` where the request has none.
pub fn refused_by_profile(
    body: &Object<'_>,
    step: &Step,
    profile: &'static Profile,
) -> Option<&'static str> {
    let kept = Kept(&step.fit.keep);
    rules(profile, &step.model, Some(body)).find_map(|rule| match rule {
        ProfileRule::Drop(member) if may_matter(member) && !kept.has(member) => {
            is_carried(body, member).then_some(member)
        }
        _ => None,
    })
}

impl ProfileRule {
    /// The place that the rule changes, for `keep`; `None` for rules that look at each member themselves.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::Drop(place)
            | Self::DropIf(place, _)
            | Self::DropUnless(place, _)
            | Self::Rename(place, _)
            | Self::Replace(place, ..)
            | Self::AtMost(place, _) => Some(place),
            Self::Shape(shape) => Some(shape.touches()),
            Self::EqualStrict => Some("tools[*].function.strict"),
            Self::FormatYields => Some("response_format"),
            Self::RelaxToolChoice => Some("tool_choice"),
            Self::DropNulls | Self::OnlyKnownMembers(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
