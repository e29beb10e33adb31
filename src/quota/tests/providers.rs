//! Providers of every shape, with a limit that is declared: none of them has to refuse.

use std::time::Duration;

use proptest::prelude::*;

use super::bench::Bench;
use crate::limits::{TimeZone, Unit, Window};
use crate::quota::{Hint, Line, Standing};

/// The way in which a provider counts.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Windows that turn at fixed times, with a phase.
    Fixed(u64),
    /// Windows that begin with the first call after the last one.
    FirstUse,
    /// The calls of the last minute.
    Sliding,
    /// A bucket that drips.
    Bucket,
}

struct Provider {
    shape: Shape,
    limit: u64,
    calls: Vec<u64>,
    window: u64,
    used: u64,
    level: f64,
    last: u64,
}

impl Provider {
    fn new(shape: Shape, limit: u64) -> Self {
        Self {
            shape,
            limit,
            calls: Vec::new(),
            window: 0,
            used: 0,
            level: limit as f64,
            last: 0,
        }
    }

    /// The time until a call fits that has just been refused (milliseconds). A refused call takes nothing.
    fn free_in(&self, at: u64) -> u64 {
        const MINUTE: u64 = 60_000;
        match self.shape {
            Shape::Fixed(phase) => MINUTE - (at + phase) % MINUTE,
            Shape::FirstUse => self.window - at,
            Shape::Sliding => self.calls.first().map_or(1, |first| first + MINUTE - at),
            Shape::Bucket => MINUTE / self.limit,
        }
        .max(1)
    }

    /// Whether a call at this time (milliseconds) fits.
    fn takes(&mut self, at: u64) -> bool {
        const MINUTE: u64 = 60_000;
        match self.shape {
            Shape::Fixed(phase) => {
                let window = (at + phase) / MINUTE;
                if window != self.window {
                    (self.window, self.used) = (window, 0);
                }
                self.used += 1;
                self.used <= self.limit
            }
            Shape::FirstUse => {
                if at >= self.window {
                    (self.window, self.used) = (at + MINUTE, 0);
                }
                self.used += 1;
                self.used <= self.limit
            }
            Shape::Sliding => {
                self.calls.retain(|call| call + MINUTE > at);
                let fits = (self.calls.len() as u64) < self.limit;
                if fits {
                    self.calls.push(at);
                }
                fits
            }
            Shape::Bucket => {
                let dripped = (at - self.last) as f64 * self.limit as f64 / MINUTE as f64;
                self.level = (self.level + dripped).min(self.limit as f64);
                self.last = at;
                let fits = self.level >= 1.0;
                if fits {
                    self.level -= 1.0;
                }
                fits
            }
        }
    }
}

/// Would break for whoever declares nothing: wasted calls, or a provider that is left alone although it would serve.
#[test]
fn limits_of_every_shape_are_learned() {
    // 30 a minute, of which twice as many are asked for; an hour. There is no other step, so that guesses are tried.
    for (shape, tells, most_wasted) in [
        (Shape::Fixed(17_000), true, 0.05),
        (Shape::FirstUse, true, 0.05),
        (Shape::Sliding, true, 0.05),
        // Of a bucket each drop has to be asked for, as nothing else is left.
        (Shape::Bucket, true, 0.60),
        (Shape::Fixed(17_000), false, 0.35),
        (Shape::FirstUse, false, 0.35),
        (Shape::Sliding, false, 0.35),
        (Shape::Bucket, false, 0.60),
    ] {
        let mut bench = Bench::unknown();
        let mut provider = Provider::new(shape, 30);
        let (mut answered, mut wasted) = (0.0, 0.0);
        for step in 0..3_600_u64 {
            bench.pass(1_000);
            let may = match bench.standing() {
                Standing::Open | Standing::Probe => true,
                Standing::Soft { from, .. } => from <= bench.now,
                _ => false,
            };
            if !may {
                continue;
            }
            let call = bench.begin(1);
            let now = (step + 1) * 1_000;
            if provider.takes(now) {
                answered += 1.0;
                bench.succeed(&call);
            } else {
                wasted += 1.0;
                bench.refuse_with(
                    &call,
                    Hint {
                        wait: tells.then(|| Duration::from_millis(provider.free_in(now))),
                        ..Hint::default()
                    },
                );
            }
        }
        let (wasted, used) = (wasted / answered, answered / 1_800.0);
        assert!(wasted <= most_wasted, "{shape:?} {tells}: {wasted}");
        assert!(used >= 0.98, "{shape:?} {tells}: {used}");
    }
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        (0_u64..60_000).prop_map(Shape::Fixed),
        Just(Shape::FirstUse),
        Just(Shape::Sliding),
        Just(Shape::Bucket),
    ]
}

/// The next event: a pause (milliseconds), and whether the oldest call that is out is answered or a new one asked for.
fn any_steps() -> impl Strategy<Value = Vec<(u64, bool)>> {
    let pause = prop_oneof![3 => 0_u64..50, 2 => 0_u64..2_000, 1 => 0_u64..70_000];
    prop::collection::vec((pause, any::<bool>()), 400..500)
}

proptest! {
    // 100,000 steps.
    #![proptest_config(ProptestConfig { cases: 230, failure_persistence: None, ..ProptestConfig::default() })]

    /// Would break for everybody who declared a limit, whichever way the provider counts: calls arrive up to 40 ms after
    /// they were sent, and each that is refused is time lost and may be an account blocked.
    #[test]
    fn a_declared_limit_is_never_overrun(
        shape in any_shape(),
        limit in 1_u64..30,
        steps in any_steps(),
        lags in prop::collection::vec(0_u64..40, 500),
    ) {
        let mut bench = Bench::declared(limit);
        bench.line.refute_leniency();
        let begin = bench.now;
        let mut provider = Provider::new(shape, limit);
        let mut out = Vec::new();
        let mut arrivals: Vec<u64> = Vec::new();
        for ((pause, is_answer), lag) in steps.into_iter().zip(lags) {
            bench.pass(pause);
            if is_answer && !out.is_empty() {
                let call = out.remove(0);
                bench.succeed(&call);
                continue;
            }
            match bench.standing() {
                Standing::Open => {
                    out.push(bench.begin(1));
                    let sent = u64::try_from((bench.now - begin).as_millis()).unwrap();
                    arrivals.push(sent + lag);
                }
                Standing::Firm { until } => {
                    let wait = until - bench.now;
                    prop_assert!(wait <= Duration::from_millis(60_100), "{wait:?}");
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        arrivals.sort_unstable();
        for at in arrivals {
            prop_assert!(provider.takes(at), "{shape:?}: one of {limit} too many at {at}");
        }
    }

    /// Would break for everybody: a line that is learned from nonsense must not keep a provider away for long, and one call
    /// at most finds out.
    #[test]
    fn nothing_that_is_learned_blocks_for_longer_than_it_may(
        steps in prop::collection::vec((0_u64..20_000, 0_u8..6, 0_u64..90), 400..450),
    ) {
        let mut bench = Bench::unknown();
        let mut out = Vec::new();
        let mut told_until = bench.now;
        for (pause, kind, seconds) in steps {
            bench.pass(pause);
            let standing = bench.standing();
            if let Standing::Firm { until } = standing {
                let told = told_until.max(bench.now);
                let w = bench.line.w().unwrap_or_default();
                let learned = bench.now + w + w / 100 + Duration::from_millis(100);
                prop_assert!(until <= told.max(learned), "{:?}", until - bench.now);
            }
            match kind {
                0 | 1 => {
                    let was_held = matches!(standing, Standing::Held { .. });
                    out.push(bench.begin(1));
                    // Called in spite of it, a line that is held stays so.
                    prop_assert!(!was_held || bench.label() != "probe");
                }
                2 | 3 if !out.is_empty() => {
                    let call = out.remove(0);
                    bench.succeed(&call);
                }
                4 if !out.is_empty() => {
                    let call = out.remove(0);
                    bench.refuse(&call, None);
                }
                5 if !out.is_empty() => {
                    let call = out.pop().unwrap();
                    bench.refuse(&call, Some(seconds + 1));
                    told_until = told_until.max(bench.now + Duration::from_secs(seconds + 1));
                }
                _ => {}
            }
            prop_assert!(bench.limit() != Some(0));
        }
    }
}

/// Would break for users of daily quotas twice a year: the day of California that begins summer time has 23 hours, the one
/// that ends it 25.
#[test]
fn pacific_days_turn_over_both_changes_of_clocks() {
    // 2026-03-08 and 2026-11-01, at 00:00 in California.
    for (begin, hours) in [(1_772_956_800_u64, 23), (1_793_516_400, 25)] {
        let line = Line::declared(Unit::Requests, 3, Some(Window::Day), TimeZone::Pacific);
        let mut bench = Bench::new(line);
        bench.wall = std::time::UNIX_EPOCH + Duration::from_secs(begin);
        bench.answered(3);
        bench.pass(hours * 3_600_000 - 3_001);
        assert_eq!(bench.label(), "full", "{hours}");
        bench.pass(1);
        assert_eq!(bench.label(), "open", "{hours}");
    }
}

/// A clock that is set back an hour does not bring the day before back, nor give a day twice.
#[test]
fn a_clock_that_is_set_back_begins_no_new_day() {
    let line = Line::declared(Unit::Requests, 3, Some(Window::Day), TimeZone::Utc);
    let mut bench = Bench::new(line);
    bench.pass(6 * 3_600_000);
    bench.answered(3);
    bench.wall -= Duration::from_secs(3600);
    assert_eq!(bench.label(), "full");
}
