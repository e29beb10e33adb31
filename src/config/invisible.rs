//! Characters that nobody sees: they come with what is pasted from a web page, a chat or a word processor, and make a
//! key, a name or an indentation another one.

/// The name of a character that cannot be seen, or looks like a plain space; `None` for every other.
fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{a0}' | '\u{202f}' | '\u{2007}' => "no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => "space of another width",
        '\u{200b}' => "zero width space",
        '\u{200c}' | '\u{200d}' => "zero width joiner",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "mark of text direction"
        }
        '\u{85}' | '\u{2028}' | '\u{2029}' => "line separator",
        '\u{2060}'..='\u{2064}' => "word joiner",
        '\u{feff}' => "byte order mark",
        '\u{e0000}'..='\u{e007f}' => "tag",
        _ => return None,
    })
}

/// The first such character of a text, as a message names it: `a no-break space (U+00A0)`.
pub(super) fn first(text: &str) -> Option<String> {
    let found = text
        .chars()
        .find_map(|character| Some((character, name(character)?)));
    found.map(|(character, name)| format!("a {name} (U+{:04X})", u32::from(character)))
}

/// The same for names that people choose, in which joiners hold letters and pictures together.
pub(super) fn first_in_name(text: &str) -> Option<String> {
    first(&text.replace(['\u{200c}', '\u{200d}'], ""))
}

/// The lines of a file, counted from 1, that hold such a character outside of their comments, and its words.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let comment = if line.trim_start().starts_with('#') {
            0
        } else {
            line.find(" #").unwrap_or(line.len())
        };
        Some((index + 1, first(line.get(..comment)?)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_named() {
        for (text, words) in [
            ("a\u{a0}b", Some("a no-break space (U+00A0)")),
            ("\u{feff}k", Some("a byte order mark (U+FEFF)")),
            ("k\u{200b}", Some("a zero width space (U+200B)")),
            ("k\u{202e}x", Some("a mark of text direction (U+202E)")),
            ("plain text\té ❤\u{fe0f}", None),
        ] {
            assert_eq!(first(text).as_deref(), words, "{text:?}");
        }
        assert_eq!(first_in_name("👩\u{200d}💻"), None);
        let found: Vec<usize> = lines("a\n#\u{a0}\nb\u{a0}: c\nd: e # \u{a0}\n")
            .map(|(line, _)| line)
            .collect();
        assert_eq!(found, [3]);
    }
}
