//! The fastest step first, by measured times.

use std::hash::RandomState;
use std::time::Duration;

use crate::config::Order;
use crate::dialect::class::Class;
use crate::routing::{Manner, StepOrders, outlook};

use super::ordered::*;

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
