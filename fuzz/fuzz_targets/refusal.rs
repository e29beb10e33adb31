//! Whatever a provider says when it refuses: nothing panics, no message holds a page or is long, no wait is absurd, and
//! what takes a second is a bug (libFuzzer's `-timeout`).
//!
//! The first line is the status, the rest is the body.

#![no_main]

use std::time::{Duration, SystemTime};

use ai_gateway::dialect::classify::{ProviderRefusal, class_of};
use ai_gateway::dialect::provider_error::{MAX_MESSAGE, error_of, refusal_of};
use ai_gateway::routing::Failure;
use libfuzzer_sys::fuzz_target;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// 2026-01-01.
const NOW: Duration = Duration::from_secs(1_767_225_600);

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (status, body) = text.split_once('\n').unwrap_or(("400", &text));
    let status = status.trim().parse().unwrap_or(400);
    let said = refusal_of(body);
    assert!(said.message.len() <= MAX_MESSAGE);
    assert!(said.names.len() <= 16);
    let lower = said.message.to_ascii_lowercase();
    for tag in ["<!doctype html", "<html", "<body"] {
        assert!(!lower.contains(tag), "{}", said.message);
    }
    if let Some(error) = error_of(body) {
        assert_eq!(*error, said);
    }
    let now = SystemTime::UNIX_EPOCH + NOW;
    let refusal = ProviderRefusal {
        status,
        headers: &[],
        said: &said,
    };
    let class = class_of(&refusal, now);
    let failure = Failure::of_refusal(status, &[], said, now);
    assert_eq!(failure.class, class);
    assert!(failure.message.chars().count() <= 500);
    if let Some(stated) = failure.stated {
        assert!(!stated.is_zero() && stated <= DAY, "{stated:?}");
    }
});
