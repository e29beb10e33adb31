//! The `.env` file: parsed, never executed; the same rules as those of `ops/env.sh`.
//!
//! A line is `NAME=value`, with or without `export` before it. Without quotes the value ends at white space and `#`; in
//! single quotes everything is itself; in double quotes `\"`, `\\`, `\$`, `` \` ``, `\n` and `\t` are what they are in a
//! shell. `$` is never replaced: a key may hold one.

use std::collections::BTreeMap;

/// The variables of a file, and what is wrong with it: the number of a line, counted from 1, and the words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EnvFile {
    pub variables: BTreeMap<String, String>,
    pub problems: Vec<(usize, String)>,
}

/// Reads every line; of a name that is given twice the last value counts. No value gets into a problem.
pub(super) fn parse(text: &str) -> EnvFile {
    let mut file = EnvFile::default();
    // Editors on Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.trim_start_matches(is_space);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, rest)) = assignment(line) else {
            file.problems
                .push((index + 1, "is no NAME=value".to_owned()));
            continue;
        };
        match value(rest.strip_suffix('\r').unwrap_or(rest)) {
            Ok(value) => drop(file.variables.insert(name.to_owned(), value)),
            Err(problem) => file
                .problems
                .push((index + 1, format!("{name}: {problem}"))),
        }
    }
    file
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

/// The name, and what stands behind the `=`.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let exported = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with(is_space));
    let line = exported.unwrap_or(line).trim_start_matches(is_space);
    let (name, rest) = line.split_once('=')?;
    let name = name.trim_end_matches(is_space);
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let is_name = begins && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then_some((name, rest.trim_start_matches(is_space)))
}

fn value(text: &str) -> Result<String, &'static str> {
    let Some(quote) = text.chars().next().filter(|first| "'\"".contains(*first)) else {
        return Ok(unquoted(text).to_owned());
    };
    let inside = text.get(1..).unwrap_or_default();
    if quote == '\'' {
        let (value, behind) = inside.split_once('\'').ok_or("has no closing '")?;
        return only_a_comment(behind).map(|()| value.to_owned());
    }
    let mut value = String::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return only_a_comment(characters.as_str()).map(|()| value),
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(itself @ ('"' | '\\' | '$' | '`')) => value.push(itself),
                other => value.extend(['\\'].into_iter().chain(other)),
            },
            other => value.push(other),
        }
    }
    Err("has no closing \"")
}

/// The value without a comment, which begins at the first `#` that stands at the beginning or behind white space.
fn unquoted(text: &str) -> &str {
    let mut before = None;
    let comment = text.char_indices().find(|(_, character)| {
        let begins = *character == '#' && before.is_none_or(is_space);
        before = Some(*character);
        begins
    });
    let end = comment.map_or(text.len(), |(start, _)| start);
    text.get(..end).unwrap_or(text).trim_end_matches(is_space)
}

fn only_a_comment(behind: &str) -> Result<(), &'static str> {
    let behind = behind.trim_start_matches(is_space);
    if behind.is_empty() || behind.starts_with('#') {
        Ok(())
    } else {
        Err("goes on behind the closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_marks_and_repetitions_are_understood() {
        let file = parse("\u{feff}# first\r\nA=1\r\n\r\n  # more\nA=2\nexport B='x'\nexport=3\n");
        assert_eq!(file.problems, []);
        let variables: Vec<(&str, &str)> = file
            .variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(variables, [("A", "2"), ("B", "x"), ("export", "3")]);
    }

    #[test]
    fn every_problem_is_named_with_its_line_and_without_the_value() {
        let file = parse("A='s3cret\nB\n1A=1\nC=\"s3cret\nD='a's3cret\nE=fine\nA[0]=1\nF=\"\\");
        let problems: Vec<String> = file
            .problems
            .iter()
            .map(|(line, problem)| format!("{line}: {problem}"))
            .collect();
        assert_eq!(
            problems,
            [
                "1: A: has no closing '",
                "2: is no NAME=value",
                "3: is no NAME=value",
                "4: C: has no closing \"",
                "5: D: goes on behind the closing quote",
                "7: is no NAME=value",
                "8: F: has no closing \"",
            ]
        );
        assert_eq!(file.variables.len(), 1);
    }
}
