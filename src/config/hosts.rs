//! `hosts`: the names by which clients may call the gateway.

use super::section::{Section, Setting};

/// The names of the file in lower case, without a dot at the end; empty where there is no such setting, which allows all.
pub(super) fn hosts(root: &Section) -> Vec<String> {
    let Some(value) = root.get("hosts") else {
        return Vec::new();
    };
    let listed = value.list().unwrap_or_default();
    if value.is_list() && listed.is_empty() {
        value.report("is empty: leave it out to allow every name");
    }
    listed.iter().filter_map(host).collect()
}

fn host(value: &Setting) -> Option<String> {
    let text = value.text()?;
    let name = text.content.strip_suffix('.').unwrap_or(&text.content);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_part) {
        value.report(format!(
            "{} is no name such as gateway.lan, without scheme and port",
            text.quoted()
        ));
        return None;
    }
    Some(name.to_ascii_lowercase())
}
