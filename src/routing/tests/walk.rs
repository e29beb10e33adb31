use std::time::Duration;

use super::setup::{World, chain, chain_of, failure, provider, route, stated, step};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::routing::StepMessage;
use crate::routing::{Failure, Move, Sequence, Walk};

#[test]
fn the_steps_are_tried_in_order_until_one_answers() {
    let (route, mut world) = chain(3);
    let reports = world
        .request(
            &route,
            &[
                (0, failure(Class::Rejected)),
                (1, failure(Class::EmptyAnswer)),
            ],
        )
        .unwrap();
    let seen: Vec<_> = reports
        .iter()
        .map(|report| (report.step_index, report.success, report.class))
        .collect();
    assert_eq!(
        seen,
        [
            (0, false, Some(Class::Rejected)),
            (1, false, Some(Class::EmptyAnswer)),
            (2, true, None)
        ]
    );
    assert_eq!((reports[0].provider(), reports[0].model()), ("p0", "m"));
    let said = StepMessage::Said("no".to_owned());
    assert_eq!(reports[0].message, Some(said));
}

#[test]
fn the_next_key_comes_before_the_next_step() {
    let (route, mut world) = chain_of(&[2, 1], |_| {});
    for (class, tried) in [
        (
            Class::RateLimited,
            &[(0, Some(0)), (0, Some(1)), (1, Some(0))][..],
        ),
        (Class::ServerError, &[(0, Some(0)), (1, Some(0))][..]),
    ] {
        world.ledger = chain_of(&[2, 1], |_| {}).1.ledger;
        let reports = world.request(&route, &[(0, failure(class))]).unwrap();
        let seen: Vec<_> = reports
            .iter()
            .map(|report| (report.step_index, report.key_index))
            .collect();
        assert_eq!(seen, tried, "{class:?}");
    }
}

#[test]
fn a_failure_that_no_key_changes_leaves_the_other_keys_alone() {
    for class in [Class::Rejected, Class::ServerError, Class::Timeout] {
        let (route, mut world) = chain_of(&[3], |_| {});
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(class));
        world.verdict(&mut walk);
        assert_eq!(walk.reports().len(), 1, "{class:?}");
    }
}

#[test]
fn a_limited_key_is_passed_over_and_the_other_serves() {
    let (route, mut world) = chain_of(&[2, 1], |_| {});
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    world.fail(&mut walk, attempt, stated(Class::RateLimited, 60));
    let attempt = world.attempt(&mut walk);
    world.succeed(walk, attempt, &RemainingLimits::default());
    for _ in 0..3 {
        let reports = world.request(&route, &[]).unwrap();
        assert_eq!(reports.len(), 1, "no entry for a key that was passed over");
        assert_eq!(reports[0].key_index, Some(1));
    }
}

#[test]
fn a_cooling_step_is_skipped_and_says_so() {
    let (route, mut world) = chain(2);
    world
        .request(&route, &[(0, stated(Class::RateLimited, 30))])
        .unwrap();
    world.pass(10_000);
    let reports = world.request(&route, &[]).unwrap();
    assert!(reports[0].skipped && !reports[0].success);
    assert_eq!(reports[0].class, Some(Class::RateLimited));
    assert_eq!(reports[0].retry_after, Some(Duration::from_secs(20)));
    let why = reports[0].message.as_ref().unwrap();
    assert_eq!(why.text(), "limit: requests used up, free in 20s");
    assert_eq!(reports[1].step_index, 1);
}

#[test]
fn when_every_step_cools_guesses_are_tried_anyway_the_soonest_first() {
    let (route, mut world) = chain(3);
    let all_down: Vec<(usize, Failure)> = vec![
        (0, stated(Class::RateLimited, 60)),
        (1, failure(Class::Unreachable)),
        (2, failure(Class::Timeout)),
    ];
    world.request(&route, &all_down).unwrap_err();
    world.pass(1);
    // Step 2 fails again: now step 1 is the sooner one.
    let mut walk = world.walk(&route);
    let first = world.attempt(&mut walk);
    assert_eq!(first.step_index, 1, "both as soon: the order of the route");
    world.fail(&mut walk, first, failure(Class::Unreachable));
    let second = world.attempt(&mut walk);
    assert_eq!(second.step_index, 2);
    world.succeed(walk, second, &RemainingLimits::default());
}

#[test]
fn a_guess_does_not_cost_the_client_its_answer_when_the_usable_steps_fail() {
    let (route, mut world) = chain(2);
    world
        .request(&route, &[(0, failure(Class::Timeout))])
        .unwrap();
    let reports = world
        .request(&route, &[(1, failure(Class::ServerError))])
        .unwrap();
    let seen: Vec<_> = reports
        .iter()
        .map(|report| (report.step_index, report.skipped))
        .collect();
    assert_eq!(seen, [(0, true), (1, false), (0, false)]);
}

#[test]
fn the_same_provider_with_another_model_is_still_tried_in_the_end() {
    let shared = provider(0, "p0", &["sk-0"]);
    let route = route(vec![step(&shared, "big"), step(&shared, "small")]);
    let mut world = World::new(&[shared]);
    let reports = world
        .request(&route, &[(0, failure(Class::ServerError))])
        .unwrap();
    assert_eq!(reports.last().unwrap().model(), "small");
}

#[test]
fn nobody_is_called_before_the_time_it_stated() {
    let (route, mut world) = chain(2);
    let failures = [
        (0, stated(Class::RateLimited, 60)),
        (1, stated(Class::ServerError, 20)),
    ];
    world.request(&route, &failures).unwrap_err();
    for (passed, left) in [(1_000, 19), (9_000, 10), (9_999, 1)] {
        world.pass(passed);
        let mut walk = world.walk(&route);
        let verdict = world.verdict(&mut walk);
        assert_eq!(verdict.status, 429);
        assert_eq!(
            verdict.retry_after.unwrap().as_secs(),
            left,
            "it limits down"
        );
        assert!(walk.reports().iter().all(|report| report.skipped));
    }
    world.pass(1);
    assert_eq!(world.served_by(&route), Some(1));
}

#[test]
fn attempts_have_the_time_of_their_step_within_the_routes() {
    let (plain, mut world) = chain_of(&[1, 1], |step| step.timeout = Duration::from_secs(8));
    let mut limited = (*plain).clone();
    limited.timeout = Some(Duration::from_secs(10));
    let limited = std::sync::Arc::new(limited);
    let mut walk = world.walk(&limited);
    let attempt = world.attempt(&mut walk);
    assert_eq!(attempt.deadline - world.now, Duration::from_secs(8));
    world.pass(8_000);
    world.fail(&mut walk, attempt, failure(Class::Timeout));
    let attempt = world.attempt(&mut walk);
    assert_eq!(attempt.deadline - world.now, Duration::from_secs(2));
    world.pass(2_000);
    world.fail(&mut walk, attempt, failure(Class::Timeout));
    assert_eq!(world.verdict(&mut walk).status, 504);
    let cooling: Vec<usize> = world
        .ledger
        .cooling(world.now)
        .map(|entry| entry.provider)
        .collect();
    assert_eq!(
        cooling,
        [0],
        "being cut short by the route is not the provider's fault"
    );
}

#[test]
fn a_route_that_is_out_of_time_makes_no_further_attempt() {
    let (plain, mut world) = chain(2);
    let mut limited = (*plain).clone();
    limited.timeout = Some(Duration::from_secs(1));
    let mut walk = world.walk(&std::sync::Arc::new(limited));
    let attempt = world.attempt(&mut walk);
    world.pass(1_000);
    world.fail(&mut walk, attempt, failure(Class::Rejected));
    let verdict = world.verdict(&mut walk);
    assert_eq!(
        (verdict.status, verdict.code.label()),
        (504, "ROUTE_TIMEOUT")
    );
    assert_eq!(world.verdict(&mut walk), verdict, "and stays so");
}

#[test]
fn absurd_timeouts_do_not_overflow() {
    let (plain, mut world) = chain_of(&[1], |step| {
        step.timeout = Duration::MAX;
        step.cooldown = Some(Duration::MAX);
    });
    let mut endless = (*plain).clone();
    endless.timeout = Some(Duration::MAX);
    let verdict = world.request(
        &std::sync::Arc::new(endless),
        &[(0, failure(Class::Unreachable))],
    );
    assert_eq!(verdict.unwrap_err().status, 502);
}

#[test]
fn a_client_that_is_gone_stops_the_walk_and_blames_nobody() {
    let (route, mut world) = chain(2);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    walk.cancelled(&mut world.ledger, Some(attempt), world.now);
    assert_eq!(world.verdict(&mut walk).status, 499);
    assert_eq!(walk.reports()[0].class, Some(Class::Cancelled));
    assert_eq!(world.ledger.cooling(world.now).count(), 0);
}

#[test]
fn a_stream_that_breaks_after_commit_warns_the_next_request() {
    for (class, cooling) in [(Class::BadResponse, 0), (Class::Timeout, 1)] {
        let (route, mut world) = chain(2);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        let mut answered = world.succeed(walk, attempt, &RemainingLimits::default());
        assert!(answered.reports()[0].success);
        world.pass(60_000);
        answered.cut(&mut world.ledger, failure(class), world.now);
        assert_eq!(
            world.ledger.cooling(world.now).count(),
            cooling,
            "{class:?}"
        );
        assert_eq!(answered.reports().len(), 1);
        assert_eq!(answered.reports()[0].class, Some(class));
    }
}

#[test]
fn fallbacks_are_the_other_steps_seen() {
    let (route, mut world) = chain_of(&[2, 1, 1], |_| {});
    world
        .request(
            &route,
            &[
                (1, failure(Class::Unreachable)),
                (0, failure(Class::Rejected)),
            ],
        )
        .unwrap();
    let mut walk = world.walk(&route);
    while let Move::Try(attempt) = walk.next(&mut world.ledger, world.now) {
        if attempt.step_index == 2 {
            let answered = world.succeed(walk, attempt, &RemainingLimits::default());
            assert_eq!((answered.step_index(), answered.fallbacks()), (2, 2));
            return;
        }
        world.fail(&mut walk, attempt, failure(Class::RateLimited));
    }
    panic!("step 2 was not tried");
}

/// The order that people are shown must be what the next request does.
#[test]
fn the_first_step_is_foretold_without_taking_it() {
    let (route, mut world) = chain(3);
    let foretold =
        |world: &World| Walk::first_step(&route, Sequence::default(), &world.ledger, world.now);
    assert_eq!((foretold(&world), foretold(&world)), (Some(0), Some(0)));
    let refusals = [
        (0, stated(Class::RateLimited, 50)),
        (1, failure(Class::ServerError)),
    ];
    world.request(&route, &refusals).unwrap();
    assert_eq!(foretold(&world), Some(2));
    assert_eq!(world.served_by(&route), Some(2));
    // All are cooling: the one on a guess is tried anyway.
    let refusals = [
        (1, failure(Class::ServerError)),
        (2, stated(Class::RateLimited, 50)),
    ];
    assert!(world.request(&route, &refusals).is_err());
    assert_eq!(foretold(&world), Some(1));
    let refusals = [(1, stated(Class::RateLimited, 50))];
    assert!(world.request(&route, &refusals).is_err());
    assert_eq!(foretold(&world), None);
}
