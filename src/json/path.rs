//! Paths to members of a body: `a`, `a.b`, `a[*].b`, `messages[role=assistant].reasoning_content`. A path that meets
//! nothing does nothing. There are no numbers and no wildcards for keys: a rule that knows a position knows one request.

use super::{Object, raw};

/// The most names in a path; it bounds the recursion of an edit.
const MOST_NAMES: usize = 8;

/// The longest path (bytes).
const LONGEST: usize = 256;

/// A name of a path, and the items that it stands for where its value is an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'p> {
    pub key: &'p str,
    pub items: Items<'p>,
}

/// The items of an array that a path goes on in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items<'p> {
    /// The value is an object, or the path ends here.
    None,
    /// `[*]`
    All,
    /// `[role=assistant]`: the objects that have this member with this text.
    Having(&'p str, &'p str),
}

impl Items<'_> {
    fn take(self, item: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Having(key, text) => {
                raw::member(item, key).and_then(raw::text).as_deref() == Some(text)
            }
        }
    }
}

/// The first name of a path and the path behind it, which is empty at the end; `None` for a text that is no path.
pub fn split(path: &str) -> Option<(Segment<'_>, &str)> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (key, tail) = path.split_at_checked(end)?;
    if key.is_empty() || key.contains([']', '=', '*', ' ']) {
        return None;
    }
    let Some(tail) = tail.strip_prefix('[') else {
        let rest = match tail.strip_prefix('.') {
            Some("") => return None,
            Some(rest) => rest,
            None => tail,
        };
        let items = Items::None;
        return Some((Segment { key, items }, rest));
    };
    let (inside, rest) = tail.split_once(']')?;
    let items = match inside.split_once('=') {
        None if inside == "*" => Items::All,
        Some((key, text)) if !key.is_empty() && !text.is_empty() => Items::Having(key, text),
        _ => return None,
    };
    // Whole items are nothing that an edit could name: a path ends with a member.
    let rest = rest.strip_prefix('.').filter(|rest| !rest.is_empty())?;
    Some((Segment { key, items }, rest))
}

/// The names of a path, from the first to the last.
pub fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (segment, behind) = split(rest)?;
        rest = behind;
        Some(segment)
    })
}

/// Whether a text is a path.
pub fn is_path(text: &str) -> bool {
    let (mut rest, mut names) = (text, 0);
    while let Some((_, behind)) = split(rest) {
        rest = behind;
        names += 1;
    }
    rest.is_empty() && (1..=MOST_NAMES).contains(&names) && text.len() <= LONGEST
}

/// The last name of a path, and the part in front of it with its dot.
pub fn parent_and_name(path: &str) -> (&str, &str) {
    path.rfind('.')
        .and_then(|dot| path.split_at_checked(dot + 1))
        .unwrap_or(("", path))
}

/// Whether `path` is the place `within` or lies in it; which items of an array are meant does not count.
pub fn is_within(path: &str, within: &str) -> bool {
    let mut names = segments(path).map(|segment| segment.key);
    segments(within).all(|segment| names.next() == Some(segment.key))
}

/// Calls `change` with every object that the path's last name is a member of (or could be), and with this name.
pub fn edit(object: &mut Object<'_>, path: &str, change: &mut dyn FnMut(&mut Object<'_>, &str)) {
    let Some((segment, rest)) = split(path) else {
        return;
    };
    if rest.is_empty() {
        change(object, segment.key);
        return;
    }
    let edited = object
        .get(segment.key)
        .and_then(|value| match segment.items {
            Items::None => edited(value, rest, change),
            items => raw::edit_items(value, &mut |item| {
                items
                    .take(item)
                    .then(|| edited(item, rest, change))
                    .flatten()
            }),
        });
    if let Some(json) = edited {
        object.set(segment.key, json);
    }
}

/// The object with its edits; `None` for what is no object, or stays as it is.
fn edited(
    value: &str,
    path: &str,
    change: &mut dyn FnMut(&mut Object<'_>, &str),
) -> Option<String> {
    if !raw::is_object(value) {
        return None;
    }
    let mut object = Object::parse_lenient(value).ok()?;
    edit(&mut object, path, change);
    object.is_edited().then(|| object.to_json())
}

/// Calls `visit` with the raw value of every member that the path meets.
pub fn visit(object: &Object<'_>, path: &str, visit: &mut dyn FnMut(&str)) {
    if let Some((segment, rest)) = split(path)
        && let Some(value) = object.get(segment.key)
    {
        visit_value(value, segment.items, rest, visit);
    }
}

fn visit_value(value: &str, items: Items<'_>, rest: &str, visit: &mut dyn FnMut(&str)) {
    let mut go_on = |value: &str| {
        if let Some((segment, behind)) = split(rest)
            && let Some(member) = raw::member(value, segment.key)
        {
            visit_value(member, segment.items, behind, visit);
        }
    };
    match items {
        Items::None if rest.is_empty() => visit(value),
        Items::None => go_on(value),
        items => {
            // What is no array has no items.
            let _ = raw::each_item(value, &mut |item| {
                if items.take(item) {
                    go_on(item);
                }
            });
        }
    }
}

/// Whether the path meets a member.
pub fn is_met(object: &Object<'_>, path: &str) -> bool {
    let mut found = false;
    visit(object, path, &mut |_| found = true);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"a":1,"b":{"c":null},"messages":[{"role":"user","x":1},{"role":"assistant","x":2},3],"tools":[{"function":{"strict":true}}]}"#;

    fn removed(path: &str) -> String {
        let mut body = Object::parse(BODY).unwrap();
        edit(&mut body, path, &mut |object, key| {
            object.remove(key);
        });
        body.to_json()
    }

    #[test]
    fn a_path_meets_members_and_nothing_else() {
        for (path, gone) in [
            ("a", r#""a":1,"#),
            ("b.c", r#""c":null"#),
            ("messages[role=assistant].x", r#","x":2"#),
            ("tools[*].function.strict", r#""strict":true"#),
        ] {
            assert_eq!(removed(path), BODY.replacen(gone, "", 1), "{path}");
            assert!(is_met(&Object::parse(BODY).unwrap(), path), "{path}");
        }
        let both = BODY
            .replacen(r#","x":1"#, "", 1)
            .replacen(r#","x":2"#, "", 1);
        assert_eq!(removed("messages[*].x"), both);
        for path in ["c", "a.b", "a[*].b", "b[*].c", "messages.x", "tools[*].x.y"] {
            assert_eq!(removed(path), BODY, "{path}");
            assert!(!is_met(&Object::parse(BODY).unwrap(), path), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_told_from_what_is_one() {
        for path in ["a", "a.b.c", "a[*].b", "messages[role=assistant].x", "$ref"] {
            assert!(is_path(path), "{path}");
        }
        let deep = ["a"; MOST_NAMES + 1].join(".");
        for text in [
            "", ".", "a.", ".a", "a..b", "a[0].b", "a[*]", "a[*]b", "a[].b", "a[", "*", "a.*",
            "a[x=].b", "a b", "a[*].", &deep,
        ] {
            assert!(!is_path(text), "{text}");
        }
    }

    #[test]
    fn places_lie_within_each_other_whichever_items_are_meant() {
        for (path, within, is) in [
            ("a", "a", true),
            ("messages[*].x", "messages[role=user].x", true),
            ("tools[*].function.strict", "tools", true),
            ("tools", "tools[*].function.strict", false),
            ("ab", "a", false),
        ] {
            assert_eq!(is_within(path, within), is, "{path} {within}");
        }
        assert_eq!(parent_and_name("a[*].b"), ("a[*].", "b"));
        assert_eq!(parent_and_name("a"), ("", "a"));
    }
}
