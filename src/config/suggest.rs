//! "Did you mean": the known word that somebody probably meant.

/// ` did you mean "x"?` behind a comma, or nothing when no candidate is near.
pub(super) fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> String {
    match closest(word, candidates) {
        Some(candidate) => format!(", did you mean {candidate:?}?"),
        None => String::new(),
    }
}

fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let folded = fold(word);
    let nearest = candidates
        .into_iter()
        .map(|candidate| (distance(&folded, &fold(candidate)), candidate))
        .min_by_key(|(distance, _)| *distance);
    // A third of the letters may be wrong: more, and short words would stand for each other.
    nearest
        .filter(|(distance, _)| *distance <= folded.len().max(3) / 3)
        .map(|(_, candidate)| candidate)
}

/// `baseUrl`, `base-url` and `BASE_URL` are all near `base_url`.
fn fold(word: &str) -> Vec<char> {
    // Longer words are no typing errors, and the distance takes quadratic time.
    word.chars()
        .take(64)
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

/// How many letters have to be inserted, removed or changed (Levenshtein).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, from_char) in from.iter().enumerate() {
        let mut left = index + 1;
        let mut diagonal = index;
        let mut next = vec![left];
        for (to_char, &above) in to.iter().zip(row.iter().skip(1)) {
            let changed = diagonal + usize::from(from_char != to_char);
            left = changed.min(above + 1).min(left + 1);
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
        ];
        for (from, to, expected) in cases {
            assert_eq!(distance(&fold(from), &fold(to)), expected, "{from} {to}");
        }
    }

    #[test]
    fn typing_errors_are_understood_and_other_words_are_not() {
        let known = [
            "name",
            "base_url",
            "api_key",
            "api_keys",
            "strict_json_schema",
        ];
        let cases = [
            ("base-url", Some("base_url")),
            ("baseUrl", Some("base_url")),
            ("apikey", Some("api_key")),
            ("nme", Some("name")),
            ("strict_json_shema", Some("strict_json_schema")),
            ("colour", None),
            ("x", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(closest(word, known), expected, "{word}");
        }
        assert_eq!(did_you_mean("nme", known), ", did you mean \"name\"?");
        assert_eq!(did_you_mean("nme", []), "");
    }
}
