//! Protobuf as far as spans and records need it, written straight into bytes.
//!
//! OTLP's message types own every key and value: building, measuring and dropping them for every request took half of what
//! answering it did. What is written here, the tests read with those types.

use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
pub fn nanoseconds(time: SystemTime) -> u64 {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
}

/// A value of an attribute, and the body of a record.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Whole(i64),
    Real(f64),
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const FIXED32: u8 = 5;

/// Field numbers here are below 16, but for one that is a [`fixed32`]: with their wire type they are one byte.
const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a number as [`varint`].
pub fn varint_size(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        _ => (value.ilog2() / 7 + 1) as usize,
    }
}

/// The beginning of a message or a text of this many bytes.
pub fn begin(out: &mut Vec<u8>, field: u8, size: usize) {
    out.push(tag(field, BYTES));
    varint(out, size as u64);
}

/// Bytes of a message or a text with its beginning.
pub fn framed_size(size: usize) -> usize {
    1 + varint_size(size) + size
}

pub fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    begin(out, field, value.len());
    out.extend_from_slice(value);
}

/// A text, left out if it is empty.
pub fn text(out: &mut Vec<u8>, field: u8, value: &str) {
    if !value.is_empty() {
        bytes(out, field, value.as_bytes());
    }
}

/// A number, left out if it is zero.
pub fn number(out: &mut Vec<u8>, field: u8, value: u32) {
    if value > 0 {
        out.push(tag(field, VARINT));
        varint(out, value.into());
    }
}

pub fn fixed64(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(tag(field, FIXED64));
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn fixed32(out: &mut Vec<u8>, field: u8, value: u32) {
    varint(out, tag(field, FIXED32).into());
    out.extend_from_slice(&value.to_le_bytes());
}

/// An `AnyValue`.
pub fn value(out: &mut Vec<u8>, field: u8, value: Value<'_>) {
    begin(out, field, value.size());
    match value {
        Value::Text(text) => bytes(out, 1, text.as_bytes()),
        Value::Flag(flag) => out.extend_from_slice(&[tag(2, VARINT), flag.into()]),
        Value::Whole(whole) => {
            out.push(tag(3, VARINT));
            varint(out, whole as u64);
        }
        Value::Real(real) => fixed64(out, 4, real.to_bits()),
    }
}

/// A `KeyValue`.
pub fn attribute(out: &mut Vec<u8>, field: u8, key: &str, of: Value<'_>) {
    let start = out.len();
    if put_small(out, field, key, of).is_none() {
        out.truncate(start);
        begin(out, field, attribute_size(key, of));
        bytes(out, 1, key.as_bytes());
        value(out, 2, of);
    }
}

/// The same where every size is one byte, as nearly all are: there are forty of them in a request, and this takes a third
/// of the instructions.
#[inline(always)]
fn put_small(out: &mut Vec<u8>, field: u8, key: &str, of: Value<'_>) -> Option<()> {
    let high;
    // What the inner message begins with, and what follows these two bytes.
    let (wire_type, second, rest): (u8, u8, &[u8]) = match of {
        Value::Text(text) => (tag(1, BYTES), text.len() as u8, text.as_bytes()),
        Value::Flag(flag) => (tag(2, VARINT), flag.into(), &[]),
        Value::Whole(whole @ 0..0x80) => (tag(3, VARINT), whole as u8, &[]),
        Value::Whole(whole @ 0x80..0x4000) => {
            high = [(whole >> 7) as u8];
            (tag(3, VARINT), whole as u8 | 0x80, &high)
        }
        Value::Whole(_) | Value::Real(_) => return None,
    };
    let size = key.len() + rest.len() + 6;
    if size >= 0x80 {
        return None;
    }
    let start = out.len();
    out.resize(start + 2 + size, 0);
    let room = out.get_mut(start..)?;
    let (head, room) = room.split_first_chunk_mut()?;
    *head = [
        tag(field, BYTES),
        size as u8,
        tag(1, BYTES),
        key.len() as u8,
    ];
    let (room_of_key, room) = room.split_at_mut_checked(key.len())?;
    room_of_key.copy_from_slice(key.as_bytes());
    let (head, room) = room.split_first_chunk_mut()?;
    *head = [tag(2, BYTES), rest.len() as u8 + 2, wire_type, second];
    room.copy_from_slice(rest);
    Some(())
}

/// Bytes of a `KeyValue` without its beginning.
pub fn attribute_size(key: &str, value: Value<'_>) -> usize {
    framed_size(key.len()) + framed_size(value.size())
}

impl Value<'_> {
    fn size(self) -> usize {
        match self {
            Value::Text(text) => framed_size(text.len()),
            Value::Flag(_) => 2,
            // Two's complement in 64 bits: a negative one takes ten bytes.
            Value::Whole(whole) => 1 + varint_size(whole as u64 as usize),
            Value::Real(_) => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use prost::Message;

    use super::*;

    #[test]
    fn values_are_what_prost_makes_of_them() {
        let long = "ä".repeat(9_000);
        let (below, above) = ("x".repeat(113), "x".repeat(114));
        for (of, expected) in [
            (Value::Text(""), any_value::Value::StringValue("".into())),
            (Value::Text("a"), any_value::Value::StringValue("a".into())),
            // The last one whose size is one byte, and the next.
            (
                Value::Text(&below),
                any_value::Value::StringValue(below.clone()),
            ),
            (
                Value::Text(&above),
                any_value::Value::StringValue(above.clone()),
            ),
            (
                Value::Text(&long),
                any_value::Value::StringValue(long.clone()),
            ),
            (Value::Flag(true), any_value::Value::BoolValue(true)),
            (Value::Flag(false), any_value::Value::BoolValue(false)),
            (Value::Whole(0), any_value::Value::IntValue(0)),
            (Value::Whole(-1), any_value::Value::IntValue(-1)),
            (Value::Whole(127), any_value::Value::IntValue(127)),
            (Value::Whole(128), any_value::Value::IntValue(128)),
            (Value::Whole(16_383), any_value::Value::IntValue(16_383)),
            (Value::Whole(16_384), any_value::Value::IntValue(16_384)),
            (Value::Whole(i64::MAX), any_value::Value::IntValue(i64::MAX)),
            (Value::Whole(i64::MIN), any_value::Value::IntValue(i64::MIN)),
            (Value::Real(-0.5), any_value::Value::DoubleValue(-0.5)),
        ] {
            let key_value = KeyValue {
                key: "some.key".to_owned(),
                value: Some(AnyValue {
                    value: Some(expected),
                }),
                key_strindex: 0,
            };
            let mut out = Vec::new();
            attribute(&mut out, 9, "some.key", of);
            let mut by_prost = vec![tag(9, BYTES)];
            key_value.encode_length_delimited(&mut by_prost).unwrap();
            assert_eq!(out, by_prost);
        }
    }

    #[test]
    fn sizes_are_those_of_what_is_written() {
        for size in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut out = Vec::new();
            varint(&mut out, size as u64);
            assert_eq!(out.len(), varint_size(size), "{size}");
        }
    }
}
