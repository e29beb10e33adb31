//! The framing of a request, its connection and its host, as its fields tell them (RFC 9112 sections 3.2, 6 and 9.3).

use crate::header_fields::HeaderFields;

use super::refusal::Refusal;

/// A version of HTTP that the edge speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// The framing of a request body: how its end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// Exactly this many bytes, at least one.
    Length(u64),
    Chunked,
}

/// The framing of the body. Whatever two readers could take differently is refused (RFC 9112 section 6.3, and section
/// 11.2 on smuggling): also lengths that are repeated with equal values, which the RFC leaves to the server.
///
/// # Errors
/// Repeated, malformed or contradicting fields, and transfer codings other than a single `chunked`.
pub(super) fn of_body(fields: &HeaderFields, version: Version) -> Result<Framing, Refusal> {
    let length = fields.only("content-length");
    let length = length.map_err(|_| Refusal::REPEATED_LENGTH)?;
    let coding = fields.only("transfer-encoding");
    let coding = coding.map_err(|_| Refusal::REPEATED_CODING)?;
    match (length, coding) {
        (None, None) => Ok(Framing::Empty),
        (Some(_), Some(_)) => Err(Refusal::TWO_LENGTHS),
        (Some(length), None) => match decimal(length).ok_or(Refusal::INVALID_LENGTH)? {
            0 => Ok(Framing::Empty),
            length => Ok(Framing::Length(length)),
        },
        (None, Some(_)) if version == Version::Http10 => Err(Refusal::CODING_IN_1_0),
        (None, Some(coding)) if is_chunked(coding) => Ok(Framing::Chunked),
        (None, Some(codings)) => Err(refused_coding(codings)),
    }
}

/// The refusal of a transfer coding. Behind `chunked` nothing can follow, not even itself: where such a body ends cannot
/// be told (RFC 9112 section 6.3). Other codings are valid, and not implemented here (section 6.1).
fn refused_coding(codings: &[u8]) -> Refusal {
    let mut listed = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    if listed.any(is_chunked) && listed.next().is_some() {
        Refusal::CHUNKED_NOT_LAST
    } else {
        Refusal::UNKNOWN_CODING
    }
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"chunked")
}

/// Whether the client allows another request on the connection (RFC 9112 section 9.3).
pub(super) fn keeps_alive(fields: &HeaderFields, version: Version) -> bool {
    let has = |option: &str| {
        fields
            .named("connection")
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    };
    match version {
        Version::Http11 => !has("close"),
        Version::Http10 => has("keep-alive") && !has("close"),
    }
}

/// Whether the client waits for `100 Continue` before it sends the body. HTTP/1.0 does not have it (RFC 9110
/// section 10.1.1).
///
/// # Errors
/// Any other expectation.
pub(super) fn expects_continue(fields: &HeaderFields, version: Version) -> Result<bool, Refusal> {
    if version == Version::Http10 {
        return Ok(false);
    }
    let mut expected = false;
    for value in fields.named("expect") {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::UNKNOWN_EXPECTATION);
        }
        expected = true;
    }
    Ok(expected)
}

/// The Host field must be there once in 1.1, at most once in 1.0 (RFC 9112 section 3.2). It may be empty.
///
/// # Errors
/// A Host that is missing, repeated, or holds what no authority does.
pub(super) fn check_host(fields: &HeaderFields, version: Version) -> Result<(), Refusal> {
    match fields.only("host").map_err(|_| Refusal::REPEATED_HOST)? {
        None if version == Version::Http11 => Err(Refusal::MISSING_HOST),
        None => Ok(()),
        Some(host) if host.iter().all(|byte| is_of_host(*byte)) => Ok(()),
        Some(_) => Err(Refusal::INVALID_HOST),
    }
}

/// A byte of an authority: unreserved, sub-delimiters but the comma (a list is not one host), `%`, and `[:]` for IPv6 and
/// the port.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(&byte)
}

/// A decimal number; `None` for anything but digits, and on overflow. `u64::from_str` alone would take `+5`.
fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
