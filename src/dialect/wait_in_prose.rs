//! Waits inside the sentences of providers: "Please try again in 7m12.5s", "Your quota will reset after 2m5s".

use std::sync::LazyLock;
use std::time::Duration;

use super::waits::{TimeUnit, Wait, parse_wait, seconds_of, span_at_start, timestamp_at_start};
use crate::word_index::WordIndex;

/// The words that a wait follows, the plainer ones first: a sentence that says when to try again may name the length of a
/// window, too.
const LEADS: [&[&str]; 2] = [
    &["again", "retry", "retrying", "wait", "waiting"],
    &[
        "reset",
        "resets",
        "available",
        "back",
        "access",
        "cooldown",
        "cooling down",
        "refresh",
        "refreshes",
        "renews",
        "until",
        "next request",
        "another request",
        "allowed",
        "expires",
        "lifted",
    ],
];

/// The words that may stand between a lead and its wait.
const BETWEEN: [&str; 21] = [
    "in",
    "after",
    "at",
    "for",
    "on",
    "about",
    "approximately",
    "around",
    "another",
    "least",
    "up",
    "to",
    "until",
    "the",
    "your",
    "this",
    "request",
    "requests",
    "time",
    "again",
    "is",
];

/// Words between a lead and its wait, at most.
const MOST_BETWEEN: usize = 6;

/// The wait inside a text for people; `None` where it states none, or only none at all.
pub fn find_wait(message: &str) -> Option<Wait> {
    // The keys of leads: which of the two groups, and which of its words.
    static INDEX: LazyLock<WordIndex<(usize, usize)>> = LazyLock::new(|| {
        let groups = LEADS.iter().enumerate();
        WordIndex::of(groups.flat_map(|(group, leads)| {
            let leads = leads.iter().enumerate();
            leads.map(move |(lead, word)| ((group, lead), *word))
        }))
    });
    let heard: Vec<_> = INDEX.keys_in([message]).collect();
    if heard.is_empty() {
        return None;
    }
    let lower = message.to_ascii_lowercase();
    LEADS.iter().enumerate().find_map(|(group, leads)| {
        let of_group = heard.iter().filter(|(of, _)| *of == group);
        let leads = of_group.filter_map(|(_, lead)| leads.get(*lead));
        let found = leads.filter_map(|lead| first_after(&lower, lead));
        found.min_by_key(|(at, _)| *at).map(|(_, wait)| wait)
    })
}

/// The first wait behind a lead, and where it stands.
fn first_after(text: &str, lead: &str) -> Option<(usize, Wait)> {
    text.match_indices(lead).find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let after = rest.get(lead.len()..)?;
        let is_word =
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphabetic);
        // "connection reset after 5s" is about a connection.
        if !is_word || before.ends_with("connection ") {
            return None;
        }
        wait_behind(after, lead.starts_with("wait")).map(|wait| (at, wait))
    })
}

fn wait_behind(text: &str, is_wait: bool) -> Option<Wait> {
    let mut rest = text;
    let (mut assigned, mut introduced) = (false, is_wait);
    for _ in 0..=MOST_BETWEEN {
        let trimmed = rest.trim_start_matches([
            ' ', '\t', '\n', '\r', ':', '=', '~', '(', '"', '\'', '`', '_',
        ]);
        let skipped = rest.get(..rest.len().saturating_sub(trimmed.len()))?;
        assigned |= skipped.contains([':', '=']);
        // A hyphen joins words, as in `retry-after`; before a number it is a sign, and makes it none.
        rest = match trimmed.strip_prefix('-') {
            Some(joined) if joined.starts_with(char::is_alphabetic) => joined,
            _ => trimmed,
        };
        if let Some(wait) = wait_at_start(rest, assigned, introduced) {
            return Some(wait);
        }
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end)?;
        if !BETWEEN.contains(&word) {
            return None;
        }
        introduced |= matches!(word, "in" | "after" | "for" | "another");
        rest = after;
    }
    None
}

/// The wait that a text begins with. A bare number counts where something is assigned (`retry_after: 20`), and a number in
/// letters where it was introduced (`in a minute`).
fn wait_at_start(text: &str, assigned: bool, introduced: bool) -> Option<Wait> {
    if let Some(end) = timestamp_at_start(text) {
        return Some(Wait::Until(end));
    }
    if let Some((seconds, _)) = span_at_start(text) {
        return Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|span| !span.is_zero())
            .map(Wait::Span);
    }
    if assigned {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, after) = text.split_at_checked(end)?;
        // A word behind it is a unit that is none: `retry: 3 attempts`.
        let alone = !after.trim_start().starts_with(char::is_alphanumeric);
        if alone && !number.is_empty() {
            return parse_wait(number.trim_end_matches('.'), TimeUnit::Seconds);
        }
    }
    if introduced {
        let mut words = text.split_ascii_whitespace();
        let is_one = matches!(words.next()?, "a" | "an" | "one");
        let unit = words
            .next()?
            .trim_end_matches(|c: char| !c.is_ascii_alphabetic());
        // One letter is no word: `a s...`.
        let seconds = seconds_of(unit).filter(|_| is_one && unit.len() > 2)?;
        return Duration::try_from_secs_f64(seconds).ok().map(Wait::Span);
    }
    None
}

#[cfg(test)]
mod tests;
