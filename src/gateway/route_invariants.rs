//! The memory of what the answers of each route have in common. The state file has a copy.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, Route};

/// The memory: at most an entry for each route and dialect.
#[derive(Clone, Debug, Default)]
pub struct RouteInvariants {
    entries: Vec<Entry>,
}

/// A number that the answers of a route in a dialect have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    route: String,
    /// The dialect's name.
    endpoint: String,
    /// The route's steps at the time, as a number: those of others may answer otherwise.
    steps: u64,
    value: u64,
}

impl RouteInvariants {
    /// The number of a route; `None` before its first answer.
    pub fn of(&self, route: &Route, dialect: &str) -> Option<u64> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.route == route.name && entry.endpoint == dialect);
        entry.map(|entry| entry.value)
    }

    /// Takes in the number of a route.
    pub fn learn(&mut self, route: &Route, dialect: &str, value: u64) {
        self.entries
            .retain(|entry| entry.route != route.name || entry.endpoint != dialect);
        self.entries.push(Entry {
            route: route.name.to_string(),
            endpoint: dialect.to_owned(),
            steps: fingerprint(route),
            value,
        });
    }

    /// The entries for the state file, each a value of its own, so that a damaged one does not cost the others.
    pub fn to_values(&self) -> Vec<Value> {
        let entries = self.entries.iter();
        entries
            .filter_map(|entry| serde_json::to_value(entry).ok())
            .collect()
    }

    /// The memory in a state file, as far as it holds for this configuration.
    pub fn restore(values: &[Value], config: &Config) -> Self {
        let mut restored = Self::default();
        for entry in values
            .iter()
            .filter_map(|value| Entry::deserialize(value).ok())
        {
            let is_twice = restored
                .entries
                .iter()
                .any(|known| known.route == entry.route && known.endpoint == entry.endpoint);
            if !is_twice && holds(&entry, config) {
                restored.entries.push(entry);
            }
        }
        restored
    }

    /// The entries that hold for another configuration: the numbers of routes whose steps are the same.
    #[must_use]
    pub fn for_configuration(mut self, config: &Config) -> Self {
        self.entries.retain(|entry| holds(entry, config));
        self
    }
}

fn holds(entry: &Entry, config: &Config) -> bool {
    let mut routes = config.routes.iter();
    routes.any(|route| route.name == entry.route && fingerprint(route) == entry.steps)
}

/// The steps of a route as a number: providers, addresses, models, traits. std may change the algorithm with the compiler;
/// then what was learned is learned anew.
fn fingerprint(route: &Route) -> u64 {
    let mut hasher = DefaultHasher::new();
    for step in &route.steps {
        let provider = &step.provider;
        (&provider.name, &provider.base_url, &step.model).hash(&mut hasher);
        format!("{:?}", step.traits).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn config(model: &str, more: &str) -> Config {
        let text = format!(
            "api_key: client-key-of-some-length\nproviders: [{{name: p, base_url: \"http://localhost:1/v1\"}}]\nroutes:\n  - name: r\n    steps: [{{provider: p, model: {model}{more}}}]\n"
        );
        let environment = std::collections::BTreeMap::<String, String>::new();
        config::parse(&text, &environment).unwrap()
    }

    #[test]
    fn a_number_is_forgotten_with_the_steps_that_it_came_from() {
        let old = config("bge-m3", "");
        let mut memory = RouteInvariants::default();
        assert_eq!(memory.of(&old.routes[0], "embeddings"), None);
        memory.learn(&old.routes[0], "embeddings", 3);
        memory.learn(&old.routes[0], "embeddings", 1024);
        memory.learn(&old.routes[0], "other", 7);
        for (new, kept) in [
            (config("bge-m3", ""), Some(1024)),
            (config("bge-m3", ", timeout: 3s"), Some(1024)),
            (config("bge-large", ""), None),
            (config("bge-m3", ", space: x"), None),
        ] {
            let values = memory.to_values();
            let restored = RouteInvariants::restore(&values, &new);
            assert_eq!(restored.of(&new.routes[0], "embeddings"), kept);
            let reloaded = memory.clone().for_configuration(&new);
            assert_eq!(reloaded.of(&new.routes[0], "embeddings"), kept);
        }
        let damaged = [Value::Null, serde_json::json!({"route": "r"})];
        let restored = RouteInvariants::restore(&damaged, &old);
        assert_eq!(restored.entries, []);
    }
}
