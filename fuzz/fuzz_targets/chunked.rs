//! A chunked body decodes to the same however the network splits it, to what a plain reading of RFC 9112 section 7.1
//! says, and never beyond its bound.

#![no_main]

use ai_gateway::http::parsers::{Dechunked, dechunk};
use libfuzzer_sys::fuzz_target;

const MAX_DROPPED: usize = 16 * 1024;

fuzz_target!(|input: &[u8]| {
    let [max_body, step, body @ ..] = input else {
        return;
    };
    let max_body = usize::from(*max_body);
    let whole = dechunk([body], max_body);
    let pieces = dechunk(body.chunks(usize::from(*step).max(1)), max_body);
    assert_eq!(whole, pieces);
    assert_eq!(whole, dechunk(body.chunks(1), max_body));

    match (&whole, model(body, max_body)) {
        (Ok(decoded), Some((payload, used))) => {
            let expected = Dechunked {
                payload,
                used,
                is_done: true,
            };
            assert_eq!(*decoded, expected);
        }
        (Ok(decoded), None) => {
            assert!(!decoded.is_done);
            assert!(decoded.payload.len() <= max_body);
            assert_eq!(decoded.used, body.len());
        }
        (Err(reason), Some(_)) => panic!("refused, and should not be: {reason}"),
        (Err(_), None) => {}
    }
});

/// Payload and length of a body that is whole and valid.
fn model(body: &[u8], max_body: usize) -> Option<(Vec<u8>, usize)> {
    let (mut payload, mut at, mut dropped) = (Vec::new(), 0, 0);
    loop {
        let line = line(body, &mut at)?;
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (size, extension) = line.split_at(digits);
        let behind_space = extension.trim_ascii_start();
        if digits == 0 || digits > 16 || !matches!(behind_space.first(), None | Some(b';')) {
            return None;
        }
        // The decoder does not count the byte that begins an extension.
        dropped += extension.len().saturating_sub(1);
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size > (max_body - payload.len()) as u64 {
            return None;
        }
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        payload.extend_from_slice(body.get(at..end)?);
        if body.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        at = end + 2;
    }
    loop {
        let trailer = line(body, &mut at)?;
        dropped += trailer.len();
        if trailer.is_empty() {
            return (dropped <= MAX_DROPPED).then_some((payload, at));
        }
        let name = &trailer[..trailer.iter().position(|byte| *byte == b':')?];
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        if name.is_empty() || !name.iter().all(is_token) {
            return None;
        }
    }
}

fn line<'b>(body: &'b [u8], at: &mut usize) -> Option<&'b [u8]> {
    let length = body[*at..].windows(2).position(|pair| pair == b"\r\n")?;
    let line = &body[*at..*at + length];
    *at += length + 2;
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    line.iter().all(is_text).then_some(line)
}
