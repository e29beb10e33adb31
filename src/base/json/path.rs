//! Paths to members of a body: `a`, `a.b`, `a[*].b`, `messages[role=assistant].reasoning_content`. A path that meets
//! nothing does nothing. There are no numbers and no wildcards for keys: a rule that knows a position knows one request.

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

#[cfg(test)]
mod tests {
    use super::*;

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
