//! The names that clients may use for a route: its own, its `aliases`, and none at all (`default_routes`).

use std::sync::Arc;

use super::model::Route;
use super::section::{Section, Setting};
use super::suggest::did_you_mean;
use crate::dialect;

/// A further name of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    Exact(String),
    /// The beginning of names, spelled with a `*` behind it.
    Prefix(String),
}

impl Alias {
    /// The alias as the file spells it.
    pub fn spelled(&self) -> String {
        match self {
            Self::Exact(name) => name.clone(),
            Self::Prefix(begin) => format!("{begin}*"),
        }
    }
}

/// The tag that clients of Ollama put behind a name.
pub const TAG: &str = ":latest";

/// The route that a client means: the one with this name, else the one with this alias, else the one with the longest
/// prefix of it; `None` where there is none. A name with a tag may be meant without it.
pub(super) fn find<'r>(
    routes: &'r [Arc<Route>],
    name: &str,
    may_be_tagged: bool,
) -> Option<&'r Arc<Route>> {
    let exact = |name| named(routes, name);
    let untagged = name.strip_suffix(TAG).filter(|_| may_be_tagged);
    let found = exact(name).or_else(|| exact(untagged?));
    found.or_else(|| {
        let aliases = aliases_of(routes).filter_map(|(route, alias)| match alias {
            Alias::Prefix(begin) => name.starts_with(begin).then_some((begin.len(), route)),
            Alias::Exact(_) => None,
        });
        let longest = aliases.max_by_key(|(length, _)| *length);
        longest.map(|(_, route)| route)
    })
}

/// The route with this very name or alias; `None` where there is none.
fn named<'r>(routes: &'r [Arc<Route>], name: &str) -> Option<&'r Arc<Route>> {
    let found = routes.iter().find(|route| route.name == name);
    found.or_else(|| {
        let mut aliases = aliases_of(routes);
        let found =
            aliases.find(|(_, alias)| matches!(alias, Alias::Exact(exact) if exact == name));
        found.map(|(route, _)| route)
    })
}

fn aliases_of(routes: &[Arc<Route>]) -> impl Iterator<Item = (&Arc<Route>, &Alias)> {
    let routes = routes.iter();
    routes.flat_map(|route| route.aliases.iter().map(move |alias| (route, alias)))
}

/// `aliases` of a route; `is_taken` tells whether another route has a name or alias.
pub(super) fn aliases(table: &Section, is_taken: impl Fn(&str) -> bool) -> Vec<Alias> {
    let mut found: Vec<Alias> = Vec::new();
    let listed = table.get("aliases").and_then(|value| value.list());
    for value in listed.unwrap_or_default() {
        let Some(text) = value.filled().filter(|text| value.is_printable(text)) else {
            continue;
        };
        let alias = match text.content.strip_suffix('*') {
            Some(begin) => Alias::Prefix(begin.to_owned()),
            None => Alias::Exact(text.content.clone()),
        };
        if matches!(&alias, Alias::Exact(name) | Alias::Prefix(name) if name.contains('*')) {
            value.report("holds a `*` that is not its end: only a prefix can be meant");
        } else if is_taken(&text.content) || found.contains(&alias) {
            value.report(format!(
                "{} is the name of another route, or an alias already",
                text.quoted()
            ));
        } else {
            found.push(alias);
        }
    }
    found
}

/// `endpoints` of a route: the dialects that it serves; `None` is all of them.
pub(super) fn endpoints(table: &Section) -> Option<Vec<&'static str>> {
    let value = table.get("endpoints")?;
    let listed = value.list()?;
    if listed.is_empty() {
        value.report("is empty: leave it out to serve every endpoint");
    }
    let options = dialect::NAMES.map(|name| (name, name));
    Some(
        listed
            .iter()
            .filter_map(|value| value.choice(&options))
            .collect(),
    )
}

/// `default_routes`: for each dialect the route of requests that name no model.
pub(super) fn default_routes(root: &Section, routes: &[Arc<Route>]) -> Vec<(&'static str, String)> {
    let Some(table) = root.get("default_routes").and_then(|value| value.table()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in table.into_values() {
        let Some(dialect) = dialect::NAMES.into_iter().find(|name| *name == key) else {
            let suggestion = did_you_mean(&key, dialect::NAMES);
            value.report(format!("unknown endpoint{suggestion}"));
            continue;
        };
        if let Some(name) = route_named(&value, dialect, routes) {
            found.push((dialect, name));
        }
    }
    found
}

fn route_named(value: &Setting, dialect: &str, routes: &[Arc<Route>]) -> Option<String> {
    let text = value.filled()?;
    let Some(route) = routes.iter().find(|route| route.name == text.content) else {
        let names = routes.iter().map(|route| route.name.as_str());
        let suggestion = did_you_mean(&text.content, names);
        value.report(format!("there is no route {}{suggestion}", text.quoted()));
        return None;
    };
    if !route.serves(dialect) {
        value.report(format!("route {} does not serve {dialect}", text.quoted()));
    }
    Some(text.content)
}
