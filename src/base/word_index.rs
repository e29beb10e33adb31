//! An index of the words of a table: a text is gone through once, instead of once for each word, and most texts have none.

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
        let mut found = self.words.short.clone();
        for text in texts {
            self.words.find(text.as_bytes(), &mut found);
        }
        let keys = found.into_iter().map(|number| self.keys.get(number));
        keys.flatten().copied()
    }
}

/// Words by their numbers.
struct Words {
    /// The first runs of the anchors (4096 bits): a run that has no bit begins none.
    bits: [u64; 64],
    /// The anchors in the order of their runs.
    anchors: Box<[Anchor]>,
    /// The words that are too short for a run: any text may have them.
    short: Vec<usize>,
}

/// The longest part of a word that has nothing to stand for anything.
struct Anchor {
    /// Its first four bytes.
    run: u32,
    text: &'static [u8],
    number: usize,
}

impl Words {
    fn of(words: &[&'static str]) -> Self {
        let (mut bits, mut anchors, mut short) = ([0; 64], Vec::new(), Vec::new());
        for (number, word) in words.iter().enumerate() {
            let parts = word.split(['*', '{', '}']).map(str::as_bytes);
            let text = parts.max_by_key(|part| part.len()).unwrap_or_default();
            let Some(run) = text.first_chunk() else {
                short.push(number);
                continue;
            };
            let run = folded(*run);
            let (place, bit) = place_of(run);
            if let Some(bits) = bits.get_mut(place) {
                *bits |= bit;
            }
            let at = anchors.partition_point(|anchor: &Anchor| anchor.run <= run);
            anchors.insert(at, Anchor { run, text, number });
        }
        Self {
            bits,
            anchors: anchors.into_boxed_slice(),
            short,
        }
    }

    /// Adds the numbers of the words whose anchors a text has, in their order.
    fn find(&self, text: &[u8], found: &mut Vec<usize>) {
        let runs = text.windows(4).filter_map(<[u8]>::first_chunk);
        for (at, run) in runs.enumerate() {
            let run = folded(*run);
            let (place, bit) = place_of(run);
            if self.bits.get(place).is_some_and(|bits| bits & bit != 0) {
                self.add(run, text.get(at..).unwrap_or_default(), found);
            }
        }
    }

    /// Adds the numbers of the words whose anchors a text begins with.
    fn add(&self, run: u32, text: &[u8], found: &mut Vec<usize>) {
        let from = self.anchors.partition_point(|anchor| anchor.run < run);
        let anchors = self.anchors.get(from..).unwrap_or_default();
        for anchor in anchors.iter().take_while(|anchor| anchor.run == run) {
            let begun = text.get(..anchor.text.len()).unwrap_or_default();
            if same_name_bytes(begun, anchor.text)
                && let Err(place) = found.binary_search(&anchor.number)
            {
                found.insert(place, anchor.number);
            }
        }
    }
}

/// A run without the bit that tells the case of letters.
fn folded(run: [u8; 4]) -> u32 {
    u32::from_le_bytes(run) | 0x2020_2020
}

/// The place of a run's bit, by the upper twelve bits of a product (Fibonacci hashing).
fn place_of(run: u32) -> (usize, u64) {
    let hash = run.wrapping_mul(0x9e37_79b1);
    ((hash >> 26) as usize, 1 << ((hash >> 20) & 63))
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
