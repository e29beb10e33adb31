//! A run of a scenario in virtual time, and its score.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Provider, Route};
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::provider_error::refusal_of;
use crate::dialect::rate_limits::remaining_limits;
use crate::limits::{Limit, Rate, Unit, Window};
use crate::routing::tests::setup::{provider, route, step};
use crate::routing::{Attempt, Failure, Move, Walk};

use super::Ms;
use super::replicas::Replicas;
use super::scenarios::{RATE, Scenario};
use super::tiers::{DOWN_TAKES, Fate, REFUSAL_TAKES, WINDOW, fate, wall};

pub struct Run {
    pub scenario: Scenario,
    pub route: Arc<Route>,
    pub replicas: Replicas,
    pub begin: Instant,
    pub random: u64,
    /// Of each request: whether it was answered.
    pub answered: Vec<bool>,
    /// Of each request: its wasted calls.
    pub wasted: Vec<u64>,
}

/// The score of a whole run, and of what began after its first two windows.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    pub whole: f64,
    pub later: f64,
    pub wasted: u64,
}

struct Call {
    request: usize,
    walk: Box<Walk>,
    attempt: Box<Attempt>,
    fate: Fate,
    headers: Vec<(String, String)>,
    body: String,
}

enum Out {
    Called(Box<Call>),
    Paused { request: usize, walk: Box<Walk> },
}

impl Run {
    pub fn new(scenario: Scenario, declared: bool, seed: u64) -> Self {
        let providers: Vec<Arc<Provider>> = scenario
            .tiers
            .iter()
            .enumerate()
            .map(|(index, tier)| {
                let keys: Vec<String> = (0..tier.limits.len())
                    .map(|key| format!("sk-{key}"))
                    .collect();
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let mut provider = (*provider(index, &format!("p{index}"), &keys)).clone();
                // As everything on loopback.
                provider.private = true;
                if declared {
                    let limit = |amount, ms| Limit {
                        unit: Unit::Requests,
                        rate: Rate {
                            amount,
                            window: Window::Sliding(Duration::from_millis(ms)),
                        },
                    };
                    provider.quotas.limits.push(limit(tier.limits[0], WINDOW));
                    if tier.day > 0 {
                        provider
                            .quotas
                            .limits
                            .push(limit(tier.day, scenario.day_length));
                    }
                }
                Arc::new(provider)
            })
            .collect();
        let steps = providers.iter().map(|provider| {
            let mut step = step(provider, "m");
            step.timeout = Duration::from_millis(scenario.step_timeout);
            step
        });
        let count = scenario.arrivals.len();
        Self {
            replicas: Replicas::alone(&providers),
            route: route(steps.collect()),
            begin: Instant::now(),
            random: 0x9e37_79b9_7f4a_7c15 ^ (seed << 17),
            answered: vec![false; count],
            wasted: vec![0; count],
            scenario,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn at(&self, at: Ms) -> Instant {
        self.begin + Duration::from_millis(at)
    }

    pub fn run(mut self) -> Score {
        let mut out: Vec<Option<Out>> = Vec::new();
        let mut due: BinaryHeap<Reverse<(Ms, usize)>> = BinaryHeap::new();
        // Requests are sent a moment after they are due.
        let arrivals: Vec<Ms> = self.scenario.arrivals.clone();
        let mut sent: Vec<(Ms, usize)> = Vec::new();
        for (request, at) in arrivals.iter().enumerate() {
            sent.push((at + 1 + self.below(3), request));
        }
        sent.sort_unstable();
        let mut sent = sent.into_iter().peekable();
        loop {
            let next = due.peek().map(|Reverse((at, _))| *at);
            let arrival = sent.next_if(|(at, _)| next.is_none_or(|next| *at <= next));
            let coming = arrival.map(|(at, _)| at).or(next);
            self.replicas
                .exchange_until(coming.unwrap_or(0), self.begin);
            let (at, request, walk) = if let Some((at, request)) = arrival {
                let rules = CallRules::default();
                let walk = Walk::new(Arc::clone(&self.route), rules, self.at(at));
                (at, request, walk)
            } else if let Some(Reverse((at, slot))) = due.pop() {
                match out[slot].take().unwrap() {
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
                break;
            };
            if let Some((until, next)) = self.go_on(at, request, walk) {
                due.push(Reverse((until, out.len())));
                out.push(Some(next));
            }
        }
        self.score()
    }

    /// Tries the gateways out before their users come, a quarter of a second earlier, with calls that no provider counts:
    /// from then on its windows are other ones than the gateways take them for.
    pub fn try_out(&mut self) {
        const CALLS: usize = 4;
        const BEFORE: Ms = 250;
        for request in 0..CALLS {
            let at = request as Ms * 20;
            let now = self.at(at);
            self.replicas.exchange_until(at, self.begin);
            let ledger = self.replicas.ledger_of(request);
            ledger.keep_time(now, || wall(at));
            let mut walk = Walk::new(Arc::clone(&self.route), CallRules::default(), now);
            if let Move::Try(attempt) = walk.next(ledger, now) {
                let told = remaining_limits(&[], wall(at));
                walk.succeeded(ledger, attempt, &told, now + Duration::from_millis(20));
            }
        }
        self.replicas.exchange_until(BEFORE, self.begin);
        self.replicas.begin_again();
        self.begin = self.at(BEFORE);
    }

    fn go_on(&mut self, at: Ms, request: usize, mut walk: Box<Walk>) -> Option<(Ms, Out)> {
        let now = self.at(at);
        let ledger = self.replicas.ledger_of(request);
        ledger.keep_time(now, || wall(at));
        let next = walk.next(ledger, now);
        self.replicas.heed_thirst(request, at);
        match next {
            Move::Try(attempt) => {
                // The way there takes a while.
                let arrives = at + 1 + self.below(3);
                let tier = &mut self.scenario.tiers[attempt.step_index];
                let key = attempt.key_index.unwrap_or(0);
                let (fate, headers, body) = fate(tier, key, arrives, self.scenario.day_length);
                let takes = match fate {
                    Fate::Answer => 80 + self.below(120),
                    Fate::Refusal => REFUSAL_TAKES,
                    Fate::Down => DOWN_TAKES,
                    Fate::Hangs => self.scenario.step_timeout,
                };
                let call = Call {
                    request,
                    walk,
                    attempt,
                    fate,
                    headers,
                    body,
                };
                Some((arrives + takes, Out::Called(Box::new(call))))
            }
            Move::Pause { until } => {
                let until = until.saturating_duration_since(self.begin).as_millis() as Ms;
                Some((until.max(at + 1), Out::Paused { request, walk }))
            }
            Move::Finished(verdict) => {
                assert!(verdict.status >= 400);
                None
            }
        }
    }

    fn end(&mut self, at: Ms, call: Call) -> Option<Box<Walk>> {
        let now = self.at(at);
        let mut walk = call.walk;
        let headers: Vec<(&str, &str)> = call
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let failure = match call.fate {
            Fate::Answer => {
                self.answered[call.request] = true;
                let told = remaining_limits(&headers, wall(at));
                let ledger = self.replicas.ledger_of(call.request);
                walk.succeeded(ledger, call.attempt, &told, now);
                return None;
            }
            Fate::Refusal => {
                let said = refusal_of(&call.body);
                Failure::of_refusal(429, &headers, said, wall(at))
            }
            Fate::Down => Failure::new(Class::ServerError, "down"),
            Fate::Hangs => Failure::new(Class::Timeout, "no answer"),
        };
        self.wasted[call.request] += 1;
        let ledger = self.replicas.ledger_of(call.request);
        walk.failed(ledger, call.attempt, failure, now, at);
        self.replicas.heed_thirst(call.request, at);
        Some(walk)
    }

    fn score(&self) -> Score {
        let score = |from: Ms, optimum: u64| {
            let of = |request: &usize| self.scenario.arrivals[*request] >= from;
            let requests: Vec<usize> = (0..self.answered.len()).filter(of).collect();
            let answered = requests
                .iter()
                .filter(|request| self.answered[**request])
                .count() as f64;
            let wasted = requests
                .iter()
                .map(|request| self.wasted[*request])
                .sum::<u64>() as f64;
            100.0 * (answered / optimum as f64).min(1.0) / (1.0 + wasted / answered)
        };
        let skipped = self
            .scenario
            .arrivals
            .iter()
            .filter(|at| **at < 2 * WINDOW)
            .count() as u64;
        let all = self.scenario.arrivals.len() as u64;
        let later = if self.scenario.optimum < all {
            self.scenario.optimum - 2 * RATE * WINDOW / 1000
        } else {
            all - skipped
        };
        Score {
            whole: score(0, self.scenario.optimum),
            later: score(2 * WINDOW, later),
            wasted: self.wasted.iter().sum(),
        }
    }
}
