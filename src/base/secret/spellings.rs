//! The escaped spellings of a key in a text that others wrote: JSON's (`\/`, `\u002f`, also inside a string inside a
//! string) and percent-encoding, in any mix.
//!
//! Text and key are brought to one plain form, and the key is searched for there: in time that grows with the text alone,
//! however many spellings there are. The plain form is for searching only. It holds no backslash, so that a key with one is
//! found at any depth of quoting.

use std::ops::Range;

use crate::heapsort::sorted_by_key;

use memchr::memchr2;
use memchr::memmem::Finder;

/// A piece of a text: where it ends there, and its plain bytes.
struct Spelled {
    end: usize,
    plain: [u8; 4],
    length: usize,
}

impl Spelled {
    fn new(end: usize, plain: &[u8]) -> Self {
        // An escaped backslash is one, too.
        let plain = if plain == b"\\" { &[] } else { plain };
        let mut bytes = [0; 4];
        for (to, from) in bytes.iter_mut().zip(plain) {
            *to = *from;
        }
        Self {
            end,
            plain: bytes,
            length: plain.len().min(4),
        }
    }

    fn plain(&self) -> &[u8] {
        self.plain.get(..self.length).unwrap_or_default()
    }
}

/// Whether a text may hold an escape.
pub fn is_escaped(text: &str) -> bool {
    memchr2(b'\\', b'%', text.as_bytes()).is_some()
}

/// The plain form of a text. An escape that the end of the text cuts is left out.
pub fn plain(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(piece) = piece_at(text.as_bytes(), at) {
        plain.extend_from_slice(piece.plain());
        at = piece.end;
    }
    plain
}

/// The ranges of a text in which one of these keys stands, given in their plain forms; in order, and apart.
pub fn find<'k>(text: &str, keys: impl Iterator<Item = &'k Finder<'static>>) -> Vec<Range<usize>> {
    let in_plain = plain(text);
    let mut found = Vec::new();
    for key in keys {
        let length = key.needle().len();
        let starts = key.find_iter(&in_plain);
        found.extend(starts.map(|start| start..start + length));
    }
    let mut found = sorted_by_key(found, |range: &Range<usize>| range.start);
    found.dedup_by(|later, before| {
        let overlaps = later.start < before.end;
        if overlaps {
            before.end = before.end.max(later.end);
        }
        overlaps
    });
    in_text(text, &found)
}

/// The offset from which on a text ends with a beginning of a key (at least `shortest` bytes of its plain form); `None`
/// where it does not.
pub fn begun_at_end(text: &str, key: &[u8], shortest: usize) -> Option<usize> {
    // `\u002f` inside a string inside a string has seven backslashes.
    const LONGEST_PIECE: usize = 12;
    let start = text.len().saturating_sub((key.len() + 1) * LONGEST_PIECE);
    let start = text.ceil_char_boundary(start);
    let tail = text.get(start..).unwrap_or_default();
    let in_plain = plain(tail);
    let begun = (shortest..key.len()).rev().find(|end| {
        key.get(..*end)
            .is_some_and(|begun| in_plain.ends_with(begun))
    })?;
    let range = in_plain.len() - begun..in_plain.len();
    in_text(tail, &[range])
        .first()
        .map(|range| start + range.start)
}

/// The ranges of the text that ranges of its plain form come from.
fn in_text(text: &str, in_plain: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::with_capacity(in_plain.len());
    let (mut at, mut plain_at, mut begun) = (0, 0, None);
    let mut wanted = in_plain.iter().peekable();
    while let Some(range) = wanted.peek()
        && let Some(piece) = piece_at(text.as_bytes(), at)
    {
        let plain_end = plain_at + piece.length;
        if piece.length > 0 && plain_end > range.start && begun.is_none() {
            begun = Some(at);
        }
        (at, plain_at) = (piece.end, plain_end);
        if plain_end >= range.end
            && let Some(start) = begun.take()
        {
            found.push(text.floor_char_boundary(start)..text.ceil_char_boundary(at));
            wanted.next();
        }
    }
    found
}

/// The piece of the text at an offset; `None` at its end.
fn piece_at(text: &[u8], at: usize) -> Option<Spelled> {
    let rest = text.get(at..)?;
    match rest {
        [] => None,
        [b'\\', ..] => Some(behind_backslashes(rest, at)),
        [b'%', first, second, ..] => Some(match hex(&[*first, *second]) {
            Some(byte) => Spelled::new(at + 3, &[byte as u8]),
            None => Spelled::new(at + 1, b"%"),
        }),
        // It may be the beginning of an escape that was cut off.
        [b'%'] => Some(Spelled::new(at + 1, &[])),
        [b'%', digit] if digit.is_ascii_hexdigit() => Some(Spelled::new(at + 2, &[])),
        [byte, ..] => Some(Spelled::new(at + 1, &[*byte])),
    }
}

/// The piece that a run of backslashes begins: a `\u` with its digits, or nothing but the run.
fn behind_backslashes(rest: &[u8], at: usize) -> Spelled {
    let run = rest.iter().take_while(|byte| **byte == b'\\').count();
    let behind = rest.get(run..).unwrap_or_default();
    let [b'u', digits @ ..] = behind else {
        return Spelled::new(at + run, &[]);
    };
    let Some(unit) = digits.get(..4).and_then(hex) else {
        let is_cut = digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit);
        let skipped = if is_cut { rest.len() } else { run };
        return Spelled::new(at + skipped, &[]);
    };
    let (mut end, mut character) = (at + run + 5, char::from_u32(unit));
    // Characters beyond U+FFFF are two of them (RFC 8259 section 7).
    if character.is_none()
        && let Some((low, length)) = low_surrogate(digits.get(4..).unwrap_or_default())
        && let Some(Ok(pair)) = char::decode_utf16([unit as u16, low]).next()
    {
        (end, character) = (end + length, Some(pair));
    }
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    Spelled::new(end, character.encode_utf8(&mut [0; 4]).as_bytes())
}

/// The number in the `\u` at the start, and the length of that.
fn low_surrogate(text: &[u8]) -> Option<(u16, usize)> {
    let run = text.iter().take_while(|byte| **byte == b'\\').count();
    let digits = text.get(run..)?.strip_prefix(b"u")?.get(..4)?;
    let unit = hex(digits).filter(|_| run > 0)?;
    Some((u16::try_from(unit).ok()?, run + 5))
}

/// The number of some hexadecimal digits; `None` where there is another character.
fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}
