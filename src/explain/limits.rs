//! The limits of a step, for a person: those that are configured, and what the running gateway knows of all of them.

use std::fmt::{self, Write};
use std::time::Duration;

use serde::Deserialize;

use crate::config::Step;
use crate::dialect::waits::in_words;
use crate::limits::Limit;

/// A limit as the running gateway sees it.
#[derive(Debug, Deserialize)]
pub struct RunningLimit {
    scope: String,
    key_index: Option<usize>,
    unit: String,
    window: Option<String>,
    source: Option<String>,
    limit: Option<u64>,
    used: u64,
    remaining: Option<u64>,
    ends_ms: Option<u64>,
    state: String,
}

/// Adds the limits of a step that are configured, and how they are counted.
pub fn explain_declared(text: &mut String, step: &Step) {
    let provider = &step.provider;
    let quotas = &provider.quotas;
    let of_whom = match () {
        () if quotas.is_one_account => "of the account",
        () if provider.keys.len() > 1 => "of each key",
        () => "of the key",
    };
    let words = |limits: &[Limit]| {
        let words: Vec<String> = limits.iter().map(Limit::to_string).collect();
        words.join(", ")
    };
    // Writing into a String cannot fail.
    if !quotas.limits.is_empty() {
        let limits = words(&quotas.limits);
        let _ = writeln!(text, "   limits {of_whom}, over all models: {limits}");
    }
    let of_model = provider.terms(&step.model).map(|terms| &terms.limits);
    if let Some(limits) = of_model.filter(|limits| !limits.is_empty()) {
        let _ = writeln!(text, "   limits {of_whom}: {}", words(limits));
    }
    if !quotas.queue.is_zero() {
        let _ = writeln!(text, "   waits up to {:?} for a place", quotas.queue);
    }
    if !quotas.learns {
        let _ = writeln!(text, "   limits are not learned from refusals");
    }
}

/// `limit of key 2: 10 requests/min (declared), 3 used, 7 left, ends in 12.0 s, open`.
impl fmt::Display for RunningLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limit")?;
        if let Some(index) = self.key_index {
            write!(f, " of key {}", index + 1)?;
        }
        if self.scope != "model" {
            write!(f, ", {}", self.scope)?;
        }
        let unit = self.unit.replace('_', " ");
        match self.limit {
            Some(amount) => write!(f, ": {amount} {unit}")?,
            None => write!(f, ": {unit}")?,
        }
        if let Some(window) = self.window.as_deref().filter(|window| *window != "at_once") {
            write!(f, "/{window}")?;
        }
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        write!(f, ", {} used", self.used)?;
        if let Some(left) = self.remaining {
            write!(f, ", {left} left")?;
        }
        if let Some(ends) = self.ends_ms.filter(|ends| *ends > 0) {
            write!(f, ", ends in {}", in_words(Duration::from_millis(ends)))?;
        }
        write!(f, ", {}", self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_in_a_line() {
        for (json, line) in [
            (
                r#"{"scope":"model","key_index":1,"unit":"requests","window":"min","source":"declared","limit":10,"used":3,
                    "remaining":7,"ends_ms":12000,"state":"open"}"#,
                "limit of key 2: 10 requests/min (declared), 3 used, 7 left, ends in 12.0 s, open",
            ),
            (
                r#"{"scope":"all models","unit":"input_tokens","used":9,"state":"soft"}"#,
                "limit, all models: input tokens, 9 used, soft",
            ),
            (
                r#"{"scope":"model","unit":"concurrent","window":"at_once","source":"declared","limit":4,"used":4,"remaining":0,
                    "state":"closed"}"#,
                "limit: 4 concurrent (declared), 4 used, 0 left, closed",
            ),
        ] {
            let limit: RunningLimit = serde_json::from_str(json).unwrap();
            assert_eq!(limit.to_string(), line);
        }
    }
}
