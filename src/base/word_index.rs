//! An index of the words of a table: a text is gone through once, instead of once for each word, and most texts have none.

/// Words, each with a key, that are found in texts whatever the case of their letters (ASCII). A `*` and a `{}` in them
/// stand for anything.
pub struct WordIndex<K> {
    /// The first runs of the anchors (4096 bits): a run that has no bit begins none.
    bits: [u64; 64],
    /// The anchors in the order of their runs.
    anchors: Box<[Anchor<K>]>,
    /// The keys of words that are too short for a run: any text may have them.
    short: Vec<K>,
}

/// The longest part of a word that has nothing to stand for anything.
struct Anchor<K> {
    run: u32,
    text: &'static str,
    key: K,
}

impl<K: Copy + Ord> WordIndex<K> {
    pub fn of(words: impl IntoIterator<Item = (K, &'static str)>) -> Self {
        let (mut bits, mut anchors, mut short) = ([0; 64], Vec::new(), Vec::new());
        for (key, word) in words {
            let parts = word.split(['*', '{', '}']);
            let text = parts.max_by_key(|part| part.len()).unwrap_or_default();
            let Some(run) = text.as_bytes().first_chunk() else {
                short.push(key);
                continue;
            };
            let run = folded(*run);
            let (place, bit) = place_of(run);
            if let Some(bits) = bits.get_mut(place) {
                *bits |= bit;
            }
            let at = anchors.partition_point(|anchor: &Anchor<K>| anchor.run <= run);
            anchors.insert(at, Anchor { run, text, key });
        }
        Self {
            bits,
            anchors: anchors.into_boxed_slice(),
            short,
        }
    }

    /// The keys of the words that one of the texts may have, in their order; a word without a key here is in none.
    pub fn keys_in<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Vec<K> {
        let mut keys = self.short.clone();
        for text in texts {
            let text = text.as_bytes();
            let runs = text.windows(4).filter_map(<[u8]>::first_chunk);
            for (at, run) in runs.enumerate() {
                let run = folded(*run);
                let (place, bit) = place_of(run);
                if self.bits.get(place).is_some_and(|bits| bits & bit != 0) {
                    self.add(run, text.get(at..).unwrap_or_default(), &mut keys);
                }
            }
        }
        keys
    }

    /// Adds the keys of the anchors that a text begins with.
    fn add(&self, run: u32, text: &[u8], keys: &mut Vec<K>) {
        let from = self.anchors.partition_point(|anchor| anchor.run < run);
        let anchors = self.anchors.get(from..).unwrap_or_default();
        for anchor in anchors.iter().take_while(|anchor| anchor.run == run) {
            let begun = text.get(..anchor.text.len()).unwrap_or_default();
            if begun.eq_ignore_ascii_case(anchor.text.as_bytes())
                && let Err(place) = keys.binary_search(&anchor.key)
            {
                keys.insert(place, anchor.key);
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
        keys.into_iter().map(|key| WORDS[key]).collect()
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
                assert_eq!(index.keys_in([text]), [()], "{word}");
            }
        }
    }

    #[test]
    fn words_that_are_not_there_are_ruled_out_unless_they_are_short() {
        let texts = ["The server had an error.", "quot", "a", "rate limit", ""];
        assert_eq!(found(&texts), ["Try*7 s", "*", "7 s"]);
        assert!(WordIndex::of([((), "quota")]).keys_in([]).is_empty());
    }
}
