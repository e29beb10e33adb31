//! The steps that a record tells of: those of its routing summary, in the words of the history.

use std::borrow::Cow;

use memchr::memmem;

use crate::json::raw;
use crate::text::for_people;

/// The step that served, and all steps of a summary with their standing, as JSON.
pub fn told(summary: &str, standings: &[String]) -> (Option<String>, String) {
    let listed = raw::member(summary, "steps").unwrap_or("[]");
    let mut standings = standings.iter();
    let (mut served_by, mut steps) = (None, String::from("["));
    // The summary is the gateway's own: it is JSON.
    let _ = raw::each_item(listed, &mut |step| {
        let step = &*in_short(step);
        let standing = match is_skipped(step) {
            true => raw::member(step, "error")
                .and_then(raw::text)
                .unwrap_or_default(),
            false => match standings.next() {
                Some(standing) if !standing.is_empty() => Cow::Borrowed(standing.as_str()),
                _ => Cow::Borrowed("open"),
            },
        };
        if raw::member(step, "success") == Some("true") {
            served_by = Some(server(step));
        }
        if steps.len() > 1 {
            steps.push(',');
        }
        push_step(&mut steps, step, &standing);
    });
    steps.push(']');
    (served_by, steps)
}

/// The members of a summary's step as history names them, and its standing.
fn push_step(out: &mut String, step: &str, standing: &str) {
    let mut members: Vec<(&str, Option<String>)> = Vec::new();
    let _ = raw::each_member(step, &mut |key, value| {
        members.push((renamed(key), Some(value.to_owned())));
    });
    members.push(("standing", Some(raw::quoted(standing))));
    push_object(out, members.into_iter());
}

/// A summary's step with as much of the provider's words as people read.
fn in_short(step: &str) -> Cow<'_, str> {
    let words = raw::member(step, "error").and_then(raw::text);
    let Some(words) = words.filter(|words| for_people(words).len() < words.len()) else {
        return Cow::Borrowed(step);
    };
    let mut short = String::new();
    let mut before = '{';
    let _ = raw::each_member(step, &mut |key, value| {
        short.push(before);
        before = ',';
        short.push_str(key);
        short.push(':');
        match raw::inside(key) {
            Some("error") => raw::push_quoted(&mut short, for_people(&words)),
            _ => short.push_str(value),
        }
    });
    short.push('}');
    Cow::Owned(short)
}

/// The step that answered, in short.
fn server(step: &str) -> String {
    let mut server = String::new();
    let member = |name| raw::member(step, name).map(str::to_owned);
    let members = [
        ("step", member("step_index")),
        ("provider", member("provider")),
        ("model", member("model")),
        ("key", member("key_index")),
    ];
    push_object(&mut server, members.into_iter());
    server
}

/// Whether a summary's step was looked at without a call.
fn is_skipped(step: &str) -> bool {
    raw::member(step, "skipped").is_some()
}

fn renamed(raw_key: &str) -> &str {
    match raw::inside(raw_key).unwrap_or(raw_key) {
        "key_index" => "key",
        other => other,
    }
}

/// Appends an object; a member without a value is null.
pub fn push_object<'a>(out: &mut String, members: impl Iterator<Item = (&'a str, Option<String>)>) {
    let mut before = '{';
    for (name, value) in members {
        out.push(before);
        before = ',';
        raw::push_quoted(out, name);
        out.push(':');
        out.push_str(value.as_deref().unwrap_or("null"));
    }
    out.push('}');
}

/// The beginning of each step in a summary. No text has it: there its quotes would be escaped.
const STEP: &str = "{\"step_index\":";

/// The mark of a step that was looked at without a call.
const SKIPPED: &str = ",\"skipped\":true";

/// A step that has no message to be shortened (bytes).
const SHORT: usize = 500;

/// The summary with the last of its steps, as many as there is room for (bytes); and the number of attempts among the others.
pub fn last_steps(summary: &str, room: usize) -> (String, usize) {
    short_steps(summary, room).unwrap_or_else(|| read_steps(summary, room))
}

/// The same of steps that are all short: it is looked for where they begin, and nothing is read, as every request on a long route
/// has such a record. `None` where one is longer.
fn short_steps(summary: &str, room: usize) -> Option<(String, usize)> {
    let listed = summary.find(STEP)?;
    let end = memchr::memrchr(b']', summary.as_bytes())?;
    let steps = summary.get(listed..end)?;
    // A step that begins there or later ends within the room.
    let from = steps.len().saturating_sub(room.saturating_sub(64));
    let (mut first, mut last) = (steps.len(), 0);
    for begin in memmem::find_iter(steps.as_bytes(), STEP) {
        if begin - last > SHORT {
            return None;
        }
        last = begin;
        if begin >= from {
            first = first.min(begin);
        }
    }
    if steps.len() - last > SHORT {
        return None;
    }
    let (lost, kept) = steps.split_at_checked(first)?;
    let count = |words: &str| memmem::find_iter(lost.as_bytes(), words).count();
    let kept = ["{\"steps\":[", kept, "]}"].concat();
    Some((kept, count(STEP).saturating_sub(count(SKIPPED))))
}

fn read_steps(summary: &str, room: usize) -> (String, usize) {
    let mut steps: Vec<Cow<'_, str>> = Vec::new();
    let listed = raw::member(summary, "steps").unwrap_or("[]");
    let _ = raw::each_item(listed, &mut |step| steps.push(in_short(step)));
    let mut left = room.saturating_sub(64);
    let fitting = steps.iter().rev().take_while(|step| {
        let fits = step.len() < left;
        left = left.saturating_sub(step.len() + 1);
        fits
    });
    let (lost, kept) = steps.split_at(steps.len() - fitting.count());
    let attempts_lost = lost.iter().filter(|step| !is_skipped(step)).count();
    let last = ["{\"steps\":[", &kept.join(","), "]}"].concat();
    (last, attempts_lost)
}
