//! A route with an order, for tests.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, Order, Route};
use crate::dialect::call_rules::CallRules;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::{RemainingLimits, ToldWindow};
use crate::limits::Unit;
use crate::routing::tests::setup::{World, chain, config, failure};
use crate::routing::{Asked, Conversation, Manner, Sequence, StepOrders, Walk, outlook};

pub const STICKY: Duration = Duration::from_secs(300);

/// A route with an order, and all that it goes by.
pub struct Ordered {
    pub route: Arc<Route>,
    pub world: World,
    pub orders: StepOrders,
    pub random: u64,
}

impl Ordered {
    pub fn new(length: usize, order: Order, adjust: impl Fn(&mut Route)) -> Self {
        let (route, world) = chain(length);
        let mut route = Route::clone(&route);
        route.order = order;
        adjust(&mut route);
        let route = Arc::new(route);
        let orders = StepOrders::new(&config_of(&route), RandomState::new());
        Self {
            route,
            world,
            orders,
            random: 0,
        }
    }

    pub fn sequence(&mut self, conversation: Option<&Conversation>) -> Sequence {
        self.random += 1;
        let (route, now) = (&self.route, self.world.now);
        let outlooks = outlook(route, &self.world.ledger, now);
        let asked = Asked {
            route,
            outlooks: &outlooks,
            manner: Manner::Stream,
            conversation: conversation.map(Conversation::fingerprint),
            now,
        };
        self.orders.sequence(&asked, self.random)
    }

    pub fn steps(&mut self, conversation: Option<&Conversation>) -> Vec<usize> {
        let sequence = self.sequence(conversation);
        (0..self.route.steps.len())
            .filter_map(|place| sequence.at(place))
            .collect()
    }

    pub fn answered(&mut self, step: usize, conversation: Option<&Conversation>, ms: u64) {
        let asked = self.asked(conversation);
        let took = Duration::from_millis(ms);
        self.orders.answered(&asked, step, took);
    }

    pub fn missed(&mut self, step: usize, class: Class, ms: u64) {
        let route = Arc::clone(&self.route);
        let asked = asked(&route, None, self.world.now);
        self.orders
            .missed(&asked, step, class, Duration::from_millis(ms));
    }

    pub fn asked(&self, conversation: Option<&Conversation>) -> Asked<'static> {
        // The route of a test lives as long as the test.
        let route: &'static Route = Box::leak(Box::new(Route::clone(&self.route)));
        asked(route, conversation, self.world.now)
    }

    pub fn conversation(&self, text: &str) -> Conversation {
        let tell = |take: &mut dyn FnMut(&str)| {
            take(text);
            true
        };
        Conversation::of(&self.orders.key(), "home", "main", tell).unwrap()
    }

    /// Has the provider of a step tell how much of its limit is left.
    pub fn tell_left(&mut self, step: usize, remaining: u64, limit: u64) {
        let mut walk = Walk::new(
            Arc::clone(&self.route),
            CallRules::default(),
            self.world.now,
        );
        let sequence = Sequence::default();
        walk.follow_sequence(sequence);
        let mut attempt = self.world.attempt(&mut walk);
        while attempt.step_index != step {
            self.world
                .fail(&mut walk, attempt, failure(Class::Rejected));
            attempt = self.world.attempt(&mut walk);
        }
        let told = RemainingLimits {
            windows: vec![ToldWindow {
                unit: Unit::Requests,
                window: None,
                remaining: Some(remaining),
                limit: Some(limit),
                resets_in: Some(Duration::from_secs(3600)),
            }],
        };
        self.world.succeed(walk, attempt, &told);
    }
}

pub fn asked<'a>(route: &'a Route, conversation: Option<&Conversation>, now: Instant) -> Asked<'a> {
    Asked {
        route,
        outlooks: &[],
        manner: Manner::Stream,
        conversation: conversation.map(Conversation::fingerprint),
        now,
    }
}

pub fn config_of(route: &Arc<Route>) -> Config {
    let providers = route.steps.iter().map(|step| Arc::clone(&step.provider));
    config(providers.collect(), vec![Arc::clone(route)])
}
