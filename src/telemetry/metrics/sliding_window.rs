//! The last quarter of an hour, for people: successes, failures, durations and tokens.
//!
//! Everything has a fixed size and takes no lock. A cell carries the minute it belongs to in its upper half, so that
//! one exchange both finds out that it is old and starts it anew.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::heapsort::sorted;

/// Minutes that count as recent. The minute that is not over yet comes on top.
pub const MINUTES: u32 = 15;

/// Cells of a [`Tally`]: the whole minutes and the current one.
const CELLS: usize = MINUTES as usize + 1;

/// Durations kept. For a p95 that is plenty; under load they are the last ones of the quarter of an hour.
const SAMPLES: usize = 256;

/// The last quarter of an hour of a route, or of a step.
#[derive(Debug)]
pub struct SlidingWindow {
    succeeded: Tally,
    failed: Tally,
    input_tokens: Tally,
    output_tokens: Tally,
    durations: Samples,
}

/// The figures of a [`SlidingWindow`] at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lately {
    pub succeeded: u64,
    pub failed: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Median duration of the successes; `None` if there are none.
    pub median: Option<Duration>,
    /// 95th percentile of the same.
    pub p95: Option<Duration>,
}

impl SlidingWindow {
    pub fn new() -> Self {
        Self {
            succeeded: Tally::default(),
            failed: Tally::default(),
            input_tokens: Tally::default(),
            output_tokens: Tally::default(),
            durations: Samples::new(),
        }
    }

    /// `minute` counts from any fixed point in time, here and below.
    pub fn success(&self, minute: u32, duration: Duration) {
        self.succeeded.add(minute, 1);
        self.durations.push(minute, duration);
    }

    pub fn failure(&self, minute: u32) {
        self.failed.add(minute, 1);
    }

    pub fn tokens(&self, minute: u32, input: u64, output: u64) {
        self.input_tokens.add(minute, input);
        self.output_tokens.add(minute, output);
    }

    pub fn read(&self, minute: u32) -> Lately {
        let durations = self.durations.sorted(minute);
        Lately {
            succeeded: self.succeeded.sum(minute),
            failed: self.failed.sum(minute),
            input_tokens: self.input_tokens.sum(minute),
            output_tokens: self.output_tokens.sum(minute),
            median: quantile(&durations, 50),
            p95: quantile(&durations, 95),
        }
    }
}

/// The smallest of the values that at least so many of 100 do not exceed.
fn quantile(sorted: &[u32], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    let value = sorted.get(rank.checked_sub(1)?)?;
    Some(Duration::from_millis(u64::from(*value)))
}

/// A count for each minute.
#[derive(Debug, Default)]
struct Tally([AtomicU64; CELLS]);

impl Tally {
    fn add(&self, minute: u32, amount: u64) {
        let amount = u32::try_from(amount).unwrap_or(u32::MAX);
        let Some(cell) = self.0.get(minute as usize % CELLS) else {
            return;
        };
        // `None`, which changes nothing, for a thread that was held up for a quarter of an hour.
        let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
            let (of, count) = unpack(old);
            match of {
                of if of == minute => Some(pack(minute, count.saturating_add(amount))),
                of if of < minute => Some(pack(minute, amount)),
                _ => None,
            }
        });
    }

    fn sum(&self, minute: u32) -> u64 {
        let cells = self
            .0
            .iter()
            .map(|cell| unpack(cell.load(Ordering::Relaxed)));
        let recent = cells.filter(|(of, _)| is_recent(*of, minute));
        recent.map(|(_, count)| u64::from(count)).sum()
    }
}

/// The last durations, in milliseconds; the oldest one makes room.
#[derive(Debug)]
struct Samples {
    cells: Box<[AtomicU64]>,
    next: AtomicU32,
}

impl Samples {
    fn new() -> Self {
        Self {
            cells: (0..SAMPLES).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicU32::new(0),
        }
    }

    fn push(&self, minute: u32, duration: Duration) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) as usize % SAMPLES;
        let milliseconds = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        if let Some(cell) = self.cells.get(place) {
            // Minutes are stored from one on: zero is a cell that was never used.
            cell.store(
                pack(minute.saturating_add(1), milliseconds),
                Ordering::Relaxed,
            );
        }
    }

    fn sorted(&self, minute: u32) -> Vec<u32> {
        let cells = self
            .cells
            .iter()
            .map(|cell| unpack(cell.load(Ordering::Relaxed)));
        let recent =
            cells.filter(|(of, _)| of.checked_sub(1).is_some_and(|of| is_recent(of, minute)));
        sorted(recent.map(|(_, milliseconds)| milliseconds))
    }
}

fn is_recent(of: u32, minute: u32) -> bool {
    of.saturating_add(MINUTES) >= minute
}

fn pack(minute: u32, value: u32) -> u64 {
    u64::from(minute) << 32 | u64::from(value)
}

fn unpack(cell: u64) -> (u32, u32) {
    // The shift leaves 32 bits, the mask too.
    ((cell >> 32) as u32, (cell & u64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_happened_is_forgotten_after_a_quarter_of_an_hour() {
        let recent = SlidingWindow::new();
        recent.success(3, ms(40));
        recent.failure(4);
        recent.tokens(4, 100, 7);
        let all = Lately {
            succeeded: 1,
            failed: 1,
            input_tokens: 100,
            output_tokens: 7,
            median: Some(ms(40)),
            p95: Some(ms(40)),
        };
        assert_eq!(recent.read(4), all);
        assert_eq!(recent.read(3 + MINUTES), all);
        let only_the_later = Lately {
            succeeded: 0,
            median: None,
            p95: None,
            ..all
        };
        assert_eq!(recent.read(4 + MINUTES), only_the_later);
        assert_eq!(recent.read(5 + MINUTES), Lately::default());
        // The cell is used again, and nothing of the old minute is left in it.
        recent.failure(4 + CELLS as u32);
        assert_eq!(recent.read(4 + CELLS as u32).failed, 1);
    }

    #[test]
    fn nothing_is_known_at_first() {
        for minute in [0, 1, MINUTES, 1000] {
            assert_eq!(SlidingWindow::new().read(minute), Lately::default());
        }
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        for (count, median, p95) in [(1, 1, 1), (2, 1, 2), (20, 10, 19), (100, 50, 95)] {
            let recent = SlidingWindow::new();
            (1..=count).rev().for_each(|n| recent.success(0, ms(n)));
            let read = recent.read(0);
            assert_eq!((read.median, read.p95), (Some(ms(median)), Some(ms(p95))));
        }
    }

    #[test]
    fn under_load_the_latest_count() {
        let recent = SlidingWindow::new();
        for _ in 0..10 * SAMPLES {
            recent.success(0, ms(9_000));
        }
        for _ in 0..SAMPLES {
            recent.success(0, ms(1));
        }
        let read = recent.read(0);
        assert_eq!(
            (read.succeeded, read.p95),
            (11 * SAMPLES as u64, Some(ms(1)))
        );
    }

    /// Many threads in the minute's first moment must not start the cell anew twice.
    #[test]
    fn nothing_is_lost_when_a_minute_begins() {
        let recent = SlidingWindow::new();
        recent.failure(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|n| recent.failure(n / 50 * CELLS as u32)));
            }
        });
        assert_eq!(recent.read(9 * CELLS as u32).failed, 200);
    }
}
