//! A provider's refusal as a statement about the request: which members, which shapes, which limits. Only what is quoted or
//! stands in a structured field counts; nothing is guessed from words.

mod complaints;
mod finding;
mod matching;
mod places;
mod remedy;
mod rows;
mod teaching;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use memchr::memchr;
use memchr::memmem::Finder;

use crate::json::Object;
use crate::word_index::WordIndex;

use super::lesson::Lesson;
use super::operations::Kept;
use super::shapes::Shape;
use complaints::{Complaint, complaints};
use finding::Finding;
use places::{place_of, place_of_tokens};
use rows::{ROWS, Row};
use teaching::Teaching;

/// The longest refusal that is read (bytes); providers' are a few hundred.
const LONGEST: usize = 16 * 1024;

/// The most findings of one refusal.
const MOST_FINDINGS: usize = 64;

/// The lessons of a refusal for a request that was sent as `sent`; none where it refuses no member, or none that was
/// sent.
pub fn lessons(status: u16, body: &str, sent: &Object<'_>, kept: Kept<'_>) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    for finding in findings(status, body) {
        for lesson in remedy::remedies(&finding, sent) {
            let is_kept = lesson.place().is_some_and(|place| kept.has(place));
            if !is_kept && !lessons.contains(&lesson) {
                lessons.push(lesson);
            }
        }
    }
    lessons
}

/// The statements of a refusal.
pub fn findings(status: u16, body: &str) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let body = crate::text::cut(body, LONGEST);
    if !rows::may_speak(status) || says_nothing(status, body) {
        return found;
    }
    for complaint in complaints(body) {
        let structured = structured(status, &complaint);
        let new = if structured.is_empty() {
            spoken(status, &complaint.message)
        } else {
            structured
        };
        for finding in new {
            if !found.contains(&finding) && found.len() < MOST_FINDINGS {
                found.push(finding);
            }
        }
    }
    found
}

/// Whether a refusal has neither the words of any row nor the fields that are read. Most are so, and need not be taken apart.
fn says_nothing(status: u16, body: &str) -> bool {
    // An escape may stand for any letter.
    if memchr(b'\\', body.as_bytes()).is_some() || PLACE.find(body.as_bytes()).is_some() {
        return false;
    }
    let mut heard = WORDS.keys_in([body]);
    heard.all(|row| {
        let row = row.and_then(|row| ROWS.get(row));
        row.is_some_and(|Row(statuses, _, _)| !statuses.contains(status))
    })
}

/// The patterns of the rows, by their index, and the marks of fields, without one.
static WORDS: LazyLock<WordIndex<Option<usize>>> = LazyLock::new(|| {
    let rows = ROWS.iter().enumerate();
    let patterns = rows.map(|(index, Row(_, pattern, _))| (Some(index), *pattern));
    WordIndex::of(
        FIELDS
            .map(|field| (None, field))
            .into_iter()
            .chain(patterns),
    )
});

/// The marks of the fields that [`structured`] reads.
const FIELDS: [&str; 3] = [
    "unsupported_parameter",
    "unknown_parameter",
    "unsupported_value",
];

/// The mark of FastAPI's list of errors, too short for an index that reads a text with long steps.
static PLACE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"loc\""));

/// The findings in the fields of an error.
fn structured(status: u16, complaint: &Complaint) -> Vec<Finding> {
    let mut found = Vec::new();
    if !matches!(status, 400 | 422 | 500) {
        return found;
    }
    if let (Some("unsupported_parameter" | "unknown_parameter" | "unsupported_value"), Some(param)) =
        (complaint.code.as_deref(), complaint.param.as_deref())
        && let Some(place) = place_of(param)
    {
        let instead = matching::find(&complaint.message, "Use '{}' instead");
        let instead = instead
            .first()
            .and_then(|captures| captures.first().copied());
        found.push(match instead {
            _ if param.ends_with(".role") => Finding::Shape(Shape::DeveloperToSystem),
            Some(name) if place_of(name).is_some() => Finding::Instead(place, name.to_owned()),
            _ => Finding::Refused(place),
        });
    }
    let Some(loc) = &complaint.loc else {
        return found;
    };
    let ends = |with: &[&str]| {
        loc.iter()
            .rev()
            .map(String::as_str)
            .take(with.len())
            .eq(with.iter().copied())
    };
    match (complaint.kind.as_deref(), complaint.input.as_deref()) {
        (Some("extra_forbidden" | "value_error.extra"), _) => {
            found.extend(place_of_tokens(loc, false).map(Finding::Refused));
        }
        (Some("literal_error"), Some("developer")) if ends(&["role"]) => {
            found.push(Finding::Shape(Shape::DeveloperToSystem));
        }
        (Some("literal_error"), Some("json_schema")) if ends(&["type", "response_format"]) => {
            found.push(Finding::NoSchemas);
        }
        _ => {}
    }
    found
}

/// The findings in a message: those of the first row that it fits, all of them.
fn spoken(status: u16, message: &str) -> Vec<Finding> {
    let heard = WORDS.keys_in([message]).flatten();
    let rows = heard.filter_map(|row| ROWS.get(row));
    for Row(_, pattern, says) in rows.filter(|Row(statuses, _, _)| statuses.contains(status)) {
        let found = match says {
            Teaching::Before => matching::words_before(message, pattern)
                .filter_map(place_of)
                .map(Finding::Refused)
                .collect(),
            _ => {
                let matches = matching::find(message, pattern);
                let found = matches
                    .iter()
                    .flat_map(|captures| teaching::read(*says, captures));
                found.collect::<Vec<_>>()
            }
        };
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}
