//! Texts of an answer without their wrapping: a `<think>` block at the beginning, a code fence around JSON. A stream's
//! pieces may break anywhere, so what may yet be wrapping is held back (a few bytes, but for white space).

use crate::dialect::reading::{Reading, ThinkTags};

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
const FENCE: &str = "```";

/// The longest beginning of a fence: its marks and the name of a language (bytes).
const LONGEST_LABEL: usize = 24;

/// The longest white space that may stand before or behind a wrapping (bytes).
const LONGEST_BLANK: usize = 4096;

/// The filter of one choice's text.
#[derive(Debug)]
pub(super) struct TextFilter {
    think_tags: Option<ThinkTags>,
    fences: bool,
    stage: Stage,
    held: String,
    /// A fence was taken off.
    pub took_fence: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been let through.
    Begin,
    Thinking,
    /// Behind a `<think>` block, before the next word.
    Behind,
    /// Within a fence.
    Fenced,
    /// All that follows is text.
    Open,
}

/// A piece of text, filtered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filtered {
    pub content: String,
    pub reasoning: String,
}

impl TextFilter {
    pub fn new(reading: &Reading) -> Self {
        let think_tags = reading.think_tags;
        let fences = reading.repairs && reading.wants_json;
        Self {
            think_tags,
            fences,
            stage: if think_tags.is_some() || fences {
                Stage::Begin
            } else {
                Stage::Open
            },
            held: String::new(),
            took_fence: false,
        }
    }

    /// Whether every further piece is text and nothing is held back.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open && self.held.is_empty()
    }

    /// Takes the next piece; `is_last` lets go of what was held back.
    pub fn take(&mut self, piece: &str, is_last: bool) -> Filtered {
        self.held.push_str(piece);
        let mut out = Filtered::default();
        while self.step(&mut out) {}
        if is_last {
            self.finish(&mut out);
        }
        if self.think_tags == Some(ThinkTags::Strip) {
            out.reasoning.clear();
        }
        out
    }

    /// Moves on as far as the held text tells; false when more of it has to come.
    fn step(&mut self, out: &mut Filtered) -> bool {
        let blank = self.held.len() - self.held.trim_ascii_start().len();
        let word = self.held.get(blank..).unwrap_or_default();
        match self.stage {
            Stage::Begin | Stage::Behind => {
                let behind = self.stage == Stage::Behind;
                if word.is_empty() && blank < LONGEST_BLANK {
                    return false;
                }
                if !behind && self.think_tags.is_some() {
                    if word.starts_with(OPEN) {
                        self.held.drain(..blank + OPEN.len());
                        self.stage = Stage::Thinking;
                        return true;
                    }
                    if OPEN.starts_with(word) {
                        return false;
                    }
                }
                if self.fences && (word.starts_with(FENCE) || FENCE.starts_with(word)) {
                    match fence_end(word) {
                        Some(Some(length)) => {
                            self.held.drain(..blank + length);
                            self.took_fence = true;
                            self.stage = Stage::Fenced;
                            return true;
                        }
                        None => return false,
                        Some(None) => {}
                    }
                }
                if behind {
                    self.held.drain(..blank);
                }
                self.stage = Stage::Open;
                true
            }
            Stage::Thinking => {
                let end = self.held.find(CLOSE);
                let until = end.unwrap_or_else(|| self.held.len() - begun(&self.held, CLOSE));
                out.reasoning
                    .push_str(self.held.get(..until).unwrap_or_default());
                self.held.drain(..until);
                if end.is_none() {
                    return false;
                }
                self.held.drain(..CLOSE.len());
                self.stage = Stage::Behind;
                true
            }
            Stage::Fenced => {
                let rest = self
                    .held
                    .trim_end_matches(['`', ' ', '\n', '\r', '\t'])
                    .len();
                let until = if self.held.len() - rest > LONGEST_BLANK {
                    self.held.len()
                } else {
                    rest
                };
                out.content
                    .push_str(self.held.get(..until).unwrap_or_default());
                self.held.drain(..until);
                false
            }
            Stage::Open => {
                out.content.push_str(&self.held);
                self.held.clear();
                false
            }
        }
    }

    fn finish(&mut self, out: &mut Filtered) {
        let held = std::mem::take(&mut self.held);
        match self.stage {
            Stage::Thinking => out.reasoning.push_str(&held),
            Stage::Fenced if held.trim() == FENCE => {}
            Stage::Behind if held.trim().is_empty() => {}
            _ => out.content.push_str(&held),
        }
        self.stage = Stage::Open;
    }
}

/// The length of a fence's beginning, up to the JSON in it: `Some(None)` for a text that is no fence around JSON, `None`
/// when more has to come.
fn fence_end(text: &str) -> Option<Option<usize>> {
    let behind = text.strip_prefix(FENCE)?;
    let label = behind.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let inside = label.trim_ascii_start();
    let length = text.len() - inside.len();
    let has_label = label.len() < behind.len();
    match inside.as_bytes().first() {
        None if text.len() > LONGEST_LABEL + LONGEST_BLANK => Some(None),
        None if text.len() - label.len() > LONGEST_LABEL => Some(None),
        None => None,
        Some(b'{' | b'[') if !has_label || label.len() > inside.len() => Some(Some(length)),
        Some(_) => Some(None),
    }
}

/// The length of the longest end of `text` with which `tag` may begin (bytes).
fn begun(text: &str, tag: &str) -> usize {
    (1..tag.len())
        .rev()
        .find(|length| tag.get(..*length).is_some_and(|part| text.ends_with(part)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(think_tags: Option<ThinkTags>) -> Reading {
        Reading {
            repairs: true,
            wants_json: true,
            think_tags,
            seed: 0,
        }
    }

    fn filtered(reading: &Reading, pieces: &[&str]) -> (String, String) {
        let mut filter = TextFilter::new(reading);
        let mut all = Filtered::default();
        let last = pieces.len().saturating_sub(1);
        for (place, piece) in pieces.iter().enumerate() {
            let out = filter.take(piece, place == last);
            all.content.push_str(&out.content);
            all.reasoning.push_str(&out.reasoning);
        }
        assert!(filter.is_open());
        (all.reasoning, all.content)
    }

    const CASES: [(&str, &str, &str); 16] = [
        ("<think>hm</think>hi", "hm", "hi"),
        (" \n<think>\nhm\n</think>\n\nhi", "\nhm\n", "hi"),
        ("<think></think>hi", "", "hi"),
        ("<think>never ends", "never ends", ""),
        ("<think>a</thin", "a</thin", ""),
        ("<thin", "", "<thin"),
        ("hi <think>x</think>", "", "hi <think>x</think>"),
        ("<thinking>x", "", "<thinking>x"),
        ("```json\n{\"a\":1}\n```", "", "{\"a\":1}"),
        ("```\n[1]\n```\n", "", "[1]"),
        ("```json {\"a\":\"```\"}```", "", "{\"a\":\"```\"}"),
        ("```json\n{\"a\":1}", "", "{\"a\":1}"),
        ("```python\nprint()\n```", "", "```python\nprint()\n```"),
        ("  {\"a\":1}  ", "", "  {\"a\":1}  "),
        ("<think>x</think>\n```json\n{}\n```", "x", "{}"),
        ("``", "", "``"),
    ];

    #[test]
    fn wrapping_goes_and_text_stays() {
        let reading = reading(Some(ThinkTags::Reasoning));
        for (text, reasoning, content) in CASES {
            let expected = (reasoning.to_owned(), content.to_owned());
            assert_eq!(filtered(&reading, &[text]), expected, "{text:?}");
        }
    }

    #[test]
    fn stripped_reasoning_is_gone_and_without_settings_nothing_is() {
        let strip = reading(Some(ThinkTags::Strip));
        let text = "<think>hm</think>hi";
        assert_eq!(filtered(&strip, &[text]), (String::new(), "hi".to_owned()));
        let plain = Reading::default();
        assert_eq!(filtered(&plain, &[text]), (String::new(), text.to_owned()));
        assert!(TextFilter::new(&plain).is_open());
    }

    proptest! {
        #[test]
        fn pieces_say_what_the_whole_says(
            text in "[<`]{0,3}(think>|json\n|\n)?[{}a\" \n`]{0,8}(</think>)?[ab`{}\n]{0,6}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let reading = reading(Some(ThinkTags::Reasoning));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.sort_unstable();
            cuts.push(text.len());
            let (mut pieces, mut from) = (Vec::new(), 0);
            for cut in cuts {
                pieces.push(&text[from..cut]);
                from = cut;
            }
            prop_assert_eq!(filtered(&reading, &pieces), filtered(&reading, &[&text]));
        }
    }
}
