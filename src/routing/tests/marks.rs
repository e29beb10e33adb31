//! The reach and the length of marks: as narrow as their witness, widened by a second one.

use std::sync::Arc;

use super::setup::{World, chain, failure, provider, route, step};
use crate::config::Route;
use crate::dialect::class::Class;
use crate::routing::Failure;

/// The seconds that the first step of a route stays skipped.
fn skipped_for(world: &mut World, route: &Arc<Route>) -> f64 {
    let cooling = world.ledger.cooling_of(&route.steps[0], world.now);
    let left = cooling.map(|cooling| cooling.until.saturating_duration_since(world.now));
    left.unwrap_or_default().as_secs_f64()
}

/// A world with one provider, `keys`, and a route for each of four models.
fn four_models(keys: &[&str]) -> (World, Vec<Arc<Route>>) {
    let shared = provider(0, "p0", keys);
    let models = ["m0", "m1", "m2", "m3"];
    let routes = models.map(|model| route(vec![step(&shared, model)]));
    (World::new(&[shared]), routes.to_vec())
}

#[test]
fn a_second_model_within_the_time_of_the_first_is_a_witness_against_the_provider() {
    for class in [Class::ServerError, Class::Timeout] {
        let (mut world, routes) = four_models(&["sk"]);
        let _ = world.request(&routes[0], &[(0, failure(class))]);
        assert_eq!(skipped_for(&mut world, &routes[1]), 0.0);
        world.pass(4_000);
        let _ = world.request(&routes[1], &[(0, failure(class))]);
        assert_eq!(skipped_for(&mut world, &routes[2]), 5.0, "{class:?}");
        // An answer of any model ends it.
        world.pass(5_000);
        world.request(&routes[2], &[]).unwrap();
        assert_eq!(skipped_for(&mut world, &routes[3]), 0.0, "{class:?}");
    }
}

#[test]
fn what_is_no_second_witness_widens_nothing() {
    let after = |between: &dyn Fn(&mut World, &[Arc<Route>])| {
        let (mut world, routes) = four_models(&["sk"]);
        let _ = world.request(&routes[0], &[(0, failure(Class::ServerError))]);
        between(&mut world, &routes);
        let _ = world.request(&routes[1], &[(0, failure(Class::ServerError))]);
        skipped_for(&mut world, &routes[3])
    };
    assert_eq!(after(&|_, _| {}), 5.0, "this one is");
    assert_eq!(after(&|world, _| world.pass(5_000)), 0.0, "too late");
    let answered = |world: &mut World, routes: &[Arc<Route>]| {
        world.pass(1);
        world.request(&routes[2], &[]).unwrap();
    };
    assert_eq!(after(&answered), 0.0, "the provider has answered since");
    // The same model again, another class, and classes of limits that each model has for itself.
    let (mut world, routes) = four_models(&["sk"]);
    for (model, class) in [
        (0, Class::ServerError),
        (0, Class::ServerError),
        (1, Class::Timeout),
        (0, Class::RateLimited),
        (1, Class::RateLimited),
    ] {
        let _ = world.request(&routes[model], &[(0, failure(class))]);
    }
    assert_eq!(skipped_for(&mut world, &routes[3]), 0.0);
}

#[test]
fn a_key_that_is_forbidden_two_models_rests_as_a_whole() {
    let (mut world, routes) = four_models(&["sk-0", "sk-1"]);
    let forbid = |world: &mut World, model: usize| {
        let mut walk = world.walk(&routes[model]);
        let attempt = world.attempt(&mut walk);
        let key = attempt.key_index;
        world.fail(&mut walk, attempt, failure(Class::Forbidden));
        key
    };
    assert_eq!(forbid(&mut world, 0), Some(0));
    assert_eq!(forbid(&mut world, 1), Some(0));
    let mut walk = world.walk(&routes[2]);
    assert_eq!(world.attempt(&mut walk).key_index, Some(1));
    assert_eq!(
        skipped_for(&mut world, &routes[2]),
        0.0,
        "the other key is free"
    );
}

#[test]
fn a_timeout_marks_for_as_long_as_it_took() {
    for (private, took, expected) in [
        (false, 3, 5.0),
        (false, 20, 20.0),
        (false, 300, 60.0),
        (true, 1, 2.0),
        (true, 30, 30.0),
        (true, 300, 60.0),
    ] {
        let mut frozen = (*provider(0, "p0", &[])).clone();
        frozen.private = private;
        let frozen = Arc::new(frozen);
        let route = route(vec![step(&frozen, "m")]);
        let mut world = World::new(&[frozen]);
        let mut walk = world.walk(&route);
        let attempt = world.attempt(&mut walk);
        world.pass(took * 1000);
        world.fail(&mut walk, attempt, failure(Class::Timeout));
        assert_eq!(
            skipped_for(&mut world, &route),
            expected,
            "{private} {took}"
        );
    }
}

#[test]
fn a_bill_for_this_one_request_leaves_no_mark() {
    let (route, mut world) = chain(2);
    let dear = Failure {
        of_this_request: true,
        ..failure(Class::QuotaExhausted)
    };
    world.request(&route, &[(0, dear)]).unwrap();
    assert_eq!(skipped_for(&mut world, &route), 0.0);
}
