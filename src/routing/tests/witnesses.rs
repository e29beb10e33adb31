//! Hours of traffic on a virtual clock against a provider with four models, some of which are ill: a mark is as narrow as
//! its witness, and a provider that is down is found out all the same.

use std::sync::Arc;

use super::setup::{World, failure, provider, route, step};
use crate::config::Route;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::routing::Move;

const MODELS: [&str; 4] = ["m0", "m1", "m2", "m3"];

/// Four routes, each with a model of the first provider and the second provider behind it.
struct Traffic {
    world: World,
    routes: Vec<Arc<Route>>,
    /// The calls to each model of the first provider.
    calls: [u64; 4],
    /// The requests to each route that its first step answered.
    answered: [u64; 4],
    requests: [u64; 4],
}

impl Traffic {
    fn new(keys: &[&str]) -> Self {
        let (first, second) = (provider(0, "first", keys), provider(1, "second", &["sk"]));
        let routes = MODELS.map(|model| route(vec![step(&first, model), step(&second, "m")]));
        Self {
            world: World::new(&[first, second]),
            routes: routes.to_vec(),
            calls: [0; 4],
            answered: [0; 4],
            requests: [0; 4],
        }
    }

    /// A request to a route. `ill` tells the class by which a call to the first provider's model fails, and how long that
    /// takes (milliseconds).
    fn request(&mut self, model: usize, ill: &dyn Fn(usize) -> Option<(Class, u64)>) {
        let mut walk = self.world.walk(&self.routes[model]);
        self.requests[model] += 1;
        loop {
            let attempt = match walk.next(&mut self.world.ledger, self.world.now) {
                Move::Try(attempt) => attempt,
                other => panic!("the second provider answers: {other:?}"),
            };
            if attempt.step_index == 1 {
                self.world
                    .succeed(walk, attempt, &RemainingLimits::default());
                return;
            }
            self.calls[model] += 1;
            match ill(model) {
                Some((class, takes)) => {
                    self.world.pass(takes);
                    self.world.fail(&mut walk, attempt, failure(class));
                }
                None => {
                    self.answered[model] += 1;
                    self.world
                        .succeed(walk, attempt, &RemainingLimits::default());
                    return;
                }
            }
        }
    }
}

#[test]
fn a_provider_with_one_dead_model_of_four_loses_nothing_on_the_other_three() {
    for (class, takes) in [
        (Class::ServerError, 10),
        (Class::Timeout, 30_000),
        (Class::Forbidden, 10),
        (Class::RateLimited, 10),
        (Class::EmptyAnswer, 10),
    ] {
        for keys in [&["sk"][..], &["sk-0", "sk-1"]] {
            let mut traffic = Traffic::new(keys);
            for round in 0..4 * 3600 {
                traffic.request(round % 4, &|model| (model == 0).then_some((class, takes)));
                traffic.world.pass(500);
            }
            assert_eq!(traffic.answered[1..], traffic.requests[1..], "{class:?}");
            assert_eq!(traffic.answered[0], 0);
        }
    }
}

/// A blip of a healthy model beside a dead one is no proof against the provider, which has answered in between.
#[test]
fn a_blip_beside_a_dead_model_costs_the_other_two_nothing() {
    let mut traffic = Traffic::new(&["sk"]);
    for round in 0..4 * 3600_usize {
        let blip = round % 400 == 2;
        let model = [0, 2, 1, 3][round % 4];
        traffic.request(model, &|model| match model {
            0 => Some((Class::ServerError, 10)),
            1 if blip => Some((Class::ServerError, 10)),
            _ => None,
        });
        traffic.world.pass(500);
    }
    assert_eq!(traffic.answered[2..], traffic.requests[2..]);
}

#[test]
fn a_provider_that_is_down_is_found_out_after_at_most_two_calls() {
    for (class, takes) in [(Class::ServerError, 10), (Class::Timeout, 30_000)] {
        let mut traffic = Traffic::new(&["sk-0", "sk-1"]);
        for round in 0..400 {
            traffic.request(round % 4, &|_| None);
            traffic.world.pass(100);
        }
        let before: u64 = traffic.calls.iter().sum();
        for round in 0..4 {
            traffic.request(round, &|_| Some((class, takes)));
        }
        let calls = traffic.calls.iter().sum::<u64>() - before;
        assert_eq!(calls, 2, "{class:?}");
        // A failed connect is proof by itself.
        let mut traffic = Traffic::new(&["sk"]);
        for round in 0..4 {
            traffic.request(round, &|_| Some((Class::Unreachable, 10)));
        }
        assert_eq!(traffic.calls.iter().sum::<u64>(), 1);
    }
}

#[test]
fn an_outage_of_hours_costs_two_calls_a_minute_and_not_one_for_each_model() {
    let mut traffic = Traffic::new(&["sk"]);
    for round in 0..4 * 3600 {
        traffic.request(round % 4, &|_| Some((Class::ServerError, 10)));
        traffic.world.pass(500);
    }
    let calls: u64 = traffic.calls.iter().sum();
    // Two hours, doubling from 5 s to 60 s.
    assert!(calls <= 2 * 125, "{calls}");
    // And it is found again when it is back.
    for round in 0..4 * 200 {
        traffic.request(round % 4, &|_| None);
        traffic.world.pass(500);
    }
    let answered = traffic.answered;
    traffic.request(0, &|_| None);
    traffic.request(3, &|_| None);
    assert_eq!(traffic.answered[0], answered[0] + 1);
    assert_eq!(traffic.answered[3], answered[3] + 1);
}
