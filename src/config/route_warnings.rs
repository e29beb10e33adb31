//! Warnings about the ways to a route: aliases, requests without a model, and endpoints that no step can serve.

use super::model::{Config, Route};
use super::route_names::Alias;
use super::wyoming;

/// The warnings about a configuration's routes, a line each.
pub(super) fn about_routes(config: &Config) -> impl Iterator<Item = String> + '_ {
    let of_routes = config.routes.iter().flat_map(|route| {
        let aliases = route.aliases.iter();
        let of_aliases = aliases.filter_map(|alias| about_alias(alias, route, config));
        of_aliases.chain(about_endpoints(route))
    });
    of_routes.chain(about_default_routes(config))
}

fn about_alias(alias: &Alias, route: &Route, config: &Config) -> Option<String> {
    let Alias::Prefix(begin) = alias else {
        return None;
    };
    let name = &route.name;
    if begin.is_empty() {
        return Some(format!(
            "the alias * of the route {name} takes every name that no other route has, misspelled ones too"
        ));
    }
    let shorter = longest_before(begin, route)?;
    // Between the two another route may take a part of the names.
    let others = config.routes.iter().filter(|other| other.name != *name);
    let takes_a_part = |other: &Route| {
        let between = longest_before(begin, other);
        between.is_some_and(|between| between.len() > shorter.len())
    };
    let mut others = others.filter(|other| takes_a_part(other));
    others.next().is_none().then(|| {
        format!("the alias {begin}* of the route {name} changes nothing beside {shorter}*")
    })
}

/// The longest prefix among a route's aliases that is shorter than this one, and holds it.
fn longest_before<'r>(begin: &str, route: &'r Route) -> Option<&'r str> {
    let prefixes = route.aliases.iter().filter_map(|alias| match alias {
        Alias::Prefix(other) => Some(other.as_str()),
        Alias::Exact(_) => None,
    });
    prefixes
        .filter(|other| other.len() < begin.len() && begin.starts_with(other))
        .max_by_key(|other| other.len())
}

fn about_endpoints(route: &Route) -> impl Iterator<Item = String> + '_ {
    let endpoints = route.endpoints.iter().flatten();
    let unserved = endpoints.filter(|endpoint| {
        let mut steps = route.steps.iter();
        !steps.any(|step| step.traits.may_serve(endpoint))
    });
    unserved.map(|endpoint| {
        format!(
            "the route {} lists the endpoint {endpoint}, which no step of it can serve",
            route.name
        )
    })
}

fn about_default_routes(config: &Config) -> impl Iterator<Item = String> + '_ {
    config.default_routes.iter().flat_map(|(dialect, name)| {
        let refused = config
            .clients
            .iter()
            // Its requests always name one.
            .filter(|client| config.wyoming.is_none() || client.name != wyoming::CLIENT)
            .filter(move |client| !client.may_use(name));
        refused.map(move |client| {
            format!(
                "requests of {dialect} without a model go to the route {name}, which the client {} may not use",
                client.name
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::dialect::step_traits::ProviderKind;

    fn config(routes: &str, more: &str) -> Config {
        let text = format!(
            "api_keys:\n  - {{name: all, key: a-client-key-of-26-bytes-x}}\n  - {{name: some, key: b-client-key-of-26-bytes-x, routes: [a]}}\n\
             providers: [{{name: p, base_url: 'http://p'}}]\nroutes:\n{routes}{more}"
        );
        super::super::parse(&text, &BTreeMap::<String, String>::new()).unwrap()
    }

    fn route(name: &str, more: &str) -> String {
        format!("  - {{name: {name}, {more}steps: [{{provider: p, model: m}}]}}\n")
    }

    fn told(config: &Config) -> Vec<String> {
        about_routes(config).collect()
    }

    #[test]
    fn an_alias_that_takes_all_or_changes_nothing_is_warned_of() {
        let all = config(&route("a", "aliases: ['*'], "), "");
        assert!(
            told(&all)[0].contains("misspelled ones too"),
            "{:?}",
            told(&all)
        );
        let aliases = "aliases: [claude-3, 'claude-*', 'claude-3-*'], ";
        let one = route("a", aliases);
        assert_eq!(
            told(&config(&one, "")),
            ["the alias claude-3-* of the route a changes nothing beside claude-*"]
        );
        // Here it takes names back from the other route.
        let wider = route("a", "aliases: ['claude-*', 'claude-3-5-*'], ");
        let between = wider + &route("b", "aliases: ['claude-3-*'], ");
        assert!(told(&config(&between, "")).is_empty());
        let besides = one + &route("b", "aliases: ['gpt-*'], ");
        assert_eq!(told(&config(&besides, "")).len(), 1);
    }

    #[test]
    fn a_default_route_that_a_client_may_not_use_is_warned_of() {
        let routes = route("a", "") + &route("b", "");
        let more = "default_routes: {images: a, moderations: b}\n";
        assert_eq!(
            told(&config(&routes, more)),
            [
                "requests of moderations without a model go to the route b, which the client some may not use"
            ]
        );
    }

    #[test]
    fn an_endpoint_that_no_provider_of_a_route_has_is_warned_of() {
        let mut config = config(&route("a", "endpoints: [messages, embeddings], "), "");
        assert!(told(&config).is_empty());
        let route = Arc::get_mut(&mut config.routes[0]).unwrap();
        route.steps[0].traits.kind = ProviderKind::Anthropic;
        route.endpoints = Some(vec!["messages", "embeddings"]);
        assert_eq!(
            told(&config),
            ["the route a lists the endpoint embeddings, which no step of it can serve"]
        );
    }
}
