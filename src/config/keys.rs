//! Keys that can never work, however they got into the configuration: said when it is read, and not by a provider's 401
//! in the night.

use super::invisible;
use super::substitute::is_variable_name;

/// The placeholders for a key in examples, in lower case with `-` between the words.
const PLACEHOLDERS: [&str; 12] = [
    "change-me",
    "changeme",
    "change-this",
    "replace-me",
    "replace-this",
    "api-key-here",
    "key-here",
    "token-here",
    "your-key",
    "your-api-key",
    "your-token",
    "placeholder",
];

/// The longest beginning of a key that tells its maker: `sk-`, `gsk_`, `sk-or-v1-`.
const LONGEST_PREFIX: usize = 12;

/// The fault of a key; `None` where it may work. The words hold nothing of the key.
pub(super) fn fault(key: &str) -> Option<String> {
    let quotes = ['"', '\'', '`', '“', '”', '‘', '’'];
    let is_bearer = key
        .split_once(char::is_whitespace)
        .map_or(key, |(first, _)| first)
        .eq_ignore_ascii_case("bearer");
    if key.starts_with('\u{feff}') {
        return Some("begins with a byte order mark (U+FEFF), which an editor on Windows put there: save it as UTF-8 without one".to_owned());
    }
    if let Some(found) = invisible::first(key) {
        return Some(format!("holds {found}, which nobody sees: type it anew"));
    }
    if key.starts_with(quotes) {
        return Some(
            "begins with a quote, which would be a part of the key: leave the quotes out (docker's --env-file keeps them)"
                .to_owned(),
        );
    }
    if is_bearer {
        return Some("begins with `Bearer`, which is added to it: leave that out".to_owned());
    }
    bare_variable(key)
}

/// The fault of a text that is a variable without its braces.
pub(super) fn bare_variable(text: &str) -> Option<String> {
    let is_bare = text.strip_prefix('$').is_some_and(is_variable_name);
    is_bare.then(|| {
        "is a `$` and a name, and stays as it is: a variable is written ${NAME}, with braces"
            .to_owned()
    })
}

/// The fault of a key that is none yet. Local servers take any word for a key, and such words are customary there.
pub(super) fn placeholder(key: &str) -> Option<String> {
    is_placeholder(key).then(|| "is a placeholder: put the key itself there".to_owned())
}

/// Whether the text only holds the place of a key. No key that was drawn by lot looks like this.
fn is_placeholder(key: &str) -> bool {
    let words = key.to_ascii_lowercase().replace(['_', ' '], "-");
    let in_brackets = words.starts_with('<') && words.ends_with('>');
    // `your-cerebras-key`, and `sk-xxxxxxxx` behind what tells the maker.
    let of_yours = words.starts_with("your-");
    let filler = words
        .chars()
        .next_back()
        .filter(|last| "x.*…".contains(*last));
    let begin = filler.map_or(words.as_str(), |filler| words.trim_end_matches(filler));
    let blanked = words.len() - begin.len() >= 3
        && begin.len() <= LONGEST_PREFIX
        && (begin.is_empty() || begin.ends_with('-'));
    in_brackets
        || of_yours
        || blanked
        || PLACEHOLDERS
            .iter()
            .any(|placeholder| words.contains(placeholder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_work_is_told_without_the_key() {
        for (key, words) in [
            ("\u{feff}s3cret", "byte order mark"),
            ("s3cr\u{a0}et", "no-break space (U+00A0)"),
            ("s3cret\u{200b}", "zero width space"),
            ("\"s3cret\"", "quotes"),
            ("'s3cret", "quotes"),
            ("“s3cret”", "quotes"),
            ("Bearer s3cret", "`Bearer`"),
            ("bearer\ts3cret", "`Bearer`"),
            ("$S3CRET_KEY", "${NAME}"),
            ("change-me", "placeholder"),
            ("CHANGEME", "placeholder"),
            ("your-cerebras-key", "placeholder"),
            ("YOUR_API_KEY", "placeholder"),
            ("sk-your-key", "placeholder"),
            ("<your key>", "placeholder"),
            ("sk-xxxxxxxxxxxx", "placeholder"),
            ("sk-or-v1-...", "placeholder"),
            ("gsk_****", "placeholder"),
        ] {
            let fault = fault(key).or_else(|| placeholder(key));
            let fault = fault.unwrap_or_else(|| panic!("{key}"));
            assert!(fault.contains(words), "{key}: {fault}");
            assert!(
                !fault.contains("s3cr") && !fault.contains("S3CR"),
                "{fault}"
            );
        }
    }

    #[test]
    fn keys_in_earnest_pass() {
        for key in [
            "k",
            "ollama",
            "sk-or-v1-0123456789abcdef",
            "gsk_Xxxx5xxxxxAbc",
            "AIzaSyB-xxx9",
            "nvapi-x_x.x",
            "pa$$word",
            "$2b$12$abc",
            "it's-a-key\"",
            "my own long passphrase",
            "bearertoken123",
            "client-key-4f9a1c77",
        ] {
            assert_eq!(fault(key), None, "{key}");
            assert_eq!(placeholder(key), None, "{key}");
        }
    }
}
