//! The counters and the state of the sharing, for metrics and diagnostics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::quota::server_clock::ServerMs;
use crate::sync::lock;

use super::fault::Fault;

/// The bounds of the round trips' buckets, beyond which there is one more (microseconds).
pub const ROUND_TRIPS: [u64; 14] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000,
];

/// A reading of the counters and the state.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Whether the server answers.
    pub up: bool,
    /// Whether portions are drawn; else limits are split.
    pub sharing: bool,
    /// The replicas that were seen last, this one among them.
    pub replicas: u32,
    /// The server's version in its own words.
    pub version: String,
    /// The reason why the server is away.
    pub fault: Option<String>,
    /// The server's clock less this machine's (milliseconds).
    pub clock_offset_ms: Option<i64>,
    /// The round trips by bucket.
    pub round_trips: [u64; ROUND_TRIPS.len() + 1],
    /// The sum of the round trips (microseconds).
    pub round_trips_us: u64,
    /// The failures by kind.
    pub errors: [(&'static str, u64); Fault::KINDS.len()],
    /// Draws that were granted whole.
    pub granted: u64,
    /// Draws of which less was granted than asked for.
    pub short: u64,
    /// The time without the server or before all replicas were back, so far.
    pub local: Duration,
}

/// The counters in use.
#[derive(Debug, Default)]
pub(super) struct Counts {
    state: Mutex<State>,
    round_trips: [AtomicU64; ROUND_TRIPS.len() + 1],
    round_trips_us: AtomicU64,
    errors: [AtomicU64; Fault::KINDS.len()],
    granted: AtomicU64,
    short: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    up: bool,
    replicas: u32,
    version: String,
    fault: Option<String>,
    clock_offset_ms: Option<i64>,
    /// The beginning of the time without portions; `None` while they are drawn.
    local_since: Option<Instant>,
    local: Duration,
}

impl Counts {
    pub fn new(now: Instant) -> Self {
        let counts = Self::default();
        lock(&counts.state).local_since = Some(now);
        counts
    }

    pub fn round_trip(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = ROUND_TRIPS.partition_point(|bound| *bound < us);
        if let Some(count) = self.round_trips.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
            self.round_trips_us.fetch_add(us, Ordering::Relaxed);
        }
    }

    pub fn draw(&self, whole: bool) {
        let count = if whole { &self.granted } else { &self.short };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub fn connected(&self, version: String) {
        let mut state = lock(&self.state);
        (state.up, state.version, state.fault) = (true, version, None);
    }

    /// Notes what an exchange has told.
    pub fn heard(
        &self,
        replicas: u32,
        is_sharing: bool,
        server: ServerMs,
        wall: ServerMs,
        now: Instant,
    ) {
        let mut state = lock(&self.state);
        state.replicas = replicas;
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        state.clock_offset_ms = Some(signed(server).saturating_sub(signed(wall)));
        state.set_local(!is_sharing, now);
    }

    /// The server has lost its data: nothing is drawn until all replicas have counted again.
    pub fn forgotten(&self, now: Instant) {
        lock(&self.state).set_local(true, now);
    }

    pub fn failed(&self, fault: &Fault, now: Instant) {
        let kinds = Fault::KINDS.iter().zip(&self.errors);
        for (_, count) in kinds.filter(|(kind, _)| **kind == fault.kind()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut state = lock(&self.state);
        (state.up, state.fault) = (false, Some(fault.to_string()));
        state.set_local(true, now);
    }

    pub fn read(&self, now: Instant) -> Stats {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let state = lock(&self.state);
        let since = state
            .local_since
            .map(|since| now.saturating_duration_since(since));
        let mut stats = Stats {
            up: state.up,
            sharing: state.local_since.is_none(),
            replicas: state.replicas,
            version: state.version.clone(),
            fault: state.fault.clone(),
            clock_offset_ms: state.clock_offset_ms,
            round_trips_us: load(&self.round_trips_us),
            granted: load(&self.granted),
            short: load(&self.short),
            local: state.local + since.unwrap_or_default(),
            ..Stats::default()
        };
        for (read, count) in stats.round_trips.iter_mut().zip(&self.round_trips) {
            *read = load(count);
        }
        let kinds = Fault::KINDS.iter().zip(&self.errors);
        for (read, (kind, count)) in stats.errors.iter_mut().zip(kinds) {
            *read = (kind, load(count));
        }
        stats
    }
}

impl State {
    fn set_local(&mut self, is_local: bool, now: Instant) {
        match (is_local, self.local_since) {
            (true, None) => self.local_since = Some(now),
            (false, Some(since)) => {
                self.local += now.saturating_duration_since(since);
                self.local_since = None;
            }
            _ => {}
        }
    }
}
