//! Patterns in messages: literal text with `{}` for what varies, which stays within a line.

/// The longest text that stands for a `{}` (bytes). It keeps the search linear, whatever the message is.
const LONGEST_CAPTURE: usize = 240;

/// The most places in one message that fit a pattern.
const MOST: usize = 32;

/// The texts that stand for the `{}` of the pattern, for every place that fits.
pub fn find<'m>(message: &'m str, pattern: &str) -> Vec<Vec<&'m str>> {
    let mut found = Vec::new();
    let mut literals = pattern.split("{}");
    let first = literals.next().unwrap_or_default();
    let mut rest = message;
    while let Some((_, behind)) = rest.split_once(first) {
        rest = behind;
        if first.is_empty() || found.len() == MOST {
            break;
        }
        if let Some(captures) = captures(behind, literals.clone()) {
            found.push(captures);
        }
    }
    found
}

fn captures<'m, 'p>(
    behind: &'m str,
    literals: impl Iterator<Item = &'p str>,
) -> Option<Vec<&'m str>> {
    let mut rest = behind;
    let mut captures = Vec::new();
    for literal in literals {
        let reach = LONGEST_CAPTURE + literal.len();
        let line = crate::text::cut(rest, reach);
        let at = match literal {
            "" => line.find('\n').unwrap_or(line.len()),
            // The literal may begin a line of its own.
            _ => line.find(literal)?,
        };
        let capture = rest.get(..at)?;
        if capture.contains('\n') {
            return None;
        }
        captures.push(capture);
        rest = rest.get(at + literal.len()..)?;
    }
    Some(captures)
}

/// The words right before each place with this text.
pub fn words_before<'m>(message: &'m str, text: &'m str) -> impl Iterator<Item = &'m str> {
    message
        .match_indices(text)
        .take(MOST)
        .filter_map(|(at, _)| {
            let before = message.get(..at)?;
            let from = before
                .rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ';'))
                .map_or(0, |place| place + 1);
            before.get(from..).filter(|word| !word.is_empty())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_and_lines_are_kept_apart() {
        assert_eq!(find("a 'x' b, a 'y' b", "a '{}' b"), [["x"], ["y"]]);
        assert_eq!(find("n: 1, 2\nm", "n: {}"), [["1, 2"]]);
        assert_eq!(find("p 'x\ny' q", "p '{}' q"), Vec::<Vec<&str>>::new());
        assert_eq!(find("just this", "just this"), [Vec::<&str>::new()]);
        assert_eq!(find("at most 5 of 7 t", "at most {} of {} t"), [["5", "7"]]);
        let far = format!("a '{}' b", "x".repeat(LONGEST_CAPTURE + 1));
        assert!(find(&far, "a '{}' b").is_empty());
        assert_eq!(find("é 'é' b", "é '{}' b"), [["é"]]);
    }

    /// Many beginnings of a pattern without its end must not cost their square.
    #[test]
    fn a_hostile_message_is_searched_in_linear_time() {
        let message = "a '".repeat(20_000);
        assert!(find(&message, "a '{}' b").is_empty());
        assert_eq!(
            words_before("x.y: no, b: no", ": no").collect::<Vec<_>>(),
            ["x.y", "b"]
        );
    }
}
