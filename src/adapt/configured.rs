//! The edits that the configuration asks for.

use crate::config::Edits;
use crate::json::Object;

use super::operations::{default, drop_member, put, rename};

/// Makes the edits, in the order of the page: rename, drop, default, override.
pub fn edit(body: &mut Object<'_>, edits: &Edits) {
    for (place, to) in &edits.rename {
        rename(body, place, to);
    }
    for place in &edits.drop {
        drop_member(body, place);
    }
    for (place, json) in &edits.default {
        default(body, place, json);
    }
    for (place, json) in &edits.overrides {
        put(body, place, json);
    }
}

/// The places that the edits look at.
pub fn places(edits: &Edits) -> impl Iterator<Item = &str> {
    let renamed = edits.rename.iter().map(|(place, _)| place);
    let put = edits.default.iter().chain(&edits.overrides);
    let put = put.map(|(place, _)| place);
    renamed.chain(&edits.drop).chain(put).map(String::as_str)
}

/// The edits in words, each by itself.
pub fn words(edits: &Edits) -> Vec<String> {
    let renamed = edits
        .rename
        .iter()
        .map(|(place, to)| format!("{place} becomes {to}"));
    let dropped = edits.drop.iter().map(|place| format!("{place} is dropped"));
    let default = edits.default.iter();
    let default = default.map(|(place, json)| format!("{place} is {json} where there is none"));
    let put = edits
        .overrides
        .iter()
        .map(|(place, json)| format!("{place} is {json}"));
    let headers = edits
        .headers
        .iter()
        .map(|edit| format!("header {}", edit.name()));
    renamed
        .chain(dropped)
        .chain(default)
        .chain(put)
        .chain(headers)
        .collect()
}
