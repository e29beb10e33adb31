//! The deltas of an answer as every writer may take them: in an order, and with whole letters.
//!
//! Providers cut texts between tokens, and a token may be half a letter: `\ud83d` at the end of a delta, its other half at
//! the beginning of the next. To readers that decode each frame by itself such halves are invalid (Go and `JavaScript` make
//! U+FFFD of them, Python raises once they are printed). A half is therefore held back until its other half is there.

use std::borrow::Cow;

use super::delta::{Begin, Delta, OrderedDelta, ReasoningMember};
use super::order::{Order, Take};
use crate::dialect::answer::Flaw;
use crate::json::raw;

/// The deltas of one answer on their way to a writer.
#[derive(Debug, Default)]
pub struct Sequence {
    order: Order,
    letters: WholeLetters,
}

/// The first half of a letter, whose second one may begin the next delta of its kind.
#[derive(Debug, Default)]
struct WholeLetters {
    half: Option<(Kind, String)>,
}

/// The kinds of texts that come in several deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Reasoning(ReasoningMember),
    Arguments,
}

/// The inside of a JSON string that stands for half a letter.
const LOST: &str = "\\ufffd";

impl Sequence {
    /// Takes a piece, and passes on what has its turn.
    ///
    /// # Errors
    /// More calls than any sane answer has; whatever `take` says.
    pub fn push(&mut self, delta: Delta<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let letters = &mut self.letters;
        self.order
            .push(delta, &mut |ordered| letters.push(ordered, take))
    }

    /// Passes on what waits: nothing else will come.
    ///
    /// # Errors
    /// A call without a name; whatever `take` says.
    pub fn finish(&mut self, take: &mut Take<'_>) -> Result<(), Flaw> {
        let letters = &mut self.letters;
        self.order
            .finish(&mut |ordered| letters.push(ordered, take))?;
        self.letters.give_up(take)
    }

    /// The memory for what waits (bytes).
    pub fn kept(&self) -> usize {
        self.order.kept()
    }
}

impl WholeLetters {
    fn push(&mut self, delta: OrderedDelta<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
        let Some((kind, text)) = Kind::of(delta) else {
            if !is_aside(delta) {
                self.give_up(take)?;
            }
            return pass(delta, take);
        };
        if self.half.is_none() && !text.contains('\\') {
            return take(delta);
        }
        if self.half.as_ref().is_some_and(|(of, _)| *of != kind) {
            self.give_up(take)?;
        }
        let joined = self.half.take().map(|(_, half)| half + text);
        let text = joined.as_deref().unwrap_or(text);
        let (whole, half) = raw::split_half(text);
        if !half.is_empty() {
            self.half = Some((kind, half.to_owned()));
            if whole.is_empty() {
                return Ok(());
            }
        }
        take(kind.delta(&raw::whole_letters(whole)))
    }

    /// Passes on a mark for a half whose other half does not come.
    fn give_up(&mut self, take: &mut Take<'_>) -> Result<(), Flaw> {
        match self.half.take() {
            Some((kind, _)) => take(kind.delta(LOST)),
            None => Ok(()),
        }
    }
}

impl Kind {
    fn of(delta: OrderedDelta<'_>) -> Option<(Self, &str)> {
        match delta {
            OrderedDelta::Text(text) => Some((Self::Text, text)),
            OrderedDelta::Refusal(text) => Some((Self::Refusal, text)),
            OrderedDelta::Reasoning { text, member } => Some((Self::Reasoning(member), text)),
            OrderedDelta::Arguments(text) => Some((Self::Arguments, text)),
            _ => None,
        }
    }

    fn delta(self, text: &str) -> OrderedDelta<'_> {
        match self {
            Self::Text => OrderedDelta::Text(text),
            Self::Refusal => OrderedDelta::Refusal(text),
            Self::Reasoning(member) => OrderedDelta::Reasoning { text, member },
            Self::Arguments => OrderedDelta::Arguments(text),
        }
    }
}

/// Whether a piece may stand between the halves of a letter: it says something about a text, and does not end it.
fn is_aside(delta: OrderedDelta<'_>) -> bool {
    matches!(
        delta,
        OrderedDelta::Begin(_)
            | OrderedDelta::Usage(_)
            | OrderedDelta::Logprobs(_)
            | OrderedDelta::Citation(_)
    )
}

/// Passes on a piece that comes in one delta, where halves of letters never meet.
fn pass(delta: OrderedDelta<'_>, take: &mut Take<'_>) -> Result<(), Flaw> {
    let whole = |text: Option<&str>| text.map(raw::whole_letters).map(Cow::into_owned);
    match delta {
        OrderedDelta::Begin(begin) => {
            let (id, model) = (whole(begin.id), whole(begin.model));
            take(OrderedDelta::Begin(Begin {
                id: id.as_deref(),
                model: model.as_deref(),
            }))
        }
        OrderedDelta::CallBegins { id, name } => take(OrderedDelta::CallBegins {
            id: whole(id).as_deref(),
            name: &raw::whole_letters(name),
        }),
        OrderedDelta::Signature(text) => take(OrderedDelta::Signature(&raw::whole_letters(text))),
        OrderedDelta::Citation(json) => take(OrderedDelta::Citation(&raw::whole_letters(json))),
        OrderedDelta::Logprobs(json) => take(OrderedDelta::Logprobs(&raw::whole_letters(json))),
        OrderedDelta::Image(url) => take(OrderedDelta::Image(&raw::whole_letters(url))),
        other => take(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::canonical::End;

    fn said(deltas: &[OrderedDelta<'_>]) -> Vec<String> {
        let mut out = Vec::new();
        let mut letters = WholeLetters::default();
        let mut take = |delta: OrderedDelta<'_>| {
            out.push(match Kind::of(delta) {
                Some((Kind::Text, text)) => format!("t:{text}"),
                Some((_, text)) => format!("o:{text}"),
                None => "-".to_owned(),
            });
            Ok(())
        };
        for delta in deltas {
            letters.push(*delta, &mut take).unwrap();
        }
        letters.give_up(&mut take).unwrap();
        out
    }

    #[test]
    fn half_a_letter_waits_for_its_other_half() {
        use OrderedDelta::{Arguments, Logprobs, Text};
        for (deltas, expected) in [
            (
                vec![Text(r"a\ud83d"), Text(r"\ude00b")],
                vec!["t:a", r"t:\ud83d\ude00b"],
            ),
            (
                vec![Text(r"\ud83d"), Logprobs("[]"), Text(r"\ude00")],
                vec!["-", r"t:\ud83d\ude00"],
            ),
            // Another kind of text begins: the letter is lost.
            (
                vec![Text(r"\ud83d"), Arguments(r"\ude00")],
                vec![r"t:\ufffd", r"o:\ufffd"],
            ),
            (
                vec![Text(r"a\ud83d"), OrderedDelta::End(End::Stop)],
                vec!["t:a", r"t:\ufffd", "-"],
            ),
            (
                vec![Text(r"\ud83d"), Text(r"b\udc00c\ud83d\ude00")],
                vec![r"t:\ufffdb\ufffdc\ud83d\ude00"],
            ),
            // A backslash, and a text that looks like half a letter.
            (
                vec![Arguments(r"\\ud83d"), Arguments("x")],
                vec![r"o:\\ud83d", "o:x"],
            ),
            (vec![Text(r"\n")], vec![r"t:\n"]),
        ] {
            assert_eq!(said(&deltas), expected, "{deltas:?}");
        }
    }
}
