//! The verdict on all routes that a client may see: the sentence on top of the status page.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::config::Route;
use crate::dialect::waits::in_words;
use crate::routing::Ledger;

use super::route_health::{RouteStanding, RouteState};

/// The routes that are named; there may be hundreds.
const MOST_NAMED: usize = 3;

/// The state of the worst route, and a sentence about all that are like it.
#[derive(Debug, Serialize)]
pub struct Verdict {
    state: &'static str,
    text: String,
}

/// A route that is not served as it is meant to be.
struct Fallen<'a> {
    route: &'a Route,
    why: String,
}

impl Verdict {
    /// The verdict at a moment.
    pub fn on<'a>(
        routes: impl Iterator<Item = &'a Arc<Route>>,
        ledger: &Ledger,
        now: Instant,
    ) -> Self {
        let (mut down, mut degraded, mut all) = (Vec::new(), Vec::new(), 0);
        for route in routes {
            all += 1;
            let standing = RouteStanding::of(route, ledger, now);
            match standing.state {
                RouteState::Serving => {}
                RouteState::Degraded => degraded.push(Fallen {
                    route,
                    why: why_degraded(route, standing.step.unwrap_or_default()),
                }),
                RouteState::Down => down.push(Fallen {
                    route,
                    why: why_down(route, &standing, ledger, now),
                }),
            }
        }
        if !down.is_empty() {
            return Self::about(RouteState::Down, &down, all, "cannot answer");
        }
        if !degraded.is_empty() {
            let verb = match degraded.len() {
                1 => "is served by a later step",
                _ => "are served by later steps",
            };
            return Self::about(RouteState::Degraded, &degraded, all, verb);
        }
        let text = match all {
            0 => "This key may use no route.".to_owned(),
            1 => "The route can answer.".to_owned(),
            _ => format!("All {all} routes can answer."),
        };
        Self {
            state: RouteState::Serving.word(),
            text,
        }
    }

    fn about(state: RouteState, fallen: &[Fallen<'_>], all: usize, verb: &str) -> Self {
        let state = state.word();
        if let ([only], 1) = (fallen, all) {
            let text = format!("The route {} {verb} ({}).", only.route.name, only.why);
            return Self { state, text };
        }
        let named = fallen.iter().take(MOST_NAMED);
        let named = named.map(|fallen| format!("{} ({})", fallen.route.name, fallen.why));
        let mut named = named.collect::<Vec<_>>().join("; ");
        if fallen.len() > MOST_NAMED {
            named.push_str(&format!("; and {} more", fallen.len() - MOST_NAMED));
        }
        let text = format!("{} of {all} routes {verb}: {named}.", fallen.len());
        Self { state, text }
    }
}

/// The reason why no step of a route is usable, in words.
fn why_down(route: &Route, standing: &RouteStanding, ledger: &Ledger, now: Instant) -> String {
    let mut said: Vec<String> = Vec::new();
    for step in &route.steps {
        let cooling = ledger.cooling_of(step, now);
        let class = cooling.map_or("", |cooling| cooling.class.label());
        let words = format!("{} {}", step.provider.name, class.replace('_', " "));
        if !said.contains(&words) {
            said.push(words);
        }
    }
    let rest = said.len().saturating_sub(MOST_NAMED);
    said.truncate(MOST_NAMED);
    let mut text = said.join(", ");
    if rest > 0 {
        text.push_str(&format!(", and {rest} more"));
    }
    if let Some(left) = standing.returns_in {
        text.push_str(&format!("; back in {}", in_words(left)));
    }
    text
}

fn why_degraded(route: &Route, usable: usize) -> String {
    let step = route.steps.get(usable);
    let name = step.map_or("", |step| step.provider.name.as_str());
    format!("{name}, step {} of {}", usable + 1, route.steps.len())
}
