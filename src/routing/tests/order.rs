//! The order of steps: lots, measured times, conversations that stick, and the failover that none of them changes.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::setup::{World, chain, config, failure, stated};
use crate::config::{Config, Order, Route};
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, ToldWindow};
use crate::limits::Unit;
use crate::routing::{Asked, Conversation, Manner, Move, Sequence, StepOrders, Walk, outlook};

const STICKY: Duration = Duration::from_secs(300);

/// A route with an order, and all that it goes by.
struct Ordered {
    route: Arc<Route>,
    world: World,
    orders: StepOrders,
    random: u64,
}

impl Ordered {
    fn new(length: usize, order: Order, adjust: impl Fn(&mut Route)) -> Self {
        let (route, world) = chain(length);
        let mut route = Route::clone(&route);
        route.order = order;
        adjust(&mut route);
        let route = Arc::new(route);
        let orders = StepOrders::new(&config_of(&route), RandomState::new());
        Self {
            route,
            world,
            orders,
            random: 0,
        }
    }

    fn sequence(&mut self, conversation: Option<&Conversation>) -> Sequence {
        self.random += 1;
        let (route, now) = (&self.route, self.world.now);
        let outlooks = outlook(route, &self.world.ledger, now);
        let asked = Asked {
            route,
            outlooks: &outlooks,
            manner: Manner::Stream,
            conversation: conversation.map(Conversation::fingerprint),
            now,
        };
        self.orders.sequence(&asked, self.random)
    }

    fn steps(&mut self, conversation: Option<&Conversation>) -> Vec<usize> {
        let sequence = self.sequence(conversation);
        (0..self.route.steps.len())
            .filter_map(|place| sequence.at(place))
            .collect()
    }

    fn answered(&mut self, step: usize, conversation: Option<&Conversation>, ms: u64) {
        let asked = self.asked(conversation);
        let took = Duration::from_millis(ms);
        self.orders.answered(&asked, step, took);
    }

    fn missed(&mut self, step: usize, class: Class, ms: u64) {
        let route = Arc::clone(&self.route);
        let asked = asked(&route, None, self.world.now);
        self.orders
            .missed(&asked, step, class, Duration::from_millis(ms));
    }

    fn asked(&self, conversation: Option<&Conversation>) -> Asked<'static> {
        // The route of a test lives as long as the test.
        let route: &'static Route = Box::leak(Box::new(Route::clone(&self.route)));
        asked(route, conversation, self.world.now)
    }

    fn conversation(&self, text: &str) -> Conversation {
        let tell = |take: &mut dyn FnMut(&str)| {
            take(text);
            true
        };
        Conversation::of(&self.orders.key(), "home", "main", tell).unwrap()
    }

    /// Has the provider of a step tell how much of its limit is left.
    fn tell_left(&mut self, step: usize, remaining: u64, limit: u64) {
        let mut walk = Walk::new(
            Arc::clone(&self.route),
            CallRules::default(),
            self.world.now,
        );
        let sequence = Sequence::default();
        walk = walk.in_sequence(sequence);
        let mut attempt = self.world.attempt(&mut walk);
        while attempt.step_index != step {
            self.world
                .fail(&mut walk, attempt, failure(Class::Rejected));
            attempt = self.world.attempt(&mut walk);
        }
        let told = RemainingLimits {
            windows: vec![ToldWindow {
                unit: Unit::Requests,
                window: None,
                remaining: Some(remaining),
                limit: Some(limit),
                resets_in: Some(Duration::from_secs(3600)),
            }],
        };
        self.world.succeed(walk, attempt, &told);
    }
}

fn asked<'a>(route: &'a Route, conversation: Option<&Conversation>, now: Instant) -> Asked<'a> {
    Asked {
        route,
        outlooks: &[],
        manner: Manner::Stream,
        conversation: conversation.map(Conversation::fingerprint),
        now,
    }
}

fn config_of(route: &Arc<Route>) -> Config {
    let providers = route.steps.iter().map(|step| Arc::clone(&step.provider));
    config(providers.collect(), vec![Arc::clone(route)])
}

/// How often each step is the first of a thousand.
fn firsts(ordered: &mut Ordered) -> Vec<usize> {
    let mut firsts = vec![0; ordered.route.steps.len()];
    for _ in 0..1000 {
        firsts[ordered.steps(None)[0]] += 1;
    }
    firsts
}

#[test]
fn lots_fall_by_weight() {
    let mut ordered = Ordered::new(3, Order::Spread, |route| route.steps[0].weight = Some(3));
    let firsts = firsts(&mut ordered);
    assert!((560..640).contains(&firsts[0]), "{firsts:?}");
    assert!((160..240).contains(&firsts[1]), "{firsts:?}");
}

#[test]
fn lots_fall_by_what_is_left_and_a_full_step_stands_last() {
    let mut ordered = Ordered::new(2, Order::Spread, |_| {});
    ordered.tell_left(0, 250, 1000);
    let quarter = firsts(&mut ordered);
    assert!((160..240).contains(&quarter[0]), "1 of 5: {quarter:?}");
    ordered.tell_left(0, 0, 1000);
    assert_eq!(firsts(&mut ordered), [0, 1000]);
}

#[test]
fn a_cooling_step_stands_last_in_each_drawn_order() {
    for order in [Order::Spread, Order::Fastest] {
        let mut ordered = Ordered::new(3, order, |route| route.steps[0].weight = Some(1000));
        let (route, world) = (Arc::clone(&ordered.route), &mut ordered.world);
        world
            .request(&route, &[(0, stated(Class::RateLimited, 60))])
            .unwrap();
        for _ in 0..20 {
            assert_eq!(ordered.steps(None)[2], 0, "{order:?}");
        }
    }
}

#[test]
fn whatever_the_order_each_step_is_tried_before_the_route_fails() {
    for order in [Order::Listed, Order::Spread, Order::Fastest] {
        let mut ordered = Ordered::new(4, order, |route| route.sticky = STICKY);
        let conversation = ordered.conversation("hi");
        ordered.answered(2, Some(&conversation), 100);
        for round in 0..30 {
            let sequence = ordered.sequence(Some(&conversation));
            let walk = ordered.world.walk(&ordered.route);
            let mut walk = walk.in_sequence(sequence);
            let mut tried = Vec::new();
            loop {
                match walk.next(&mut ordered.world.ledger, ordered.world.now) {
                    Move::Try(attempt) => {
                        tried.push(attempt.step_index);
                        let class = [Class::Rejected, Class::EmptyAnswer][round % 2];
                        ordered.world.fail(&mut walk, attempt, failure(class));
                    }
                    Move::Finished(_) => break,
                    Move::Pause { .. } => panic!("there are no retries"),
                }
            }
            assert_eq!(tried[0], 2, "{order:?}: the conversation sticks");
            tried.sort_unstable();
            assert_eq!(tried, [0, 1, 2, 3], "{order:?}");
        }
    }
}

#[test]
fn a_conversation_goes_on_at_the_step_that_answered_it_while_that_serves() {
    for order in [Order::Listed, Order::Spread, Order::Fastest] {
        let mut ordered = Ordered::new(3, order, |route| route.sticky = STICKY);
        let (one, other) = (ordered.conversation("one"), ordered.conversation("other"));
        ordered.answered(1, Some(&one), 100);
        ordered.answered(2, Some(&other), 100);
        for _ in 0..20 {
            ordered.world.pass(200_000);
            assert_eq!(ordered.steps(Some(&one))[0], 1, "{order:?}");
            assert_eq!(ordered.steps(Some(&other))[0], 2, "{order:?}");
            ordered.answered(1, Some(&one), 100);
            ordered.answered(2, Some(&other), 100);
        }
        // It cools: the conversation is lost at once, and for good.
        let route = Arc::clone(&ordered.route);
        let failures = [0, 1].map(|step| (step, stated(Class::RateLimited, 20)));
        ordered.world.request(&route, &failures).unwrap();
        assert_ne!(ordered.steps(Some(&one))[0], 1, "{order:?}");
        ordered.world.pass(20_001);
        ordered.answered(0, Some(&one), 100);
        assert_eq!(ordered.steps(Some(&one))[0], 0, "{order:?}");
        assert_eq!(ordered.steps(Some(&other))[0], 2, "{order:?}");
    }
}

#[test]
fn a_conversation_that_was_silent_too_long_is_a_new_one() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let conversation = ordered.conversation("hi");
    ordered.answered(1, Some(&conversation), 100);
    ordered.world.pass(299_999);
    assert_eq!(ordered.steps(Some(&conversation)), [1, 0]);
    ordered.world.pass(1);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1]);
}

#[test]
fn a_full_step_loses_its_conversations() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let conversation = ordered.conversation("hi");
    ordered.answered(1, Some(&conversation), 100);
    ordered.tell_left(1, 1, 10);
    assert_eq!(ordered.steps(Some(&conversation)), [1, 0]);
    ordered.tell_left(1, 0, 10);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1]);
}

#[test]
fn other_clients_routes_and_texts_are_other_conversations() {
    let key = RandomState::new();
    let number = |client: &str, route: &str, texts: &[&str]| {
        let tell = |take: &mut dyn FnMut(&str)| {
            texts.iter().for_each(|text| take(text));
            !texts.is_empty()
        };
        Conversation::of(&key, client, route, tell).map(|it| it.fingerprint())
    };
    let one = number("home", "main", &["be brief", "hi"]);
    assert_eq!(one, number("home", "main", &["be brief", "hi"]));
    let long = "x".repeat(100_000);
    for other in [
        number("work", "main", &["be brief", "hi"]),
        number("home", "fast", &["be brief", "hi"]),
        number("home", "main", &["be briefhi"]),
        number("home", "main", &["be brief", "ho"]),
        number("home", "main", &["be brief", &long]),
        number("home", "main", &["be brief", &format!("{long}x")]),
        number("home", "main", &["be brief", &format!("{}y", &long[1..])]),
    ] {
        assert!(other.is_some() && other != one);
    }
    assert_eq!(number("home", "main", &[]), None, "no messages");
    assert_ne!(
        number("home", "main", &[&format!("{}y", &long[1..])]),
        number("home", "main", &[&long]),
        "documents under the same words"
    );
}

#[test]
fn the_fastest_comes_first_and_what_is_about_as_fast_as_it_is_listed() {
    let mut ordered = Ordered::new(4, Order::Fastest, |_| {});
    let steps = |ordered: &Ordered| {
        let (route, now) = (&ordered.route, ordered.world.now);
        let outlooks = outlook(route, &ordered.world.ledger, now);
        let orders = &ordered.orders;
        let sequence = orders.of_most_requests(route, &outlooks, Manner::Stream);
        [0, 1, 2, 3].map(|place| sequence.at(place).unwrap())
    };
    assert_eq!(steps(&ordered), [0, 1, 2, 3], "nothing is known yet");
    for (step, ms) in [(0, 900), (1, 430), (2, 400)] {
        ordered.answered(step, None, ms);
    }
    assert_eq!(steps(&ordered), [1, 2, 0, 3]);
    ordered.world.pass(1000);
    ordered.answered(1, None, 5000);
    assert_eq!(steps(&ordered), [2, 0, 1, 3], "it has become slow");
}

#[test]
fn streams_and_whole_answers_are_measured_apart() {
    let mut ordered = Ordered::new(2, Order::Fastest, |_| {});
    ordered.answered(0, None, 900);
    ordered.answered(1, None, 300);
    let mut whole = ordered.asked(None);
    whole.manner = Manner::Whole;
    ordered.orders.answered(&whole, 0, Duration::from_secs(2));
    ordered.orders.answered(&whole, 1, Duration::from_secs(7));
    assert_eq!(ordered.steps(None), [1, 0]);
    let outlooks = outlook(&ordered.route, &ordered.world.ledger, ordered.world.now);
    whole.outlooks = &outlooks;
    assert_eq!(ordered.orders.sequence(&whole, 0).at(0), Some(0));
}

#[test]
fn a_step_that_fails_without_a_mark_loses_its_place_and_recovers() {
    for class in [
        Class::EmptyAnswer,
        Class::BadResponse,
        Class::ModelNotFound,
        Class::Timeout,
    ] {
        let mut ordered = Ordered::new(2, Order::Fastest, |_| {});
        ordered.answered(0, None, 300);
        ordered.answered(1, None, 400);
        for _ in 0..2 {
            ordered.missed(0, class, 30);
        }
        assert_eq!(ordered.steps(None), [1, 0], "{class:?}");
        ordered.world.pass(120_000);
        ordered.answered(0, None, 300);
        ordered.world.pass(120_000);
        ordered.answered(0, None, 300);
        assert_eq!(ordered.steps(None)[0], 0, "{class:?}");
    }
    // The ledger knows what a limit means; it says nothing about the time.
    let mut ordered = Ordered::new(2, Order::Fastest, |_| {});
    ordered.answered(0, None, 300);
    ordered.answered(1, None, 400);
    ordered.missed(0, Class::RateLimited, 30);
    assert_eq!(ordered.steps(None), [0, 1]);
}

#[test]
fn a_probed_step_is_not_asked_again_and_again() {
    let mut ordered = Ordered::new(2, Order::Fastest, |_| {});
    ordered.answered(0, None, 300);
    let mut probes = 0;
    for _ in 0..1000 {
        let sequence = ordered.sequence(None);
        if let Some(step) = sequence.probed() {
            probes += 1;
            assert_eq!(
                (step, sequence.at(0), sequence.at(1)),
                (1, Some(1), Some(0))
            );
            ordered.missed(1, Class::ModelNotFound, 30);
        }
        ordered.world.pass(1000);
    }
    // After 2, 4, 8 and then every 10 minutes.
    assert!((2..=5).contains(&probes), "{probes}");
}

#[test]
fn no_probe_takes_what_little_is_left_of_a_limit_or_a_conversation_from_its_step() {
    let mut ordered = Ordered::new(2, Order::Fastest, |route| route.sticky = STICKY);
    ordered.tell_left(1, 5, 100);
    let conversation = ordered.conversation("hi");
    ordered.answered(0, Some(&conversation), 300);
    for _ in 0..100 {
        assert_eq!(ordered.sequence(None).probed(), None);
        assert_eq!(ordered.sequence(Some(&conversation)).probed(), None);
    }
}

#[test]
fn the_conversations_are_bounded_and_the_oldest_go() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let all: Vec<Conversation> = (0..20_000)
        .map(|number| ordered.conversation(&format!("conversation {number}")))
        .collect();
    for conversation in &all {
        ordered.answered(1, Some(conversation), 1);
    }
    let kept = ordered.orders.sticking(&ordered.route, ordered.world.now);
    assert!((3000..=3584).contains(&kept), "{kept}");
    assert!(ordered.orders.sticking_bytes() <= 384 * 1024);
    let is_kept: Vec<bool> = all
        .iter()
        .map(|conversation| ordered.steps(Some(conversation))[0] == 1)
        .collect();
    assert!(is_kept[all.len() - kept..].iter().all(|kept| *kept));
    assert!(is_kept[..all.len() - kept].iter().all(|kept| !*kept));
    // Those that are over make room for a new one.
    ordered.world.pass(300_000);
    for conversation in &all[..4000] {
        ordered.answered(1, Some(conversation), 1);
    }
    assert!(ordered.orders.sticking(&ordered.route, ordered.world.now) >= 3000);
}

#[test]
fn another_configuration_keeps_what_its_steps_have_learned() {
    let mut ordered = Ordered::new(3, Order::Fastest, |route| route.sticky = STICKY);
    let conversation = ordered.conversation("hi");
    for (step, ms) in [(0, 900), (1, 400), (2, 600)] {
        ordered.answered(step, None, ms);
    }
    ordered.answered(2, Some(&conversation), 600);
    // The second step goes, the third one comes first.
    let mut route = Route::clone(&ordered.route);
    route.steps.remove(1);
    route.steps.reverse();
    ordered.route = Arc::new(route);
    let new = config_of(&ordered.route);
    ordered.orders = ordered.orders.clone().for_configuration(&new);
    assert_eq!(ordered.steps(None), [0, 1]);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1]);
    assert_eq!(
        ordered.orders.sticking(&ordered.route, ordered.world.now),
        1
    );
    // Without the step the conversation is a new one.
    let mut route = Route::clone(&ordered.route);
    route.steps.remove(0);
    ordered.route = Arc::new(route);
    let new = config_of(&ordered.route);
    ordered.orders = ordered.orders.clone().for_configuration(&new);
    assert_eq!(
        ordered.orders.sticking(&ordered.route, ordered.world.now),
        0
    );
}

#[test]
fn the_state_file_keeps_times_and_changes_seldom() {
    let mut ordered = Ordered::new(2, Order::Fastest, |_| {});
    assert!(ordered.orders.to_values().is_empty());
    ordered.answered(0, None, 900);
    ordered.answered(1, None, 300);
    let values = ordered.orders.to_values();
    assert_eq!(values.len(), 2);
    ordered.answered(1, None, 310);
    assert_eq!(ordered.orders.to_values(), values, "a flash card wears");
    let config = config_of(&ordered.route);
    let mut damaged = values.clone();
    damaged.push(serde_json::json!({"route": "main", "provider": "p0"}));
    damaged.push(serde_json::json!("x"));
    let fresh = StepOrders::new(&config, RandomState::new());
    ordered.orders = fresh.restored(&damaged, &config);
    assert_eq!(ordered.steps(None), [1, 0]);
    assert_eq!(ordered.orders.to_values(), values);
}

#[test]
fn a_route_without_an_order_is_walked_as_it_is_listed() {
    let mut ordered = Ordered::new(3, Order::Listed, |_| {});
    assert!(!ordered.route.is_ordered());
    assert_eq!(ordered.sequence(None), Sequence::default());
    let conversation = ordered.conversation("hi");
    ordered.answered(2, Some(&conversation), 1);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1, 2]);
}

#[test]
fn the_prospect_names_the_first_step_and_the_reason() {
    let why = |ordered: &Ordered| {
        let (route, world) = (&ordered.route, &ordered.world);
        let prospect = ordered.orders.prospect(route, &world.ledger, world.now);
        let first = prospect.first.unwrap();
        (first.step, first.why)
    };
    let mut listed = Ordered::new(2, Order::Listed, |_| {});
    assert_eq!(why(&listed), (0, "the first of the list".to_owned()));
    let route = Arc::clone(&listed.route);
    let limited = (0, stated(Class::RateLimited, 60));
    listed.world.request(&route, &[limited]).unwrap();
    let (step, reason) = why(&listed);
    assert_eq!(step, 1);
    assert!(reason.contains("not cooling"), "{reason}");

    let mut spread = Ordered::new(2, Order::Spread, |route| route.steps[1].weight = Some(3));
    spread.tell_left(1, 500, 1000);
    let (step, reason) = why(&spread);
    assert_eq!(step, 1);
    assert_eq!(
        reason,
        "60 % of requests go there first: weight 3, 50 % of its limits left"
    );

    let mut fastest = Ordered::new(2, Order::Fastest, |_| {});
    assert!(why(&fastest).1.contains("no time is known"));
    fastest.answered(0, None, 900);
    fastest.answered(1, None, 400);
    let (step, reason) = why(&fastest);
    assert_eq!(step, 1);
    assert!(reason.contains("to the first content"), "{reason}");
}
