//! `edits:` of providers and steps: what is renamed, dropped, set and unset in a request, member by member.

use crate::json::path;
use crate::secret::Secret;

use super::fit::{Edits, HeaderEdit};
use super::section::{Section, Setting};
use super::suggest::did_you_mean;

/// Members that no edit may touch as a whole, and the settings that have to do with them instead.
const OWN_MEMBERS: [(&str, &str); 3] = [
    ("model", "it is the step's own `model`"),
    (
        "messages",
        "name a member of them, such as `messages[*].name`",
    ),
    ("stream", "it has settings of its own"),
];

/// Header fields that no edit may touch, beside those that the gateway writes itself.
const AUTHORIZATION: &str = "authorization";

/// The one header whose value is a list that edits may take names off.
const BETA: &str = "anthropic-beta";

/// The edits in a provider or a step; none without the key.
pub(super) fn edits(table: &Section) -> Edits {
    let Some(table) = table.get("edits").and_then(|value| value.table()) else {
        return Edits::default();
    };
    let edits = Edits {
        rename: renames(&table),
        drop: drops(&table),
        default: values(&table, "default"),
        overrides: values(&table, "override"),
        headers: headers(&table),
    };
    table.finish(|_| false);
    edits
}

/// The reason why a text is no path to a member; `None` for one that is.
pub(super) fn problem_of_path(text: &str) -> Option<String> {
    if path::is_path(text) {
        return None;
    }
    let meant = any_item(text);
    let suggestion = did_you_mean(text, [meant.as_str()].into_iter().filter(|_| meant != text));
    Some(format!(
        "is no path such as `a`, `a.b`, `a[*].b` or `messages[role=assistant].b`{suggestion}"
    ))
}

/// A path as it is mostly meant: the numbers in it are any item.
fn any_item(text: &str) -> String {
    let mut meant = String::new();
    for (place, part) in text.split('[').enumerate() {
        match part.split_once(']') {
            Some((number, rest)) if place > 0 && number.bytes().all(|b| b.is_ascii_digit()) => {
                meant.push_str("[*]");
                meant.push_str(rest);
            }
            _ if place > 0 => {
                meant.push('[');
                meant.push_str(part);
            }
            _ => meant.push_str(part),
        }
    }
    if path::is_path(&meant) {
        meant
    } else {
        text.to_owned()
    }
}

/// Whether an edit may touch the place; a `false` is reported.
fn is_allowed(value: &Setting<'_>, place: &str) -> bool {
    if let Some(problem) = problem_of_path(place) {
        value.report(problem);
        return false;
    }
    let own = OWN_MEMBERS.iter().find(|(name, _)| *name == place);
    if let Some((name, instead)) = own {
        value.report(format!("`{name}` cannot be edited: {instead}"));
    }
    own.is_none()
}

fn renames(table: &Section) -> Vec<(String, String)> {
    let mut renames = Vec::new();
    for (place, value) in mapping(table, "rename") {
        let Some(text) = value.filled() else { continue };
        if !is_allowed(&value, &place) {
            continue;
        }
        let (parent, _) = path::parent_and_name(&place);
        let name = text.content.strip_prefix(parent).unwrap_or(&text.content);
        if name.contains(['.', '[']) {
            value.report("must be a name, or a path with the same parent");
        } else if is_allowed(&value, &format!("{parent}{name}")) {
            renames.push((place, name.to_owned()));
        }
    }
    renames
}

fn drops(table: &Section) -> Vec<String> {
    let listed = table.get("drop").and_then(|value| value.list());
    let mut drops = Vec::new();
    for value in listed.unwrap_or_default() {
        if let Some(text) = value.filled()
            && is_allowed(&value, &text.content)
        {
            drops.push(text.content);
        }
    }
    drops
}

fn values(table: &Section, key: &'static str) -> Vec<(String, String)> {
    let entries = mapping(table, key).into_iter();
    let allowed = entries.filter(|(place, value)| is_allowed(value, place));
    allowed
        .filter_map(|(place, value)| Some((place, value.json()?)))
        .collect()
}

fn headers(table: &Section) -> Vec<HeaderEdit> {
    let mut headers: Vec<HeaderEdit> = Vec::new();
    for (name, value) in mapping(table, "headers") {
        let same = |other: &HeaderEdit| other.name().eq_ignore_ascii_case(&name);
        if headers.iter().any(same) {
            value.report("is given twice in another case");
        }
        if name.eq_ignore_ascii_case(AUTHORIZATION) {
            value.report("is not for edits: `api_key` of the provider writes it");
        } else if value.check_header_name(&name) {
            headers.extend(header(name, &value));
        }
    }
    headers
}

fn header(name: String, value: &Setting<'_>) -> Option<HeaderEdit> {
    if value.is_null() {
        return Some(HeaderEdit::Unset(name));
    }
    let content = value.header_value()?;
    if name.eq_ignore_ascii_case(BETA) && content.starts_with('-') {
        let names = content.split(',').map(|name| name.trim());
        let names = names.map(|name| name.strip_prefix('-').unwrap_or(name).to_owned());
        return Some(HeaderEdit::Unlist(name, names.collect()));
    }
    Some(HeaderEdit::Set(name, Secret::new(content)))
}

/// The entries of a mapping, those without a value included.
fn mapping<'r>(table: &Section<'r>, key: &'static str) -> Vec<(String, Setting<'r>)> {
    let listed = table.get(key).and_then(|value| value.table());
    listed.map(Section::into_entries).unwrap_or_default()
}

impl HeaderEdit {
    /// The name of the header, as it was written.
    pub fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Unset(name) | Self::Unlist(name, _) => name,
        }
    }
}
