//! The form of a row of the table of rules, and how its words are found in a message.

use std::ops::RangeInclusive;

use super::class::Class;

/// A row of the table: the words to look for, the statuses under which they count, and the class that they mean.
pub struct Rule(pub Words, pub Statuses, pub Class);

/// Words in lower case; one of them is enough. A `*` in them stands for up to a sentence.
pub enum Words {
    /// Whole codes.
    Code(&'static [&'static str]),
    /// Words within a code, a type or a reason.
    Named(&'static [&'static str]),
    /// Words within a code, a type or a reason, of a limit that comes back by itself: the refusal names its window or
    /// its end.
    NamedAndPassing(&'static [&'static str]),
    /// Words within the message, not as the beginning of a name: "does not support chat", but no `chat_template`.
    Said(&'static [&'static str]),
    /// Words within the title of a page of HTML; the empty word is in any.
    Page(&'static [&'static str]),
}

impl Words {
    pub fn all(&self) -> &'static [&'static str] {
        match self {
            Self::Code(words)
            | Self::Named(words)
            | Self::NamedAndPassing(words)
            | Self::Said(words)
            | Self::Page(words) => words,
        }
    }
}

/// Statuses under which words count.
pub type Statuses = &'static [RangeInclusive<u16>];

/// The bytes that a `*` stands for, at most: words of one sentence belong together.
pub const LONGEST_GAP: usize = 160;

/// Whether a text has these words; a `*` stands for anything in between. Names that only begin with them do not count.
pub fn speaks(text: &str, words: &str) -> bool {
    let (first, rest) = words.split_once('*').unwrap_or((words, ""));
    text.match_indices(first).any(|(at, _)| {
        let after = text.get(at + first.len()..).unwrap_or_default();
        if rest.is_empty() {
            !after.starts_with('_')
        } else {
            speaks(crate::text::cut(after, LONGEST_GAP), rest)
        }
    })
}
