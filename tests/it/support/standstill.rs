//! Time as an upper bound of a test counts it: without the moments in which the machine stood still.
//!
//! A virtual machine is paused, or its host is busy, for seconds; the gateway is not slower for it.

use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

/// The pause of the watching thread between two beats.
const BEAT: Duration = Duration::from_millis(20);

/// The lateness of a beat that no busy gateway explains: the machine stood still.
const LATE: Duration = Duration::from_millis(250);

struct Beats {
    last: Option<Instant>,
    /// The beginnings and ends of the times without a beat.
    gaps: Vec<(Instant, Instant)>,
}

static BEATS: Mutex<Beats> = Mutex::new(Beats {
    last: None,
    gaps: Vec::new(),
});

/// Begins the watch, once for all tests: standstills before it are not known.
pub fn watch() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        BEATS.lock().unwrap().beat(Instant::now());
        thread::spawn(|| {
            loop {
                thread::sleep(BEAT);
                BEATS.lock().unwrap().beat(Instant::now());
            }
        });
    });
}

/// The time since `begun` without the machine's standstills. It is for what must be soon; what must not be early is measured
/// by the clock alone.
pub fn spent_since(begun: Instant) -> Duration {
    let now = Instant::now();
    // The tests' own thread may be the first to wake.
    let mut beats = BEATS.lock().unwrap();
    beats.note_gap(now);
    now.saturating_duration_since(begun)
        .saturating_sub(beats.stood_still(begun, now))
}

impl Beats {
    fn beat(&mut self, now: Instant) {
        self.note_gap(now);
        self.last = Some(now);
    }

    fn note_gap(&mut self, now: Instant) {
        let Some(last) = self.last else { return };
        if now.saturating_duration_since(last) > BEAT + LATE {
            self.gaps.push((last + BEAT, now));
            self.last = Some(now);
        }
    }

    fn stood_still(&self, from: Instant, until: Instant) -> Duration {
        let gaps = self.gaps.iter();
        gaps.map(|(begun, ended)| {
            let ended = (*ended).min(until);
            ended.saturating_duration_since((*begun).max(from))
        })
        .sum()
    }
}

#[test]
fn a_gap_between_beats_is_counted_where_it_overlaps() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut beats = Beats {
        last: None,
        gaps: Vec::new(),
    };
    for ms in [0, 20, 45, 280, 5000, 5020] {
        beats.beat(at(ms));
    }
    let stood_still = |from, until| beats.stood_still(at(from), at(until)).as_millis();
    assert_eq!(stood_still(0, 6000), 4700, "235 ms are only late");
    assert_eq!(stood_still(1000, 2000), 1000);
    assert_eq!(stood_still(4000, 6000), 1000);
    assert_eq!(stood_still(5000, 6000), 0);
}
