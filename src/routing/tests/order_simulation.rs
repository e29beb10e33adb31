//! Hours of traffic in each order, on a virtual clock with fixed seeds: what an order is for, measured.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use super::setup::{World, config, failure, provider, route, step};
use crate::config::{Order, Route};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, ToldWindow};
use crate::limits::Unit;
use crate::routing::{Asked, Conversation, Manner, Move, StepOrders, outlook};

type Ms = u64;

const MINUTE: Ms = 60_000;

/// A provider of the simulation.
struct Server {
    /// The mean time to first content by the time of the day.
    time: fn(Ms) -> Ms,
    /// The calls of each minute beyond which it answers 429; it tells what is left.
    limit: Option<u64>,
    /// When it answers with an error.
    fails: fn(Ms) -> bool,
    in_minute: (Ms, u64),
    calls: u64,
    refused: u64,
    /// The conversations whose prompts it has.
    cached: Vec<(usize, Ms)>,
    hits: u64,
}

impl Server {
    fn new(time: fn(Ms) -> Ms) -> Self {
        Self {
            time,
            limit: None,
            fails: |_| false,
            in_minute: (0, 0),
            calls: 0,
            refused: 0,
            cached: Vec::new(),
            hits: 0,
        }
    }

    fn limited(self, limit: u64) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Takes a call, unless it has no room.
    fn takes(&mut self, at: Ms, conversation: usize) -> bool {
        let minute = at / MINUTE;
        if self.in_minute.0 != minute {
            self.in_minute = (minute, 0);
        }
        if self.limit.is_some_and(|limit| self.in_minute.1 >= limit) {
            self.refused += 1;
            return false;
        }
        self.in_minute.1 += 1;
        self.calls += 1;
        // Caches live five minutes.
        let known = self
            .cached
            .iter_mut()
            .find(|(known, _)| *known == conversation);
        match known {
            Some((_, last)) => {
                self.hits += u64::from(at - *last < 5 * MINUTE);
                *last = at;
            }
            None => self.cached.push((conversation, at)),
        }
        true
    }

    fn told(&self, at: Ms) -> RemainingLimits {
        let Some(limit) = self.limit else {
            return RemainingLimits::default();
        };
        RemainingLimits {
            windows: vec![ToldWindow {
                unit: Unit::Requests,
                window: None,
                remaining: Some(limit - self.in_minute.1),
                limit: Some(limit),
                resets_in: Some(Duration::from_millis(MINUTE - at % MINUTE)),
            }],
        }
    }
}

struct Day {
    route: Arc<Route>,
    world: World,
    orders: StepOrders,
    servers: Vec<Server>,
    random: Random,
    /// The time of each answer.
    times: Vec<Ms>,
    /// The step of each answer.
    steps: Vec<usize>,
    failed: u64,
}

impl Day {
    fn new(servers: Vec<Server>, adjust: impl Fn(&mut Route)) -> Self {
        let providers: Vec<_> = (0..servers.len())
            .map(|index| provider(index, &format!("p{index}"), &["sk"]))
            .collect();
        let steps = providers.iter().map(|provider| step(provider, "m"));
        let mut of_day = Route::clone(&route(steps.collect()));
        adjust(&mut of_day);
        let of_day = Arc::new(of_day);
        let orders = StepOrders::new(
            &config(providers.clone(), vec![Arc::clone(&of_day)]),
            RandomState::new(),
        );
        Self {
            route: of_day,
            world: World::new(&providers),
            orders,
            servers,
            random: Random(0x5eed),
            times: Vec::new(),
            steps: Vec::new(),
            failed: 0,
        }
    }

    /// Requests one after the other, so many milliseconds apart, of so many conversations.
    fn run(&mut self, from: Ms, until: Ms, every: Ms, conversations: usize) {
        let begin = self.world.now;
        let mut at = from;
        while at < until {
            self.world.now = begin + Duration::from_millis(at - from);
            let conversation = self.random.below(conversations as u64) as usize;
            self.request(at, conversation);
            at += every;
        }
        self.world.now = begin + Duration::from_millis(until - from);
    }

    fn request(&mut self, at: Ms, conversation: usize) {
        let key = self.orders.key();
        let text = format!("conversation {conversation}");
        let known = Conversation::of(&key, "home", &self.route.name, |take| {
            take(&text);
            true
        });
        let route = Arc::clone(&self.route);
        let now = self.world.now;
        let outlooks = outlook(&route, &self.world.ledger, now);
        let mut asked = Asked {
            route: &route,
            outlooks: &outlooks,
            manner: Manner::Stream,
            conversation: known.map(|known| known.fingerprint()),
            now,
        };
        let sequence = self.orders.sequence(&asked, self.random.next());
        let probed = sequence.probed();
        let mut walk = self.world.walk(&route);
        walk.follow_sequence(sequence);
        loop {
            let attempt = match walk.next(&mut self.world.ledger, now) {
                Move::Try(attempt) => attempt,
                Move::Finished(_) => {
                    self.failed += 1;
                    return;
                }
                Move::Pause { .. } => panic!("there are no retries"),
            };
            let index = attempt.step_index;
            let noise = 80 + self.random.below(41);
            let server = &mut self.servers[index];
            let took = (server.time)(at) * noise / 100;
            let class = if (server.fails)(at) {
                Some(Class::EmptyAnswer)
            } else if !server.takes(at, conversation) {
                Some(Class::RateLimited)
            } else {
                None
            };
            if let Some(class) = class {
                self.world.fail(&mut walk, attempt, failure(class));
                let took = Duration::from_millis(took);
                self.orders.missed(&asked, index, class, took);
                continue;
            }
            let told = server.told(at);
            self.world.succeed(walk, attempt, &told);
            asked.conversation = asked.conversation.filter(|_| probed != Some(index));
            self.orders
                .answered(&asked, index, Duration::from_millis(took));
            self.times.push(took);
            self.steps.push(index);
            return;
        }
    }

    fn mean_time(&self) -> Ms {
        self.times.iter().sum::<Ms>() / self.times.len() as Ms
    }

    fn share_of(&self, step: usize) -> f64 {
        let of_step = self.steps.iter().filter(|served| **served == step).count();
        of_step as f64 / self.steps.len() as f64
    }

    fn hits(&self) -> f64 {
        let hits: u64 = self.servers.iter().map(|server| server.hits).sum();
        hits as f64 / self.steps.len() as f64
    }

    fn refused(&self) -> u64 {
        self.servers.iter().map(|server| server.refused).sum()
    }
}

/// xorshift64: the same day every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn ordered(order: Order) -> impl Fn(&mut Route) {
    move |route| route.order = order
}

#[test]
fn fastest_finds_the_fastest_keeps_to_it_and_notices_when_another_one_is() {
    let servers = || {
        vec![
            Server::new(|_| 1200),
            Server::new(|_| 700),
            // Slow in the middle hour.
            Server::new(|at| {
                if (60..120).contains(&(at / MINUTE)) {
                    4000
                } else {
                    300
                }
            }),
        ]
    };
    let mut listed = Day::new(servers(), ordered(Order::Listed));
    listed.run(0, 180 * MINUTE, 2000, 1000);
    let mut day = Day::new(servers(), ordered(Order::Fastest));
    // What was slow is asked again within ten minutes.
    for (hour, fastest, least) in [(0, 2, 0.93), (1, 1, 0.93), (2, 2, 0.83)] {
        (day.times, day.steps) = (Vec::new(), Vec::new());
        day.run(hour * 60 * MINUTE, (hour + 1) * 60 * MINUTE, 2000, 1000);
        let (share, mean) = (day.share_of(fastest), day.mean_time());
        assert!(share >= least, "hour {hour}: {share}");
        let ideal = if fastest == 2 { 300 } else { 700 };
        assert!(mean <= ideal * 125 / 100, "hour {hour}: {mean} ms");
    }
    assert_eq!(listed.mean_time() / 100, 12, "as it is listed");
}

#[test]
fn a_fastest_step_that_fails_loses_its_requests_and_comes_back() {
    let mut flaky = Server::new(|_| 300);
    flaky.fails = |at| (30..60).contains(&(at / MINUTE));
    let mut day = Day::new(vec![Server::new(|_| 700), flaky], ordered(Order::Fastest));
    day.run(0, 30 * MINUTE, 2000, 1000);
    assert!(day.share_of(1) >= 0.95, "{}", day.share_of(1));
    let before = day.servers[1].calls;
    day.steps.clear();
    day.run(30 * MINUTE, 60 * MINUTE, 2000, 1000);
    assert_eq!((day.failed, day.servers[1].calls), (0, before));
    assert_eq!(day.share_of(0), 1.0, "each request was answered");
    day.run(60 * MINUTE, 75 * MINUTE, 2000, 1000);
    day.steps.clear();
    day.run(75 * MINUTE, 105 * MINUTE, 2000, 1000);
    assert!(day.share_of(1) >= 0.95, "{}", day.share_of(1));
}

#[test]
fn a_few_requests_an_hour_are_not_spent_on_probes() {
    let servers = vec![
        Server::new(|_| 300),
        Server::new(|_| 3000),
        Server::new(|_| 3000),
    ];
    let mut day = Day::new(servers, ordered(Order::Fastest));
    // Five an hour, for a week.
    day.run(0, 7 * 24 * 60 * MINUTE, 12 * MINUTE, 1000);
    assert!(day.share_of(0) >= 0.94, "{}", day.share_of(0));
    // And in a crowd neither.
    let servers = vec![Server::new(|_| 300), Server::new(|_| 3000)];
    let mut day = Day::new(servers, ordered(Order::Fastest));
    day.run(0, 60 * MINUTE, 20, 1000);
    assert!(day.share_of(0) >= 0.999, "{}", day.share_of(0));
}

#[test]
fn spread_uses_limits_evenly_where_listed_runs_into_them() {
    let servers = || (0..3).map(|_| Server::new(|_| 500).limited(30)).collect();
    let mut listed = Day::new(servers(), ordered(Order::Listed));
    // 60 a minute against three times 30.
    listed.run(0, 60 * MINUTE, 1000, 1000);
    let mut spread = Day::new(servers(), ordered(Order::Spread));
    spread.run(0, 60 * MINUTE, 1000, 1000);
    assert_eq!((listed.failed, spread.failed), (0, 0));
    assert!(listed.share_of(2) < 0.05, "{}", listed.share_of(2));
    for step in 0..3 {
        let share = spread.share_of(step);
        assert!((0.30..0.37).contains(&share), "{step}: {share}");
    }
    assert_eq!(spread.refused(), 0);
}

#[test]
fn spread_follows_weights_and_what_is_left() {
    let servers = vec![
        Server::new(|_| 500),
        Server::new(|_| 500),
        Server::new(|_| 500),
    ];
    let mut day = Day::new(servers, |route| {
        route.order = Order::Spread;
        route.steps[0].weight = Some(3);
    });
    day.run(0, 60 * MINUTE, 500, 1000);
    for (step, expected) in [(0, 0.6), (1, 0.2), (2, 0.2)] {
        let share = day.share_of(step);
        assert!((share - expected).abs() < 0.02, "{step}: {share}");
    }
    // The same weight, but limits of 90 and 30: each is used by its size.
    let servers = vec![
        Server::new(|_| 500).limited(90),
        Server::new(|_| 500).limited(30),
    ];
    let mut day = Day::new(servers, ordered(Order::Spread));
    day.run(0, 60 * MINUTE, 600, 1000);
    assert_eq!((day.failed, day.refused()), (0, 0));
    assert!(day.share_of(0) > 0.6, "{}", day.share_of(0));
}

#[test]
fn conversations_that_stick_find_their_prompts_cached() {
    let servers = || (0..3).map(|_| Server::new(|_| 500)).collect::<Vec<_>>();
    let sticky = |order| {
        move |route: &mut Route| {
            route.order = order;
            route.sticky = Duration::from_secs(300);
        }
    };
    // Two hundred conversations, each about every 200 s; a cache lives for 300 s.
    let mut spread = Day::new(servers(), ordered(Order::Spread));
    spread.run(0, 120 * MINUTE, 1000, 200);
    let mut stuck = Day::new(servers(), sticky(Order::Spread));
    stuck.run(0, 120 * MINUTE, 1000, 200);
    assert!(
        spread.hits() < 0.45 && stuck.hits() > 0.75,
        "{} {}",
        spread.hits(),
        stuck.hits()
    );
    for step in 0..3 {
        let share = stuck.share_of(step);
        assert!((0.1..0.6).contains(&share), "{step}: {share}");
    }
    // A step with room for a part of its conversations: the others move on, and nothing fails.
    let mut servers = servers();
    servers[0].limit = Some(10);
    let mut full = Day::new(servers, sticky(Order::Spread));
    full.run(0, 120 * MINUTE, 1000, 200);
    assert_eq!(full.failed, 0);
    assert!(full.hits() > 0.65, "{}", full.hits());
}
