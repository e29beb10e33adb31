//! A day of traffic on a virtual clock against four providers with quotas by the minute and by the day.
//!
//! Everything but the network is real: headers are written by the providers here and read by `dialect`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::quota::{DAY, HOUR, MINUTE, Ms, Quota, Tells};
use super::setup::{provider, route, step};
use crate::config::Route;
use crate::dialect::call_rules::CallRules;
use crate::dialect::provider_error::ProviderError;
use crate::dialect::rate_limits::{Headers, remaining_limits};
use crate::routing::{Attempt, Failure, Ledger, Move, Verdict, Walk};

const ANSWER_TAKES: Ms = 900;
const REFUSAL_TAKES: Ms = 10;

enum End {
    AnsweredWalk { request: usize, step: usize },
    Refused { request: usize, verdict: Verdict },
}

struct Simulation {
    route: Arc<Route>,
    ledger: Ledger,
    quotas: Vec<Quota>,
    tells: Tells,
    begin: Instant,
    /// Calls that got a 429.
    wasted: u64,
    /// The end of each request, with the time.
    ends: Vec<(Ms, End)>,
}

/// A request in flight, or one that waits for what may be free in a moment.
enum Out {
    Called(Box<Call>),
    Paused { request: usize, walk: Box<Walk> },
}

struct Call {
    request: usize,
    walk: Box<Walk>,
    attempt: Box<Attempt>,
    taken: bool,
    fields: Vec<(String, String)>,
}

impl Simulation {
    fn new(quotas: Vec<Quota>, tells: Tells) -> Self {
        let providers: Vec<_> = (0..quotas.len())
            .map(|index| provider(index, &format!("p{index}"), &["sk"]))
            .collect();
        let steps = providers
            .iter()
            .map(|provider| step(provider, "m"))
            .collect();
        Self {
            route: route(steps),
            ledger: Ledger::new(&providers),
            quotas,
            tells,
            begin: Instant::now(),
            wasted: 0,
            ends: Vec::new(),
        }
    }

    fn run(&mut self, arrivals: &[Ms]) {
        let mut calls: Vec<Option<Out>> = Vec::new();
        let mut due: BinaryHeap<Reverse<(Ms, usize)>> = BinaryHeap::new();
        let mut arrivals = arrivals.iter().copied().enumerate().peekable();
        loop {
            let next_end = due.peek().map(|Reverse((at, _))| *at);
            let arrival = arrivals.next_if(|(_, at)| next_end.is_none_or(|end| *at < end));
            let (at, request, walk) = if let Some((request, at)) = arrival {
                (
                    at,
                    request,
                    Walk::new(Arc::clone(&self.route), CallRules::default(), self.at(at)),
                )
            } else if let Some(Reverse((at, slot))) = due.pop() {
                match calls[slot].take().unwrap() {
                    Out::Paused { request, walk } => (at, request, walk),
                    Out::Called(call) => {
                        let request = call.request;
                        match self.end(at, *call) {
                            Some(walk) => (at, request, walk),
                            None => continue,
                        }
                    }
                }
            } else {
                return;
            };
            if let Some((until, out)) = self.go_on(at, request, walk) {
                due.push(Reverse((until, calls.len())));
                calls.push(Some(out));
            }
        }
    }

    fn go_on(&mut self, at: Ms, request: usize, mut walk: Box<Walk>) -> Option<(Ms, Out)> {
        let now = self.at(at);
        match walk.next(&mut self.ledger, now) {
            Move::Try(attempt) => {
                let (taken, fields) = self.quotas[attempt.step_index].call(at, self.tells);
                let takes = if taken { ANSWER_TAKES } else { REFUSAL_TAKES };
                let call = Call {
                    request,
                    walk,
                    attempt,
                    taken,
                    fields,
                };
                Some((at + takes, Out::Called(Box::new(call))))
            }
            Move::Finished(verdict) => {
                let verdict = *verdict;
                self.ends.push((at, End::Refused { request, verdict }));
                None
            }
            Move::Pause { until } => {
                let until = until.saturating_duration_since(self.begin).as_millis() as Ms;
                Some((until.max(at + 1), Out::Paused { request, walk }))
            }
        }
    }

    fn end(&mut self, at: Ms, call: Call) -> Option<Box<Walk>> {
        let Call {
            request,
            mut walk,
            attempt,
            taken,
            fields,
        } = call;
        let now = self.at(at);
        let wall = UNIX_EPOCH + Duration::from_secs(1_790_000_000) + Duration::from_millis(at);
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let headers: &Headers<'_> = &fields;
        if taken {
            let step = attempt.step_index;
            walk.succeeded(
                &mut self.ledger,
                attempt,
                &remaining_limits(headers, wall),
                now,
            );
            self.ends.push((at, End::AnsweredWalk { request, step }));
            return None;
        }
        self.wasted += 1;
        let said = *ProviderError::saying("slow down".to_owned());
        walk.failed(
            &mut self.ledger,
            attempt,
            Failure::of_refusal(429, headers, said, wall),
            now,
            at,
        );
        Some(walk)
    }

    fn at(&self, at: Ms) -> Instant {
        self.begin + Duration::from_millis(at)
    }

    fn answered(&self) -> usize {
        self.ends
            .iter()
            .filter(|(_, end)| matches!(end, End::AnsweredWalk { .. }))
            .count()
    }

    fn wasted_share(&self) -> f64 {
        self.wasted as f64 / self.answered() as f64
    }
}

/// xorshift64: the same day every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Requests spread at random over each minute, so many as `load` says for the minute of the day.
fn spread(until: Ms, load: impl Fn(u64) -> u64) -> Vec<Ms> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let minutes = 0..until / MINUTE;
    let mut arrivals: Vec<Ms> = minutes
        .flat_map(|minute| {
            let times: Vec<Ms> = (0..load(minute))
                .map(|_| minute * MINUTE + random.below(MINUTE))
                .collect();
            times
        })
        .collect();
    arrivals.sort_unstable();
    arrivals
}

/// From 5 requests a minute at night to 185 at noon.
fn day_and_night(minute: u64) -> u64 {
    let half = 720_u64;
    5 + 180 * (half - minute.abs_diff(half)) / half
}

/// 260 a minute, and 200 from noon on, when the first one has used up its day.
fn four() -> Vec<Quota> {
    vec![
        Quota::new(60, 15_000, 7_000),
        Quota::new(60, 80_000, 23_000),
        Quota::new(60, 80_000, 41_000),
        Quota::new(80, 100_000, 55_000),
    ]
}

#[test]
fn a_day_with_retry_after_answers_everything_and_wastes_almost_nothing() {
    let arrivals = spread(DAY, day_and_night);
    let mut day = Simulation::new(four(), Tells::RetryAfter);
    day.run(&arrivals);
    assert_eq!(day.answered(), arrivals.len());
    assert!(day.wasted_share() <= 0.02, "{}", day.wasted_share());
    assert_eq!(
        day.quotas[0].in_day, 15_000,
        "the preferred step is used up"
    );
}

#[test]
fn a_day_without_any_header_answers_everything_and_wastes_little() {
    let arrivals = spread(DAY, day_and_night);
    let mut day = Simulation::new(four(), Tells::Nothing);
    day.run(&arrivals);
    assert_eq!(day.answered(), arrivals.len());
    assert!(day.wasted_share() <= 0.10, "{}", day.wasted_share());
    assert_eq!(
        day.quotas[0].in_day, 15_000,
        "the preferred step is used up"
    );
}

#[test]
fn bursts_do_not_overshoot_where_remaining_is_told() {
    // Two a minute: no window of any provider meets more than four, and three of the providers hold 200 calls. The
    // first one holds fewer than a burst, so each one has to be split.
    let mut quotas = four();
    quotas[0] = Quota::new(30, 15_000, 7_000);
    let mut random = Random(42);
    let bursts = (0..8 * HOUR / MINUTE).flat_map(|minute| {
        let mut times = [0; 2].map(|_| minute * MINUTE + random.below(MINUTE));
        times.sort_unstable();
        times
    });
    let arrivals: Vec<Ms> = bursts.flat_map(|at| [at; 40]).collect();
    let mut day = Simulation::new(quotas, Tells::Remaining);
    day.run(&arrivals);
    assert_eq!(day.answered(), arrivals.len());
    assert!(day.wasted_share() <= 0.02, "{}", day.wasted_share());
}

#[test]
fn the_preferred_step_serves_again_within_a_second_of_its_deadline() {
    // 110 a minute: the first step's window is used up halfway, every minute.
    let arrivals = spread(HOUR, |_| 110);
    let quotas = vec![Quota::new(60, DAY, 7_000), Quota::new(200, DAY, 0)];
    let mut hour = Simulation::new(quotas, Tells::RetryAfter);
    hour.run(&arrivals);
    let windows: Vec<Ms> = (1..60).map(|minute| minute * MINUTE - 7_000).collect();
    for opened in windows {
        // Retry-After limits whole seconds, so the deadline is up to one later than the window.
        let deadline = opened + 1_000;
        let after = |at: Ms| {
            arrivals
                .iter()
                .copied()
                .find(|arrival| *arrival >= at)
                .unwrap()
        };
        let first = hour.ends.iter().find_map(|(at, end)| match end {
            End::AnsweredWalk { request, step: 0 } if arrivals[*request] >= opened => {
                Some(at - ANSWER_TAKES)
            }
            _ => None,
        });
        assert!(
            first.unwrap() <= after(deadline) + 1_000,
            "{opened}: {first:?}"
        );
    }
}

#[test]
fn beyond_capacity_all_of_it_is_used_and_the_rest_gets_an_honest_429_at_once() {
    for tells in [Tells::RetryAfter, Tells::Remaining] {
        let two_hours = 2 * HOUR;
        let arrivals = spread(two_hours, |_| 390);
        let mut rush = Simulation::new(four(), tells);
        rush.run(&arrivals);
        let capacity = 260 * two_hours / MINUTE;
        assert!(
            rush.answered() as u64 >= capacity * 99 / 100,
            "{} of {capacity}",
            rush.answered()
        );
        assert_eq!(rush.ends.len(), arrivals.len());
        let mut last_refusal: Option<Ms> = None;
        for (at, end) in &rush.ends {
            match end {
                End::AnsweredWalk { .. } => last_refusal = None,
                End::Refused { request, verdict } => {
                    assert!(
                        at - arrivals[*request] <= 450,
                        "it took {} ms",
                        at - arrivals[*request]
                    );
                    assert_eq!(verdict.status, 429);
                    let back = at + verdict.retry_after.unwrap().as_millis() as Ms;
                    assert!(back <= at + MINUTE + 1_000);
                    // Nothing was answered in between, so the named point in time stays: the wait limits down. Waits
                    // below a second are rounded up to one.
                    let named = last_refusal.unwrap_or(back);
                    // Ends that are told within 1.5 s of each other are one.
                    let latest = named.max(at + 1_000) + 1_500;
                    assert!(back <= latest, "{back} after {named}");
                    last_refusal = Some(back);
                }
            }
        }
    }
}
