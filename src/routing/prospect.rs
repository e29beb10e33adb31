//! The prospect of a route: the step that most requests would be given first now, and why. For people.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Order, Route};
use crate::dialect::waits::in_words;

use super::ledger::Ledger;
use super::order::{Manner, StepOrders, StepOutlook, lots, outlook};
use super::walk::Walk;

/// The prospect of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Prospect {
    /// `None` where every step has a stated deadline.
    pub first: Option<FirstChoice>,
    /// The conversations that stick to a step.
    pub sticking: usize,
    /// Of each step.
    pub steps: Vec<StepProspect>,
}

/// The step that most requests are given first.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstChoice {
    pub step: usize,
    /// The reason in words.
    pub why: String,
}

/// The prospect of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepProspect {
    /// The weight of a route that is spread.
    pub weight: Option<u32>,
    /// The part of requests that is given to it first, of a route that is spread (0 to 1).
    pub chance: Option<f64>,
    /// The mean time to the first content of a stream, of a route that goes by it.
    pub first_content: Option<Duration>,
    /// The mean time of a whole answer, of a route that goes by it.
    pub whole_answer: Option<Duration>,
}

impl StepOrders {
    /// The prospect of a route now. Where streams and whole answers differ, streams are told.
    pub fn prospect(&self, route: &Arc<Route>, ledger: &Ledger, now: Instant) -> Prospect {
        let outlooks = outlook(route, ledger, now);
        let lots = lots(route, &outlooks);
        let total: f64 = lots.iter().sum();
        let steps = route.steps.iter().zip(&lots).enumerate();
        let steps: Vec<StepProspect> = steps
            .map(|(index, (step, lot))| match route.order {
                Order::Listed => StepProspect::default(),
                Order::Spread => StepProspect {
                    weight: Some(step.weight()),
                    chance: Some(if total > 0.0 { lot / total } else { 0.0 }),
                    ..StepProspect::default()
                },
                Order::Fastest => {
                    let mean = |manner| self.mean_time(route, index, manner);
                    StepProspect {
                        first_content: mean(Manner::Stream),
                        whole_answer: mean(Manner::Whole),
                        ..StepProspect::default()
                    }
                }
            })
            .collect();
        // Where nobody asks for streams, the times of whole answers are all there is.
        let has_streams = steps.iter().any(|step| step.first_content.is_some());
        let manner = match has_streams {
            true => Manner::Stream,
            false => Manner::Whole,
        };
        let sequence = self.of_most_requests(route, &outlooks, manner);
        let first = Walk::first_step(route, sequence, ledger, now);
        Prospect {
            first: first.map(|step| FirstChoice {
                step,
                why: why(route, step, &steps, &outlooks, manner),
            }),
            sticking: self.sticking(route, now),
            steps,
        }
    }
}

fn why(
    route: &Route,
    step: usize,
    steps: &[StepProspect],
    outlooks: &[StepOutlook],
    manner: Manner,
) -> String {
    let outlook = outlooks.get(step);
    let prospect = steps.get(step).copied().unwrap_or_default();
    if outlook.is_none_or(|outlook| !outlook.usable) {
        return "all are cooling, and it is back the soonest".to_owned();
    }
    let as_listed = match step {
        0 => "the first of the list",
        _ => "the first of the list that is not cooling",
    };
    match (route.order, prospect.chance) {
        (Order::Spread, Some(chance)) => format!(
            "{:.0} % of requests go there first: weight {}, {:.0} % of its limits left",
            chance * 100.0,
            prospect.weight.unwrap_or(1),
            outlook.map_or(1.0, |outlook| outlook.left) * 100.0
        ),
        (Order::Fastest, _) => match (manner, prospect.first_content, prospect.whole_answer) {
            (Manner::Stream, Some(time), _) => {
                format!("{} to the first content of a stream", in_words(time))
            }
            (Manner::Whole, _, Some(time)) => format!("{} for a whole answer", in_words(time)),
            _ => format!("{as_listed}, as no time is known yet"),
        },
        (Order::Listed | Order::Spread, _) => as_listed.to_owned(),
    }
}
