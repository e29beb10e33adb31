//! The query of a page's address.

use percent_encoding::percent_decode_str;

/// The value of a member, decoded; `None` where it is absent. A `+` is a blank, as forms write it.
pub fn value(query: &str, name: &str) -> Option<String> {
    let mut members = query.split('&').filter_map(|member| member.split_once('='));
    let (_, value) = members.find(|(key, _)| *key == name)?;
    let value = value.replace('+', " ");
    Some(percent_decode_str(&value).decode_utf8_lossy().into_owned())
}

/// Whether a flag is set: `name=1`, `name=true`, or `name` alone.
pub fn flag(query: &str, name: &str) -> bool {
    query.split('&').any(|member| match member.split_once('=') {
        Some((key, value)) => key == name && !matches!(value, "" | "0" | "false"),
        None => member == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_flags_come_in_every_form() {
        let query = "route=dynamic%2Fn8n&client=my+home&failed=1&strict";
        assert_eq!(value(query, "route").as_deref(), Some("dynamic/n8n"));
        assert_eq!(value(query, "client").as_deref(), Some("my home"));
        assert_eq!(value(query, "id"), None);
        assert!(flag(query, "failed") && flag(query, "strict"));
        for query in ["failed=0", "failed=false", "failed=", "unfailed=1", ""] {
            assert!(!flag(query, "failed"), "{query}");
        }
    }
}
