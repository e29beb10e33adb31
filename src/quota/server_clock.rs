//! The clock of the server that replicas share. Windows are windows of its time, so that all replicas mean the same ones;
//! their own wall clocks are never compared.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The number of readings of which the best one counts (5).
const READINGS: usize = 5;

/// A difference between two readings that no round trip explains: the server's clock was set (1 s).
const SET: Duration = Duration::from_secs(1);

/// A moment of the server's clock (milliseconds since 1970).
pub type ServerMs = u64;

/// The server's clock as seen from here: its time at a moment of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// Our moment.
    at: Instant,
    /// The server's time at that moment (microseconds since 1970).
    server_us: u64,
    /// The time from the question to the answer, within which the server looked at its clock.
    round_trip: Duration,
}

impl ServerClock {
    /// A clock that was read by a question between these two moments.
    pub fn new(asked: Instant, answered: Instant, server_us: u64) -> Self {
        let round_trip = answered.saturating_duration_since(asked);
        Self {
            at: asked + round_trip / 2,
            server_us,
            round_trip,
        }
    }

    /// The server's time at a moment of ours, which may lie before the reading.
    pub fn ms_at(&self, now: Instant) -> ServerMs {
        self.us_at(now) / 1000
    }

    /// Our moment of a time of the server's; `None` for a time that is too far away to be one.
    pub fn instant_of(&self, time: ServerMs) -> Option<Instant> {
        let us = time.checked_mul(1000)?;
        match us.checked_sub(self.server_us) {
            Some(ahead) => self.at.checked_add(Duration::from_micros(ahead)),
            None => self
                .at
                .checked_sub(Duration::from_micros(self.server_us - us)),
        }
    }

    /// The time from the question to the answer.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    fn us_at(&self, now: Instant) -> u64 {
        let since = |from: Instant, to: Instant| {
            u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
        };
        let ahead = self.server_us.saturating_add(since(self.at, now));
        ahead.saturating_sub(since(now, self.at))
    }
}

/// The last readings of the server's clock.
#[derive(Clone, Debug, Default)]
pub struct ClockReadings(VecDeque<ServerClock>);

impl ClockReadings {
    /// Takes in a reading. The best one comes back: of the last five, that with the shortest round trip. A clock that was set
    /// meanwhile makes the older ones void.
    pub fn add(&mut self, reading: ServerClock) -> ServerClock {
        let set = self.0.back().is_some_and(|last| {
            let expected = last.us_at(reading.at);
            let slack = SET + last.round_trip + reading.round_trip;
            u128::from(expected.abs_diff(reading.server_us)) > slack.as_micros()
        });
        if set {
            self.0.clear();
        }
        if self.0.len() == READINGS {
            self.0.pop_front();
        }
        self.0.push_back(reading);
        let best = self.0.iter().min_by_key(|reading| reading.round_trip);
        best.copied().unwrap_or(reading)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_reading_counts_from_the_middle_of_its_round_trip() {
        let asked = Instant::now() + ms(1000);
        let clock = ServerClock::new(asked, asked + ms(20), HOUR);
        assert_eq!(clock.ms_at(asked + ms(10)), HOUR / 1000);
        assert_eq!(clock.ms_at(asked + ms(510)), HOUR / 1000 + 500);
        assert_eq!(clock.ms_at(asked - ms(490)), HOUR / 1000 - 500);
        for offset in [0, 1, 500, 90_000] {
            let time = HOUR / 1000 + offset;
            let at = clock.instant_of(time).unwrap();
            assert_eq!(clock.ms_at(at), time);
        }
        assert_eq!(clock.instant_of(u64::MAX), None);
    }

    /// A slow answer says little about the time, and a quick one ages.
    #[test]
    fn the_quickest_of_the_last_five_counts() {
        let start = Instant::now();
        let mut readings = ClockReadings::default();
        let mut read = |at: u64, round_trip: u64, error_us: u64| {
            let asked = start + ms(at);
            let server = HOUR + at * 1000 + round_trip * 500 + error_us;
            let reading = ServerClock::new(asked, asked + ms(round_trip), server);
            readings.add(reading).round_trip()
        };
        assert_eq!(read(0, 9, 0), ms(9));
        assert_eq!(read(200, 2, 0), ms(2));
        for at in 2..6 {
            assert_eq!(read(at * 200, 5, 100), ms(2), "{at}");
        }
        assert_eq!(read(1200, 5, 0), ms(5), "the quick one has aged");
        // The clock was set forward, and all that was read before is void.
        assert_eq!(read(1400, 9, HOUR), ms(9));
    }
}
