//! The quota endurance benchmark in virtual time: free tiers with windows of 6 s, and the scenarios and styles of 429 of
//! the one in real time. The score is answered/optimum, divided by 1 + calls wasted per answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::setup::{provider, route, step};
use crate::config::{Provider, Route};
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::classify::ProviderRefusal;
use crate::dialect::provider_error::refusal_of;
use crate::dialect::rate_limits::remaining_limits;
use crate::limits::{Limit, Rate, Unit, Window};
use crate::routing::{Attempt, Failure, Move, Walk};

mod replicas;

use replicas::Replicas;

type Ms = u64;

const WINDOW: Ms = 6_000;
const RATE: u64 = 20;
const REFUSAL_TAKES: Ms = 62;
const DOWN_TAKES: Ms = 32;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Style {
    RetryAfterSeconds,
    RetryAfterDate,
    ResetRequests,
    XRateLimit,
    Full,
    Body,
    Bare,
}

const STYLES: [Style; 7] = [
    Style::RetryAfterSeconds,
    Style::RetryAfterDate,
    Style::ResetRequests,
    Style::XRateLimit,
    Style::Full,
    Style::Body,
    Style::Bare,
];

/// A scripted provider.
#[derive(Clone, Debug)]
struct Tier {
    /// Requests per window, of each key.
    limits: Vec<u64>,
    style: Style,
    /// The beginning of its windows, within the window.
    phase: Ms,
    /// Requests per key in the whole time; zero: no limit.
    day: u64,
    /// From, to, and whether it hangs instead of answering 503.
    trouble: Option<(Ms, Ms, bool)>,
    used: BTreeMap<(usize, u64), u64>,
    used_of_day: u64,
}

struct Scenario {
    tiers: Vec<Tier>,
    arrivals: Vec<Ms>,
    day_length: Ms,
    step_timeout: Ms,
    optimum: u64,
}

fn tier(limit: u64, style: Style, phase: Ms) -> Tier {
    Tier {
        limits: vec![limit],
        style,
        phase,
        day: 0,
        trouble: None,
        used: BTreeMap::new(),
        used_of_day: 0,
    }
}

impl Tier {
    fn window(&self, at: Ms) -> u64 {
        (at + WINDOW - self.phase) / WINDOW
    }

    fn window_end(&self, at: Ms) -> Ms {
        (self.window(at) + 1) * WINDOW + self.phase - WINDOW
    }
}

fn four(factor: f64, per_window: f64, style: Style) -> Vec<Tier> {
    let total = (factor * per_window).round();
    let shares = [0.25, 0.40, 0.10];
    let mut limits: Vec<u64> = shares
        .iter()
        .map(|share| (total * share).ceil() as u64)
        .collect();
    limits.push(total as u64 - limits.iter().sum::<u64>());
    let phases = [0, 1_800, 3_300, 4_800];
    let tiers = limits.into_iter().zip(phases);
    tiers
        .map(|(limit, phase)| tier(limit, style, phase))
        .collect()
}

fn steady(rate: u64, windows: u64) -> Vec<Ms> {
    let count = rate * WINDOW * windows / 1000;
    (0..count).map(|i| (2 * i + 1) * 500 / rate).collect()
}

fn scenario(name: &str, windows: u64, style: Option<Style>) -> Scenario {
    let seconds = style.unwrap_or(Style::RetryAfterSeconds);
    let duration = WINDOW * windows;
    let per_window = (RATE * WINDOW / 1000) as f64;
    let mut scenario = Scenario {
        tiers: four(1.3, per_window, seconds),
        arrivals: steady(RATE, windows),
        day_length: 2 * duration,
        step_timeout: 3_000,
        optimum: 0,
    };
    match name {
        "1" => {}
        "2" => scenario.tiers = four(1.3, per_window, style.unwrap_or(Style::Bare)),
        "3" => scenario.tiers = four(1.3, per_window, style.unwrap_or(Style::XRateLimit)),
        "4" => {
            let limit = (2.2 * per_window).round() as u64 / 4;
            let styles = [
                Style::RetryAfterDate,
                Style::Body,
                Style::ResetRequests,
                Style::RetryAfterSeconds,
            ];
            let phases = [0, 1_800, 3_300, 4_800];
            let tiers = styles.into_iter().zip(phases);
            let tiers = tiers.map(|(of_tier, phase)| tier(limit, style.unwrap_or(of_tier), phase));
            scenario.tiers = tiers.collect();
            for tier in &mut scenario.tiers[..2] {
                tier.day = RATE * duration / 1000 / 6;
            }
        }
        "5" | "6" => {
            scenario.tiers = four(1.6, per_window, seconds);
            scenario.tiers[0].trouble = Some((duration / 3, 2 * duration / 3, name == "6"));
            if name == "6" {
                scenario.step_timeout = 1_000;
            }
        }
        "7" => {
            scenario.tiers = four(1.0, per_window, seconds);
            scenario.tiers.iter_mut().for_each(|tier| tier.phase = 0);
            scenario.arrivals = steady(RATE * 3 / 2, windows);
        }
        "8" => {
            let rate = RATE as f64 * 2.0 / 3.0;
            let limit = (1.3 * rate * 6.0 / 3.0).ceil() as u64;
            let mut only = tier(limit, seconds, 1_800);
            only.limits = vec![limit; 3];
            scenario.tiers = vec![only];
            let count = (rate * duration as f64 / 1000.0).round() as u64;
            scenario.arrivals = (0..count)
                .map(|i| ((i as f64 + 0.5) / rate * 1000.0) as Ms)
                .collect();
        }
        "9" => {
            scenario.tiers = four(1.3, 40.0, style.unwrap_or(Style::Full));
            let bursts = (0..windows).map(|window| window * WINDOW + WINDOW / 6);
            // A thread each: they come one behind the other.
            let burst = |at: Ms| (0..40).map(move |i| at + i * 6 / 10);
            scenario.arrivals = bursts.flat_map(burst).collect();
        }
        other => panic!("{other}"),
    }
    // Only the overload offers more than there is: 120 in each window, all of which turn at once.
    scenario.optimum = match name {
        "7" => (per_window as u64) * windows,
        _ => scenario.arrivals.len() as u64,
    };
    scenario
}

enum Fate {
    Answer,
    Refusal,
    Down,
    Hangs,
}

struct Call {
    request: usize,
    walk: Box<Walk>,
    attempt: Attempt,
    fate: Fate,
    headers: Vec<(String, String)>,
    body: String,
}

enum Out {
    Called(Box<Call>),
    Paused { request: usize, walk: Box<Walk> },
}

struct Run {
    scenario: Scenario,
    route: Arc<Route>,
    replicas: Replicas,
    begin: Instant,
    random: u64,
    /// Of each request: whether it was answered.
    answered: Vec<bool>,
    /// Of each request: its wasted calls.
    wasted: Vec<u64>,
}

/// The score of a whole run, and of what began after its first two windows.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    pub whole: f64,
    pub later: f64,
    pub wasted: u64,
}

fn wall(at: Ms) -> SystemTime {
    // Not on a whole second.
    UNIX_EPOCH + Duration::from_millis(1_790_000_000_371 + at)
}

fn go_duration(ms: Ms) -> String {
    match ms {
        ..1000 => format!("{}ms", ms.max(1)),
        _ => format!("{}s", ms.div_ceil(100) as f64 / 10.0),
    }
}

impl Run {
    fn new(scenario: Scenario, declared: bool, seed: u64) -> Self {
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

    fn run(mut self) -> Score {
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
                let walk = Box::new(walk);
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
                let refusal = ProviderRefusal {
                    status: 429,
                    headers: &headers,
                    said: &said,
                };
                Failure::of_refusal(&refusal, wall(at))
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

/// What becomes of a call, with the headers and the body of its answer.
fn fate(
    tier: &mut Tier,
    key: usize,
    at: Ms,
    day_length: Ms,
) -> (Fate, Vec<(String, String)>, String) {
    if let Some((from, to, hangs)) = tier.trouble
        && (from..to).contains(&at)
    {
        let fate = if hangs { Fate::Hangs } else { Fate::Down };
        return (fate, Vec::new(), String::new());
    }
    let (window, end) = (tier.window(at), tier.window_end(at) - at);
    let limit = tier.limits[key];
    let day_gone = tier.day > 0 && tier.used_of_day >= tier.day;
    let used = tier.used.entry((key, window)).or_default();
    let is_taken = !day_gone && *used < limit;
    if is_taken {
        *used += 1;
        tier.used_of_day += 1;
    }
    let left = limit - *used;
    let reset = if day_gone { day_length - at } else { end };
    let mut headers = Vec::new();
    let mut field = |name: &str, value: String| headers.push((name.to_owned(), value));
    if matches!(tier.style, Style::XRateLimit | Style::Full) {
        field("x-ratelimit-limit-requests", limit.to_string());
        field(
            "x-ratelimit-remaining-requests",
            if is_taken { left } else { 0 }.to_string(),
        );
        field("x-ratelimit-reset-requests", go_duration(reset));
    }
    if is_taken {
        return (Fate::Answer, headers, String::new());
    }
    let mut message = "Rate limit exceeded.".to_owned();
    match tier.style {
        Style::RetryAfterSeconds | Style::Full => {
            field("retry-after", reset.div_ceil(1000).max(1).to_string());
        }
        Style::RetryAfterDate => {
            let end = wall(at + reset).duration_since(UNIX_EPOCH).unwrap();
            let whole = end.as_millis().div_ceil(1000) as u64;
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(whole));
            field("retry-after", date);
        }
        Style::ResetRequests => field("x-ratelimit-reset-requests", go_duration(reset)),
        Style::Body => {
            let (per, amount) = match day_gone {
                true => ("day (RPD)", tier.day),
                false => ("minute (RPM)", limit),
            };
            message = format!(
                "Rate limit reached for model `m` on requests per {per}: Limit {amount}, Used {amount}, Requested 1. Please \
                 try again in {}.",
                go_duration(reset)
            );
        }
        Style::XRateLimit | Style::Bare => {}
    }
    let body = format!(
        r#"{{"error":{{"message":"{message}","type":"requests","code":"rate_limit_exceeded"}}}}"#
    );
    (Fate::Refusal, headers, body)
}

/// The mean scores of a scenario over several seeds.
fn mean(name: &str, windows: u64, style: Option<Style>, declared: bool) -> Score {
    const SEEDS: u64 = 3;
    let scores: Vec<Score> = (1..=SEEDS)
        .map(|seed| Run::new(scenario(name, windows, style), declared, seed).run())
        .collect();
    let count = scores.len() as f64;
    Score {
        whole: scores.iter().map(|score| score.whole).sum::<f64>() / count,
        later: scores.iter().map(|score| score.later).sum::<f64>() / count,
        wasted: scores.iter().map(|score| score.wasted).sum(),
    }
}

const ALL: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Would break for everybody who copied the limits of a free tier into the configuration.
#[test]
fn declared_limits_cost_nothing() {
    let mut sum = 0.0;
    for name in ALL {
        let score = mean(name, 3, None, true);
        if !matches!(name, "5" | "6") {
            assert!(score.whole >= 99.5, "{name}: {score:?}");
        }
        sum += score.whole;
    }
    assert!(sum / 9.0 >= 99.0);
}

/// The same whichever way a provider refuses: it never has to.
#[test]
fn declared_limits_need_no_words() {
    for name in ["1", "7", "9"] {
        for style in STYLES {
            let score = mean(name, 3, Some(style), true);
            assert!(score.whole >= 99.5, "{name} {style:?}: {score:?}");
        }
    }
}

/// Would break for everybody who did not: limits are learned within two windows.
#[test]
fn limits_are_learned_within_two_windows() {
    let mut sum = 0.0;
    for name in ALL {
        let score = mean(name, 3, None, false);
        if name == "9" {
            assert!(score.whole >= 93.0, "{name}: {score:?}");
        }
        sum += score.whole;
    }
    assert!(sum / 9.0 >= 96.5);
    for (name, least) in [
        ("1", 98.0),
        ("2", 97.0),
        ("3", 98.0),
        ("7", 97.0),
        ("8", 98.0),
        ("9", 98.0),
    ] {
        let score = mean(name, 6, None, false);
        assert!(score.later >= least, "{name}: {score:?}");
    }
}

/// The worst that there is: nobody says anything.
#[test]
fn bare_refusals_are_learned_from_too() {
    for (name, least) in [("1", 98.5), ("7", 91.0), ("9", 90.7)] {
        let score = mean(name, 6, Some(Style::Bare), false);
        assert!(score.later >= least, "{name}: {score:?}");
    }
}
