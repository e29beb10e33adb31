//! The requests that come to a route, for a person: its further names, its endpoints, and requests without a model.

use crate::config::{Alias, Config, Route};

/// A line for each of these that is configured.
pub fn reached_by(route: &Route, config: &Config) -> Vec<String> {
    let aliases: Vec<String> = route.aliases.iter().map(Alias::spelled).collect();
    let aliases = (!aliases.is_empty()).then(|| format!("aliases {}", aliases.join(", ")));
    let endpoints = route.endpoints.as_ref();
    let endpoints = endpoints.map(|served| format!("endpoints {} only", served.join(", ")));
    let without = config.default_routes.iter();
    let without: Vec<&str> = without
        .filter(|(_, name)| *name == route.name)
        .map(|(dialect, _)| *dialect)
        .collect();
    let without = (!without.is_empty())
        .then(|| format!("default route of {} without a model", without.join(", ")));
    [aliases, endpoints, without]
        .into_iter()
        .flatten()
        .collect()
}
