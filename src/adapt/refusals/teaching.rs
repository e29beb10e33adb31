//! The teaching of a row: the meaning of its captures.

use crate::adapt::shapes;

use super::finding::Finding;
use super::places::place_of;

/// The meaning of a row's captures.
#[derive(Clone, Copy, Debug)]
pub enum Teaching {
    /// A member.
    Member,
    /// A list of members: with or without quotes, between commas.
    Members,
    /// A member, and another to use instead.
    Instead,
    /// A role, and a member of messages with it.
    OfRole,
    /// A member in camel case.
    Camel,
    /// The name of a member, wherever it stands.
    Anywhere,
    /// The name of a member, and the place that it stands at.
    At,
    /// The member stands right before the pattern.
    Before,
    /// These members, whatever was captured.
    These(&'static [&'static str]),
    /// The largest value of this member is the last capture.
    AtMost(&'static str),
    /// The largest value of the member in the first capture is the last one.
    AtMostOf,
    /// The member in the first capture has more items than the last one says.
    TooMany,
    /// The number of this member is more than this.
    MoreThan(&'static str, u64),
    /// This member, or kind of parts, is unsupported.
    Lacks(&'static str),
    WithoutStream(&'static str, &'static str),
    Shape(shapes::Shape),
    RelaxToolChoice,
    EqualStrict,
    FormatYields,
    NoSchemas,
    /// The context length is the last capture.
    Context,
}

/// The findings in the captures of one place.
pub fn read(teaching: Teaching, captures: &[&str]) -> Vec<Finding> {
    use Teaching::*;
    let first = captures.first().copied().unwrap_or_default();
    let last = captures.last().copied().unwrap_or_default();
    let refused = |member: &str| place_of(member).map(Finding::Refused);
    let found = match teaching {
        Member => refused(first),
        Members => return list(first).filter_map(refused).collect(),
        These(members) => {
            return members
                .iter()
                .filter_map(|member| refused(member))
                .collect();
        }
        Instead => match (place_of(first), place_of(last)) {
            (Some(place), Some(_)) => Some(Finding::Instead(place, last.to_owned())),
            _ => None,
        },
        OfRole => refused(&format!("messages.0.{first}.{last}")),
        Camel => refused(&snake(first.trim_end_matches(['.', ',']))),
        Anywhere => place_of(first).map(Finding::RefusedAnywhere),
        At => at_place(first, last),
        Before => None,
        AtMost(member) => number(last).map(|most| Finding::AtMost(member.to_owned(), most)),
        AtMostOf => place_of(first)
            .zip(number(last))
            .map(|(member, most)| Finding::AtMost(member, most)),
        TooMany => place_of(first)
            .zip(number(last).and_then(|most| most.parse().ok()))
            .map(|(member, most)| Finding::TooMany(member, most)),
        MoreThan(member, most) => Some(Finding::TooMany(member.to_owned(), most)),
        Lacks(member) => Some(Finding::Unsupported(member.to_owned())),
        WithoutStream(member, value) => Some(Finding::WithoutStream(member, value)),
        Teaching::Shape(shape) => Some(Finding::Shape(shape)),
        RelaxToolChoice => Some(Finding::RelaxToolChoice),
        EqualStrict => Some(Finding::EqualStrict),
        FormatYields => Some(Finding::FormatYields),
        NoSchemas => Some(Finding::NoSchemas),
        Context => number(last)
            .and_then(|tokens| tokens.parse().ok())
            .map(Finding::ContextLength),
    };
    found.into_iter().collect()
}

/// The names of a list such as `'a', 'b'`, `` `a`, `b` ``, `{'a': 1, 'b': 2}` or `a, b`, up to its end.
fn list(text: &str) -> impl Iterator<Item = &str> {
    let begins = text.trim_start();
    let inside = match begins.chars().next() {
        Some('[') => begins.split(']').next(),
        Some('{') => begins.split('}').next(),
        _ => Some(begins),
    };
    let names = inside.unwrap_or_default().split(',');
    names.filter_map(|name| {
        let name = name.split(':').next()?;
        let bare = name
            .trim()
            .trim_matches(['[', '{', '\'', '"', '`', '.', '(', ')']);
        (!bare.is_empty()).then_some(bare)
    })
}

/// Google's place: tools and schemas are a matter of their spelling, a message of its member.
fn at_place(name: &str, place: &str) -> Option<Finding> {
    if place.starts_with("tools") || place.contains("schema") {
        return Some(Finding::Shape(shapes::Shape::Openapi));
    }
    match place_of(&format!("{place}.{name}")) {
        Some(member) if place.starts_with("messages") => Some(Finding::Refused(member)),
        _ => place_of(name).map(Finding::Refused),
    }
}

fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A whole number, without the commas between its thousands.
fn number(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != ',').collect();
    let is_number = (1..=12).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some(digits)
}
