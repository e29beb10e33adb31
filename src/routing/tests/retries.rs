use std::time::Duration;

use super::setup::{chain_of, failure, stated};
use crate::dialect::class::Class;
use crate::routing::Move;

#[test]
fn a_step_is_repeated_after_growing_pauses() {
    let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 5);
    let mut walk = world.walk(&route);
    let mut pauses = Vec::new();
    loop {
        match walk.next(&mut world.ledger, world.now) {
            Move::Try(attempt) if attempt.step_index == 0 => {
                // The largest jitter, to see the whole backoff.
                walk.failed(
                    &mut world.ledger,
                    attempt,
                    failure(Class::ServerError),
                    world.now,
                    1023,
                );
            }
            Move::Pause { until } => {
                pauses.push((until - world.now).as_millis());
                world.now = until;
            }
            _ => break,
        }
    }
    assert_eq!(pauses, [250, 500, 1000, 2000, 2000]);
    assert_eq!(walk.reports().len(), 6, "one entry for each attempt");
}

#[test]
fn jitter_takes_away_half_at_most() {
    for (random, milliseconds) in [(0, 125), (1023, 250), (u64::MAX, 250)] {
        let (route, mut world) = chain_of(&[1], |step| step.retries = 1);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        walk.failed(
            &mut world.ledger,
            attempt,
            failure(Class::Transient),
            world.now,
            random,
        );
        match walk.next(&mut world.ledger, world.now) {
            Move::Pause { until } => assert_eq!((until - world.now).as_millis(), milliseconds),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_failures_that_may_pass_are_retried() {
    for class in Class::ALL
        .into_iter()
        .filter(|class| *class != Class::Cancelled)
    {
        let (route, mut world) = chain_of(&[1], |step| step.retries = 1);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(class));
        let paused = matches!(walk.next(&mut world.ledger, world.now), Move::Pause { .. });
        let expected = ["server_error", "unreachable", "transient"].contains(&class.label());
        assert_eq!(paused, expected, "{class:?}");
    }
}

#[test]
fn retries_stay_within_the_time_of_the_step() {
    let (route, mut world) = chain_of(&[1, 1], |step| {
        step.retries = 9;
        step.timeout = Duration::from_secs(1);
    });
    let mut walk = world.walk(&route);
    let first = world.attempt(&mut walk);
    let deadline = first.deadline;
    world.pass(800);
    world.fail(&mut walk, first, failure(Class::ServerError));
    world.pass(150);
    let second = world.attempt(&mut walk);
    assert_eq!((second.step_index, second.deadline), (0, deadline));
    world.fail(&mut walk, second, failure(Class::ServerError));
    assert_eq!(
        world.attempt(&mut walk).step_index,
        1,
        "no time for another pause"
    );
}

#[test]
fn a_provider_that_asks_for_a_long_rest_is_not_retried() {
    for (seconds, paused) in [(1, true), (3, false)] {
        let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 1);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, stated(Class::ServerError, seconds));
        match walk.next(&mut world.ledger, world.now) {
            Move::Pause { until } => {
                assert!(paused && until - world.now == Duration::from_secs(seconds))
            }
            Move::Try(attempt) => assert!(!paused && attempt.step_index == 1),
            Move::Finished(verdict) => panic!("{verdict:?}"),
        }
    }
}

#[test]
fn retries_of_one_request_are_one_failure_to_the_others() {
    let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 3);
    world
        .request(&route, &[(0, failure(Class::ServerError))])
        .unwrap();
    let cooling = world.ledger.cooling_of(&route.steps[0], world.now).unwrap();
    assert_eq!(cooling.until - world.now, Duration::from_secs(5));
}

#[test]
fn a_client_that_leaves_during_the_pause_frees_the_probe() {
    let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 1);
    world
        .request(&route, &[(0, stated(Class::ServerError, 10))])
        .unwrap();
    world.pass(10_000);
    let mut walk = world.walk(&route);
    let probe = world.attempt(&mut walk);
    world.fail(&mut walk, probe, failure(Class::Transient));
    let mut other = world.walk(&route);
    assert_eq!(
        world.attempt(&mut other).step_index,
        1,
        "the probe is still out"
    );
    walk.cancelled(&mut world.ledger, None, world.now);
    assert_eq!(world.verdict(&mut walk).status, 499);
    let mut other = world.walk(&route);
    assert_eq!(world.attempt(&mut other).step_index, 0);
}

#[test]
fn a_retry_is_given_up_when_the_provider_has_told_another_request_to_stay_away() {
    let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 1);
    let mut other = world.walk(&route);
    let of_other = world.attempt(&mut other);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    world.fail(&mut walk, attempt, failure(Class::Transient));
    let Move::Pause { until } = walk.next(&mut world.ledger, world.now) else {
        panic!("no pause");
    };
    world.fail(&mut other, of_other, stated(Class::RateLimited, 60));
    world.now = until;
    assert_eq!(world.attempt(&mut walk).step_index, 1);
}

#[test]
fn a_failure_before_a_pause_is_told_also_when_the_client_leaves_before_the_retry_has_ended() {
    for leaves_during_the_retry in [false, true] {
        let (route, mut world) = chain_of(&[1, 1], |step| step.retries = 1);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(Class::ServerError));
        let mut retry = None;
        if leaves_during_the_retry {
            world.pass(1_000);
            retry = Some(world.attempt(&mut walk));
        }
        walk.cancelled(&mut world.ledger, retry, world.now);
        assert_eq!(world.verdict(&mut walk).status, 499);
        let cooling = world.ledger.cooling_of(&route.steps[0], world.now).unwrap();
        assert_eq!(cooling.class, Class::ServerError);
        let left = if leaves_during_the_retry { 4 } else { 5 };
        assert_eq!(cooling.until - world.now, Duration::from_secs(left));
    }
}

#[test]
fn a_failure_before_a_pause_is_told_also_when_the_routes_time_ends_it() {
    for during_the_retry in [false, true] {
        let (route, mut world) = chain_of(&[1], |step| step.retries = 1);
        let mut limited = (*route).clone();
        limited.timeout = Some(Duration::from_secs(1));
        let route = std::sync::Arc::new(limited);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(Class::Unreachable));
        if during_the_retry {
            world.pass(300);
            let retry = world.attempt(&mut walk);
            world.pass(700);
            world.fail(&mut walk, retry, failure(Class::Timeout));
        } else {
            world.pass(1_000);
        }
        assert_eq!(world.verdict(&mut walk).status, 504);
        let cooling = world.ledger.cooling_of(&route.steps[0], world.now).unwrap();
        assert_eq!(cooling.until - world.now, Duration::from_secs(4));
    }
}
