use std::time::Duration;

use proptest::prelude::*;

use super::setup::{chain_of, failure};
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::quota::Demand;
use crate::routing::readiness::Readiness;
use crate::routing::{Attempt, Failure, Move, Walk};

fn any_failure() -> impl Strategy<Value = Failure> {
    let class = (0..Class::ALL.len()).prop_map(|index| Class::ALL[index]);
    let stated = prop::option::of((1_600_u64..100_000).prop_map(Duration::from_millis));
    (class, stated).prop_map(|(class, stated)| Failure {
        stated,
        ..failure(class)
    })
}

/// Ends that are told within this span are one end, rounded up: the first holds.
const ONE_END: Duration = Duration::from_millis(1_500);

/// The fate of a request: when it begins, how long each attempt takes, and how each ends (`None`: answered).
type Script = (u64, Vec<(u64, Option<Failure>)>);

fn any_script() -> impl Strategy<Value = Script> {
    let end = prop::option::weighted(0.8, any_failure());
    (
        0_u64..40_000,
        prop::collection::vec((0_u64..3_000, end), 1..6),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Would break for everybody: calls before the time that a provider stated are how accounts get blocked.
    #[test]
    fn a_stated_deadline_is_never_shortened(
        failures in prop::collection::vec((1_u64..20_000, any_failure()), 1..20),
    ) {
        let (route, mut world) = chain_of(&[1], |_| {});
        let mut stated_until = world.now;
        // Calls begin before the first mark (hence no pause of zero), so none of them can refute one.
        let mut walks: Vec<_> = failures.iter().map(|_| world.walk(&route)).collect();
        let attempts: Vec<_> = walks.iter_mut().map(|walk| world.attempt(walk)).collect();
        for ((walk, attempt), (pause, failure)) in walks.iter_mut().zip(attempts).zip(failures) {
            world.pass(pause);
            let cooldown = failure.class.cooldown().filter(|cooldown| cooldown.heeds_stated);
            if let (Some(_), Some(stated)) = (cooldown, failure.stated) {
                stated_until = stated_until.max(world.now + stated);
            }
            world.fail(walk, attempt, failure);
            if stated_until > world.now + ONE_END {
                let cooling = world.ledger.cooling_of(&route.steps[0], world.now);
                let cooling = cooling.expect("it is cooling");
                prop_assert!(cooling.stated && cooling.until + ONE_END >= stated_until);
            }
        }
    }

    /// Would break for the client: endless walks, and paid calls made twice.
    #[test]
    fn a_walk_ends_and_repeats_no_step_beyond_its_retries(
        keys in prop::collection::vec(1_usize..4, 1..5),
        retries in 0_u32..4,
        timeout in prop::option::of(1_u64..20_000),
        scripts in prop::collection::vec(any_script(), 1..8),
    ) {
        let (plain, mut world) = chain_of(&keys, |step| step.retries = retries);
        let mut route = (*plain).clone();
        route.timeout = timeout.map(Duration::from_millis);
        let route = std::sync::Arc::new(route);
        for (pause, script) in scripts {
            world.pass(pause);
            let mut walk = world.walk(&route);
            let mut attempts = vec![0_usize; keys.len()];
            let mut moves = script.iter().cycle();
            let bound = keys.iter().sum::<usize>() + keys.len() * retries as usize;
            let mut committed = false;
            for _ in 0..=2 * bound {
                match walk.next(&mut world.ledger, world.now) {
                    Move::Finished(verdict) => {
                        prop_assert!(verdict.status >= 400 && verdict.status != 500);
                        prop_assert_eq!(verdict.retry_after.is_some(), verdict.status == 429);
                        committed = true;
                        break;
                    }
                    Move::Pause { until } => {
                        prop_assert!(until > world.now);
                        world.now = until;
                    }
                    Move::Try(attempt) => {
                        prop_assert!(attempt.deadline > world.now);
                        attempts[attempt.step_index] += 1;
                        let (took, end) = moves.next().unwrap();
                        world.pass(*took);
                        match end {
                            Some(failure) => {
                                let after = u64::from(*took as u32);
                                walk.failed(&mut world.ledger, attempt, failure.clone(), world.now, after);
                            }
                            // The commit point takes the walk away: no attempt after it can be written down.
                            None => {
                                world.succeed(walk, attempt, &RemainingLimits::default());
                                committed = true;
                                break;
                            }
                        }
                    }
                }
            }
            prop_assert!(committed, "the walk did not end");
            for (count, keys) in attempts.iter().zip(&keys) {
                prop_assert!(*count <= keys + retries as usize);
            }
        }
    }

    /// Would break for the client: a route that gives up although its one step might serve.
    #[test]
    fn a_step_that_is_neither_firm_nor_closed_is_called(
        steps in prop::collection::vec((0_u64..9_000, 0_u8..6, any_failure()), 380..400),
    ) {
        let (route, mut world) = chain_of(&[1], |_| {});
        let step = &route.steps[0];
        let mut out = Vec::new();
        for (pause, kind, failure) in steps {
            world.pass(pause);
            if kind < 3 && !out.is_empty() {
                let (mut walk, attempt): (Box<Walk>, Box<Attempt>) = out.remove(0);
                match kind {
                    0 => drop(world.succeed(walk, attempt, &RemainingLimits::default())),
                    1 => world.fail(&mut walk, attempt, failure),
                    _ => {
                        let limited = Failure { class: Class::RateLimited, ..failure };
                        world.fail(&mut walk, attempt, limited);
                    }
                }
                continue;
            }
            let mut walk = world.walk(&route);
            let mut paused = Duration::ZERO;
            loop {
                match walk.next(&mut world.ledger, world.now) {
                    Move::Try(attempt) => {
                        out.push((walk, attempt));
                        break;
                    }
                    Move::Pause { until } => {
                        paused += until - world.now;
                        world.now = until;
                        prop_assert!(paused <= Duration::from_millis(400));
                    }
                    Move::Finished(verdict) => {
                        let demand = Demand::default();
                        let readiness = world.ledger.readiness(step, 0, &demand, world.now);
                        let is_never = matches!(readiness, Readiness::Never { .. });
                        prop_assert!(is_never, "{readiness:?} ended with {}", verdict.status);
                        break;
                    }
                }
            }
        }
    }
}
