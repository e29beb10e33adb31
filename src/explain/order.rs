//! The order in which a route's steps are tried, and the step that would be first now.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;

use crate::config::{Order, Route, Step};
use crate::dialect::waits::in_words;

/// The order of a route of the running gateway; older ones tell none.
#[derive(Debug, Default, Deserialize)]
pub struct RunningOrder {
    first: Option<RunningFirst>,
    sticking: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct RunningFirst {
    step_index: usize,
    why: String,
}

/// The part of a step of the running gateway in its route's order.
#[derive(Debug, Default, Deserialize)]
pub struct RunningStepOrder {
    chance: Option<f64>,
    first_content_ms: Option<u64>,
    whole_answer_ms: Option<u64>,
}

/// The order that is configured, and the step that most requests would be given first now.
pub fn explain_route(text: &mut String, route: &Route, running: Option<&RunningOrder>) {
    // Writing into a String cannot fail.
    let _ = match route.order {
        Order::Listed => Ok(()),
        Order::Spread => writeln!(
            text,
            "  order: spread, by lot: weight times what is left of the limits"
        ),
        Order::Fastest => writeln!(
            text,
            "  order: fastest to the first content; another step is measured now and then"
        ),
    };
    if !route.sticky.is_zero() {
        let sticking = match running.and_then(|running| running.sticking) {
            Some(count) => format!("; {count} do now"),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "  sticky: conversations go on at the step that answered them last, for {:?}{sticking}",
            route.sticky
        );
    }
    if let Some(first) = running.and_then(|running| running.first.as_ref())
        && let Some(step) = route.steps.get(first.step_index)
    {
        let _ = writeln!(
            text,
            "  first now: {}. {}/{}: {}",
            first.step_index + 1,
            step.provider.name,
            step.model,
            first.why
        );
    }
}

/// The weight of a step, where lots go by it.
pub fn explain_step(text: &mut String, route: &Route, step: &Step) {
    if route.order == Order::Spread {
        let _ = writeln!(text, "   weight {}", step.weight());
    }
}

/// The chance or the measured times of a step.
pub fn explain_step_now(text: &mut String, step: &RunningStepOrder) {
    if let Some(chance) = step.chance {
        let _ = writeln!(text, "   now first for {:.0} % of requests", chance * 100.0);
    }
    let times = [
        (step.first_content_ms, "to the first content of a stream"),
        (step.whole_answer_ms, "for a whole answer"),
    ];
    for (ms, what) in times {
        if let Some(ms) = ms {
            let time = in_words(Duration::from_millis(ms));
            let _ = writeln!(text, "   measured {time} {what}");
        }
    }
}
