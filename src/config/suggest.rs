//! "Did you mean": the known word that is nearest to a wrong one.

use crate::heapsort::sorted;

/// ` did you mean "x"?` behind a comma, or nothing when no candidate is near.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    match closest(word, candidates) {
        Some(candidate) => format!(", did you mean {candidate:?}?"),
        None => String::new(),
    }
}

/// The candidates that come near a word, the nearest first; those too that hold it, or are held by it (at most `most`).
pub fn near<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
    most: usize,
) -> Vec<&'c str> {
    let wanted = fold(word);
    let text = |folded: &[char]| folded.iter().collect::<String>();
    // `vendor/model` and `model` name the same thing at different providers.
    let core = text(&wanted);
    let core = core.rsplit('/').next().unwrap_or_default().to_owned();
    let ranked = candidates.into_iter().filter_map(|candidate| {
        let folded = fold(candidate);
        let distance = distance(&wanted, &folded);
        let name = text(&folded);
        let holds = core.len() >= 4 && (name.contains(&core) || core.contains(&name));
        let is_near = distance <= wanted.len().max(3) / 3;
        (holds || is_near).then_some((!holds, distance, candidate))
    });
    let mut ranked = sorted(ranked);
    ranked.truncate(most);
    ranked
        .into_iter()
        .map(|(.., candidate)| candidate)
        .collect()
}

/// The nearest of the known words; `None` where none is near.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let folded = fold(word);
    let candidates = candidates.into_iter().map(|candidate| {
        let other = fold(candidate);
        (distance(&folded, &other), other.len(), candidate)
    });
    let (distance, length, candidate) = candidates.min_by_key(|(distance, ..)| *distance)?;
    let shorter = folded.len().min(length);
    // A third of the letters may be wrong. More, or all of them, and short words would stand for each other.
    (distance <= folded.len().max(3) / 3 && distance < shorter).then_some(candidate)
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

/// The number of letters to insert, remove, change, or swap with their neighbour (optimal string alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let mut row_before = row.clone();
    for (i, from_char) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, to_char) in to.iter().enumerate() {
            let at =
                |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&row, j) + usize::from(from_char != to_char);
            let mut best = changed.min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            if let (Some(i), Some(j)) = (i.checked_sub(1), j.checked_sub(1)) {
                let swapped = from.get(i) == Some(to_char) && to.get(j) == Some(from_char);
                if swapped {
                    best = best.min(at(&row_before, j) + 1);
                }
            }
            next.push(best);
        }
        row_before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_were_probably_meant_are_named() {
        let models = [
            "openai/gpt-oss-120b",
            "openai/gpt-oss-120b:free",
            "qwen/qwen3-235b",
            "llama3.1-8b",
            "x",
        ];
        for (word, expected) in [
            (
                "gpt-oss-120b",
                &["openai/gpt-oss-120b", "openai/gpt-oss-120b:free"][..],
            ),
            ("openai/gpt-oss-12b", &["openai/gpt-oss-120b"]),
            ("llama-3.1-8b", &["llama3.1-8b"]),
            ("claude", &[]),
        ] {
            let found = near(word, models, 3);
            assert!(found.starts_with(expected), "{word}: {found:?}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{word}: {found:?}");
        }
    }

    #[test]
    fn distances() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("same", "same", 0),
            ("nmae", "name", 1),
            ("ab", "ba", 1),
            ("abc", "bca", 2),
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
            ("nmae", Some("name")),
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
