//! Calls and their results, side by side: providers refuse a call without its result right behind it, and a result
//! without its call.

use std::collections::BTreeMap;

use crate::dialect::canonical::{
    Escaped, Part, Request as Canonical, Role, ToolResult, Turn, join,
};

/// The result of a call whose turn was interrupted.
const NONE: &str = "(no result)";

/// Puts a result into the turn behind the calls that it may belong to. Its place there is for [`settle`] to find.
pub fn add_result<'a>(form: &mut Canonical<'a>, result: ToolResult<'a>) {
    let behind = form
        .turns
        .iter()
        .rposition(|turn| turn.role == Role::Assistant)
        .map_or(0, |place| place + 1);
    if form.turns.len() <= behind {
        form.turns.push(Turn {
            role: Role::User,
            parts: Vec::new(),
        });
    }
    if let Some(turn) = form.turns.get_mut(behind) {
        turn.parts.push(Part::Result(result));
    }
}

/// Gives every call a result, puts results before all else that the user has said since, and makes texts of results whose
/// calls are gone, as in histories that were made shorter.
pub fn settle(form: &mut Canonical<'_>) {
    let turns = std::mem::take(&mut form.turns);
    let mut open = OpenCalls::default();
    for mut turn in turns {
        if turn.role == Role::User {
            let (mut results, others) = settled(turn.parts, &mut open);
            results.extend(open.unanswered());
            results.extend(others);
            turn.parts = results;
        } else {
            open = OpenCalls::of(&turn);
        }
        form.turns.push(turn);
    }
    let parts: Vec<Part<'_>> = open.unanswered().collect();
    if !parts.is_empty() {
        form.turns.push(Turn {
            role: Role::User,
            parts,
        });
    }
}

/// The calls of a turn that have no result yet.
#[derive(Default)]
struct OpenCalls<'a> {
    /// In their order; those with a result are `None`.
    ids: Vec<Option<Escaped<'a>>>,
    /// The places of each id, the next one last.
    places: BTreeMap<String, Vec<usize>>,
}

impl<'a> OpenCalls<'a> {
    fn of(turn: &Turn<'a>) -> Self {
        let ids = turn.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(Some(call.id.clone())),
            _ => None,
        });
        let ids: Vec<Option<Escaped<'a>>> = ids.collect();
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, id) in ids.iter().enumerate().rev() {
            if let Some(id) = id {
                let id = id.decoded().into_owned();
                places.entry(id).or_default().push(place);
            }
        }
        Self { ids, places }
    }

    /// Takes a call as answered. Tells whether there was one that is open.
    fn answer(&mut self, id: &Escaped<'_>) -> bool {
        let place = self.places.get_mut(&*id.decoded()).and_then(Vec::pop);
        let call = place.and_then(|place| self.ids.get_mut(place));
        call.is_some_and(|call| call.take().is_some())
    }

    /// Results for the calls that have none.
    fn unanswered(&mut self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let ids = std::mem::take(self).ids.into_iter().flatten();
        ids.map(|id| {
            Part::Result(ToolResult {
                id,
                text: Escaped::plain(NONE),
                attachments: Vec::new(),
                label: Escaped::default(),
                stand_in: NONE,
                is_error: false,
            })
        })
    }
}

/// The results to the calls that are open, which close them; and what else there is.
fn settled<'a>(parts: Vec<Part<'a>>, open: &mut OpenCalls<'a>) -> (Vec<Part<'a>>, Vec<Part<'a>>) {
    let (mut results, mut others) = (Vec::new(), Vec::new());
    for part in parts {
        let Part::Result(result) = part else {
            others.push(part);
            continue;
        };
        if open.answer(&result.id) {
            results.push(Part::Result(result));
        } else {
            let text = [
                Escaped::plain("Tool result "),
                result.id,
                Escaped::plain(": "),
                result.text,
            ];
            others.push(Part::Text(join(text, "")));
            others.extend(result.attachments);
        }
    }
    (results, others)
}
