//! The template of a stream's chunks: most differ in their words alone, and what stands around these is read once.

use crate::dialect::annotation::Annotation;
use crate::json::raw;
use crate::json::reader::Reader;

use super::envelope::Choices;
use super::message::Words;

/// The longest template that is remembered (bytes): a stream keeps it while it waits.
const LONGEST: usize = 384;

/// The text around the words of a stream's last chunk, and what a reader knows behind it. Another chunk with this text is
/// read alike: a reader looks at no byte behind those that it has passed, and at words only for whether there are any. A
/// chunk that has the members in front of the choices in common, as a rule its id, its time and its model, is read alike up
/// to there.
#[derive(Debug, Default)]
pub(super) struct ChunkTemplate {
    /// The chunk up to the end of its choices without the words, or up to the choices; empty as long as none is known.
    text: String,
    /// The offset behind the colon of the first member `choices`.
    choices: usize,
    /// The places in front of the choices. There is neither an error nor a usage among them.
    annotation: Annotation,
    /// The gap where the words stood; none where the choices are not known.
    gap: Option<Gap>,
}

/// The gap in a template.
#[derive(Clone, Copy, Debug)]
struct Gap {
    at: usize,
    has_content: bool,
    has_reasoning: bool,
}

/// The part of a chunk that it has in common with others.
pub(super) struct Passed<'a> {
    /// The reader behind it.
    pub reader: Reader<'a>,
    /// The places in front of the choices.
    pub annotation: Annotation,
    /// The judgement on the choices; none where they are yet to be read.
    pub choices: Option<Choices<'a>>,
}

impl ChunkTemplate {
    /// The part of a chunk that need not be read; none where it begins in another way.
    pub fn passed<'a>(&self, chunk: &'a str) -> Option<Passed<'a>> {
        let (reader, choices) = match self.filled(chunk) {
            Some((reader, choices)) => (reader, Some(choices)),
            None => {
                let beginning = self.beginning().filter(|text| chunk.starts_with(text))?;
                (Reader::behind(chunk, beginning.len()), None)
            }
        };
        Some(Passed {
            reader,
            annotation: self.annotation,
            choices,
        })
    }

    /// The reader behind the choices, where they are the template's with other words.
    fn filled<'a>(&self, chunk: &'a str) -> Option<(Reader<'a>, Choices<'a>)> {
        let gap = self.gap?;
        let (before, behind) = self.text.split_at_checked(gap.at)?;
        if !chunk.starts_with(before) {
            return None;
        }
        let mut reader = Reader::behind(chunk, before.len());
        let words = reader.value().ok().and_then(Words::of)?;
        if !chunk.get(reader.at()..)?.starts_with(behind) {
            return None;
        }
        let reader = Reader::behind(chunk, reader.at() + behind.len());
        let choices = Choices::of_words(words, gap.has_content, gap.has_reasoning);
        Some((reader, choices))
    }

    fn beginning(&self) -> Option<&str> {
        let beginning = self.text.get(..self.choices);
        beginning.filter(|text| !text.is_empty())
    }

    /// Remembers a chunk that was read up to the end of its choices, whose offset is told, and the places in front of them.
    pub fn remember(
        &mut self,
        text: &str,
        at: usize,
        annotation: Annotation,
        choices: &Choices<'_>,
    ) {
        let Some(beginning) = text.get(..at).filter(|text| text.len() <= LONGEST) else {
            return;
        };
        let around = choices.words().and_then(|words| around(text, words));
        if around.is_none() && self.beginning() == Some(beginning) {
            // The words of one of the next chunks may fill the gap again.
            return;
        }
        self.text.clear();
        self.gap = None;
        match around {
            Some((before, behind)) => {
                self.text.push_str(before);
                self.text.push_str(behind);
                self.gap = Some(Gap {
                    at: before.len(),
                    has_content: choices.has_content,
                    has_reasoning: choices.has_reasoning,
                });
            }
            None => self.text.push_str(beginning),
        }
        self.choices = at;
        self.annotation = annotation;
    }
}

/// The text around words in it; none if it is longer than what is remembered.
fn around<'t>(text: &'t str, words: Words<'_>) -> Option<(&'t str, &'t str)> {
    let at = raw::offset(text, words.raw());
    let before = text.get(..at)?;
    let behind = text.get(at + words.raw().len()..)?;
    (before.len() + behind.len() <= LONGEST).then_some((before, behind))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::dialect::reading::{Reading, ThinkTags};
    use crate::dialect::{FrameKind, Judged, StreamJudge};

    use super::super::chunk::ChunkJudge;
    use super::super::envelope::Envelope;
    use super::*;

    fn remembered(chunk: &str) -> ChunkTemplate {
        let mut template = ChunkTemplate::default();
        let template_mut = Some(&mut template);
        Envelope::read_like(template_mut, chunk, "delta", &mut |_| ()).unwrap();
        template
    }

    /// The bytes of a chunk that need not be read, and whether its choices are known with them.
    fn passed(template: &ChunkTemplate, chunk: &str) -> Option<(usize, bool)> {
        let passed = template.passed(chunk)?;
        Some((passed.reader.at(), passed.choices.is_some()))
    }

    #[test]
    fn a_chunk_is_passed_as_far_as_it_is_like_the_last_one() {
        let known = r#"{"id":"a","model":"m","choices":"#;
        let choices = |words: &str| format!(r#"[{{"delta":{{"content":{words}}},"index":0}}]"#);
        let template = remembered(&format!("{known}{}}}", choices("\"x\"")));
        for words in ["\"y\"", " \"\\\"z\\ud83d\"", "\"}]\""] {
            let chunk = format!("{known}{}", choices(words));
            for end in ["}", ",\"p\":1}", ""] {
                let at = Some((chunk.len(), true));
                assert_eq!(passed(&template, &format!("{chunk}{end}")), at, "{words}");
            }
        }
        for words in [
            "\"\"", "null", "\"x\"\"", "\"x", "\"\n\"", "\"x\" ", "[\"x\"]",
        ] {
            let chunk = format!("{known}{}}}", choices(words));
            let at = Some((known.len(), false));
            assert_eq!(passed(&template, &chunk), at, "{words}");
        }
        assert_eq!(passed(&template, &known[..known.len() - 1]), None);
        assert_eq!(passed(&template, ""), None);
    }

    #[test]
    fn only_single_choices_that_go_on_with_words_have_a_gap() {
        for (choices, has_gap) in [
            (r#"[{"delta":{"content":"x"}}]"#, true),
            (r#"[{"delta":{"reasoning":"x","content":""}}]"#, true),
            (
                r#"[{"delta":{"content":"x","tool_calls":[]},"finish_reason":""}]"#,
                true,
            ),
            (r#"[{"delta":{"content":""}}]"#, false),
            (r#"[{"delta":{"content":["x"]}}]"#, false),
            (
                r#"[{"delta":{"content":"x"},"finish_reason":"stop"}]"#,
                false,
            ),
            (r#"[{"delta":{"content":"x"},"error":"e"}]"#, false),
            (r#"[{"delta":{"content":"x","tool_calls":[{}]}}]"#, false),
            (r#"[{"delta":{"content":"x"}},{"delta":{}}]"#, false),
            (r#"[0,{"delta":{"content":"x"}}]"#, false),
            ("[]", false),
        ] {
            let template = remembered(&format!(r#"{{"choices":{choices}}}"#));
            assert_eq!(template.gap.is_some(), has_gap, "{choices}");
        }
        let long = "a".repeat(LONGEST);
        let ids = format!(r#"{{"id":"{long}","choices":[]}}"#);
        assert!(remembered(&ids).text.is_empty());
        let behind = format!(r#"{{"choices":[{{"delta":{{"content":"x"}},"a":"{long}"}}]}}"#);
        assert_eq!(remembered(&behind).text, r#"{"choices":"#);
    }

    /// The judgements on the chunks of a stream up to the first that is broken, each with the state behind it; with a
    /// template that is forgotten before every chunk, or with the judge's.
    fn judged(chunks: &[String], reading: Reading, forgets: bool) -> Vec<(Judged, String)> {
        let mut judge = ChunkJudge::new(reading);
        let mut found = Vec::new();
        for chunk in chunks {
            if forgets {
                judge.template = ChunkTemplate::default();
            }
            let judged = judge.judge_data(chunk);
            let is_broken = matches!(judged.kind, FrameKind::Broken(_));
            let state = (
                judge.is_whole(),
                judge.names_its_end(),
                judge.usage(),
                judge.repairs(),
            );
            found.push((judged, format!("{state:?}")));
            if is_broken {
                break;
            }
        }
        found
    }

    #[test]
    fn a_fence_that_is_open_is_closed() {
        let chunk = |words| format!(r#"{{"choices":[{{"delta":{{"content":"{words}"}}}}]}}"#);
        let chunks = ["```{", "x", "x", "}```"].map(chunk);
        let reading = Reading {
            repairs: true,
            wants_json: true,
            ..Reading::default()
        };
        assert_eq!(
            judged(&chunks, reading, false),
            judged(&chunks, reading, true)
        );
    }

    fn any_words() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            r#""x""#,
            r#""yy""#,
            r#""\"\n""#,
            r#" "<think>""#,
            r#""```{""#,
            r#""}```""#,
            r#""""#,
            "null",
            "[]",
            "\"\u{1}\"",
            "\"",
        ])
    }

    /// A chunk with a `W` where its words belong.
    fn any_chunk() -> impl Strategy<Value = String> {
        let open = prop::sample::select(vec!["{", "{", "{", " { ", "["]);
        let member = prop::sample::select(vec![
            r#""id":"a","#,
            r#""id":"ab","#,
            r#""model":"m","#,
            r#""mod\u0065l":"n" , "#,
            r#""usage":null,"#,
            r#""usage":{"prompt_tokens":1},"#,
            r#""error":null,"#,
            r#""error":{"message":"e"},"#,
            r#""routing_summary":{},"#,
            r#""x":{"choices":[]},"#,
            r#""choices":null,"#,
        ]);
        let delta = prop::sample::select(vec![
            r#"{"content":W}"#,
            r#"{"content":W}"#,
            r#"{"role":"assistant","content":W}"#,
            r#"{"content":null,"reasoning":W}"#,
            r#"{"reasoning_content":W,"content":W}"#,
            r#"{"content":W,"tool_calls":[{"function":{"name":"f","arguments":{}}}]}"#,
            r#"{"content":W,"tool_calls":null,"refusal":W}"#,
            r#"{"content":"a","function_call":{"arguments":{}},"content":W}"#,
            "{}",
            "W",
        ]);
        let choice = prop::sample::select(vec![
            r#"{"delta":D}"#,
            r#"{"index":0,"delta":D,"finish_reason":null}"#,
            r#"{"index":0,"delta":D,"finish_reason":null}"#,
            r#"{"finish_reason":"stop","delta":D}"#,
            r#"{"delta":D,"error":{"message":"c"}}"#,
            r#"{"index":1,"delta":D},{"delta":D}"#,
            r#"{"delta":{"content":"b"},"delta":D}"#,
            "",
            "{",
        ]);
        let end = prop::sample::select(vec![
            "}",
            "}",
            "} ",
            r#","model":"m"}"#,
            r#","usage":{"completion_tokens":2}}"#,
            r#","choices":[]}"#,
            r#","error":"e"}"#,
            "",
            "}}",
        ]);
        let parts = (
            open,
            prop::collection::vec(member, 0..2),
            choice,
            delta,
            end,
        );
        parts.prop_map(|(open, members, choice, delta, end)| {
            let choices = choice.replace('D', delta);
            format!(r#"{open}{}"choices":[{choices}]{end}"#, members.concat())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// Would cost an error, a usage, a repair or the model's name: a template that hides what stands in a chunk.
        #[test]
        fn chunks_behind_others_are_judged_as_each_by_itself(
            known in prop::collection::vec(any_chunk(), 1..3),
            order in prop::collection::vec((any::<prop::sample::Index>(), any_words()), 1..8),
            repairs: bool,
            wants_json: bool,
            think_tags in prop::option::of(Just(ThinkTags::Reasoning)),
        ) {
            let reading = Reading { repairs, wants_json, think_tags, seed: 1 };
            let chunks = order.iter().map(|(at, words)| at.get(&known).replace('W', words));
            let chunks: Vec<String> = chunks.collect();
            let expected = judged(&chunks, reading, true);
            prop_assert_eq!(judged(&chunks, reading, false), expected);
        }
    }
}
