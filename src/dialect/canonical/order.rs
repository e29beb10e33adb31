//! The order of an answer's pieces: calls that a provider interleaves come one after the other.
//!
//! Clients keep one current block. Home Assistant runs a call at its end, the Anthropic SDKs throw at a delta for a block
//! that is not open. A call is therefore open until its arguments are a whole JSON value and something else has begun, or
//! the stream ends; what comes for anything else meanwhile waits.

use std::collections::VecDeque;

use super::delta::{CallFragment, Delta, OrderedDelta};
use super::json_scan::JsonScan;
use crate::dialect::answer::Flaw;

/// The deltas of one answer on their way into an order.
#[derive(Debug, Default)]
pub struct Order {
    calls: Vec<Call>,
    /// The call that has begun and not ended.
    open: Option<usize>,
    waiting: VecDeque<Waiting>,
    /// The bytes that wait.
    kept: usize,
}

/// A call of the answer.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    name: Option<String>,
    /// The arguments that have not been passed on.
    arguments: String,
    scan: JsonScan,
    has_ended: bool,
}

/// A piece that waits for the end of the call that is open.
#[derive(Debug)]
enum Waiting {
    Call(usize),
    Text(String),
    Refusal(String),
    Reasoning(String, super::delta::ReasoningMember),
    Signature(String),
    Citation(String),
    Logprobs(String),
    Image(String),
}

/// Whatever takes deltas in their order.
pub type Take<'t> = dyn FnMut(OrderedDelta<'_>) -> Result<(), Flaw> + 't;

/// Calls of one answer. No sane one has more, and each is looked through.
const MOST_CALLS: usize = 1024;

/// The longest id or name of a call; what is kept of each is not counted otherwise (bytes).
const LONGEST_NAME: usize = 4096;

impl Order {
    /// Takes a piece, and passes on what has its turn.
    ///
    /// # Errors
    /// More calls than any sane answer has; whatever `take` says.
    pub fn push(&mut self, delta: Delta<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let ordered = match delta {
            Delta::Begin(begin) => return take(OrderedDelta::Begin(begin)),
            Delta::Usage(counts) => return take(OrderedDelta::Usage(counts)),
            Delta::Call(fragment) => return self.push_call(fragment, take),
            Delta::End(end) => {
                self.finish(take)?;
                return take(OrderedDelta::End(end));
            }
            Delta::Text(text) => OrderedDelta::Text(text),
            Delta::Refusal(text) => OrderedDelta::Refusal(text),
            Delta::Reasoning { text, member } => OrderedDelta::Reasoning { text, member },
            Delta::Signature(text) => OrderedDelta::Signature(text),
            Delta::Citation(raw) => OrderedDelta::Citation(raw),
            Delta::Logprobs(raw) => OrderedDelta::Logprobs(raw),
            Delta::Image(url) => OrderedDelta::Image(url),
        };
        if self.waiting.is_empty() && self.close(false, take)? {
            return take(ordered);
        }
        if let Some(waiting) = Waiting::of(ordered) {
            self.kept = self.kept.saturating_add(waiting.bytes());
            self.waiting.push_back(waiting);
        }
        Ok(())
    }

    /// Passes on what waits: nothing else will come.
    ///
    /// # Errors
    /// A call without a name; whatever `take` says.
    pub fn finish(&mut self, take: &mut Take<'_>) -> Result<(), Flaw> {
        self.advance(true, take)
    }

    /// The memory for what waits (bytes).
    pub fn kept(&self) -> usize {
        self.kept
    }

    fn push_call(&mut self, fragment: CallFragment<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let place = self.place_of(&fragment)?;
        let is_open = self.open == Some(place);
        let Some(call) = self.calls.get_mut(place) else {
            return Ok(());
        };
        if call.has_ended {
            // Behind a whole value is white space, or nothing that a client could use.
            return Ok(());
        }
        for (known, said) in [(&mut call.id, fragment.id), (&mut call.name, fragment.name)] {
            if let Some(said) = said.filter(|said| !said.is_empty() && known.is_none()) {
                if said.len() > LONGEST_NAME {
                    return Err(Flaw::NoAnswer(
                        "a tool call has an endless name or id".to_owned(),
                    ));
                }
                *known = Some(said.to_owned());
            }
        }
        call.scan.push(fragment.arguments);
        if !is_open {
            call.arguments.push_str(fragment.arguments);
            self.kept = self.kept.saturating_add(fragment.arguments.len());
        } else if !fragment.arguments.is_empty() {
            take(OrderedDelta::Arguments(fragment.arguments))?;
        }
        self.advance(false, take)
    }

    /// Passes on what waits, as far as a call is open that is not whole, or one that has no name yet.
    fn advance(&mut self, is_end: bool, take: &mut Take<'_>) -> Result<(), Flaw> {
        while let Some(front) = self.waiting.front() {
            if !is_end && matches!(front, Waiting::Call(place) if !self.has_name(*place)) {
                return Ok(());
            }
            if !self.close(is_end, take)? {
                return Ok(());
            }
            let front = self.waiting.pop_front();
            let Some(front) = front else { break };
            self.kept = self.kept.saturating_sub(front.bytes());
            match front.delta() {
                Ok(delta) => take(delta)?,
                Err(place) => self.begin(place, take)?,
            }
        }
        if is_end {
            self.close(true, take)?;
        }
        Ok(())
    }

    fn has_name(&self, place: usize) -> bool {
        let call = self.calls.get(place);
        call.is_some_and(|call| call.name.is_some())
    }

    fn begin(&mut self, place: usize, take: &mut Take<'_>) -> Result<(), Flaw> {
        let Some(call) = self.calls.get_mut(place) else {
            return Ok(());
        };
        let Some(name) = call.name.as_deref() else {
            return Err(Flaw::NoAnswer("a tool call has no name".to_owned()));
        };
        let id = call.id.as_deref();
        take(OrderedDelta::CallBegins { id, name })?;
        self.open = Some(place);
        let arguments = std::mem::take(&mut call.arguments);
        self.kept = self.kept.saturating_sub(arguments.len());
        if arguments.is_empty() {
            return Ok(());
        }
        take(OrderedDelta::Arguments(&arguments))
    }

    /// Ends the call that is open, if its arguments are whole or nothing else will come. Tells whether none is open then.
    fn close(&mut self, is_end: bool, take: &mut Take<'_>) -> Result<bool, Flaw> {
        let Some(call) = self.open.and_then(|place| self.calls.get_mut(place)) else {
            return Ok(true);
        };
        let is_empty = call.scan.is_empty();
        let is_whole = call.scan.is_whole();
        if !is_whole && !is_end {
            return Ok(false);
        }
        call.has_ended = true;
        self.open = None;
        if is_empty {
            // No arguments are an empty object to those who parse them unguarded.
            take(OrderedDelta::Arguments("{}"))?;
        }
        take(OrderedDelta::CallEnds {
            is_whole: is_whole || is_empty,
        })?;
        Ok(true)
    }

    /// The call that a fragment belongs to. A known index with another id and a name is a new call; a fragment without an
    /// index belongs to the last call, unless it begins one.
    fn place_of(&mut self, fragment: &CallFragment<'_>) -> Result<usize, Flaw> {
        let id = fragment.id.filter(|id| !id.is_empty());
        let has_name = fragment.name.is_some_and(|name| !name.is_empty());
        let mut known = self.calls.iter().enumerate().rev();
        let known = match fragment.index {
            Some(index) => known.find(|(_, call)| call.index == Some(index)),
            None => known.next(),
        };
        if let Some((place, call)) = known {
            let is_another = id.is_some() && call.id.is_some() && call.id.as_deref() != id;
            let begins = match fragment.index {
                Some(_) => has_name && is_another,
                None => has_name && (is_another || call.name.is_some()),
            };
            if !begins {
                return Ok(place);
            }
        }
        if self.calls.len() >= MOST_CALLS {
            return Err(Flaw::TooMany("tool calls"));
        }
        let place = self.calls.len();
        self.calls.push(Call {
            index: fragment.index,
            ..Call::default()
        });
        self.waiting.push_back(Waiting::Call(place));
        Ok(place)
    }
}

impl Waiting {
    /// A copy of a piece; `None` of what never waits.
    fn of(delta: OrderedDelta<'_>) -> Option<Self> {
        Some(match delta {
            OrderedDelta::Text(text) => Self::Text(text.to_owned()),
            OrderedDelta::Refusal(text) => Self::Refusal(text.to_owned()),
            OrderedDelta::Reasoning { text, member } => Self::Reasoning(text.to_owned(), member),
            OrderedDelta::Signature(text) => Self::Signature(text.to_owned()),
            OrderedDelta::Citation(raw) => Self::Citation(raw.to_owned()),
            OrderedDelta::Logprobs(raw) => Self::Logprobs(raw.to_owned()),
            OrderedDelta::Image(url) => Self::Image(url.to_owned()),
            _ => return None,
        })
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Call(_) => 0,
            Self::Text(text)
            | Self::Refusal(text)
            | Self::Reasoning(text, _)
            | Self::Signature(text)
            | Self::Citation(text)
            | Self::Logprobs(text)
            | Self::Image(text) => text.len(),
        }
    }

    /// The piece, or the place of the call that it is.
    fn delta(&self) -> Result<OrderedDelta<'_>, usize> {
        Ok(match self {
            Self::Call(place) => return Err(*place),
            Self::Text(text) => OrderedDelta::Text(text),
            Self::Refusal(text) => OrderedDelta::Refusal(text),
            Self::Reasoning(text, member) => OrderedDelta::Reasoning {
                text,
                member: *member,
            },
            Self::Signature(text) => OrderedDelta::Signature(text),
            Self::Citation(raw) => OrderedDelta::Citation(raw),
            Self::Logprobs(raw) => OrderedDelta::Logprobs(raw),
            Self::Image(url) => OrderedDelta::Image(url),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(index: Option<u64>, id: &'a str, name: &'a str, arguments: &'a str) -> Delta<'a> {
        Delta::Call(CallFragment {
            index,
            id: Some(id),
            name: Some(name),
            arguments,
        })
    }

    fn ordered(deltas: &[Delta<'_>]) -> Result<String, Flaw> {
        let mut out = String::new();
        let mut order = Order::default();
        let mut take = |delta: OrderedDelta<'_>| {
            out.push_str(&match delta {
                OrderedDelta::Text(text) => format!("t:{text} "),
                OrderedDelta::Reasoning { text, .. } => format!("r:{text} "),
                OrderedDelta::CallBegins { id, name } => {
                    format!("<{}:{name} ", id.unwrap_or("-"))
                }
                OrderedDelta::Arguments(part) => format!("{part} "),
                OrderedDelta::CallEnds { is_whole: true } => "> ".to_owned(),
                OrderedDelta::CallEnds { is_whole: false } => "!> ".to_owned(),
                OrderedDelta::End(_) => "end".to_owned(),
                other => format!("{other:?} "),
            });
            Ok(())
        };
        for delta in deltas {
            order.push(*delta, &mut take)?;
        }
        order.push(Delta::End(End::Stop), &mut take)?;
        assert_eq!(order.kept(), 0);
        Ok(out)
    }

    use super::super::delta::End;

    /// Home Assistant keeps one current call; two that come in turns made one with broken arguments.
    #[test]
    fn calls_that_come_in_turns_leave_one_after_the_other() {
        let (a, b) = (Some(0), Some(1));
        for (deltas, expected) in [
            (
                &[
                    call(a, "1", "f", ""),
                    call(b, "2", "g", r#"{\"x\":"#),
                    call(a, "", "", "{"),
                    Delta::Text("hi"),
                    call(b, "", "", "1}"),
                    call(a, "", "", "}"),
                ][..],
                r#"<1:f { } > <2:g {\"x\":1} > t:hi end"#,
            ),
            // Gemini numbers all calls 0, and tells each at once.
            (
                &[call(a, "1", "f", "{}"), call(a, "2", "g", "{}")],
                "<1:f {} > <2:g {} > end",
            ),
            (
                &[
                    call(None, "1", "f", "{"),
                    call(None, "", "", "}"),
                    call(None, "2", "f", "{}"),
                ],
                "<1:f { } > <2:f {} > end",
            ),
            // No ids at all.
            (
                &[call(None, "", "f", "{}"), call(None, "", "g", "{}")],
                "<-:f {} > <-:g {} > end",
            ),
            // The name comes late.
            (
                &[
                    call(a, "1", "", "{"),
                    Delta::Text("x"),
                    call(a, "", "f", "}"),
                ],
                "<1:f {} > t:x end",
            ),
            (&[call(a, "1", "f", "")], "<1:f {} > end"),
            (
                &[call(a, "1", "f", "{"), Delta::Text("x")],
                "<1:f { !> t:x end",
            ),
            (
                &[Delta::Text("x"), call(a, "1", "f", "{}"), Delta::Text("y")],
                "t:x <1:f {} > t:y end",
            ),
        ] {
            assert_eq!(ordered(deltas).as_deref(), Ok(expected));
        }
        assert!(
            ordered(&[call(a, "1", "", "{}")]).is_err(),
            "a call needs a name"
        );
    }

    #[test]
    fn calls_have_a_bound() {
        let mut order = Order::default();
        for index in 0.. {
            if order
                .push(call(Some(index), "", "f", "{}"), &mut |_| Ok(()))
                .is_err()
            {
                assert_eq!(index, MOST_CALLS as u64);
                break;
            }
        }
    }
}
