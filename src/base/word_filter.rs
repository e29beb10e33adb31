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
                let (place, bit) = place_of(u32::from_le_bytes(*run));
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
        for run in runs {
            let run = u32::from_le_bytes(*run);
            let (place, bit) = place_of(run);
            let has = self.bits.get(place).is_some_and(|bits| bits & bit != 0);
            if !has && !is_wild(run) {
                return false;
            }
        }
        true
    }
}

/// The place of a run's bit, by the upper twelve bits of a product (Fibonacci hashing).
fn place_of(run: u32) -> (usize, u64) {
    let hash = run.wrapping_mul(0x9e37_79b1);
    ((hash >> 26) as usize, 1 << ((hash >> 20) & 63))
}

/// Whether a run has a `*`, a `{` or a `}`: where it has one, the difference has a byte of zero, from which a one is
/// borrowed.
fn is_wild(run: u32) -> bool {
    const ONES: u32 = 0x0101_0101;
    let marks = [b'*', b'{', b'}'].map(|byte| {
        let difference = run ^ (ONES * u32::from(byte));
        difference.wrapping_sub(ONES) & !difference
    });
    let [star, open, close] = marks;
    (star | open | close) & (ONES << 7) != 0
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
