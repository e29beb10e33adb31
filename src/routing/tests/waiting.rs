//! `wait_when_cooling`: the wait for the soonest step where all are cooling by their providers' word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::setup::{World, chain_of, failure, stated};
use crate::config::Route;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::routing::{Move, Walk};

/// A route of two single-key steps that waits so long.
fn waiting(seconds: u64) -> (Arc<Route>, World) {
    let (route, world) = chain_of(&[1, 1], |_| {});
    let mut route = (*route).clone();
    route.wait_when_cooling = Duration::from_secs(seconds);
    (Arc::new(route), world)
}

/// The end of the pause that comes next; there must be one.
fn pause(world: &mut World, walk: &mut Walk) -> Instant {
    match walk.next(&mut world.ledger, world.now) {
        Move::Pause { until } => until,
        other => panic!("a pause was due, not {other:?}"),
    }
}

/// Both steps limited until so many seconds from now.
fn limit(world: &mut World, route: &Arc<Route>, seconds: [u64; 2]) {
    let mut patient = (**route).clone();
    patient.wait_when_cooling = Duration::ZERO;
    let failures = [0, 1].map(|index| (index, stated(Class::RateLimited, seconds[index])));
    let verdict = world.request(&Arc::new(patient), &failures).unwrap_err();
    assert_eq!(verdict.status, 429);
}

#[test]
fn the_soonest_step_is_waited_for_and_tried() {
    let (route, mut world) = waiting(5);
    limit(&mut world, &route, [60, 3]);
    let mut walk = world.walk(&route);
    let until = pause(&mut world, &mut walk);
    assert_eq!(until, world.now + Duration::from_secs(3));
    world.now = until;
    let attempt = world.attempt(&mut walk);
    assert_eq!(attempt.step_index, 1);
    let answered = world.succeed(walk, attempt, &RemainingLimits::default());
    // The other one is passed over, as it is still cooling.
    let steps: Vec<_> = answered
        .reports()
        .iter()
        .map(|report| (report.step_index, report.skipped))
        .collect();
    assert_eq!(steps, [(0, true), (1, false)]);
}

#[test]
fn a_step_that_was_limited_on_this_very_walk_is_waited_for_once() {
    let (route, mut world) = waiting(5);
    let mut walk = world.walk(&route);
    for seconds in [2, 60] {
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, stated(Class::RateLimited, seconds));
    }
    world.now = pause(&mut world, &mut walk);
    let attempt = world.attempt(&mut walk);
    assert_eq!(attempt.step_index, 0);
    world.fail(&mut walk, attempt, stated(Class::RateLimited, 1));
    let verdict = world.verdict(&mut walk);
    assert_eq!(
        (verdict.status, verdict.retry_after),
        (429, Some(Duration::from_secs(1)))
    );
}

#[test]
fn nothing_is_waited_for_that_comes_too_late_or_failed_otherwise() {
    for (wait, stated_seconds) in [(0, 1), (5, 6), (5, 60)] {
        let (route, mut world) = waiting(wait);
        limit(&mut world, &route, [60, stated_seconds]);
        let mut walk = world.walk(&route);
        let verdict = world.verdict(&mut walk);
        assert_eq!(verdict.status, 429, "{wait} {stated_seconds}");
    }
    let (route, mut world) = waiting(5);
    let mut walk = world.walk(&route);
    for class in [Class::Rejected, Class::ServerError] {
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(class));
    }
    assert_eq!(world.verdict(&mut walk).status, 502);
}

#[test]
fn the_route_s_deadline_ends_the_wait() {
    let (route, mut world) = waiting(5);
    limit(&mut world, &route, [60, 3]);
    let mut hurried = (*route).clone();
    hurried.timeout = Some(Duration::from_secs(2));
    let mut walk = world.walk(&Arc::new(hurried));
    assert_eq!(world.verdict(&mut walk).status, 429);
}

/// As with guesses: where there is nothing better, a step is tried that another request is trying.
#[test]
fn several_that_wait_try_at_the_same_time() {
    let (route, mut world) = waiting(5);
    limit(&mut world, &route, [60, 3]);
    let mut walks = [world.walk(&route), world.walk(&route)];
    for walk in &mut walks {
        let until = pause(&mut world, walk);
        assert_eq!(until, world.now + Duration::from_secs(3));
    }
    world.pass(3_000);
    for walk in &mut walks {
        assert_eq!(world.attempt(walk).step_index, 1);
    }
}
