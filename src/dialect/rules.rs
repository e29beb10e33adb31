//! The table of what providers say when they refuse. Adding a provider's spelling is a row or a word here, and a case with
//! its source in `classify/cases/`; a word without a case fails there.

mod limits;
mod requests;
mod states;
mod steps;

use std::sync::LazyLock;

use super::rule::{Rule, Words};
use crate::word_index::WordIndex;

/// A word of a rule.
#[derive(Clone, Copy)]
pub struct WordOfRule {
    pub rule: &'static Rule,
    pub word: &'static str,
    /// Its place among the words of all rules.
    pub place: usize,
}

/// The words that are looked for in codes, types and reasons.
pub static WORDS_OF_NAMES: LazyLock<WordIndex<WordOfRule>> = LazyLock::new(|| {
    index(|words| {
        matches!(
            words,
            Words::Code(_) | Words::Named(_) | Words::NamedAndPassing(_)
        )
    })
});

/// The words that are looked for in messages.
pub static WORDS_OF_MESSAGES: LazyLock<WordIndex<WordOfRule>> =
    LazyLock::new(|| index(|words| matches!(words, Words::Said(_))));

fn index(is_due: fn(&Words) -> bool) -> WordIndex<WordOfRule> {
    WordIndex::of(words(is_due).map(|word| (word, word.word)))
}

/// The words that are looked for in the titles of pages, which are few and rare.
pub fn words_of_pages() -> impl Iterator<Item = WordOfRule> {
    words(|words| matches!(words, Words::Page(_)))
}

fn words(is_due: fn(&Words) -> bool) -> impl Iterator<Item = WordOfRule> {
    let words = all().flat_map(|rule| rule.0.all().iter().map(move |word| (rule, *word)));
    let words = words.enumerate();
    words
        .filter(move |(_, (rule, _))| is_due(&rule.0))
        .map(|(place, (rule, word))| WordOfRule { rule, word, place })
}

/// The meaning of providers' words. The first row that fits decides; where none does, the status does. Codes in bodies
/// are more exact than the status, which proxies and compatibility layers get wrong.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let groups = [
        requests::REQUESTS,
        limits::LIMITS,
        steps::STEPS,
        states::STATES,
    ];
    groups.into_iter().flatten()
}
