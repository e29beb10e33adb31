//! The unit and the window of a limit, as providers name them.

use std::time::Duration;

use super::provider_error::ProviderError;
use crate::limits::{Unit, Window};

const SECOND: Window = Window::Sliding(Duration::from_secs(1));
const MINUTE: Window = Window::Sliding(Duration::from_secs(60));
const HOUR: Window = Window::Sliding(Duration::from_secs(3600));

/// The limit that a refusal names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamedLimit {
    pub unit: Option<Unit>,
    pub window: Option<Window>,
    /// An identifier names the window, as Google's `quotaId`: the wait beside it is that of another.
    pub by_identifier: bool,
}

/// The unit of a window, by the names of its fields in lower case. Mistral counts tokens as `size`.
pub fn unit_of_fields(name: &str, policy: &str) -> Unit {
    let has = |word: &str| name.contains(word) || policy.contains(word);
    match () {
        () if !has("token") && !has("size") => Unit::Requests,
        () if has("input") => Unit::InputTokens,
        () if has("output") => Unit::OutputTokens,
        () => Unit::Tokens,
    }
}

/// The window that the names of its fields tell, in lower case: `requests-day`, `req-minute`, `day`. `None` where they
/// name none.
pub fn window_of_fields(name: &str) -> Option<Window> {
    const WORDS: [(&str, Window); 6] = [
        ("month", Window::Month),
        ("day", Window::Day),
        ("hour", HOUR),
        ("minute", MINUTE),
        ("min", MINUTE),
        ("second", SECOND),
    ];
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let found = |word: &str| WORDS.iter().find(|(name, _)| *name == word);
    words.filter_map(found).map(|(_, window)| *window).next()
}

fn unit_in(text: &str) -> Option<Unit> {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Some(match () {
        () if has(&["input token", "inputtoken", "input_token"]) => Unit::InputTokens,
        () if has(&["output token", "outputtoken", "output_token"]) => Unit::OutputTokens,
        () if has(&["tokens", "token_", "(tpm)", "(tpd)"]) => Unit::Tokens,
        () if has(&["request", "(rpm)", "(rpd)"]) => Unit::Requests,
        () => return None,
    })
}

/// The limit that the words of a refusal name.
pub fn named_limit(said: &ProviderError) -> NamedLimit {
    let own = [&said.code, &said.kind].into_iter().flatten();
    let names = own.chain(&said.names).map(|name| name.to_ascii_lowercase());
    let mut limit = NamedLimit::default();
    for name in names {
        limit.unit = limit.unit.or_else(|| unit_in(&name));
        // Google names several: the one that takes the longest counts.
        if let Some(window) = window_of_identifier(&name)
            && limit.window.is_none_or(|known| window > known)
        {
            limit.window = Some(window);
            limit.unit = unit_in(&name).or(limit.unit);
            limit.by_identifier = true;
        }
    }
    if limit.window.is_none() {
        let message = said.message.to_ascii_lowercase();
        limit.window = per(&message);
        if limit.window.is_some() {
            limit.unit = unit_in(&message).or(limit.unit);
        }
    }
    limit
}

/// The window in an identifier such as `GenerateRequestsPerDayPerProjectPerModel-FreeTier`.
fn window_of_identifier(name: &str) -> Option<Window> {
    const WORDS: [(&str, Window); 5] = [
        ("permonth", Window::Month),
        ("perday", Window::Day),
        ("perhour", HOUR),
        ("perminute", MINUTE),
        ("persecond", SECOND),
    ];
    let found = WORDS.iter().find(|(word, _)| name.contains(word));
    found.map(|(_, window)| *window)
}

/// The window behind a "per" in prose, or in `free-models-per-day`.
fn per(message: &str) -> Option<Window> {
    const WORDS: [(&str, Window); 6] = [
        ("month", Window::Month),
        ("day", Window::Day),
        ("hour", HOUR),
        ("minute", MINUTE),
        ("min", MINUTE),
        ("second", SECOND),
    ];
    let mut behind = message.split("per").skip(1);
    behind.find_map(|behind| {
        let word = behind.strip_prefix([' ', '-', '_'])?;
        let end = word.find(|c: char| !c.is_ascii_alphabetic());
        let word = word.get(..end.unwrap_or(word.len()))?;
        let found = WORDS.iter().find(|(name, _)| *name == word);
        found.map(|(_, window)| *window)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would break for users of free tiers: a day that is taken for a minute costs a call every minute, a minute that is
    /// taken for a day costs the provider for a day.
    #[test]
    fn refusals_name_what_is_used_up() {
        use Unit as C;
        for (names, message, unit, window) in [
            (
                &["requests", "rate_limit_exceeded"][..],
                "Rate limit exceeded.",
                Some(C::Requests),
                None,
            ),
            (
                &["tokens", "rate_limit_exceeded"],
                "Rate limit reached for model `llama` in organization `org` service tier `on_demand` on tokens per minute \
                 (TPM): Limit 6000, Used 5500, Requested 900. Please try again in 4s.",
                Some(C::Tokens),
                Some(MINUTE),
            ),
            (
                &["requests"],
                "Rate limit reached on requests per day (RPD): Limit 60, Used 60, Requested 1. Please try again in 7m.",
                Some(C::Requests),
                Some(Window::Day),
            ),
            (
                &[
                    "RESOURCE_EXHAUSTED",
                    "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
                ],
                "You exceeded your current quota.",
                Some(C::Requests),
                Some(Window::Day),
            ),
            (
                &[
                    "GenerateContentInputTokensPerModelPerMinute-FreeTier",
                    "GenerateRequestsPerDayPerProject",
                ],
                "Please retry in 18s.",
                Some(C::Requests),
                Some(Window::Day),
            ),
            (
                &["GenerateContentInputTokensPerModelPerMinute-FreeTier"],
                "Please retry in 18s.",
                Some(C::InputTokens),
                Some(MINUTE),
            ),
            (
                &["429"],
                "Rate limit exceeded: free-models-per-day",
                None,
                Some(Window::Day),
            ),
            (
                &["429"],
                "Rate limit exceeded: free-models-per-min. ",
                None,
                Some(MINUTE),
            ),
            (&[], "Too many requests", None, None),
            (
                &[],
                "Too many requests per second",
                Some(C::Requests),
                Some(SECOND),
            ),
            (&[], "the paper daylight of permission", None, None),
        ] {
            let said = ProviderError {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                message: message.to_owned(),
                ..ProviderError::default()
            };
            let limit = named_limit(&said);
            assert_eq!(
                (limit.unit, limit.window),
                (unit, window),
                "{names:?} {message}"
            );
        }
    }
}
