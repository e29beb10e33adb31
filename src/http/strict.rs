//! The end of a head, and the checks on its raw bytes.
//!
//! `httparse` takes a bare LF for a line end (RFC 9112 section 2.2 allows a recipient to), proxies in front of us may
//! not: where two readers see different lines, a request can be smuggled. So lines end with CRLF here, or not at all.

use memchr::{memchr, memchr_iter};

use crate::header_fields::place;
use crate::text::is_token;

use super::refusal::Refusal;

/// The length of the blank lines at the start, which a server should skip before a request line (RFC 9112 section 2.2:
/// some old clients send one after a body).
pub(super) fn blank_lines(buffer: &[u8]) -> usize {
    let lines = buffer.chunks(2).take_while(|line| *line == b"\r\n");
    lines.count() * 2
}

/// The length of the head at the start of `buffer`, with the blank line that ends it; `None` while it is not whole.
///
/// `scanned` is the number of bytes that an earlier call has seen without finding the end, so that a head that arrives
/// byte by byte is looked at once and not once a byte.
///
/// # Errors
/// The bytes cannot become a head, whatever follows.
pub(super) fn head_length(buffer: &[u8], scanned: usize) -> Result<Option<usize>, Refusal> {
    if let Some(first) = buffer.first()
        && !is_token(*first)
        && *first != b'\r'
    {
        return Err(Refusal::INVALID_REQUEST_LINE);
    }
    let (seen, ahead) = buffer.split_at_checked(scanned).unwrap_or((buffer, b""));
    let mut in_request_line = memchr(b'\n', seen).is_none();
    for line_feed in memchr_iter(b'\n', ahead) {
        let end = scanned + line_feed + 1;
        let read = buffer.get(..end).unwrap_or_default();
        if !matches!(read, [.., b'\r', b'\n']) {
            return Err(Refusal::BARE_LINE_END);
        }
        // An HTTP/0.9 line is all of its request: the rest of a head would be waited for in vain.
        if std::mem::take(&mut in_request_line) && !names_a_version(read) {
            return Err(Refusal::INVALID_REQUEST_LINE);
        }
        if matches!(read, [.., b'\r', b'\n', b'\r', b'\n']) {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// Whether all lines of a head end with CRLF that `httparse` has read, and found these names in: each stands at the beginning
/// of a line, and behind the last line is a blank one.
pub(super) fn is_in_strict_lines<'h>(
    head: &'h [u8],
    mut names: impl Iterator<Item = &'h str>,
) -> bool {
    let is_behind_line = |name: &str| {
        let line_end = place(head, name.as_bytes()).and_then(|name| {
            let before = head.get(..name.start as usize)?;
            before.last_chunk()
        });
        line_end == Some(b"\r\n")
    };
    names.all(is_behind_line) && head.ends_with(b"\r\n\r\n")
}

/// Whether the third and last word of the request line is `HTTP/` digit `.` digit, as in the HTTP/2 preface.
pub(super) fn names_a_version(head: &[u8]) -> bool {
    let end = memchr(b'\r', head).unwrap_or(head.len());
    let line = head.get(..end).unwrap_or_default();
    let Some((before, [b' ', b'H', b'T', b'T', b'P', b'/', major, b'.', minor])) =
        line.split_last_chunk()
    else {
        return false;
    };
    let mut spaces = memchr_iter(b' ', before);
    let has_one = spaces.next().is_some() && spaces.next().is_none();
    has_one && major.is_ascii_digit() && minor.is_ascii_digit()
}

/// The fault of a whole head that `httparse` refuses without naming it: NUL, a CR or LF without the other, a folded line, a
/// space before a colon.
pub(super) fn fault(head: &[u8]) -> Option<Refusal> {
    if memchr(0, head).is_some() {
        return Some(Refusal::NUL);
    }
    let mut in_request_line = true;
    let mut left = Some(head);
    while let Some(bytes) = left {
        let line;
        (line, left) = first_line(bytes);
        let (line, has_return) = match line.strip_suffix(b"\r") {
            Some(line) => (line, true),
            None => (line, false),
        };
        if memchr(b'\r', line).is_some() || (left.is_some() && !has_return) {
            return Some(Refusal::BARE_LINE_END);
        }
        if std::mem::take(&mut in_request_line) || line.is_empty() {
            continue;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Some(Refusal::FOLDED_FIELD);
        }
        let name = line.get(..memchr(b':', line).unwrap_or(line.len()));
        let name = name.unwrap_or_default();
        if name.ends_with(b" ") || name.ends_with(b"\t") {
            return Some(Refusal::SPACE_BEFORE_COLON);
        }
    }
    None
}

/// The bytes before the first line feed, and those behind it if there is one.
fn first_line(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    let split = memchr(b'\n', bytes).and_then(|line_feed| {
        let (line, [_, behind @ ..]) = bytes.split_at_checked(line_feed)? else {
            return None;
        };
        Some((line, behind))
    });
    match split {
        Some((line, behind)) => (line, Some(behind)),
        None => (bytes, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_packets_split() {
        let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next";
        let whole = bytes.len() - b"GET /next".len();
        for split in 0..bytes.len() {
            let first = head_length(&bytes[..split], 0).unwrap();
            if split < whole {
                assert_eq!(first, None, "{split}");
                assert_eq!(head_length(bytes, split).unwrap(), Some(whole), "{split}");
            } else {
                assert_eq!(first, Some(whole), "{split}");
            }
        }
    }

    #[test]
    fn what_cannot_become_a_head_is_refused_before_it_ends() {
        for bytes in [
            &b"GET / HTTP/1.1\n"[..],
            b"GET / HTTP/1.1\r\nHost: a\n",
            b"\x16\x03\x01\x02\x00\x01",
            b"\nGET / HTTP/1.1\r\n",
            b" GET / HTTP/1.1\r\n",
            b"{\"model\"",
        ] {
            assert!(head_length(bytes, 0).is_err(), "{:?}", bytes.escape_ascii());
        }
    }

    #[test]
    fn blank_lines_before_a_request_are_counted_whole() {
        let cases: [(&[u8], usize); 6] = [
            (b"", 0),
            (b"\r", 0),
            (b"\r\n", 2),
            (b"\r\n\r\nGET", 4),
            (b"\r\n\rGET", 2),
            (b"GET\r\n", 0),
        ];
        for (bytes, expected) in cases {
            assert_eq!(blank_lines(bytes), expected, "{:?}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_client_is_told_what_is_wrong_with_its_fields() {
        for (fields, expected) in [
            ("Host: a\r\nX: :b\r\n", None),
            ("", None),
            ("X: a\r\n b\r\n", Some(Refusal::FOLDED_FIELD)),
            ("\tX: a\r\n", Some(Refusal::FOLDED_FIELD)),
            ("X : a\r\n", Some(Refusal::SPACE_BEFORE_COLON)),
            ("X\t: a\r\n", Some(Refusal::SPACE_BEFORE_COLON)),
            ("X: a\rb\r\n", Some(Refusal::BARE_LINE_END)),
            ("X: a\r\r\n", Some(Refusal::BARE_LINE_END)),
            ("X: a\n", Some(Refusal::BARE_LINE_END)),
            ("X: a\0\r\n", Some(Refusal::NUL)),
        ] {
            let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(fault(head.as_bytes()), expected, "{fields:?}");
        }
    }
}
