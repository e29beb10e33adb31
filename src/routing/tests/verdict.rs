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
        // DESIGN section 5: classes that blame the request make a 400 together. It was a 502.
        (&[Rejected, TooLarge], 400),
        (&[ModelNotFound, Rejected], 400),
        (&[TooLarge, ModelNotFound], 400),
        (&[Unsupported, TooLarge], 400),
        (&[Unsupported, ModelNotFound], 400),
        (&[Unsupported, Rejected], 400),
        (&[Unsupported, Unsupported], 400),
        (&[Rejected, ServerError], 502),
        (&[RateLimited, ServerError], 502),
        (&[RateLimited, Rejected], 502),
        (&[Forbidden, Forbidden], 502),
        (&[Blocked], 502),
        (&[Blocked, RateLimited], 502),
        // A step that lacks a thing does not mask one that has it.
        (&[Unsupported, RateLimited], 429),
        (&[QuotaExhausted, Unsupported], 429),
        (&[Unsupported, ServerError], 502),
        (&[Unsupported, Unreachable], 502),
        (&[Unsupported, Timeout], 504),
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

/// DESIGN section 5: of several reasons the first one is told; the steps are in the order of the operator's preference.
#[test]
fn a_request_that_is_refused_for_several_reasons_gets_the_first_ones_words() {
    let (route, mut world) = chain(3);
    let failures = [
        (0, Failure::new(Class::Unreachable, "connection refused")),
        (1, Failure::new(Class::Unsupported, "no images here")),
        (2, Failure::new(Class::TooLarge, "too long")),
    ];
    let verdict = world.request(&route, &failures).unwrap_err();
    assert_eq!(
        (verdict.status, verdict.message.as_str()),
        (400, "p1/m: no images here")
    );
    let (route, mut world) = chain(1);
    let lacking = [(0, Failure::new(Class::Unsupported, "no images here"))];
    let verdict = world.request(&route, &lacking).unwrap_err();
    assert_eq!(verdict.message, "p0/m: no images here");
}

#[test]
fn a_step_that_lacks_a_thing_does_not_mask_one_that_is_cooling() {
    let (route, mut world) = chain(2);
    let failures = [
        (0, failure(Class::Unsupported)),
        (1, stated(Class::RateLimited, 60)),
    ];
    for left in [60, 50] {
        let verdict = world.request(&route, &failures).unwrap_err();
        assert_eq!(verdict.status, 429);
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(left)));
        world.pass(10_000);
    }
}

#[test]
fn no_message_is_longer_than_a_person_reads() {
    let (route, mut world) = chain(1);
    let long = "words ".repeat(300);
    for class in [Class::Rejected, Class::ServerError] {
        let failures = [(0, Failure::new(class, &long))];
        let verdict = world.request(&route, &failures).unwrap_err();
        assert_eq!(verdict.message.chars().count(), 500);
    }
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
