//! Quotas of providers, and the mistakes that can be made in them.

use std::time::Duration;

use super::super::{Config, Quotas};
use super::{accept, refuse};
use crate::limits::{Limit, Rate, TimeZone, Unit, Window};

fn limit(unit: Unit, amount: u64, window: Window) -> Limit {
    Limit {
        unit,
        rate: Rate { amount, window },
    }
}

const MINUTE: Window = Window::Sliding(Duration::from_secs(60));

fn with(top: &str, provider: &str) -> String {
    format!(
        "api_key: k\n{top}\nproviders:\n  - name: p\n    base_url: https://p.example/v1\n{provider}\nroutes:\n  - name: r\n    steps: \
         [{{provider: p, model: m}}]\n"
    )
}

fn quotas(top: &str, provider: &str) -> Quotas {
    let config: Config = accept(&with(top, provider));
    config.providers[0].quotas.clone()
}

#[test]
fn quotas_are_read_with_their_defaults() {
    assert_eq!(quotas("", ""), Quotas::default());
    let all = "    limits: {requests: [60/min, 1000/day], concurrent: 4}\n    account: shared\n    day_resets: \"+02:00\"\n    \
               token_check: reserve\n    queue: 5s\n    learn_limits: true";
    let expected = Quotas {
        limits: vec![
            limit(Unit::Requests, 60, MINUTE),
            limit(Unit::Requests, 1000, Window::Day),
            Limit::concurrent(4),
        ],
        is_one_account: true,
        day_resets: TimeZone::Offset(7200),
        reserves_tokens: true,
        learns: true,
        queue: Duration::from_secs(5),
    };
    assert_eq!(quotas("learn_limits: false", all), expected);
    assert!(!quotas("learn_limits: false", "").learns);
}

/// Would break for users of these providers: days that turn at the wrong hour, and refused calls.
#[test]
fn hosts_have_the_habits_of_their_providers() {
    for (host, zone, reserves) in [
        (
            "generativelanguage.googleapis.com",
            TimeZone::Pacific,
            false,
        ),
        ("api.cerebras.ai", TimeZone::Utc, true),
        ("api.groq.com", TimeZone::Utc, true),
        ("openrouter.ai", TimeZone::Utc, false),
    ] {
        let text = with("", "").replace("p.example", host);
        let quotas = &accept(&text).providers[0].quotas;
        let habits = (quotas.day_resets, quotas.reserves_tokens);
        assert_eq!(habits, (zone, reserves), "{host}");
    }
}

#[test]
fn mistakes_are_told_with_what_would_be_right() {
    for (provider, words) in [
        ("    account: one", "account"),
        ("    token_check: maybe", "token_check"),
        (
            "    day_resets: Europe/Berlin",
            "is not utc, pacific, or an offset",
        ),
        ("    queue: long", "queue"),
        ("    learn_limit: true", "learn_limits"),
        ("    limits: {request: 10/min}", "requests"),
        (
            "    limits: {requests: 10/fortnight}",
            "is not per s, min, h, day, month",
        ),
        ("    limits: {requests: 0/min}", "allows nothing"),
        (
            "    models: {mm: {limits: {requests: 1/min}}}",
            "no step names this model",
        ),
    ] {
        let problems = refuse(&with("", provider));
        assert!(problems.contains(words), "{provider}: {problems}");
    }
}
