//! Advice that follows from the configuration alone, for what no row shows.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Config, Order, Route, Step};

use super::endpoint::Endpoint;
use super::seen::time_in_words;

/// The longest `stall_timeout` that nothing is said about, where it is the built-in one.
const SHORT: Duration = Duration::from_secs(20);

/// The built-in bound of `stall_timeout`.
const BUILT_IN: Duration = Duration::from_secs(60);

/// The advice about a route, a sentence each; none where there is nothing to say.
pub fn advice(config: &Config, route: &Route, endpoint: Endpoint) -> Vec<String> {
    [
        about_single(route),
        about_patience(route, endpoint.patience()),
        about_shared_providers(route),
        about_price(route),
        about_stalls(route).filter(|_| endpoint.has_text()),
        about_clients(config, route),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn about_single(route: &Route) -> Option<String> {
    (route.steps.len() == 1).then(|| {
        "one step only: where it fails, clients get the failure; add a second one".to_owned()
    })
}

/// The last step is of no use to a client that has gone before it is reached.
fn about_patience(route: &Route, patience: Duration) -> Option<String> {
    let (_, before) = route.steps.split_last()?;
    let wait: Duration = before.iter().map(|step| step.timeout).sum();
    let count = route.steps.len();
    let is_late = wait > patience || wait == patience && before.len() > 1;
    is_late.then(|| {
        let patience = patience.as_secs();
        let enough = (patience / (count as u64).max(1)).max(1);
        format!(
            "step {count} is reached after up to {} where those before it do not answer, and many clients wait \
             {patience} s: timeout: {enough}s on the steps",
            time_in_words(wait)
        )
    })
}

fn about_shared_providers(route: &Route) -> Option<String> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, step) in route.steps.iter().enumerate() {
        places.entry(step.provider.index).or_default().push(index);
    }
    let (_, shared) = places.into_iter().find(|(_, steps)| steps.len() > 1)?;
    let provider = &route.steps.get(*shared.first()?)?.provider.name;
    let numbers: Vec<String> = shared.iter().map(|index| (index + 1).to_string()).collect();
    let numbers = numbers.join(" and ");
    let remedy = match shared.len() == route.steps.len() {
        true => "; add a step at another provider",
        false => "",
    };
    Some(format!(
        "steps {numbers} are at one provider: where {provider} is down, none of them answers{remedy}"
    ))
}

fn about_price(route: &Route) -> Option<String> {
    let (first, later) = route.steps.split_first()?;
    let is_paid = |step: &Step| step.price.is_some();
    let is_first = route.order == Order::Listed && is_paid(first);
    let free = later.iter().position(|step| !is_paid(step));
    let free = free.filter(|_| is_first)? + 2;
    Some(format!(
        "step 1 has a price, and step {free} has none: the paid one first costs on every request"
    ))
}

fn about_stalls(route: &Route) -> Option<String> {
    let is_built_in = |step: &&Step| {
        let built_in = step.timeout.min(BUILT_IN);
        step.stall_timeout == built_in && built_in > SHORT
    };
    let longest = route.steps.iter().filter(is_built_in);
    let longest = longest.map(|step| step.stall_timeout).max()?;
    Some(format!(
        "stall_timeout is absent: a stream that stalls is ended after {}; stall_timeout: 15s ends it sooner",
        time_in_words(longest)
    ))
}

fn about_clients(config: &Config, route: &Route) -> Option<String> {
    let mut clients = config.clients.iter();
    let keyless = config.ollama.as_ref().and_then(|it| it.keyless.as_ref());
    let is_open = keyless.is_some_and(|it| it.account.may_use(&route.name));
    (!is_open && !clients.any(|client| client.may_use(&route.name)))
        .then(|| "no client may use this route: name it in the routes of one".to_owned())
}
