//! The configured edits of a call's head: fields that are set and unset, and names that are taken off a list.

use crate::config::HeaderEdit;

/// Makes the edits. The list that names were taken off comes back with its field's name, as it is a text of its own;
/// `None` where no list changed or nothing is left of it.
pub fn edit_headers<'h>(
    headers: &mut Vec<(&'h str, &'h str)>,
    edits: impl Iterator<Item = &'h HeaderEdit>,
) -> Option<(&'h str, String)> {
    let mut unlisted: Vec<&'h String> = Vec::new();
    let mut listed: Option<(&'h str, &'h str)> = None;
    for edit in edits {
        let name = edit.name();
        match edit {
            HeaderEdit::Unlist(_, names) => {
                let mut known = headers.iter();
                let known = known.find(|(set, _)| set.eq_ignore_ascii_case(name));
                listed = listed.or_else(|| known.copied());
                unlisted.extend(names);
            }
            HeaderEdit::Set(_, value) => {
                headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
                headers.push((name, value.expose()));
            }
            HeaderEdit::Unset(_) => headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name)),
        }
    }
    let (name, list) = listed?;
    headers.retain(|(set, _)| !set.eq_ignore_ascii_case(name));
    let names = list.split(',').map(str::trim);
    let names = names.filter(|name| !unlisted.iter().any(|gone| gone.as_str() == *name));
    let rest = names.collect::<Vec<_>>().join(",");
    (!rest.is_empty()).then_some((name, rest))
}
