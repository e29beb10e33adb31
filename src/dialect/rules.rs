//! The table of what providers say when they refuse. Adding a provider's spelling is a row or a word here, and a case with
//! its source in `classify/cases/`; a word without a case fails there.

mod limits;
mod requests;
mod states;
mod steps;

use std::sync::LazyLock;

use super::rule::Rule;
use crate::word_index::WordIndex;

/// The words of all rules, by the index of the rule and that of the word in it.
pub static WORDS: LazyLock<WordIndex<(usize, usize)>> = LazyLock::new(|| {
    WordIndex::of(all().enumerate().flat_map(|(rule, Rule(words, _, _))| {
        let words = words.all().iter().enumerate();
        words.map(move |(index, word)| ((rule, index), *word))
    }))
});

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
