//! A Bloom filter over texts: most words that a text lacks are told without a search, which costs some hundred instructions
//! to set up for each word of a table.

/// The runs of four bytes in some texts (4096 bits).
pub struct WordFilter {
    bits: [u64; 64],
}

impl WordFilter {
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut bits = [0; 64];
        for text in texts {
            let runs = text.as_bytes().windows(4).filter_map(<[u8]>::first_chunk);
            for run in runs {
                let (place, bit) = place_of(*run);
                if let Some(bits) = bits.get_mut(place) {
                    *bits |= bit;
                }
            }
        }
        Self { bits }
    }

    /// Whether one of the texts may have these words; `false` is certain. A `*` and a `{}` in them stand for
    /// anything.
    pub fn may_have(&self, words: &str) -> bool {
        let (runs, _) = words.as_bytes().as_chunks();
        let is_wild = |byte: &u8| matches!(byte, b'*' | b'{' | b'}');
        runs.iter()
            .all(|run| self.has(*run) || run.iter().any(is_wild))
    }

    fn has(&self, run: [u8; 4]) -> bool {
        let (place, bit) = place_of(run);
        self.bits.get(place).is_some_and(|bits| bits & bit != 0)
    }
}

/// The place of a run's bit, by the upper twelve bits of a product (Fibonacci hashing).
fn place_of(run: [u8; 4]) -> (usize, u64) {
    let hash = u32::from_le_bytes(run).wrapping_mul(0x9e37_79b1);
    ((hash >> 26) as usize, 1 << ((hash >> 20) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would break for whoever waits for a step to heal: a word that is there and is not looked for.
    #[test]
    fn words_that_are_there_are_never_ruled_out() {
        let texts = [
            "rate_limit",
            "Please try again in 7 s. Überlastet; 余额不足",
        ];
        let filter = WordFilter::of(texts);
        for text in texts {
            for (from, _) in text.char_indices() {
                for (to, _) in text.char_indices().filter(|(to, _)| *to >= from) {
                    assert!(filter.may_have(&text[from..to]), "{}", &text[from..to]);
                }
            }
        }
        for pattern in [
            "again*in",
            "try*7 s",
            "{} try again in {} s",
            "*",
            "Please {}.",
        ] {
            assert!(filter.may_have(pattern), "{pattern}");
        }
    }

    #[test]
    fn most_words_that_are_not_there_are_ruled_out() {
        let filter = WordFilter::of(["The server had an error while processing your request."]);
        for words in ["quota", "rate limit", "request too large*must be reduced"] {
            assert!(!filter.may_have(words), "{words}");
        }
        assert!(WordFilter::of([]).may_have("abc"), "too short for a run");
    }
}
