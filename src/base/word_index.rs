//! An index of the words of a table: a text is gone through once, instead of once for each word, and most texts have none.

use crate::heapsort::sorted_by_key;
use crate::text::same_name_bytes;

/// Words, each with a key, that are found in texts whatever the case of their letters (ASCII). A `*` and a `{}` in them
/// stand for anything.
pub struct WordIndex<K> {
    keys: Box<[K]>,
    words: Words,
}

impl<K: Copy> WordIndex<K> {
    pub fn of(words: impl IntoIterator<Item = (K, &'static str)>) -> Self {
        let (keys, words): (Vec<K>, Vec<_>) = words.into_iter().unzip();
        Self {
            keys: keys.into_boxed_slice(),
            words: Words::of(&words),
        }
    }

    /// The keys of the words that one of the texts may have, in the order of the words; a word whose key is not here is in
    /// none.
    pub fn keys_in<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> impl Iterator<Item = K> {
        let mut found = self.words.short;
        for text in texts {
            self.words.find(text.as_bytes(), &mut found);
        }
        let keys = found.numbers().map(|number| self.keys.get(number));
        keys.flatten().copied()
    }
}

/// Numbers of words.
#[derive(Clone, Copy, Default)]
struct Numbers([u64; Self::MOST / 64]);

impl Numbers {
    /// The words of an index, at most.
    const MOST: usize = 512;

    fn add(&mut self, number: usize) {
        if let Some(bits) = self.0.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }

    /// The numbers in their order.
    fn numbers(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let place = self.0.iter().position(|bits| *bits != 0)?;
            let bits = self.0.get_mut(place)?;
            let lowest = bits.trailing_zeros() as usize;
            *bits &= *bits - 1;
            Some(place * 64 + lowest)
        })
    }
}

/// The most bytes from one look at a text to the next: longer steps would need more runs of each word.
const LONGEST_STEP: usize = 4;

/// The bytes of a run.
const RUN: usize = 4;

/// The groups of runs, each with the same upper seven bits of a hash.
const GROUPS: usize = 128;

/// Words by their numbers.
struct Words {
    /// The bytes from one look at a text to the next: the shortest anchor has a run at each of so many places in a row.
    step: usize,
    /// The bits of all runs, 64 for each group: one that has no bit is in no anchor.
    bits: [u64; GROUPS],
    /// The runs, group by group, and the end of each group.
    runs: Box<[Run]>,
    ends: [u16; GROUPS],
    /// The anchors by the numbers of their words: the longest part of a word that has nothing to stand for anything.
    anchors: Box<[&'static [u8]]>,
    /// The words that are too short for a run: any text may have them.
    short: Numbers,
}

/// Four bytes of an anchor.
#[derive(Clone, Copy)]
struct Run {
    bytes: u32,
    number: u16,
    /// The bytes of the anchor before them.
    before: u16,
}

impl Words {
    fn of(words: &[&'static str]) -> Self {
        assert!(words.len() <= Numbers::MOST, "an index has that many words");
        let longest_part = |word: &&'static str| {
            let parts = word.split(['*', '{', '}']).map(str::as_bytes);
            parts.max_by_key(|part| part.len()).unwrap_or_default()
        };
        let anchors: Box<[&[u8]]> = words.iter().map(longest_part).collect();
        let places = anchors.iter().map(|anchor| anchor.windows(RUN).count());
        let fewest = places.filter(|places| *places > 0).min();
        let step = fewest.unwrap_or(1).min(LONGEST_STEP);
        let (mut runs, mut short) = (Vec::new(), Numbers::default());
        for (number, anchor) in anchors.iter().enumerate() {
            if anchor.len() < RUN {
                short.add(number);
            }
            let of_anchor = anchor.windows(RUN).filter_map(<[u8]>::first_chunk);
            runs.extend(of_anchor.take(step).enumerate().map(|(before, run)| Run {
                bytes: folded(*run),
                number: number as u16,
                before: before as u16,
            }));
        }
        let runs = sorted_by_key(runs, |run: &Run| group_of(run.bytes).0);
        let (mut bits, mut ends) = ([0; GROUPS], [0; GROUPS]);
        for (group, end) in ends.iter_mut().enumerate() {
            *end = runs.partition_point(|run| group_of(run.bytes).0 <= group) as u16;
        }
        for run in &runs {
            let (group, bit) = group_of(run.bytes);
            if let Some(bits) = bits.get_mut(group) {
                *bits |= bit;
            }
        }
        Self {
            step,
            bits,
            runs: runs.into_boxed_slice(),
            ends,
            anchors,
            short,
        }
    }

    /// Adds the numbers of the words whose anchors a text has.
    fn find(&self, text: &[u8], found: &mut Numbers) {
        let mut next = self.next_run(text, 0);
        while let Some((at, run)) = next {
            self.find_at(at, run, text, found);
            next = self.next_run(text, at + self.step);
        }
    }

    /// The next run of a text that an anchor may have, from a place on. Each refusal goes through this loop.
    fn next_run(&self, text: &[u8], from: usize) -> Option<(usize, u32)> {
        let mut at = from;
        loop {
            let run = folded(*text.get(at..)?.first_chunk()?);
            let (group, bit) = group_of(run);
            if self.bits.get(group)? & bit != 0 {
                return Some((at, run));
            }
            at += self.step;
        }
    }

    /// Adds the numbers of the words with this run whose anchors stand around it in a text.
    fn find_at(&self, at: usize, run: u32, text: &[u8], found: &mut Numbers) {
        let (group, _) = group_of(run);
        let end_of = |group: usize| self.ends.get(group).copied().map(usize::from);
        let begin = group.checked_sub(1).and_then(end_of).unwrap_or(0);
        let runs = self.runs.get(begin..end_of(group).unwrap_or(0));
        let runs = runs.unwrap_or_default().iter();
        for run in runs.filter(|known| known.bytes == run) {
            let number = usize::from(run.number);
            let from = at.checked_sub(run.before.into());
            let from = from.and_then(|from| text.get(from..));
            if let Some((from, anchor)) = from.zip(self.anchors.get(number))
                && begins_with(from, anchor)
            {
                found.add(number);
            }
        }
    }
}

/// Whether a text begins with an anchor, in any case. Those that have a run in common mostly end in different letters.
fn begins_with(text: &[u8], anchor: &[u8]) -> bool {
    let Some(begun) = text.get(..anchor.len()) else {
        return false;
    };
    let ends = begun.last().zip(anchor.last());
    ends.is_some_and(|(one, other)| one | 0x20 == other | 0x20) && same_name_bytes(begun, anchor)
}

/// A run without the bit that tells the case of letters.
fn folded(run: [u8; RUN]) -> u32 {
    u32::from_le_bytes(run) | 0x2020_2020
}

/// The group of a run and its bit, by the upper bits of a product (Fibonacci hashing).
fn group_of(run: u32) -> (usize, u64) {
    let hash = run.wrapping_mul(0x9e37_79b1);
    ((hash >> 25) as usize, 1 << ((hash >> 19) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 9] = [
        "rate_limit",
        "again*in",
        "Try*7 s",
        "{} try again in {} s",
        "überlastet",
        "余额不足",
        "quota",
        "*",
        "7 s",
    ];

    fn found(texts: &[&str]) -> Vec<&'static str> {
        let index = WordIndex::of(WORDS.into_iter().enumerate());
        let keys = index.keys_in(texts.iter().copied());
        keys.map(|key| WORDS[key]).collect()
    }

    /// Would break for whoever waits for a step to heal: a word that is there and is not looked for.
    #[test]
    fn words_that_are_there_are_found_in_the_order_of_the_table() {
        assert_eq!(
            found(&[
                "quota, QUOTA; 余额不足",
                "Please try again in 7 s. überlastet, RATE_limit"
            ]),
            [
                "rate_limit",
                "again*in",
                "Try*7 s",
                "{} try again in {} s",
                "überlastet",
                "余额不足",
                "quota",
                "*",
                "7 s",
            ]
        );
        let text = "Überlastet; 余额不足: please try again";
        for (from, _) in text.char_indices() {
            for (to, _) in text.char_indices().filter(|(to, _)| *to > from) {
                let word: &'static str = text[from..to].to_owned().leak();
                let index = WordIndex::of([((), word)]);
                assert_eq!(index.keys_in([text]).count(), 1, "{word}");
            }
        }
    }

    #[test]
    fn words_that_are_not_there_are_ruled_out_unless_they_are_short() {
        let texts = ["The server had an error.", "quot", "a", "rate limit", ""];
        assert_eq!(found(&texts), ["Try*7 s", "*", "7 s"]);
        assert_eq!(WordIndex::of([((), "quota")]).keys_in([]).count(), 0);
    }
}
