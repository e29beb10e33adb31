//! A line as people and metrics see it.

use std::fmt;
use std::time::Duration;

use super::line::{Line, Source};
use super::lines::Crowd;
use super::moment::Moment;
use super::standing::Standing;
use super::standing_rules::Ask;
use crate::limits::{Unit, Window};
use crate::text::push_decimal;

/// A line as it stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineReport {
    pub unit: Unit,
    /// The window that is configured, or that the provider named.
    pub window: Option<Window>,
    /// The length of a window that is learned, as far as it is known.
    pub length: Option<Duration>,
    /// The limit and its source; `None` while none is known.
    pub limit: Option<(u64, Source)>,
    pub used: u64,
    pub remaining: Option<u64>,
    /// The time until the window ends, or the line is open again.
    pub ends_in: Option<Duration>,
    pub standing: Standing,
}

impl LineReport {
    pub fn of(line: &Line, is_own: bool, crowd: Crowd, at: Moment) -> Self {
        let standing = line.standing(&Ask {
            at,
            amount: 1,
            reserve: 0,
            in_flight: crowd.out(is_own),
            peak: crowd.peak,
        });
        Self::standing_so(standing, line, is_own, crowd, at)
    }

    /// The report of a line whose standing is known.
    pub fn standing_so(
        standing: Standing,
        line: &Line,
        is_own: bool,
        crowd: Crowd,
        at: Moment,
    ) -> Self {
        let limit = line.limit();
        let in_flight = crowd.out(is_own);
        let used = match line.unit {
            Unit::Concurrent => u64::from(in_flight),
            _ => line.used_at(at),
        };
        let in_force = match line.unit {
            Unit::Concurrent => line.places(at),
            _ => limit.map(|(limit, _)| limit),
        };
        let by_use = in_force.map(|limit| limit.saturating_sub(used));
        let ends = match standing {
            Standing::Firm { until } | Standing::Soft { until, .. } => Some(until),
            _ => line.ends(at),
        };
        Self {
            unit: line.unit,
            window: line.window,
            length: line.w().filter(|_| line.window.is_none()),
            limit,
            used,
            remaining: line.told_left(at).or(by_use),
            ends_in: ends.map(|end| end.saturating_duration_since(at.now)),
            standing,
        }
    }

    /// The window as metrics spell it; `learned` where only refusals tell of it, as its length may change.
    pub fn window_label(&self) -> String {
        let window = self.window.map(|window| window.to_string());
        window.unwrap_or_else(|| "learned".to_owned())
    }

    /// The window for people; `None` while its length is not known.
    pub fn window_words(&self) -> Option<String> {
        let learned = self.length.map(|length| Window::Sliding(rounded(length)));
        Some(self.window.or(learned)?.to_string())
    }

    /// The standing of a line with a limit, for people: `open, 29 of 30 requests/min used`.
    pub fn in_words(&self) -> Option<String> {
        let (amount, _) = self.limit?;
        let unit = self.unit.words();
        let window = self.window_words();
        let per = window
            .map(|window| format!("/{window}"))
            .unwrap_or_default();
        let standing = self.standing.label();
        Some(format!(
            "{standing}, {} of {amount} {unit}{per} used",
            self.used
        ))
    }

    /// Whether it says anything: a line of which nothing is known, and which keeps nobody away, does not.
    pub fn says_anything(&self) -> bool {
        self.limit.is_some() || self.standing != Standing::Open
    }
}

/// A learned length is no round number.
fn rounded(length: Duration) -> Duration {
    let milliseconds = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let step = if milliseconds > 10_000 { 1000 } else { 100 };
    Duration::from_millis((milliseconds / step * step).max(1))
}

/// `limit: 10 requests/min used, free in 12s`.
impl fmt::Display for LineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = String::new();
        self.push_words(&mut words);
        f.write_str(&words)
    }
}

impl LineReport {
    /// Appends the words of a line that keeps a step away: `limit: 10 requests/min used, free in 12s`. They are spelled for every
    /// step that a long route skips.
    pub fn push_words(&self, out: &mut String) {
        let unit = self.unit.words();
        out.push_str("limit: ");
        match self.limit {
            Some((amount, _)) if self.unit == Unit::Concurrent => {
                // A replica has no more than its share of them.
                out.push_str("all ");
                push_decimal(out, amount.min(self.used));
                out.push(' ');
                out.push_str(unit);
                out.push_str(" are out");
                return;
            }
            Some((amount, source)) => {
                push_decimal(out, amount);
                out.push(' ');
                out.push_str(unit);
                self.push_window(out);
                out.push_str(" used");
                if source != Source::Declared {
                    out.push_str(" (");
                    out.push_str(source.label());
                    out.push(')');
                }
            }
            None => {
                out.push_str(unit);
                out.push_str(" used up");
            }
        }
        match (self.standing, self.ends_in) {
            (Standing::Held { .. } | Standing::Probe, _) => {
                out.push_str(", another request finds out whether it is free");
            }
            (_, Some(left)) if !left.is_zero() => {
                out.push_str(", free in ");
                push_brief(out, left);
            }
            _ => {}
        }
    }

    fn push_window(&self, out: &mut String) {
        match self.window.and_then(Window::name) {
            Some(name) => {
                out.push('/');
                out.push_str(name);
            }
            None => {
                if let Some(window) = self.window_words() {
                    out.push('/');
                    out.push_str(&window);
                }
            }
        }
    }
}

/// Appends a wait in as few signs as can be, rounded up: `0.4s`, `12s`, `3m5s`, `7h2m`.
fn push_brief(out: &mut String, span: Duration) {
    let tenths = u64::try_from(span.as_millis().div_ceil(100)).unwrap_or(u64::MAX);
    let tenths = tenths.max(1);
    let seconds = tenths.div_ceil(10);
    let mut push = |number, unit| {
        push_decimal(out, number);
        out.push(unit);
    };
    match seconds {
        ..10 if tenths % 10 == 0 => push(seconds, 's'),
        ..10 => {
            push(tenths / 10, '.');
            push(tenths % 10, 's');
        }
        10..60 => push(seconds, 's'),
        60..3600 => {
            push(seconds / 60, 'm');
            push(seconds % 60, 's');
        }
        _ => {
            push(seconds / 3600, 'h');
            push(seconds % 3600 / 60, 'm');
        }
    }
}
