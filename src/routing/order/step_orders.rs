//! The memory of all routes that have an order: measured times, and the steps that conversations stick to.

use std::hash::RandomState;
use std::time::{Duration, Instant};

use crate::config::{Config, Order, Route};
use crate::dialect::class::Class;

use super::conversation::Fingerprint;
use super::measured_time::Manner;
use super::outlook::StepOutlook;
use super::route_times::RouteTimes;
use super::sequence::{Sequence, draw, lot};
use super::sticking::{StepPlace, Sticking};

/// The knowledge that orders go by besides the ledger, bounded by the configuration, and in the number of conversations; a route
/// that is tried as it is listed has no part in it.
#[derive(Clone, Debug)]
pub struct StepOrders {
    /// The key of the numbers of conversations.
    key: RandomState,
    pub(super) routes: Vec<RouteTimes>,
    sticking: Sticking,
}

/// A request that asks for the order of its steps.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub route: &'a Route,
    /// Of each step of the route.
    pub outlooks: &'a [StepOutlook],
    pub manner: Manner,
    /// The conversation that it goes on with, where its route is sticky and it has messages.
    pub conversation: Option<Fingerprint>,
    pub now: Instant,
}

impl StepOrders {
    /// A memory without content. `key` is to be kept for as long as the process lives.
    pub fn new(config: &Config, key: RandomState) -> Self {
        let ordered = config.routes.iter().filter(|route| route.is_ordered());
        Self {
            key,
            routes: ordered.map(|route| RouteTimes::new(route)).collect(),
            sticking: Sticking::default(),
        }
    }

    /// The key of the numbers of conversations.
    pub fn key(&self) -> RandomState {
        self.key.clone()
    }

    /// The sequence for a request. `random` is any number; it draws the lots.
    pub fn sequence(&mut self, asked: &Asked<'_>, random: u64) -> Sequence {
        if let Some(step) = self.step_stuck_to(asked) {
            let others = self.of_most_requests(asked.route, asked.outlooks, asked.manner);
            return others.led_by(step, asked.outlooks.len());
        }
        match asked.route.order {
            Order::Listed => Sequence::default(),
            Order::Spread => draw(&lots(asked.route, asked.outlooks), random),
            Order::Fastest => self.fastest(asked),
        }
    }

    /// The sequence for most requests: without lots, probes, and conversations.
    pub fn of_most_requests(
        &self,
        route: &Route,
        outlooks: &[StepOutlook],
        manner: Manner,
    ) -> Sequence {
        match route.order {
            Order::Listed => Sequence::default(),
            Order::Spread => {
                let lots = lots(route, outlooks);
                let mut steps: Vec<usize> = (0..lots.len()).collect();
                steps.sort_by(|one, other| {
                    let of = |step: &usize| lots.get(*step).copied().unwrap_or_default();
                    of(other).total_cmp(&of(one))
                });
                Sequence::of(steps)
            }
            Order::Fastest => match self.times_of(route) {
                Some((_, times)) => Sequence::of(times.sorted(outlooks, manner)),
                None => Sequence::default(),
            },
        }
    }

    /// Takes in the answer of a step: `took` from the beginning of its attempt to the first content, or to the end of a
    /// whole answer.
    pub fn answered(&mut self, asked: &Asked<'_>, step: usize, took: Duration) {
        if asked.route.order == Order::Fastest
            && let Some((_, times)) = self.times_of_mut(asked.route)
            && let Some(times) = times.steps.get_mut(step)
        {
            times.in_manner_mut(asked.manner).answered(took, asked.now);
        }
        self.stuck(asked, step);
    }

    /// Has the conversation go on at a step, where its route is sticky.
    pub fn stuck(&mut self, asked: &Asked<'_>, step: usize) {
        let Some((place, _)) = self.times_of(asked.route) else {
            return;
        };
        if let Some(conversation) = asked.conversation
            && !asked.route.sticky.is_zero()
            && let (Ok(route), Ok(step)) = (u16::try_from(place), u16::try_from(step))
        {
            let place = StepPlace { route, step };
            let span = asked.route.sticky;
            self.sticking.stick(conversation, place, span, asked.now);
        }
    }

    /// Takes in the failure of a step's attempt.
    pub fn missed(&mut self, asked: &Asked<'_>, step: usize, class: Class, took: Duration) {
        if asked.route.order == Order::Fastest
            && let Some((_, times)) = self.times_of_mut(asked.route)
        {
            times.missed(step, asked.manner, class, took, asked.now);
        }
    }

    /// The memory for another configuration: of the steps that it has, too.
    #[must_use]
    pub fn for_configuration(self, config: &Config) -> Self {
        let mut new = Self::new(config, self.key);
        let moved = |place: StepPlace| {
            let route = self.routes.get(usize::from(place.route))?;
            let step = route.steps.get(usize::from(place.step))?;
            let mut routes = new.routes.iter();
            let at = routes.position(|other| other.name == route.name)?;
            let position = new.routes.get(at)?.position(&step.provider, &step.model)?;
            Some(StepPlace {
                route: u16::try_from(at).ok()?,
                step: u16::try_from(position).ok()?,
            })
        };
        let sticking = self.sticking.moved(moved);
        for route in &mut new.routes {
            let mut old = self.routes.iter();
            let Some(old) = old.find(|old| old.name == route.name) else {
                continue;
            };
            for step in &mut route.steps {
                let position = old.position(&step.provider, &step.model);
                if let Some(known) = position.and_then(|position| old.steps.get(position)) {
                    step.times = known.times;
                }
            }
        }
        Self { sticking, ..new }
    }

    /// The number of conversations that stick to a step of a route.
    pub fn sticking(&self, route: &Route, now: Instant) -> usize {
        let place = self.times_of(route).map(|(place, _)| place);
        let place = place.and_then(|place| u16::try_from(place).ok());
        place.map_or(0, |place| self.sticking.count(place, now))
    }

    /// The mean time of a step in a manner; `None` before its first answer.
    pub fn mean_time(&self, route: &Route, step: usize, manner: Manner) -> Option<Duration> {
        let (_, times) = self.times_of(route)?;
        times.mean(step, manner)
    }

    /// The memory of the conversations, from above (bytes).
    #[cfg(test)]
    pub fn sticking_bytes(&self) -> usize {
        self.sticking.bytes()
    }

    fn times_of(&self, route: &Route) -> Option<(usize, &RouteTimes)> {
        let mut routes = self.routes.iter().enumerate();
        routes.find(|(_, times)| times.name == route.name)
    }

    fn times_of_mut(&mut self, route: &Route) -> Option<(usize, &mut RouteTimes)> {
        let mut routes = self.routes.iter_mut().enumerate();
        routes.find(|(_, times)| times.name == route.name)
    }

    /// The step that a conversation goes on at. One that cannot serve now loses it.
    fn step_stuck_to(&mut self, asked: &Asked<'_>) -> Option<usize> {
        let conversation = asked.conversation?;
        let place = self.sticking.step_of(conversation, asked.now)?;
        let step = usize::from(place.step);
        let outlook = asked.outlooks.get(step);
        if outlook.is_some_and(StepOutlook::serves) {
            return Some(step);
        }
        self.sticking.loosen(conversation);
        None
    }

    fn fastest(&mut self, asked: &Asked<'_>) -> Sequence {
        let Some((_, times)) = self.times_of_mut(asked.route) else {
            return Sequence::default();
        };
        let sorted = times.sorted(asked.outlooks, asked.manner);
        let probed = times.probe(&sorted, asked.outlooks, asked.manner, asked.now);
        let sequence = Sequence::of(sorted);
        match probed {
            None => sequence,
            Some(step) => sequence.led_by(step, asked.outlooks.len()).probing(step),
        }
    }
}

/// The weights of a route's steps in the lots.
pub fn lots(route: &Route, outlooks: &[StepOutlook]) -> Vec<f64> {
    let steps = route.steps.iter().zip(outlooks);
    steps
        .map(|(step, outlook)| lot(outlook, step.weight()))
        .collect()
}
