//! The usage of an answer, as its provider counts it, in every spelling that there is.

use std::time::Duration;

use crate::json::raw;
use crate::json::reader::{EntryCursor, Invalid, Reader};

/// The tokens and the audio that an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the input, those from a cache included.
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    /// Tokens of the input that came from a cache.
    pub cached_tokens: Option<u64>,
    /// The length of the audio that was listened to, where that is what is paid for.
    pub audio: Option<Duration>,
}

/// The members of one object that say what was used.
#[derive(Clone, Copy, Debug, Default)]
struct TokenCounts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    /// Tokens that `input` does not hold.
    cached: u64,
    /// Tokens that came from a cache, whether `input` holds them or not.
    from_cache: Option<u64>,
    seconds: Option<Duration>,
    /// The counts of an object inside.
    nested: Option<Usage>,
}

impl Usage {
    /// The usage that the member `usage` of an answer holds, read where the reader stands; `None` if the member says
    /// nothing of it.
    pub fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, Invalid> {
        if reader.peek() != Some(b'{') {
            return reader.skip().map(|()| None);
        }
        let mut counts = TokenCounts::default();
        let mut object = EntryCursor::default();
        while let Some(key) = reader.key(&mut object)? {
            let value = reader.value()?;
            if let Some(key) = key.text() {
                counts.note(&key, value);
            }
        }
        Ok(Some(counts.usage()))
    }

    /// The usage in the raw value of a member `usage`; `None` if it is no object.
    pub fn of(value: &str) -> Option<Self> {
        Self::read(&mut Reader::new(value)).ok().flatten()
    }

    /// The usage of audio of this length, raw (seconds); `None` if it is no length.
    pub fn of_audio(duration: &str) -> Option<Self> {
        Some(Self {
            audio: Some(seconds(duration)?),
            ..Self::default()
        })
    }

    /// The usage with the numbers of an earlier one where this one has none: streams tell them piece by piece, and later
    /// numbers include earlier ones.
    pub fn after(self, before: Option<Self>) -> Self {
        let before = before.unwrap_or_default();
        Self {
            prompt_tokens: self.prompt_tokens.or(before.prompt_tokens),
            completion_tokens: self.completion_tokens.or(before.completion_tokens),
            cached_tokens: self.cached_tokens.or(before.cached_tokens),
            audio: self.audio.or(before.audio),
        }
    }

    /// The usage, if an answer can have it; `None` for a number of tokens beyond any, or audio beyond a week. One such
    /// answer would hide all others in a sum, and use up whatever is limited by it (more than 100 million).
    pub fn plausible(self) -> Option<Self> {
        const MOST: u64 = 100_000_000;
        const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
        let numbers = [
            self.prompt_tokens,
            self.completion_tokens,
            self.cached_tokens,
        ];
        let mut numbers = numbers.into_iter().flatten();
        let are_plausible = numbers.all(|tokens| tokens <= MOST);
        (are_plausible && self.audio.is_none_or(|audio| audio <= LONGEST)).then_some(self)
    }
}

impl TokenCounts {
    /// Notes a member. OpenAI's chat says `prompt_tokens`, its other endpoints `input_tokens`, as does Anthropic, which
    /// leaves what a cache held out of it; embeddings and reranking elsewhere have `total_tokens` alone (Voyage, Jina);
    /// Cohere has all of it an object deeper.
    fn note(&mut self, key: &str, value: &str) {
        let number = || raw::whole_number(value);
        match key {
            "prompt_tokens" | "input_tokens" => self.input = number().or(self.input),
            "completion_tokens" | "output_tokens" => self.output = number().or(self.output),
            "total_tokens" => self.total = number(),
            "cache_read_input_tokens" => {
                self.cached = self.cached.saturating_add(number().unwrap_or(0));
                self.from_cache = number().or(self.from_cache);
            }
            "cache_creation_input_tokens" => {
                self.cached = self.cached.saturating_add(number().unwrap_or(0));
            }
            // DeepSeek's own.
            "prompt_cache_hit_tokens" => self.from_cache = number().or(self.from_cache),
            "prompt_tokens_details" | "input_tokens_details" => {
                let cached = raw::member(value, "cached_tokens").and_then(raw::whole_number);
                self.from_cache = cached.or(self.from_cache);
            }
            "seconds" => self.seconds = seconds(value),
            "billed_units" => self.nested = Usage::of(value).or(self.nested),
            _ => {}
        }
    }

    fn usage(self) -> Usage {
        if let Some(nested) = self.nested {
            return nested;
        }
        let input = self
            .input
            .map(|tokens| tokens.saturating_add(self.cached))
            .or(self.total.filter(|_| self.output.is_none()));
        Usage {
            prompt_tokens: input,
            completion_tokens: self.output,
            cached_tokens: self.from_cache.filter(|cached| *cached > 0),
            audio: self.seconds,
        }
    }
}

/// A number of seconds, be it in quotes as some servers have it.
fn seconds(raw: &str) -> Option<Duration> {
    let number = raw::inside(raw).unwrap_or(raw);
    Duration::try_from_secs_f64(number.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: Option<u64>, output: Option<u64>) -> Usage {
        Usage {
            prompt_tokens: input,
            completion_tokens: output,
            cached_tokens: None,
            audio: None,
        }
    }

    fn cached(cached: u64, usage: Usage) -> Usage {
        Usage {
            cached_tokens: Some(cached),
            ..usage
        }
    }

    #[test]
    fn tokens_are_read_in_every_spelling() {
        for (value, expected) in [
            (
                r#"{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}"#,
                tokens(Some(3), Some(5)),
            ),
            (
                r#"{"input_tokens":3,"input_tokens_details":{"text_tokens":1},"output_tokens":5}"#,
                tokens(Some(3), Some(5)),
            ),
            // Anthropic's input is what no cache held.
            (
                r#"{"input_tokens":3,"cache_read_input_tokens":40,"cache_creation_input_tokens":null,"output_tokens":5}"#,
                cached(40, tokens(Some(43), Some(5))),
            ),
            // OpenAI's holds it.
            (
                r#"{"prompt_tokens":43,"prompt_tokens_details":{"cached_tokens":40}}"#,
                cached(40, tokens(Some(43), None)),
            ),
            (
                r#"{"prompt_tokens":7,"total_tokens":7}"#,
                tokens(Some(7), None),
            ),
            (r#"{"total_tokens":7}"#, tokens(Some(7), None)),
            (
                r#"{"completion_tokens":2,"total_tokens":7}"#,
                tokens(None, Some(2)),
            ),
            (
                r#"{"api_version":{"version":"2"},"billed_units":{"input_tokens":3,"output_tokens":5}}"#,
                tokens(Some(3), Some(5)),
            ),
            (r#"{"billed_units":{"search_units":1}}"#, tokens(None, None)),
            (r#"{"prompt_tokens":"?"}"#, tokens(None, None)),
            (r#"{"prompt_tokens":-1}"#, tokens(None, None)),
            ("{}", tokens(None, None)),
        ] {
            assert_eq!(Usage::of(value), Some(expected), "{value}");
        }
        for value in ["null", "7", "[]", "\"x\"", "{"] {
            assert_eq!(Usage::of(value), None, "{value}");
        }
    }

    #[test]
    fn audio_is_read_in_seconds() {
        let audio = |usage: Option<Usage>| usage.and_then(|usage| usage.audio);
        let expected = Some(Duration::from_millis(8500));
        let usage = Usage::of(r#"{"type":"duration","seconds":8.5}"#);
        assert_eq!(audio(usage), expected);
        for duration in ["8.5", "\"8.5\""] {
            assert_eq!(audio(Usage::of_audio(duration)), expected, "{duration}");
        }
        for seconds in ["-1", "\"NaN\"", "1e300", "null", "[]"] {
            let usage = format!("{{\"seconds\":{seconds}}}");
            assert_eq!(audio(Usage::of(&usage)), None, "{usage}");
            assert_eq!(Usage::of_audio(seconds), None, "{seconds}");
        }
    }

    /// A stream of Messages tells its input at the beginning, its output at the end.
    #[test]
    fn later_numbers_replace_earlier_ones() {
        let first =
            Usage::of(r#"{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":1}"#);
        assert_eq!(first, Some(cached(10, tokens(Some(13), Some(1)))));
        let last = Usage::of(r#"{"output_tokens":7}"#).map(|last| last.after(first));
        assert_eq!(last, Some(cached(10, tokens(Some(13), Some(7)))));
    }

    /// A single absurd number would hide all others in a sum.
    #[test]
    fn what_no_answer_can_take_does_not_count() {
        let of = |value: &str| Usage::of(value).and_then(Usage::plausible);
        assert!(of(r#"{"prompt_tokens":100000000}"#).is_some());
        assert_eq!(of(r#"{"prompt_tokens":100000001}"#), None);
        assert!(of(r#"{"seconds":604800}"#).is_some());
        assert_eq!(of(r#"{"seconds":604801}"#), None);
    }
}
