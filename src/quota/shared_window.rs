//! The windows of a line in the server's time, which all replicas mean.

use std::time::{Duration, Instant, UNIX_EPOCH};

use super::line::{Line, Source};
use super::moment::Moment;
use super::portions::{Limits, Span};
use super::server_clock::ServerMs;
use super::shared_line::SharedMoment;
use super::used::{Used, bounds};
use crate::limits::{Unit, Window};

/// The windows that all replicas mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedWindows {
    /// Their length (milliseconds).
    pub length: u64,
    /// The server's time of a turn, less whole windows (milliseconds); `None` where none is known.
    pub turn: Option<u64>,
    /// The provider's windows turn then; else it is only the first call.
    pub is_found: bool,
}

impl Line {
    /// The calls of other replicas since a moment, as far as the portions do not account for them: where the provider's windows
    /// turn is not known, what was sent before the turn of the replicas' own windows may still count.
    ///
    /// How many others have sent is known of a whole window, when is not: it is taken to be as here.
    pub(super) fn used_by_others(&self, since: Instant, at: Moment) -> u64 {
        if at.shared.is_none() {
            return 0;
        }
        let is_found = self.shared_windows.is_some_and(|windows| windows.is_found);
        let (Used::Log(log), true, false) = (&self.used, self.is_declared(), is_found) else {
            return 0;
        };
        let Some((limits, shared, _)) = self.limits_at(at) else {
            return 0;
        };
        let Some(start) = shared.clock.instant_of(limits.span.start) else {
            return 0;
        };
        let here = log.since(since.max(start));
        let before = log.since(since).saturating_sub(here);
        if before == 0 {
            return 0;
        }
        let portion = self.portion.as_deref();
        let others = shared.sharing.replicas() - 1;
        let by_all = portion.and_then(|portion| portion.used_before(limits.span));
        let of_others_before = match by_all {
            Some((all, own)) => before.saturating_mul(all.saturating_sub(own)) / own.max(1),
            None => before.saturating_mul(others),
        };
        let of_others_here =
            portion.and_then(|portion| portion.used_elsewhere(&limits, shared.sharing));
        let of_others_here = of_others_here.unwrap_or(here.saturating_mul(others));
        of_others_before.saturating_add(of_others_here)
    }

    /// The limit and the windows that replicas share, and the server's time; `None` where nothing is shared.
    pub(super) fn limits_at(&self, at: Moment) -> Option<(Limits, SharedMoment, ServerMs)> {
        let shared = at.shared?;
        let (limit, source) = self.limit()?;
        // What a bucket has left is told with each answer, and counts the calls of all replicas; it has no windows.
        let is_bucket = source == Source::Told && self.shape.bucket().is_some();
        if self.unit == Unit::Concurrent || is_bucket {
            return None;
        }
        let now = shared.clock.ms_at(at.now);
        let (span, next) = self.spans(now)?;
        let is_known = self
            .portion
            .as_deref()
            .is_some_and(|portion| portion.knows(span));
        let used = match &self.used {
            _ if is_known => 0,
            Used::Counter(count) => count.value(at),
            Used::Log(log) => {
                let start = shared.clock.instant_of(span.start);
                start.map_or(0, |start| log.since(start))
            }
        };
        let limits = Limits {
            limit,
            span,
            next,
            used,
        };
        Some((limits, shared, now))
    }

    /// The window of the server's time, and the next one; `None` where no length is known.
    fn spans(&self, now: ServerMs) -> Option<(Span, Option<Span>)> {
        let calendar = |window, now| {
            let wall = UNIX_EPOCH.checked_add(Duration::from_millis(now))?;
            let (start, end) = bounds(window, self.zone, wall)?;
            let ms = |at: std::time::SystemTime| {
                let since = at.duration_since(UNIX_EPOCH).ok()?;
                u64::try_from(since.as_millis()).ok()
            };
            Some(Span {
                start: ms(start)?,
                end: ms(end)?,
            })
        };
        match self.window {
            Some(Window::AtOnce) => None,
            Some(Window::Total) => Some((Span::EVER, None)),
            Some(window @ (Window::Day | Window::Month)) => {
                let span = calendar(window, now)?;
                Some((span, calendar(window, span.end)))
            }
            Some(Window::Sliding(_)) => {
                let length = u64::try_from(self.w()?.as_millis()).ok()?;
                let of_this = self
                    .shared_windows
                    .filter(|windows| windows.length.abs_diff(length) <= length / 10);
                let turn = of_this.and_then(|windows| windows.turn);
                let span = Span::aligned(now, length, turn.unwrap_or(0));
                Some((span, span.following()))
            }
            // Replicas that have learned other lengths would mean other windows.
            None => {
                let SharedWindows { length, turn, .. } = self.shared_windows?;
                let span = Span::aligned(now, length, turn.unwrap_or(0));
                Some((span, span.following()))
            }
        }
    }
}
