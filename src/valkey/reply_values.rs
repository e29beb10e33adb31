//! The values of replies: numbers, texts, tables, and the server's version.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::resp::Reply;

/// A reply that is none to what was asked.
pub(super) const MISFIT: Fault = Fault::Protocol("a reply does not fit what was asked");

pub(super) fn number(reply: &Reply) -> Result<i64, Fault> {
    match reply {
        Reply::Integer(number) => Ok(*number),
        _ => Err(MISFIT),
    }
}

/// The number in a text; zero for one that is absent.
pub(super) fn optional_number(reply: &Reply) -> Result<i64, Fault> {
    match text(reply)? {
        None => Ok(0),
        Some(digits) => digits.parse().map_err(|_| MISFIT),
    }
}

pub(super) fn text(reply: &Reply) -> Result<Option<String>, Fault> {
    match reply {
        Reply::Nil => Ok(None),
        Reply::Bulk(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        _ => Err(MISFIT),
    }
}

pub(super) fn table_of_texts(reply: &Reply) -> Result<BTreeMap<String, String>, Fault> {
    let Reply::Array(members) = reply else {
        return Err(MISFIT);
    };
    let pairs = members.chunks(2).map(|pair| match pair {
        [Reply::Bulk(name), Reply::Bulk(value)] => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok((text(name), text(value)))
        }
        _ => Err(MISFIT),
    });
    pairs.collect()
}

/// The version that the server tells of itself, Valkey's own where it has one; empty where it tells none.
pub(super) fn version_of(reply: &Reply) -> String {
    let Reply::Bulk(bytes) = reply else {
        return String::new();
    };
    let info = String::from_utf8_lossy(bytes);
    let find = |name: &str, field: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(field))?;
        let version: String = line.trim().chars().take(40).collect();
        Some(format!("{name} {version}"))
    };
    let valkey = find("Valkey", "valkey_version:");
    valkey
        .or_else(|| find("Redis", "redis_version:"))
        .unwrap_or_default()
}
