//! `cors`: the pages that may call the gateway from a browser.

use super::model::Cors;
use super::section::{Section, Setting};

/// Every origin, as other servers have it.
const ANY: &str = "*";

/// The setting, `true` by default.
pub(super) fn cors(root: &Section) -> Cors {
    let Some(value) = root.get("cors") else {
        return Cors::default();
    };
    if !value.is_list() {
        return match value.filled() {
            Some(text) if text.content != ANY && value.flag() == Some(false) => Cors::Off,
            _ => Cors::Any,
        };
    }
    if value.list().is_some_and(|listed| listed.is_empty()) {
        value.report("is empty: `cors: false` allows no origin");
    }
    let origins = listed(&value);
    match origins.iter().any(|origin| origin == ANY) {
        true => Cors::Any,
        false => Cors::Origins(origins),
    }
}

/// The origins of a list; those that cannot be read are reported.
pub(super) fn listed(value: &Setting) -> Vec<String> {
    let listed = value.list().unwrap_or_default();
    listed.iter().filter_map(origin).collect()
}

/// An origin as browsers write it: scheme, host and port, where the port is not the scheme's usual one. Extensions and
/// desktop applications have schemes of their own.
fn origin(value: &Setting) -> Option<String> {
    let text = value.filled()?;
    let origin = text.content.to_ascii_lowercase();
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_origin = origin.split_once("://").is_some_and(|(scheme, host)| {
        let full = !scheme.is_empty() && !host.is_empty();
        full && scheme.bytes().all(in_scheme) && host.bytes().all(in_host)
    });
    if !is_origin && origin != ANY {
        value.report(format!(
            "{} is no origin such as https://app.example.com or http://localhost:3000, without a path",
            text.quoted()
        ));
        return None;
    }
    let usual = [("http://", ":80"), ("https://", ":443")];
    let port = usual.iter().find(|(scheme, _)| origin.starts_with(scheme));
    let bare = port.and_then(|(_, port)| origin.strip_suffix(port));
    Some(bare.unwrap_or(&origin).to_owned())
}
