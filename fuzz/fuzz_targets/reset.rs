//! Whatever a provider says about its limits, nobody waits longer than a day for it, nor not at all.
//!
//! The input is lines: `name: value` headers, and the last one is the message.

#![no_main]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ai_gateway::dialect::provider_error::{ProviderError, refusal_of};
use ai_gateway::dialect::rate_limits;
use ai_gateway::routing::Failure;
use libfuzzer_sys::fuzz_target;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// 2026-01-01.
const NOW: Duration = Duration::from_secs(1_767_225_600);

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let message = lines.pop().unwrap_or_default();
    let fields = lines.iter().filter_map(|line| line.split_once(':'));
    let fields: BTreeMap<String, &str> = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let field = |name: &str| fields.get(name).copied();
    let headers: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let now = SystemTime::UNIX_EPOCH + NOW;

    let told = rate_limits::remaining_limits(&headers, now);
    for span in told.windows.iter().filter_map(|window| window.resets_in) {
        assert!(span <= DAY, "{span:?}");
    }
    if told.windows.iter().any(|window| window.remaining.is_some()) {
        let tells = |name: &str| name.contains("remaining") || name == "ratelimit";
        assert!(fields.keys().any(|name| tells(name)));
    }
    for status in [429, 503, 200] {
        let said = ProviderError {
            code: field("code").map(str::to_owned),
            kind: field("type").map(str::to_owned),
            ..refusal_of(message)
        };
        let failure = Failure::of_refusal(status, &headers, said, now);
        if let Some(stated) = failure.stated {
            assert!(!stated.is_zero() && stated <= DAY, "{stated:?}");
        }
        let plain = fields.len() == 1 && message.is_empty();
        if let (true, 429, Some(seconds)) = (plain, status, field("retry-after"))
            && let Some(seconds) = whole_seconds(seconds)
        {
            let expected = Duration::from_secs(seconds).min(DAY);
            assert_eq!(failure.stated, (seconds > 0).then_some(expected));
        }
    }
});

/// RFC 9110 section 10.2.3; larger numbers may be points in time, or make no sense.
fn whole_seconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| value.parse().ok())?
        .filter(|seconds| *seconds < 1_000_000)
}
