//! Calls and their results, side by side: providers refuse a call without its result right behind it, and a result
//! without its call.

use crate::dialect::canonical::{
    Escaped, Part, Request as Canonical, Role, ToolResult, Turn, join,
};

/// The result of a call whose turn was interrupted.
const NONE: &str = "(no result)";

/// Puts a result behind the calls that it may belong to, before all else that the user has said since.
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
        let is_other = |part: &Part<'_>| !matches!(part, Part::Result(_));
        let at = turn.parts.iter().position(is_other);
        let at = at.unwrap_or(turn.parts.len());
        turn.parts.insert(at, Part::Result(result));
    }
}

/// Gives every call a result, and makes texts of results whose calls are gone, as in histories that were made shorter.
pub fn settle(form: &mut Canonical<'_>) {
    let turns = std::mem::take(&mut form.turns);
    let mut open: Vec<Escaped<'_>> = Vec::new();
    for mut turn in turns {
        if turn.role == Role::User {
            let (mut results, others) = settled(turn.parts, &mut open);
            results.extend(unanswered(&mut open));
            results.extend(others);
            turn.parts = results;
        } else {
            open = turn
                .parts
                .iter()
                .filter_map(|part| match part {
                    Part::Call(call) => Some(call.id.clone()),
                    _ => None,
                })
                .collect();
        }
        form.turns.push(turn);
    }
    if !open.is_empty() {
        let parts = unanswered(&mut open).collect();
        form.turns.push(Turn {
            role: Role::User,
            parts,
        });
    }
}

/// The results to the calls that are open, which close them; and what else there is.
fn settled<'a>(
    parts: Vec<Part<'a>>,
    open: &mut Vec<Escaped<'a>>,
) -> (Vec<Part<'a>>, Vec<Part<'a>>) {
    let (mut results, mut others) = (Vec::new(), Vec::new());
    for part in parts {
        let Part::Result(result) = part else {
            others.push(part);
            continue;
        };
        let call = open
            .iter()
            .position(|id| id.decoded() == result.id.decoded());
        if let Some(place) = call {
            open.remove(place);
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

/// Results for the calls that have none.
fn unanswered<'a>(open: &mut Vec<Escaped<'a>>) -> impl Iterator<Item = Part<'a>> {
    std::mem::take(open).into_iter().map(|id| {
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
