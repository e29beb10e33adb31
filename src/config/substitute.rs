//! References inside scalars: `${VAR}`, `${VAR:-default}` and `${file:/path}`; `$${` is a literal `${`, a lone `$`
//! stays.
//!
//! A value that is put in is text, never YAML, and is not searched for further references.

use std::collections::BTreeSet;

use super::environment::Environment;

/// The stand-ins for the braces of a reference while the YAML parser looks: in `[${A}, ${B}]` it would take `{A}` for a
/// mapping. The Go gateway replaced references before parsing, so its files have such lists. Both are
/// noncharacters, which no text in earnest has (Unicode 23.7) and YAML lets pass.
const OPEN: char = '\u{1fffe}';
const CLOSE: char = '\u{1ffff}';

/// A scalar with its references replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub text: String,
    /// A part of the text came from outside, so it must not be shown.
    pub substituted: bool,
}

/// The reasons why references could not be replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ExpandError {
    /// The variables that are not set.
    pub missing: BTreeSet<String>,
    pub problems: Vec<String>,
}

/// Hides the braces of references from the YAML parser. Lines and columns stay the same.
pub(super) fn protect(text: &str) -> String {
    let mut protected = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        protected.push_str(before);
        let literal = before.ends_with('$');
        let inside = after
            .lines()
            .next()
            .and_then(|line| line.split_once('}'))
            .map(|(inside, _)| inside)
            .filter(|inside| literal || Reference::parse(inside).is_ok());
        rest = match inside {
            Some(inside) => {
                protected.extend(['$', OPEN]);
                protected.push_str(inside);
                protected.push(CLOSE);
                after.get(inside.len() + 1..).unwrap_or_default()
            }
            None => {
                protected.push_str("${");
                after
            }
        };
    }
    protected.push_str(rest);
    protected
}

/// The text as it stands in the file.
pub(super) fn unprotect(text: &str) -> String {
    text.replace(OPEN, "{").replace(CLOSE, "}")
}

/// Replaces every reference in a scalar of a protected text.
pub(super) fn expand(text: &str, environment: &dyn Environment) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded {
        text: String::with_capacity(text.len()),
        substituted: false,
    };
    let mut failure = ExpandError::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.text.push_str(&unprotect(before));
        if let Some(literal) = after.strip_prefix('$').and_then(opened) {
            expanded.text.push_str("${");
            rest = literal;
        } else if let Some(reference) = opened(after) {
            let Some((inside, behind)) = reference.split_once([CLOSE, '}']) else {
                failure
                    .problems
                    .push("`${` has no `}`; a literal `${` is written `$${`".to_owned());
                break;
            };
            expanded.substituted = true;
            replace(inside, environment, &mut expanded.text, &mut failure);
            rest = behind;
        } else {
            expanded.text.push('$');
            rest = after;
        }
    }
    expanded.text.push_str(&unprotect(rest));
    if failure == ExpandError::default() {
        Ok(expanded)
    } else {
        Err(failure)
    }
}

fn opened(text: &str) -> Option<&str> {
    text.strip_prefix([OPEN, '{'])
}

fn replace(
    inside: &str,
    environment: &dyn Environment,
    text: &mut String,
    failure: &mut ExpandError,
) {
    match resolve(inside, environment) {
        Ok(value) => text.push_str(&value),
        Err(Unresolved::Missing(name)) => {
            failure.missing.insert(name);
        }
        Err(Unresolved::Wrong(message)) => failure.problems.push(message),
    }
}

enum Unresolved {
    Missing(String),
    Wrong(String),
}

fn resolve(inside: &str, environment: &dyn Environment) -> Result<String, Unresolved> {
    match Reference::parse(inside).map_err(Unresolved::Wrong)? {
        Reference::File(path) => match environment.file(path) {
            Ok(content) => Ok(content.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(Unresolved::Wrong(format!("cannot read {path}: {error}"))),
        },
        Reference::Variable { name, default } => {
            let value = match environment.variable(name).map(|value| value.into_string()) {
                Some(Ok(value)) => Some(value),
                Some(Err(_)) => {
                    return Err(Unresolved::Wrong(format!(
                        "the variable {name} is not UTF-8"
                    )));
                }
                None => None,
            };
            match (value, default) {
                // Only a default replaces an empty value, as in a shell.
                (Some(value), None) => Ok(value),
                (Some(value), Some(_)) if !value.is_empty() => Ok(value),
                (_, Some(default)) => Ok(default.to_owned()),
                (None, None) => Err(Unresolved::Missing(name.to_owned())),
            }
        }
    }
}

/// The reference between the braces.
enum Reference<'t> {
    Variable {
        name: &'t str,
        default: Option<&'t str>,
    },
    File(&'t str),
}

impl<'t> Reference<'t> {
    fn parse(inside: &'t str) -> Result<Self, String> {
        if let Some(path) = inside.strip_prefix("file:") {
            if path.is_empty() {
                return Err("`${file:}` names no file".to_owned());
            }
            return Ok(Self::File(path));
        }
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable_name(name) {
            // The inside is not shown: it may be a key that was put between braces.
            return Err(
                "a reference is written ${NAME}, ${NAME:-default} or ${file:/path}; \
                        a literal `${` is written `$${`"
                    .to_owned(),
            );
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(format!(
                "the default of ${{{name}}} cannot hold another reference"
            ));
        }
        Ok(Self::Variable { name, default })
    }
}

pub(super) fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn environment() -> BTreeMap<String, String> {
        [("A", "a"), ("EMPTY", ""), ("ODD", "x: #y ${A} \"'\n$$")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn references_are_replaced_and_all_else_stays() {
        let cases = [
            ("", ""),
            ("plain", "plain"),
            ("${A}", "a"),
            ("Bearer ${A}!", "Bearer a!"),
            ("${A}${A}", "aa"),
            ("${EMPTY}", ""),
            ("${EMPTY:-d}", "d"),
            ("${UNSET:-d}", "d"),
            ("${UNSET:-}", ""),
            ("${UNSET:-http://h:1/x-y}", "http://h:1/x-y"),
            ("${A:-d}", "a"),
            ("${ODD}", "x: #y ${A} \"'\n$$"),
            ("$", "$"),
            ("pa$$word$", "pa$$word$"),
            ("$A", "$A"),
            ("$${A}", "${A}"),
            ("$${A} ${A} {x}", "${A} a {x}"),
            ("$$$A", "$$$A"),
        ];
        for (text, expected) in cases {
            // Whether the braces were hidden or not must not matter.
            for text in [text.to_owned(), protect(text)] {
                let expanded = expand(&text, &environment()).unwrap();
                assert_eq!(expanded.text, expected, "{text}");
            }
        }
    }

    #[test]
    fn what_came_from_outside_is_marked() {
        for (text, substituted) in [
            ("x", false),
            ("$${A}", false),
            ("${A}", true),
            ("${U:-d}", true),
        ] {
            assert_eq!(
                expand(text, &environment()).unwrap().substituted,
                substituted,
                "{text}"
            );
        }
    }

    #[test]
    fn all_missing_variables_are_named_at_once() {
        let failure = expand("${Z} ${B} ${A} ${Z}", &environment()).unwrap_err();
        assert_eq!(failure.missing.into_iter().collect::<Vec<_>>(), ["B", "Z"]);
    }

    #[test]
    fn malformed_references_are_refused_without_showing_them() {
        let cases = [
            "${",
            "${A",
            "${}",
            "${1A}",
            "${A-b}",
            "${A:?b}",
            "${ A }",
            "${sk-secret}",
            "${file:}",
        ];
        for text in cases {
            for text in [text.to_owned(), protect(text)] {
                let failure = expand(&text, &environment()).unwrap_err();
                assert_eq!(failure.problems.len(), 1, "{text}");
                assert!(!failure.problems[0].contains("secret"), "{failure:?}");
            }
        }
    }

    #[test]
    fn protecting_keeps_lines_and_columns() {
        let text = "a: [${A}, ${B:-x}]\nb: $${C}\nc: ${\nd: }\n";
        let protected = protect(text);
        assert_eq!(protected.chars().count(), text.chars().count());
        assert_eq!(protected.lines().count(), text.lines().count());
        assert_eq!(unprotect(&protected), text);
    }
}
