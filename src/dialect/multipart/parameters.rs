//! The parameters of a field: `form-data; name="file"; filename=a.wav`.

use std::borrow::Cow;
use std::ops::Range;

/// The media type of forms with files.
const FORM_DATA: &str = "multipart/form-data";

/// The longest boundary (bytes). RFC 2046 allows 70; longer ones are as clear.
const LONGEST_BOUNDARY: usize = 200;

/// The boundary that a `Content-Type` names, quoted or not; `None` for other types, and without one that a body can have.
pub(super) fn boundary(content_type: &str) -> Option<Cow<'_, str>> {
    let (kind, _) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case(FORM_DATA) {
        return None;
    }
    let line = content_type.as_bytes();
    let mut named = parameters(line).filter(|(name, _)| name.eq_ignore_ascii_case(b"boundary"));
    let (_, value) = named.next()?;
    let boundary = match unquoted(line.get(value)?) {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    let is_legal = (1..=LONGEST_BOUNDARY).contains(&boundary.len())
        && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !boundary.ends_with(' ');
    // Two readers may each take another one.
    (is_legal && named.next().is_none()).then_some(boundary)
}

/// The parameters behind the first `;` of a line: their names, and the places of their values, quotes included.
pub(super) fn parameters(line: &[u8]) -> impl Iterator<Item = (&[u8], Range<usize>)> {
    let mut at = next_semicolon(line, 0);
    std::iter::from_fn(move || {
        while at < line.len() {
            let from = skip_blanks(line, at + 1);
            let rest = line.get(from..)?;
            let length = rest.iter().position(|byte| matches!(byte, b'=' | b';'));
            let end = from + length.unwrap_or(rest.len());
            let name = line.get(from..end)?.trim_ascii();
            if line.get(end) != Some(&b'=') {
                // A word without a value.
                at = end;
                continue;
            }
            let begin = skip_blanks(line, end + 1);
            at = next_semicolon(line, begin);
            let value = line.get(begin..at)?;
            return Some((name, begin..begin + value.trim_ascii_end().len()));
        }
        None
    })
}

/// The offset of the next `;` outside of quotes, or of the end.
fn next_semicolon(line: &[u8], from: usize) -> usize {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in line.iter().enumerate().skip(from) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => return at,
            _ => {}
        }
    }
    line.len()
}

fn skip_blanks(line: &[u8], from: usize) -> usize {
    let rest = line.get(from..).unwrap_or_default();
    from + (rest.len() - rest.trim_ascii_start().len())
}

/// A value without its quotes and escapes.
pub(super) fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(value);
    };
    if !inside.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter().peekable();
    while let Some(byte) = bytes.next() {
        // Browsers of old wrote paths of Windows with single backslashes.
        match bytes.peek() {
            Some(next) if *byte == b'\\' && matches!(next, b'"' | b'\\') => {
                plain.extend(bytes.next());
            }
            _ => plain.push(*byte),
        }
    }
    Cow::Owned(plain)
}
