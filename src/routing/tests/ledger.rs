use std::time::Duration;

use super::setup::{World, chain, chain_of, failure, provider, route, stated, step, told, window};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::limits::Unit;
use crate::routing::CoolingEntry;

/// Seconds that step 0 stays skipped after this, to a tenth.
fn skipped_for(world: &mut World, route: &std::sync::Arc<crate::config::Route>) -> f64 {
    let cooling = world.ledger.cooling_of(&route.steps[0], world.now);
    let left = cooling.map(|cooling| cooling.until.saturating_duration_since(world.now));
    left.unwrap_or_default().as_secs_f64()
}

#[test]
fn guesses_double_from_five_to_sixty_seconds() {
    let (route, mut world) = chain(2);
    for expected in [5.0, 10.0, 20.0, 40.0, 60.0, 60.0] {
        world
            .request(&route, &[(0, failure(Class::Unreachable))])
            .unwrap();
        let left = skipped_for(&mut world, &route);
        assert_eq!(left, expected);
        world.pass((left * 1000.0) as u64);
    }
    assert_eq!(world.served_by(&route), Some(0), "the probe");
    world
        .request(&route, &[(0, failure(Class::Unreachable))])
        .unwrap();
    assert_eq!(
        skipped_for(&mut world, &route),
        5.0,
        "a success starts over"
    );
}

#[test]
fn the_base_is_configurable_and_local_servers_are_soon_back() {
    for (base, private, expected) in [
        (None, true, &[2.0, 4.0, 5.0, 5.0][..]),
        (Some(120), false, &[120.0, 120.0]),
        (Some(20), false, &[20.0, 40.0, 60.0]),
        (Some(10), true, &[10.0, 10.0]),
        (Some(0), false, &[0.0, 0.0]),
    ] {
        let mut local = (*provider(0, "p0", &[])).clone();
        local.private = private;
        let local = std::sync::Arc::new(local);
        let mut first = step(&local, "m");
        first.cooldown = base.map(Duration::from_secs);
        let route = route(vec![first, step(&provider(1, "p1", &[]), "m")]);
        let mut world = World::new(&[local, provider(1, "p1", &[])]);
        for seconds in expected {
            world
                .request(&route, &[(0, failure(Class::Timeout))])
                .unwrap();
            assert_eq!(
                skipped_for(&mut world, &route),
                *seconds,
                "{base:?} {private}"
            );
            world.pass((seconds * 1000.0) as u64);
        }
    }
}

/// DESIGN section 5: a mark is as narrow as its witness. Timeouts and server errors covered the whole provider.
#[test]
fn each_class_cools_what_it_is_about() {
    for (class, seconds, other_model, other_key) in [
        (Class::Unreachable, 5, true, true),
        (Class::Blocked, 5, true, true),
        (Class::Timeout, 5, false, true),
        (Class::ServerError, 5, false, true),
        (Class::RateLimited, 5, false, false),
        (Class::QuotaExhausted, 3600, true, false),
        (Class::Unauthorized, 300, true, false),
        (Class::Forbidden, 300, false, false),
        (Class::ModelNotFound, 0, false, false),
        (Class::Rejected, 0, false, false),
        (Class::TooLarge, 0, false, false),
        (Class::Unsupported, 0, false, false),
        (Class::Transient, 0, false, false),
        (Class::BadResponse, 0, false, false),
        (Class::EmptyAnswer, 0, false, false),
        (Class::Cancelled, 0, false, false),
    ] {
        let shared = provider(0, "p0", &["sk-0"]);
        let with_two = provider(1, "p1", &["sk-1", "sk-2"]);
        let one = route(vec![step(&shared, "m")]);
        let other = route(vec![step(&shared, "n")]);
        let two = route(vec![step(&with_two, "m")]);
        let mut world = World::new(&[shared, with_two]);
        let _ = world.request(&one, &[(0, failure(class))]);
        assert_eq!(
            skipped_for(&mut world, &one),
            f64::from(seconds),
            "{class:?}"
        );
        assert_eq!(
            skipped_for(&mut world, &other) > 0.0,
            other_model,
            "{class:?}: other model"
        );
        let mut walk = world.walk(&two);
        let attempt = world.attempt(&mut walk);
        world.fail(&mut walk, attempt, failure(class));
        assert_eq!(
            skipped_for(&mut world, &two) > 0.0,
            other_key,
            "{class:?}: other key"
        );
    }
}

#[test]
fn a_statement_counts_for_the_classes_that_heed_it() {
    for (class, seconds) in [
        (Class::ServerError, 17.0),
        (Class::RateLimited, 17.0),
        (Class::QuotaExhausted, 17.0),
        (Class::Unauthorized, 300.0),
        (Class::Timeout, 5.0),
        (Class::Rejected, 0.0),
    ] {
        let (route, mut world) = chain(2);
        world.request(&route, &[(0, stated(class, 17))]).unwrap();
        assert_eq!(skipped_for(&mut world, &route), seconds, "{class:?}");
    }
}

#[test]
fn a_burst_of_failures_counts_once() {
    let (route, mut world) = chain(2);
    let mut walks: Vec<_> = (0..40).map(|_| world.walk(&route)).collect();
    let attempts: Vec<_> = walks.iter_mut().map(|walk| world.attempt(walk)).collect();
    for (walk, attempt) in walks.iter_mut().zip(attempts) {
        world.pass(1);
        world.fail(walk, attempt, failure(Class::Unreachable));
    }
    assert_eq!(skipped_for(&mut world, &route), 5.0);
}

#[test]
fn a_statement_ends_with_turned_off_guesses_too() {
    let (route, mut world) = chain_of(&[1, 1], |step| step.cooldown = Some(Duration::ZERO));
    world
        .request(&route, &[(0, stated(Class::RateLimited, 9))])
        .unwrap();
    assert_eq!(skipped_for(&mut world, &route), 9.0);
}

#[test]
fn one_request_probes_and_the_others_keep_skipping_until_it_returns() {
    let (route, mut world) = chain(2);
    world
        .request(&route, &[(0, stated(Class::ServerError, 10))])
        .unwrap();
    world.pass(10_000);
    let mut prober = world.walk(&route);
    let probe = world.attempt(&mut prober);
    assert_eq!(probe.step_index, 0);
    world.pass(1_000);
    for _ in 0..3 {
        assert_eq!(world.served_by(&route), Some(1), "while the probe is out");
    }
    world.succeed(prober, probe, &RemainingLimits::default());
    assert_eq!(world.served_by(&route), Some(0), "after it");
}

#[test]
fn a_probe_that_is_lost_or_cancelled_or_tells_nothing_lets_the_next_one_probe() {
    for end in ["lost", "cancelled", "rejected"] {
        let (route, mut world) = chain(2);
        world
            .request(&route, &[(0, stated(Class::ServerError, 10))])
            .unwrap();
        world.pass(10_000);
        let mut prober = world.walk(&route);
        let probe = world.attempt(&mut prober);
        match end {
            "cancelled" => prober.cancelled(&mut world.ledger, Some(probe), world.now),
            "rejected" => world.fail(&mut prober, probe, failure(Class::Rejected)),
            _ => {
                // Its worker died: neither the attempt nor the walk is heard of again.
                assert_eq!(world.served_by(&route), Some(1), "{end}");
                world.pass(30_000);
            }
        }
        let mut next = world.walk(&route);
        assert_eq!(world.attempt(&mut next).step_index, 0, "{end}");
    }
}

#[test]
fn an_old_success_does_not_clear_a_younger_mark() {
    let (route, mut world) = chain(2);
    let (mut slow, mut limited) = (world.walk(&route), world.walk(&route));
    let slow_attempt = world.attempt(&mut slow);
    world.pass(5);
    let limited_attempt = world.attempt(&mut limited);
    world.pass(5);
    world.fail(
        &mut limited,
        limited_attempt,
        stated(Class::RateLimited, 60),
    );
    world.pass(5);
    world.succeed(slow, slow_attempt, &RemainingLimits::default());
    assert_eq!(world.served_by(&route), Some(1));
}

#[test]
fn a_refusal_shows_that_the_provider_is_back() {
    let (route, mut world) = chain(2);
    world
        .request(&route, &[(0, failure(Class::Unreachable))])
        .unwrap();
    world.pass(5_000);
    world
        .request(&route, &[(0, failure(Class::Rejected))])
        .unwrap();
    world
        .request(&route, &[(0, failure(Class::Unreachable))])
        .unwrap();
    assert_eq!(skipped_for(&mut world, &route), 5.0, "no doubling");
}

#[test]
fn an_answer_that_says_nothing_is_left_spares_the_next_call() {
    let (route, mut world) = chain(2);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    let told = told(0, Some(3), 20);
    world.succeed(walk, attempt, &told);
    let cooling = world.ledger.cooling_of(&route.steps[0], world.now).unwrap();
    assert!(cooling.stated);
    assert_eq!(world.served_by(&route), Some(1));
    world.pass(20_000);
    // The window is open again and nothing had failed: no probe is needed, all three may go at once.
    let mut walks: Vec<_> = (0..5).map(|_| world.walk(&route)).collect();
    let steps: Vec<_> = walks
        .iter_mut()
        .map(|walk| world.attempt(walk).step_index)
        .collect();
    // The fourth finds out whether the limit is still the same.
    assert_eq!(steps, [0, 0, 0, 0, 1]);
}

#[test]
fn what_is_left_is_known_while_it_is_true() {
    let (route, mut world) = chain(2);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    let told = RemainingLimits {
        windows: vec![
            window(Unit::Requests, 9, None, 20),
            window(Unit::Tokens, 7_000, None, 40),
        ],
    };
    world.succeed(walk, attempt, &told);
    let left = |world: &World| {
        let quotas = world.ledger.quotas(world.now);
        let left = quotas.map(|quota| (quota.provider, quota.requests, quota.tokens));
        left.collect::<Vec<_>>()
    };
    assert_eq!(left(&world), [(0, Some(9), Some(7_000))]);
    // A call under way has taken one.
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    assert_eq!(
        left(&world),
        [(0, Some(8), Some(6_488))],
        "and the tokens that an unknown answer may have"
    );
    world.succeed(walk, attempt, &RemainingLimits::default());
    world.pass(20_000);
    assert_eq!(left(&world), [(0, None, Some(6_488))]);
    world.pass(20_000);
    assert_eq!(left(&world), []);
}

#[test]
fn a_burst_moves_on_when_what_is_left_is_in_flight() {
    let (route, mut world) = chain(2);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    let told = told(2, Some(3), 20);
    world.succeed(walk, attempt, &told);
    let mut walks: Vec<_> = (0..4).map(|_| world.walk(&route)).collect();
    let steps: Vec<_> = walks
        .iter_mut()
        .map(|walk| world.attempt(walk).step_index)
        .collect();
    assert_eq!(steps, [0, 0, 1, 1]);
    let used_up: Vec<_> = world.ledger.cooling(world.now).collect();
    assert_eq!(used_up.len(), 1, "diagnostics say why it is skipped");
    assert_eq!((used_up[0].provider, used_up[0].model), (0, Some("m")));
    assert!(used_up[0].cooling.stated);
}

#[test]
fn answers_that_overtake_each_other_do_not_restore_a_budget() {
    let (route, mut world) = chain(2);
    let (mut first, mut second) = (world.walk(&route), world.walk(&route));
    let (early, late) = (world.attempt(&mut first), world.attempt(&mut second));
    world.succeed(second, late, &told(1, None, 20));
    world.succeed(first, early, &told(5, None, 20));
    assert_eq!(world.served_by(&route), Some(0));
    let mut next = world.walk(&route);
    assert_eq!(world.attempt(&mut next).step_index, 1);
}

#[test]
fn a_refusal_overrules_what_was_told_to_be_left() {
    let (route, mut world) = chain(2);
    let mut walk = world.walk(&route);
    let attempt = world.attempt(&mut walk);
    let told = told(1, None, 60);
    world.succeed(walk, attempt, &told);
    world
        .request(&route, &[(0, stated(Class::RateLimited, 5))])
        .unwrap();
    world.pass(5_000);
    assert_eq!(
        world.served_by(&route),
        Some(0),
        "as the provider said last"
    );
}

#[test]
fn keys_take_turns() {
    let (route, mut world) = chain_of(&[3], |_| {});
    let keys: Vec<_> = (0..6)
        .map(|_| world.request(&route, &[]).unwrap()[0].key_index.unwrap())
        .collect();
    assert_eq!(keys, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn diagnostics_see_what_cools_and_nothing_else() {
    let (route, mut world) = chain_of(&[2, 1], |_| {});
    world
        .request(&route, &[(0, stated(Class::RateLimited, 30))])
        .unwrap();
    let now = world.now;
    let seen: Vec<CoolingEntry<'_>> = world.ledger.cooling(now).collect();
    assert_eq!(seen.len(), 2, "one for each key");
    assert_eq!(
        (seen[0].provider, seen[0].key, seen[0].model),
        (0, Some(0), Some("m"))
    );
    assert!(seen[0].cooling.stated);
    assert_eq!(
        world.ledger.cooling(now + Duration::from_secs(31)).count(),
        0
    );
}
