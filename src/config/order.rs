//! `order:` and `sticky:` of a route, `weight:` of a step: the step that a request is given first.

use std::time::Duration;

use super::model::{Route, Step};
use super::section::Section;

/// The bounds of a weight.
const LEAST_WEIGHT: usize = 1;
const MOST_WEIGHT: usize = 1000;

/// The order in which the steps of a route are tried. Whichever it is, each is tried before the route fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the configuration lists them.
    #[default]
    Listed,
    /// By lot, by their weights and by what is left of their limits.
    Spread,
    /// The one first that has been the fastest to its first content.
    Fastest,
}

impl Order {
    /// All orders, by the words of the configuration.
    const WORDS: [(&'static str, Self); 3] = [
        ("listed", Self::Listed),
        ("spread", Self::Spread),
        ("fastest", Self::Fastest),
    ];

    /// The word of the configuration.
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, order)| *order == self)
            .map_or("", |(word, _)| *word)
    }
}

impl Route {
    /// Whether its steps may be tried in another order than the one of the file.
    pub fn is_ordered(&self) -> bool {
        self.order != Order::Listed || !self.sticky.is_zero()
    }
}

impl Step {
    /// The step's part of the requests of a route that is spread, as it was set.
    pub fn weight(&self) -> u32 {
        self.weight.unwrap_or(1)
    }
}

/// Reads a route's order, and the time for which its conversations stick to a step.
pub(super) fn of_route(table: &Section) -> (Order, Duration) {
    let order = table
        .get("order")
        .and_then(|value| value.choice(&Order::WORDS));
    let sticky = table.get("sticky").and_then(|value| value.duration());
    (order.unwrap_or_default(), sticky.unwrap_or_default())
}

/// Reads a step's weight.
pub(super) fn weight(table: &Section) -> Option<u32> {
    let weight = table
        .get("weight")
        .and_then(|value| value.count(&(LEAST_WEIGHT..=MOST_WEIGHT)));
    weight.and_then(|weight| u32::try_from(weight).ok())
}

/// Settings of an order that change nothing, in a sentence each.
pub(super) fn warnings(route: &Route) -> Vec<String> {
    let name = &route.name;
    let is_weighed = route.steps.iter().any(|step| step.weight.is_some());
    let idle_weight = (is_weighed && route.order != Order::Spread).then(|| {
        format!("the weights of the steps of route {name} change nothing without `order: spread`")
    });
    let idle_order = (route.is_ordered() && route.steps.len() == 1).then(|| {
        let setting = match route.order {
            Order::Listed => "sticky",
            Order::Spread | Order::Fastest => "order",
        };
        format!("`{setting}` changes nothing on route {name}, which has one step")
    });
    idle_weight.into_iter().chain(idle_order).collect()
}
