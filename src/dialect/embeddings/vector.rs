//! A vector: its length, whether it is one, and its two encodings: an array of numbers, and base64 of 32-bit floats in
//! little-endian order.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::answer::Flaw;
use crate::json::number::Number;
use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};

/// The encoding of vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// An array of numbers.
    Floats,
    /// A text, which is base64 of 32-bit floats.
    Base64,
    /// An encoding that only the client and the provider know (`int8`, `ubinary`).
    Foreign,
}

/// Bytes of one float.
const FLOAT: usize = 4;

/// Decimal places beyond which a number without an exponent may be no 32-bit float.
const LONGEST_SAFE_NUMBER: usize = 38;

/// A vector that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadVector<'a> {
    /// Raw.
    pub text: &'a str,
    pub encoding: Encoding,
    /// The number of its floats; 0 of a foreign encoding.
    pub length: u64,
}

/// Reads a value that should be a vector, without copying it. `asked` decides what a text is; `decoded` is a buffer.
///
/// # Errors
/// The value is no JSON. A value that is JSON and no vector is the inner error.
pub fn read<'a>(
    reader: &mut Reader<'a>,
    asked: Encoding,
    decoded: &mut Vec<u8>,
) -> Result<Result<ReadVector<'a>, Flaw>, Invalid> {
    match reader.peek() {
        Some(b'[') => read_numbers(reader),
        Some(b'"') if asked == Encoding::Foreign => foreign(reader),
        Some(b'"') => {
            let text = reader.value()?;
            Ok(decode(text, decoded).map(|()| ReadVector {
                text,
                encoding: Encoding::Base64,
                length: floats_of(decoded).count() as u64,
            }))
        }
        Some(b'{') if asked == Encoding::Foreign => foreign(reader),
        _ => {
            reader.skip()?;
            Ok(Err(no_vector("neither an array of numbers nor base64")))
        }
    }
}

fn foreign<'a>(reader: &mut Reader<'a>) -> Result<Result<ReadVector<'a>, Flaw>, Invalid> {
    Ok(Ok(ReadVector {
        text: reader.value()?,
        encoding: Encoding::Foreign,
        length: 0,
    }))
}

fn read_numbers<'a>(reader: &mut Reader<'a>) -> Result<Result<ReadVector<'a>, Flaw>, Invalid> {
    // White space was passed over, so the array begins here.
    let begin = reader.at();
    let (mut length, mut has_value, mut problem) = (0_u64, false, None);
    let mut array = EntryCursor::default();
    while reader.item(&mut array)? {
        match reader.number()? {
            Some(number) if is_float(number) => has_value |= !number.is_zero,
            Some(number) => problem = problem.or_else(|| Some(shown(number.text))),
            None => {
                let other = reader.value()?;
                problem = problem.or_else(|| Some(shown(other)));
            }
        }
        length += 1;
    }
    if let Some(value) = problem {
        return Ok(Err(no_vector(&format!("{value} is in it"))));
    }
    if !has_value {
        return Ok(Err(no_vector(ONLY_ZEROS)));
    }
    Ok(Ok(ReadVector {
        text: reader.since(begin).ok_or(Invalid)?,
        encoding: Encoding::Floats,
        length,
    }))
}

/// Whether a 32-bit float can be this number.
fn is_float(number: Number<'_>) -> bool {
    // Most numbers need not be converted to be known.
    let is_known = !number.has_exponent && number.text.len() <= LONGEST_SAFE_NUMBER;
    is_known || number.text.parse::<f32>().is_ok_and(f32::is_finite)
}

/// Decodes base64 into `decoded`, whatever was in it.
fn decode(raw: &str, decoded: &mut Vec<u8>) -> Result<(), Flaw> {
    decoded.clear();
    let text = raw::text(raw).unwrap_or_default();
    // Padding is left out by some.
    let unpadded = text.trim_end_matches('=');
    let is_read = UNPADDED.decode_vec(unpadded, decoded).is_ok();
    if !is_read || !decoded.len().is_multiple_of(FLOAT) {
        return Err(no_vector("its text is no base64 of 32-bit floats"));
    }
    if floats_of(decoded).any(|float| !float.is_finite()) {
        return Err(no_vector("a number that is none is in it"));
    }
    if !floats_of(decoded).any(|float| float != 0.0) {
        return Err(no_vector(ONLY_ZEROS));
    }
    Ok(())
}

const UNPADDED: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD_NO_PAD;

const ONLY_ZEROS: &str = "it has nothing but zeros";

fn no_vector(reason: &str) -> Flaw {
    Flaw::NoAnswer(format!("a vector of the answer is none: {reason}"))
}

fn shown(value: &str) -> String {
    crate::text::cut(value, 20).to_owned()
}

fn floats_of(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (floats, _) = bytes.as_chunks::<FLOAT>();
    floats.iter().map(|float| f32::from_le_bytes(*float))
}

/// Writes a vector that was read in another encoding.
pub fn write_as(
    out: &mut String,
    vector: ReadVector<'_>,
    encoding: Encoding,
    buffer: &mut Vec<u8>,
) {
    match (vector.encoding, encoding) {
        (Encoding::Floats, Encoding::Base64) => write_base64(out, vector.text, buffer),
        (Encoding::Base64, Encoding::Floats) => write_numbers(out, vector.text, buffer),
        _ => out.push_str(vector.text),
    }
}

fn write_base64(out: &mut String, numbers: &str, bytes: &mut Vec<u8>) {
    bytes.clear();
    // It was read before: every item is a number.
    let _ = raw::each_item(numbers, &mut |number| {
        let float: f32 = number.parse().unwrap_or_default();
        bytes.extend_from_slice(&float.to_le_bytes());
    });
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

/// The shortest numbers that read back as the same 32-bit float.
fn write_numbers(out: &mut String, text: &str, bytes: &mut Vec<u8>) {
    // It was read before: it can be decoded.
    let _ = decode(text, bytes);
    out.push('[');
    for (place, float) in floats_of(bytes).enumerate() {
        let comma = if place > 0 { "," } else { "" };
        // `{:?}` is the shortest decimal that reads back, with an exponent where it is long; a String takes all.
        let _ = write!(out, "{comma}{float:?}");
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(text: &str, asked: Encoding) -> Result<ReadVector<'_>, Flaw> {
        read(&mut Reader::new(text), asked, &mut Vec::new()).unwrap()
    }

    fn converted(text: &str, from: Encoding, to: Encoding) -> String {
        let vector = read_all(text, from).unwrap();
        assert_eq!(vector.encoding, from, "{text}");
        let mut out = String::new();
        write_as(&mut out, vector, to, &mut Vec::new());
        out
    }

    fn base64_of(floats: &[f32]) -> String {
        let bytes: Vec<u8> = floats
            .iter()
            .flat_map(|float| float.to_le_bytes())
            .collect();
        format!("\"{}\"", STANDARD.encode(bytes))
    }

    #[test]
    fn both_encodings_say_the_same() {
        let numbers = "[1.0,-0.5,0.1,1e-7,3.4028235e38]";
        let base64 = base64_of(&[1.0, -0.5, 0.1, 1e-7, f32::MAX]);
        assert_eq!(
            converted(numbers, Encoding::Floats, Encoding::Base64),
            base64
        );
        assert_eq!(
            converted(&base64, Encoding::Base64, Encoding::Floats),
            numbers
        );
        // Some leave the padding out, or escape the slashes.
        let unpadded = base64.replace('=', "").replace('/', "\\/");
        assert_eq!(
            converted(&unpadded, Encoding::Base64, Encoding::Floats),
            numbers
        );
        assert_eq!(
            converted("[ 1 ,2E0, -0.0 ]", Encoding::Floats, Encoding::Base64),
            base64_of(&[1.0, 2.0, -0.0])
        );
    }

    #[test]
    fn the_length_is_that_of_the_floats() {
        for (text, length) in [("[1]", 1), ("[0,0, 1e-3]", 3), (&base64_of(&[1.0, 2.0]), 2)] {
            assert_eq!(read_all(text, Encoding::Floats).unwrap().length, length);
        }
    }

    /// Half-loaded local servers answer with these, and an index takes them all.
    #[test]
    fn what_is_no_vector_is_found_out() {
        let nan = base64_of(&[1.0, f32::NAN]);
        let zeros = base64_of(&[0.0, 0.0]);
        for (text, word) in [
            ("[1,null]", "null"),
            (r#"["NaN"]"#, "NaN"),
            ("[[1]]", "[1]"),
            ("[1e99]", "1e99"),
            (
                "[1000000000000000000000000000000000000000]",
                "10000000000000000000",
            ),
            ("[]", "zeros"),
            ("[0,0.0,-0,0e5]", "zeros"),
            ("null", "neither"),
            ("7", "neither"),
            ("{}", "neither"),
            (r#""""#, "zeros"),
            (r#""AAAA""#, "base64"),
            (r#""not base64!""#, "base64"),
            (&nan, "a number that is none"),
            (&zeros, "zeros"),
        ] {
            match read_all(text, Encoding::Floats) {
                Err(flaw) => assert!(flaw.to_string().contains(word), "{text}: {flaw}"),
                Ok(vector) => panic!("{text}: {vector:?}"),
            }
        }
    }

    #[test]
    fn a_foreign_encoding_is_not_looked_into() {
        for text in [r#""AAAA""#, r#"{"int8":[0]}"#] {
            let vector = read_all(text, Encoding::Foreign).unwrap();
            assert_eq!((vector.length, vector.text), (0, text));
        }
    }

    proptest! {
        /// A client gets the floats that the model made, whichever way they came.
        #[test]
        fn the_conversions_are_inverse(
            bits in prop::collection::vec(any::<u32>(), 1..40),
        ) {
            let floats: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            prop_assume!(floats.iter().all(|float| float.is_finite()));
            prop_assume!(floats.iter().any(|float| *float != 0.0));
            let base64 = base64_of(&floats);
            let numbers = converted(&base64, Encoding::Base64, Encoding::Floats);
            let values: Vec<serde_json::Number> = serde_json::from_str(&numbers).unwrap();
            for (value, float) in values.iter().zip(&floats) {
                let read: f32 = value.to_string().parse().unwrap();
                prop_assert_eq!(read.to_bits(), float.to_bits());
                // Clients read 64 bits; what they round to 32 is the same.
                let wide: f64 = value.to_string().parse().unwrap();
                prop_assert_eq!((wide as f32).to_bits(), float.to_bits());
            }
            prop_assert_eq!(converted(&numbers, Encoding::Floats, Encoding::Base64), base64);
        }
    }
}
