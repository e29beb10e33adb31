//! The use of a line's window: a sliding log, or a counter of a window of the calendar.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::call_log::CallLog;
use super::moment::Moment;
use crate::limits::{TimeZone, UnixMs, Window};

/// The use of a window.
#[derive(Clone, Debug)]
pub enum Used {
    Log(CallLog),
    Counter(CalendarCount),
}

/// A counter of a day, a month, or for good. It carries its window: the value of another window reads zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CalendarCount {
    pub value: u64,
    /// The window's beginning and end on the wall clock; `None` before the first call.
    pub window: Option<(SystemTime, SystemTime)>,
}

impl CalendarCount {
    /// The value in the window of this moment. A clock that was set back does not begin an older one.
    pub fn value(&self, at: Moment) -> u64 {
        match self.window {
            Some((_, end)) if at.wall >= end => 0,
            _ => self.value,
        }
    }

    /// The end of the window, on the other clock; `None` before the first call.
    pub fn end(&self, at: Moment) -> Option<Instant> {
        let (_, end) = self.window?;
        Some(at.now + end.duration_since(at.wall).unwrap_or(Duration::ZERO))
    }
}

/// The beginning and the end of a window of the calendar at a time of the wall clock; `None` of any other window.
pub fn bounds(
    window: Window,
    zone: TimeZone,
    wall: SystemTime,
) -> Option<(SystemTime, SystemTime)> {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX);
    let period = match window {
        Window::Day => zone.day(now),
        Window::Month => zone.month(now),
        Window::AtOnce | Window::Sliding(_) | Window::Total => return None,
    };
    let at = |ms: UnixMs| UNIX_EPOCH.checked_add(Duration::from_millis(ms));
    Some((at(period.start)?, at(period.end)?))
}
