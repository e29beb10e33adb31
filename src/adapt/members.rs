//! The members of a body that a path meets: looking at them, and changing the objects that they stand in.

use crate::json::path::{Items, split};
use crate::json::{Object, raw};

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
                is_meant(items, item)
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
                if is_meant(items, item) {
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

/// Whether a path goes on in an item of an array.
fn is_meant(items: Items<'_>, item: &str) -> bool {
    match items {
        Items::None => false,
        Items::All => true,
        Items::Having(key, text) => {
            raw::member(item, key).and_then(raw::text).as_deref() == Some(text)
        }
    }
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
}
