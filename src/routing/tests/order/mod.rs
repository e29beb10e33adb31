//! The order of steps: lots, measured times, conversations that stick, and the failover that none of them changes.

mod fastest;
mod ordered;
mod sticking;

use std::sync::Arc;

use crate::config::{Order, Route};
use crate::dialect::class::Class;
use crate::routing::tests::setup::{failure, stated};
use crate::routing::{Move, Sequence};

use ordered::*;

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
            let mut walk = ordered.world.walk(&ordered.route);
            walk.follow_sequence(sequence);
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
