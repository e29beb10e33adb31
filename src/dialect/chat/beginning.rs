//! The beginning that the chunks of a stream have in common, as a rule: the members in front of their choices, which are
//! its id, its time and its model. It is read once.

use crate::dialect::annotation::Annotation;
use crate::json::reader::Reader;

/// The longest beginning that is remembered (bytes): a stream keeps it while it waits.
const LONGEST: usize = 256;

/// The beginning of a stream's last chunk, and what a reader knows behind it. Another chunk with these bytes is read alike
/// up to there, as no reader looks behind the colon of a key before it reads the value.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// The text up to the colon of the first member `choices`; empty as long as none is known.
    text: String,
    /// The places in the text. It holds neither an error nor a usage.
    annotation: Annotation,
}

impl Beginning {
    /// The reader behind the colon, and the places in front of it; none where the chunk begins in another way.
    pub fn passed<'a>(&self, chunk: &'a str) -> Option<(Reader<'a>, Annotation)> {
        let is_known = !self.text.is_empty() && chunk.starts_with(&self.text);
        is_known.then(|| (Reader::behind(chunk, self.text.len()), self.annotation))
    }

    /// Remembers the beginning of a chunk that was read up to a colon.
    pub fn remember(&mut self, text: &str, annotation: Annotation) {
        if text.len() <= LONGEST {
            self.text.clear();
            self.text.push_str(text);
            self.annotation = annotation;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::envelope::Envelope;
    use super::*;

    /// The reading of a chunk, whatever came of it.
    fn read(chunk: &str, beginning: Option<&mut Beginning>) -> String {
        let mut choices = Vec::new();
        let envelope = Envelope::read_behind(beginning, chunk, "delta", &mut |choice| {
            choices.push((choice.position, choice.index()));
        });
        format!("{envelope:?} {choices:?}")
    }

    #[test]
    fn a_chunk_that_goes_on_otherwise_is_read_as_it_is() {
        let mut beginning = Beginning::default();
        let known = r#"{"id":"a","model":"m","choices":"#;
        for (rest, is_passed) in [("[]}", false), ("[{}]}", true), ("[", true), ("", true)] {
            let chunk = format!("{known}{rest}");
            assert_eq!(beginning.passed(&chunk).is_some(), is_passed, "{rest}");
            assert_eq!(read(&chunk, Some(&mut beginning)), read(&chunk, None));
        }
        assert!(beginning.passed(&known[..known.len() - 1]).is_none());
        let long = format!(r#"{{"id":"{}","choices":[]}}"#, "a".repeat(LONGEST));
        read(&long, Some(&mut beginning));
        assert_eq!(beginning.text, known);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Would cost an error, a usage or the model's name: a beginning that hides what stands in it.
        #[test]
        fn chunks_behind_others_are_read_as_each_by_itself(
            chunks in prop::collection::vec(
                (
                    prop::sample::select(vec!["{", " { ", "[", ""]),
                    prop::collection::vec(
                        prop::sample::select(vec![
                            r#""id":"a","#, r#""id":"ab","#, r#""created":17,"#, r#""created":176,"#, r#""model":"m","#,
                            r#""mod\u0065l":"n" , "#, r#""model":1,"#, r#""usage":null,"#, r#""usage":{"prompt_tokens":1},"#,
                            r#""error":null,"#, r#""error":{"message":"e"},"#, r#""routing_summary":{},"#, r#""x":{"choices":[]},"#,
                            r#""choices":null,"#, "\"x\":\"\u{1}\",", ",",
                        ]),
                        0..3,
                    ),
                    prop::sample::select(vec![
                        r#""choices":[]}"#, r#""choices":[{"delta":{"content":"x"}}]}"#, r#""choices" : [{"index":1}] ,"id":1} "#,
                        r#""choices":[{}],"model":"m"}"#, r#""choices":[{}],"choices":[]}"#, r#""ch\u006fices":[{}]}"#,
                        r#""choices":[{"finish_reason":"stop"}],"usage":{"completion_tokens":2}}"#, r#""choices":[{"#, r#""choices":"#,
                        r#""choices":[]"#, r#""choices":[]}}"#, r#""choices":1}"#, "\"x\":1}", "}",
                    ]),
                ),
                1..6,
            ),
        ) {
            let mut beginning = Beginning::default();
            for (open, members, rest) in chunks {
                let chunk = format!("{open}{}{rest}", members.concat());
                prop_assert_eq!(read(&chunk, Some(&mut beginning)), read(&chunk, None), "{}", chunk);
            }
        }
    }
}
