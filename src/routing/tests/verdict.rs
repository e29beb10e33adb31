use std::time::Duration;

use super::setup::{chain, chain_of, failure, stated};
use crate::dialect::class::Class;
use crate::routing::{Failure, Verdict};

/// The end of a route whose steps fail so, one class each.
fn end(classes: &[Class]) -> Verdict {
    let (route, mut world) = chain(classes.len());
    let failures: Vec<(usize, Failure)> =
        classes.iter().copied().map(failure).enumerate().collect();
    world.request(&route, &failures).unwrap_err()
}

#[test]
fn the_status_tells_the_client_whether_to_try_again() {
    use Class::*;
    for (classes, status) in [
        (&[RateLimited, RateLimited][..], 429),
        (&[RateLimited, QuotaExhausted], 429),
        (&[QuotaExhausted], 429),
        (&[Timeout, Timeout], 504),
        (&[TooLarge, TooLarge], 413),
        (&[Rejected, Rejected], 400),
        (&[ModelNotFound, ModelNotFound], 404),
        (&[ServerError], 502),
        (&[Unauthorized], 502),
        (&[Transient], 502),
        (&[BadResponse], 502),
        (&[EmptyAnswer], 502),
        (&[Unreachable, Unreachable], 502),
        (&[Unreachable, Timeout], 502),
        (&[Rejected, TooLarge], 502),
        (&[Rejected, ServerError], 502),
        (&[RateLimited, ServerError], 502),
        (&[ModelNotFound, Rejected], 502),
        // A step that never answered does not mask what the others say.
        (&[Unreachable, Rejected], 400),
        (&[Rejected, Unreachable], 400),
        (&[Timeout, Rejected], 400),
        (&[Unreachable, RateLimited], 429),
        (&[Timeout, RateLimited, Unreachable], 429),
        (&[Timeout, TooLarge], 413),
        (&[Unreachable, ModelNotFound], 404),
        (&[Timeout, ServerError], 502),
        (&[Cancelled], 499),
    ] {
        let verdict = end(classes);
        assert_eq!(verdict.status, status, "{classes:?}");
        assert_eq!(verdict.retry_after.is_some(), status == 429, "{classes:?}");
        let code = if status == 504 {
            "ROUTE_TIMEOUT"
        } else {
            "ROUTE_EXECUTION_FAILED"
        };
        assert_eq!(verdict.code.label(), code, "{classes:?}");
    }
}

#[test]
fn no_failure_ends_in_a_500() {
    for first in Class::ALL {
        for second in Class::ALL {
            assert_ne!(end(&[first, second]).status, 500, "{first:?} {second:?}");
        }
    }
}

#[test]
fn a_refused_request_comes_with_the_providers_own_words() {
    let (route, mut world) = chain(2);
    let failures = [
        (
            0,
            Failure::new(Class::Rejected, "temperature must be below 2"),
        ),
        (1, Failure::new(Class::Unreachable, "connection refused")),
    ];
    let verdict = world.request(&route, &failures).unwrap_err();
    assert_eq!(verdict.message, "p0/m: temperature must be below 2");
}

#[test]
fn the_soonest_wait_is_named() {
    let (route, mut world) = chain(3);
    let failures = [
        (0, stated(Class::RateLimited, 90)),
        (1, stated(Class::QuotaExhausted, 20)),
        (2, stated(Class::RateLimited, 40)),
    ];
    let verdict = world.request(&route, &failures).unwrap_err();
    assert_eq!(verdict.retry_after, Some(Duration::from_secs(20)));
}

#[test]
fn a_limit_without_any_deadline_still_names_a_wait() {
    let (route, mut world) = chain_of(&[1], |step| step.cooldown = Some(Duration::ZERO));
    let verdict = world
        .request(&route, &[(0, failure(Class::RateLimited))])
        .unwrap_err();
    assert_eq!(verdict.retry_after, Some(Duration::from_secs(5)));
}

#[test]
fn dead_and_limited_stays_429_while_the_limited_one_is_only_cooling() {
    let (route, mut world) = chain(2);
    let failures = [
        (0, failure(Class::Unreachable)),
        (1, stated(Class::RateLimited, 60)),
    ];
    for left in [60, 50, 40] {
        let verdict = world.request(&route, &failures).unwrap_err();
        assert_eq!(verdict.status, 429);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(left)));
        world.pass(10_000);
    }
}

#[test]
fn one_limited_key_makes_the_step_worth_coming_back_for() {
    let (route, mut world) = chain_of(&[2], |_| {});
    let mut walk = world.walk(&route);
    for failure in [stated(Class::RateLimited, 30), failure(Class::Unauthorized)] {
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure);
    }
    let verdict = world.verdict(&mut walk);
    assert_eq!(
        (verdict.status, verdict.retry_after),
        (429, Some(Duration::from_secs(30)))
    );
}

#[test]
fn a_route_without_steps_ends_instead_of_hanging() {
    let (route, mut world) = chain(0);
    assert_eq!(world.request(&route, &[]).unwrap_err().status, 502);
}

#[test]
fn a_steps_last_word_is_the_wait_that_is_named() {
    let (route, mut world) = chain_of(&[1], |_| {});
    let end = world.request(&route, &[(0, failure(Class::ServerError))]);
    assert_eq!(end.unwrap_err().status, 502);
    // Cooling on a guess, and tried all the same: what it says then is what limits.
    let end = world.request(&route, &[(0, stated(Class::QuotaExhausted, 3600))]);
    let verdict = end.unwrap_err();
    assert_eq!(
        (verdict.status, verdict.retry_after),
        (429, Some(Duration::from_secs(3600)))
    );
}
