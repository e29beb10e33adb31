//! Complaints of a YAML parser, in the words of whoever wrote the file.

use super::invisible;

/// A complaint of libyaml and its meaning.
struct Row {
    problem: &'static str,
    /// The parser's work meanwhile; empty for any.
    context: &'static str,
    words: &'static str,
    /// The line that is meant is the one at which it began, not the one at which it gave up.
    began: bool,
}

const fn row(problem: &'static str, context: &'static str, words: &'static str) -> Row {
    Row {
        problem,
        context,
        words,
        began: false,
    }
}

const fn row_from_its_beginning(
    problem: &'static str,
    context: &'static str,
    words: &'static str,
) -> Row {
    Row {
        problem,
        context,
        words,
        began: true,
    }
}

/// The words about an indentation with tabs, which the parser has many complaints for.
pub(super) const TABS: &str = "YAML is indented with spaces, not with tabs";

const ROWS: [Row; 17] = [
    row(
        "mapping values are not allowed",
        "",
        "a second `: ` on the line: put the value in quotes, or mend the indentation (a line belongs to those that begin in \
         the same column)",
    ),
    row_from_its_beginning(
        "unexpected end of stream",
        "quoted scalar",
        "the quote that opens here is never closed",
    ),
    row(
        "unknown escape character",
        "",
        "a backslash inside double quotes that means nothing: use single quotes",
    ),
    row("tab character", "", TABS),
    row(
        "unknown anchor",
        "",
        "a value that begins with `*` names an anchor (`&`), and there is none of this name: put it in quotes if it is meant as a text",
    ),
    row(
        "alphabetic or numeric character",
        "",
        "a value cannot begin with `*` or `&`: put it in quotes",
    ),
    row(
        "cannot start any token",
        "",
        "a value cannot begin with this character: put it in quotes",
    ),
    row_from_its_beginning(
        "did not find expected ',' or '}'",
        "",
        "the `{` that opens here is not closed, or a text in it has to be put in quotes",
    ),
    row_from_its_beginning(
        "did not find expected ',' or ']'",
        "",
        "the `[` that opens here is not closed, or a text in it has to be put in quotes",
    ),
    row(
        "did not find expected '-' indicator",
        "",
        "the indentation does not fit: a line of a list begins with `- `, and what belongs to it stands below its first letter",
    ),
    row(
        "did not find expected key",
        "",
        "a setting `name: value` was expected here: mend the indentation, or put the value in quotes, all of it",
    ),
    row_from_its_beginning(
        "could not find expected ':'",
        "",
        "no `name: value`: a colon is missing, or the space behind it",
    ),
    row(
        "did not find expected comment or line break",
        "block scalar",
        "a value cannot begin with `|` or `>`: put it in quotes",
    ),
    row(
        "mapping keys are not allowed",
        "",
        "a value cannot begin with `? `: put it in quotes",
    ),
    row(
        "block sequence entries are not allowed",
        "",
        "a list begins on a line of its own: a value cannot begin with `- `, put it in quotes if it is a text",
    ),
    row(
        "expected a name as the key",
        "",
        "braces in braces: put a value that begins with `{` in quotes",
    ),
    row(
        "more than one document",
        "",
        "a line `---` begins a second configuration: a file holds one",
    ),
];

/// The line of a complaint, where it is another than the parser says, and its meaning; the complaint itself where it is
/// not known.
pub(super) fn translated(
    text: &str,
    complaint: &str,
    line: Option<usize>,
) -> (Option<usize>, String) {
    let (problem, context) = match complaint.split_once(", while ") {
        Some((problem, context)) => (problem, context),
        None => (complaint, ""),
    };
    // A quote that is not closed is closed by the next one, and what follows that makes no sense.
    let quote = line.and_then(|line| open_quote(text, line));
    if let Some(quote) = quote.filter(|_| !context.contains("quoted scalar")) {
        let words = "the quote that opens here is not closed on its line".to_owned();
        return (Some(quote), words);
    }
    let row = ROWS
        .iter()
        .find(|row| problem.contains(row.problem) && context.contains(row.context));
    match row {
        Some(row) if row.began => (line_in(context).or(line), row.words.to_owned()),
        Some(row) => (line, row.words.to_owned()),
        None => (line, complaint.to_owned()),
    }
}

/// The invisible characters of a file that is no YAML, the first few of them: they may be the reason.
pub(super) fn unseen(text: &str) -> impl Iterator<Item = (usize, String)> {
    let lines = invisible::lines(text).take(5);
    lines.map(|(line, found)| {
        let words =
            format!("{found} stands here, which nobody sees: YAML knows only the plain space");
        (line, words)
    })
}

/// The number behind ` at line `.
fn line_in(context: &str) -> Option<usize> {
    let (_, rest) = context.split_once(" at line ")?;
    rest.split(' ').next()?.parse().ok()
}

/// The first line, up to a given one, whose value begins with a quote that is not closed on it.
fn open_quote(text: &str, end: usize) -> Option<usize> {
    let lines = text.lines().take(end).enumerate();
    let mut lines = lines.filter(|(_, line)| {
        let line = line.trim_start();
        let value = match line.split_once(": ") {
            Some((_, value)) => value,
            None => line.strip_prefix("- ").unwrap_or_default(),
        };
        let value = value.trim();
        ['"', '\''].into_iter().any(|quote| {
            let inside = value.strip_prefix(quote);
            inside.is_some_and(|inside| !inside.contains(quote))
        })
    });
    lines.next().map(|(index, _)| index + 1)
}
