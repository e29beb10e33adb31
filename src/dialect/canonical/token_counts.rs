//! The tokens of an answer with their details, in the spellings of chat and Messages.

use crate::json::raw;

/// The tokens of an answer, as far as its provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Tokens of the input, those from a cache and those written into one included.
    pub input: Option<u64>,
    pub output: Option<u64>,
    /// The sum as the provider says it; `None` where it says none.
    pub total: Option<u64>,
    /// Tokens of the input that came from a cache.
    pub cached: u64,
    /// Tokens of the input that were written into a cache.
    pub cache_written: u64,
    /// Tokens of the output that are reasoning.
    pub reasoning: u64,
}

impl TokenCounts {
    /// The counts in the raw `usage` of a chat answer; `None` if it is no object. DeepSeek counts cached tokens in a member
    /// of its own.
    pub fn of_chat(usage: &str) -> Option<Self> {
        let mut counts = Self::default();
        let mut hit = None;
        let mut is_told = None;
        raw::is_object(usage).then_some(())?;
        raw::each_member(usage, &mut |key, value| {
            let number = raw::whole_number(value);
            match raw::text(key).as_deref() {
                Some("prompt_tokens") => counts.input = number,
                Some("completion_tokens") => counts.output = number,
                Some("total_tokens") => counts.total = number,
                Some("prompt_cache_hit_tokens") => hit = number,
                Some("prompt_tokens_details") => {
                    let detail = |name| raw::member(value, name).and_then(raw::whole_number);
                    is_told = detail("cached_tokens");
                    counts.cache_written = detail("cache_write_tokens").unwrap_or(0);
                }
                Some("completion_tokens_details") => {
                    let tokens = raw::member(value, "reasoning_tokens");
                    counts.reasoning = tokens.and_then(raw::whole_number).unwrap_or(0);
                }
                _ => {}
            }
        })
        .ok()?;
        counts.cached = is_told.or(hit).unwrap_or(0);
        Some(counts)
    }

    /// The counts in the raw `usage` of Messages with those of an earlier one where it has none: the numbers are sums
    /// (envoyproxy/ai-gateway issue 2239). Its input is what no cache held.
    pub fn of_messages(usage: &str, before: Option<Self>) -> Option<Self> {
        raw::is_object(usage).then_some(())?;
        let before = before.unwrap_or_default();
        let number = |name| raw::member(usage, name).and_then(raw::whole_number);
        let cached = number("cache_read_input_tokens").unwrap_or(before.cached);
        let cache_written = number("cache_creation_input_tokens").unwrap_or(before.cache_written);
        let uncached = before
            .input
            .map(|input| input.saturating_sub(before.cached + before.cache_written));
        let uncached = number("input_tokens").or(uncached);
        Some(Self {
            input: uncached.map(|input| input.saturating_add(cached).saturating_add(cache_written)),
            output: number("output_tokens").or(before.output),
            total: None,
            cached,
            cache_written,
            reasoning: before.reasoning,
        })
    }

    /// The sum of input and output; `None` where one of them is not counted.
    pub fn sum(&self) -> Option<u64> {
        self.total
            .or(Some(self.input?.saturating_add(self.output?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_with_their_details() {
        let chat = r#"{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}"#;
        let counts = TokenCounts::of_chat(chat).unwrap();
        assert_eq!((counts.input, counts.output), (Some(10), Some(4)));
        assert_eq!(
            (counts.cached, counts.reasoning, counts.sum()),
            (3, 2, Some(14))
        );
        let deepseek = r#"{"prompt_tokens":10,"prompt_cache_hit_tokens":7}"#;
        assert_eq!(TokenCounts::of_chat(deepseek).unwrap().cached, 7);
        assert_eq!(TokenCounts::of_chat(deepseek).unwrap().sum(), None);
        assert_eq!(TokenCounts::of_chat("null"), None);
    }

    #[test]
    fn later_counts_of_messages_replace_earlier_ones() {
        let first = r#"{"input_tokens":5,"cache_read_input_tokens":20,"output_tokens":1}"#;
        let first = TokenCounts::of_messages(first, None);
        let last = TokenCounts::of_messages(r#"{"output_tokens":9}"#, first).unwrap();
        assert_eq!((last.input, last.output), (Some(25), Some(9)));
        let last = TokenCounts::of_messages(r#"{"input_tokens":6,"output_tokens":9}"#, first);
        assert_eq!(last.unwrap().input, Some(26));
    }
}
