//! Views on one raw JSON value. Nothing is copied unless a string holds escapes, and nothing recurses.

use std::borrow::Cow;

use super::reader::{EntryCursor, Invalid, Reader};
use super::string_scan::plain;

/// Visits members: calls `visit` with the raw key (quotes and escapes included) and the raw value of every member, in
/// order and repeated keys included. Fails if `json` is not one JSON object, possibly after some members were visited.
pub fn each_member<'a>(
    json: &'a str,
    visit: &mut dyn FnMut(&'a str, &'a str),
) -> Result<(), Invalid> {
    let mut reader = Reader::new(json);
    let mut object = EntryCursor::default();
    while let Some(key) = reader.key(&mut object)? {
        if !key.is_text() {
            return Err(Invalid);
        }
        visit(key.raw(), reader.value()?);
    }
    reader.end()
}

/// Visits items: calls `visit` with the raw text of each. Fails if `json` is not one JSON array, possibly after some
/// items were visited.
pub fn each_item<'a>(json: &'a str, visit: &mut dyn FnMut(&'a str)) -> Result<(), Invalid> {
    let mut reader = Reader::new(json);
    let mut array = EntryCursor::default();
    while reader.item(&mut array)? {
        visit(reader.value()?);
    }
    reader.end()
}

/// The raw value of a member; of several with this key the last, as most parsers read it. `None` too if `json` is not
/// an object.
pub fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    each_member(json, &mut |raw_key, value| {
        if is_key(raw_key, key) {
            found = Some(value);
        }
    })
    .ok()?;
    found
}

/// The raw values of some members of an object, in one pass; of a repeated key the last one counts. Members that are null
/// are none, and other values than objects have none.
pub fn said_members<'a, const N: usize>(json: &'a str, names: [&str; N]) -> [Option<&'a str>; N] {
    let mut found = [None; N];
    note_members(json, &names, &mut found);
    found
}

fn note_members<'a>(json: &'a str, names: &[&str], found: &mut [Option<&'a str>]) {
    // A value that is no object has no members.
    let _ = each_member(json, &mut |key, value| {
        let mut places = names.iter().zip(&mut *found);
        if let Some((_, place)) = places.find(|(name, _)| is_key(key, name)) {
            *place = (value != "null").then_some(value);
        }
    });
}

/// The object with some values replaced: `change` gets the raw key and the raw value, and its `None` keeps the value.
/// All else stays byte for byte.
pub fn map_members(
    json: &str,
    change: &mut dyn FnMut(&str, &str) -> Option<String>,
) -> Result<String, Invalid> {
    let mut splice = Splice::new(json);
    each_member(json, &mut |key, value| {
        splice.replace(value, change(key, value));
    })?;
    Ok(splice.finish())
}

/// The array with some items replaced; a `None` of `change` keeps the item, and all else stays byte for byte.
pub fn map_items(
    json: &str,
    change: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<String, Invalid> {
    let mut splice = Splice::new(json);
    each_item(json, &mut |item| splice.replace(item, change(item)))?;
    Ok(splice.finish())
}

/// The array with some items replaced, as [`map_items`] gives it; `None` where no item changes, or `json` is no array. An
/// array without a change is not copied.
pub fn edit_items(json: &str, change: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let mut splice: Option<Splice<'_>> = None;
    each_item(json, &mut |item| {
        if let Some(by) = change(item) {
            splice
                .get_or_insert_with(|| Splice::new(json))
                .replace(item, Some(by));
        }
    })
    .ok()?;
    splice.map(Splice::finish)
}

/// Whether a raw key, quotes included, spells `key`, be it with escapes.
pub fn is_key(raw_key: &str, key: &str) -> bool {
    // An escape is longer than what it stands for.
    match raw_key.len().checked_sub(key.len() + 2) {
        None => false,
        Some(0) => inside(raw_key) == Some(key) && !key.contains('\\'),
        Some(_) => raw_key.contains('\\') && text(raw_key).is_some_and(|decoded| decoded == key),
    }
}

/// The text of a JSON string; `None` for other values, and for lone surrogates, which no Rust string can hold.
pub fn text(raw: &str) -> Option<Cow<'_, str>> {
    let plain = inside(raw)?;
    if memchr::memchr(b'\\', plain.as_bytes()).is_some() {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(plain))
    }
}

/// The same with U+FFFD for each lone surrogate (half an emoji, say); `None` for other values only.
pub fn lossy_text(raw: &str) -> Option<Cow<'_, str>> {
    if let Some(text) = text(raw) {
        return Some(text);
    }
    text(&whole_letters(raw)).map(|text| Cow::Owned(text.into_owned()))
}

/// The JSON, or the inside of a string of it, with the escape of U+FFFD for each lone surrogate.
pub fn whole_letters(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.split_once('\\') {
        mended.push_str(before);
        let code = surrogate(escape);
        // Behind a first half there may be the second one, with a backslash of its own.
        let second = escape.get(5..).and_then(|rest| rest.strip_prefix('\\'));
        let (kept, length) = match code {
            Some(0xd800..=0xdbff) if matches!(second.and_then(surrogate), Some(0xdc00..)) => {
                (escape.get(..11), 11)
            }
            Some(_) => (Some("ufffd"), 5),
            None => {
                let length = escape.chars().next().map_or(0, char::len_utf8);
                (escape.get(..length), length)
            }
        };
        mended.push('\\');
        mended.push_str(kept.unwrap_or_default());
        rest = escape.get(length..).unwrap_or_default();
    }
    mended.push_str(rest);
    Cow::Owned(mended)
}

/// The inside of a JSON string without the first half of a pair of surrogates at its end, and that half.
pub fn split_half(inside: &str) -> (&str, &str) {
    let split = inside
        .len()
        .checked_sub(6)
        .and_then(|at| inside.split_at_checked(at));
    let Some((before, end)) = split else {
        return (inside, "");
    };
    let code = end.strip_prefix('\\').and_then(surrogate);
    // Behind an odd number of backslashes this one is no escape.
    let backslashes = before.bytes().rev().take_while(|byte| *byte == b'\\');
    if matches!(code, Some(0xd800..=0xdbff)) && backslashes.count() % 2 == 0 {
        (before, end)
    } else {
        (inside, "")
    }
}

/// As [`lossy_text`], of a string whose spelling is longer than `most` bytes only the beginning: of a string of many
/// megabytes nothing else is copied.
pub fn lossy_beginning(raw: &str, most: usize) -> Option<Cow<'_, str>> {
    let whole = inside(raw)?;
    if whole.len() <= most {
        return lossy_text(raw);
    }
    let end = whole.floor_char_boundary(most);
    let mut uncut = 0;
    while let Some(escape) = whole.get(uncut..end).and_then(|rest| rest.find('\\')) {
        let at = uncut + escape;
        let is_number = whole
            .get(at + 1..)
            .is_some_and(|rest| rest.starts_with('u'));
        uncut = at + if is_number { 6 } else { 2 };
        if uncut > end {
            return lossy_text(&["\"", whole.get(..at)?, "\""].concat())
                .map(|text| Cow::Owned(text.into_owned()));
        }
    }
    let beginning = whole.get(..end)?;
    if uncut == 0 {
        return Some(Cow::Borrowed(beginning));
    }
    let text = lossy_text(&["\"", beginning, "\""].concat())?.into_owned();
    Some(Cow::Owned(text))
}

/// The number of a surrogate that an escape spells, its backslash left out: `ud83d...`.
fn surrogate(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    let code = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

/// The inside of a JSON string, without its quotes, escapes as they are; `None` for other values.
///
/// The insides of two strings put one after the other are the inside of the joined string, even where a surrogate pair
/// was split between them.
pub fn inside(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

/// The `type` of an object, by which the wire formats tell kinds of parts, items and events apart; `None` if it has none.
pub fn kind_of(json: &str) -> Option<Cow<'_, str>> {
    member(json, "type").and_then(text)
}

/// A whole number that is not negative; `None` for other values.
pub fn whole_number(raw: &str) -> Option<u64> {
    raw.parse().ok()
}

pub fn is_object(raw: &str) -> bool {
    raw.starts_with('{')
}

pub fn is_array(raw: &str) -> bool {
    raw.starts_with('[')
}

/// A JSON string of `text`, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_quoted(&mut out, text);
    out
}

/// Appends `text` as a JSON string, with its quotes.
pub fn push_quoted(out: &mut String, text: &str) {
    if plain(text.as_bytes()) == text.len() {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        // A string always serializes; the empty one is for the type checker.
        out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
    }
}

/// The offset of `part`, a slice of `source`, in it.
pub fn offset(source: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(source.as_ptr() as usize)
}

/// A text under construction from another one, some of whose parts are replaced.
struct Splice<'a> {
    source: &'a str,
    copied: usize,
    out: String,
}

impl<'a> Splice<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            copied: 0,
            out: String::with_capacity(source.len()),
        }
    }

    /// `part` is a slice of the source behind all that were replaced before.
    fn replace(&mut self, part: &'a str, by: Option<String>) {
        if let Some(by) = by {
            let at = offset(self.source, part);
            let kept = self.source.get(self.copied..at).unwrap_or_default();
            self.out.push_str(kept);
            self.out.push_str(&by);
            self.copied = at + part.len();
        }
    }

    fn finish(mut self) -> String {
        let kept = self.source.get(self.copied..).unwrap_or_default();
        self.out.push_str(kept);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_replaced_and_all_else_read() {
        for (raw, expected) in [
            (r#""findme \ud83d""#, Some("findme \u{fffd}")),
            (r#""\ud83d\ude00 \ude00""#, Some("\u{1f600} \u{fffd}")),
            (r#""\ud83d\ud83d\ude00""#, Some("\u{fffd}\u{1f600}")),
            (r#""\\ud83d \ud83d""#, Some("\\ud83d \u{fffd}")),
            (
                r#""\ud83dx\n\"ä\u00e9\udc00""#,
                Some("\u{fffd}x\n\"äé\u{fffd}"),
            ),
            (r#""plain""#, Some("plain")),
            ("12", None),
            ("null", None),
        ] {
            assert_eq!(lossy_text(raw).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn text_is_only_read_from_strings_that_are_text() {
        for (raw, expected) in [
            (r#""plain""#, Some("plain")),
            (r#""""#, Some("")),
            (r#""a\u0062\n\u0000""#, Some("ab\n\0")),
            (r#""\ud83d\ude00""#, Some("😀")),
            (r#""\ud83d""#, None),
            ("1", None),
            ("null", None),
        ] {
            assert_eq!(text(raw).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn a_key_is_compared_as_text() {
        for (raw_key, key, is_same) in [
            (r#""a""#, "a", true),
            (r#""a""#, "b", false),
            (r#""a""#, "ab", false),
            (r#""ab""#, "a", false),
            (r#""\u0061""#, "a", true),
            (r#""\u0061""#, "b", false),
            (r#""\n""#, "\n", true),
            (r#""\n""#, r"\n", false),
            (r#""\\n""#, r"\n", true),
            (r#""\ud83d""#, r"\ud83d", false),
        ] {
            assert_eq!(is_key(raw_key, key), is_same, "{raw_key} {key}");
        }
    }

    #[test]
    fn a_member_is_found_by_its_meaning_and_the_last_one_counts() {
        let json = r#"{"a":1,"\u0061":2,"b":[{"a":3}]}"#;
        assert_eq!(member(json, "a"), Some("2"));
        assert_eq!(member(json, "b"), Some(r#"[{"a":3}]"#));
        assert_eq!(member(json, "c"), None);
        assert_eq!(member("[1]", "a"), None);
        assert_eq!(member(r#"{"a":1"#, "a"), None);
    }

    #[test]
    fn replacing_some_values_moves_nothing_else() {
        let members = map_members(
            "{ \"a\" : 1 ,\"b\":[ 2 ],\n\"c\":3 } ",
            &mut |key, value| (key != "\"b\"").then(|| format!("<{value}>")),
        );
        assert_eq!(
            members.unwrap(),
            "{ \"a\" : <1> ,\"b\":[ 2 ],\n\"c\":<3> } "
        );
        let items = map_items("[ 1 , 2,3 ]", &mut |item| {
            (item != "2").then(|| "x".to_owned())
        });
        assert_eq!(items.unwrap(), "[ x , 2,x ]");
    }

    #[test]
    fn items_come_trimmed_and_in_order() {
        let mut seen = Vec::new();
        each_item("[ 1e-7 ,\n{\"a\" : -0 }, \"x\" ]", &mut |item| {
            seen.push(item)
        })
        .unwrap();
        assert_eq!(seen, ["1e-7", "{\"a\" : -0 }", "\"x\""]);
        assert!(each_item("[1] x", &mut |_| ()).is_err());
        assert!(each_item("{}", &mut |_| ()).is_err());
    }
}
