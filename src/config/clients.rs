//! The clients that may use the gateway: `api_key` and `api_keys` at the top.

use std::sync::Arc;

use super::keys;
use super::model::{Account, Route};
use super::section::{Section, Setting, Text};
use super::suggest::did_you_mean;
use crate::secret::Secret;

/// The name of the client whose key is the plain `api_key`.
const DEFAULT_NAME: &str = "default";

/// The clients, at least one: a gateway without a key would hand out the operator's provider keys.
pub(super) fn clients(root: &Section, routes: &[Arc<Route>]) -> Vec<Account> {
    let mut clients = Vec::new();
    let (one, several) = (root.get("api_key"), root.get("api_keys"));
    if one.is_none() && several.is_none() {
        root.report("api_key is missing: clients need a key, often `api_key: ${GATEWAY_API_KEY}`");
    }
    if let Some(key) = one.as_ref().and_then(|value| key(value, &value.text()?)) {
        clients.push(Account {
            name: DEFAULT_NAME.to_owned(),
            key,
            routes: None,
        });
    }
    if let Some(value) = several {
        let listed = value.list().unwrap_or_default();
        if listed.is_empty() && value.is_list() && one.is_none() {
            value.report("is empty: clients need a key");
        }
        for value in &listed {
            add(value, routes, &mut clients);
        }
    }
    clients
}

/// Adds the client of a `{name, key, routes}`.
fn add(value: &Setting, routes: &[Arc<Route>], clients: &mut Vec<Account>) {
    let Some(table) = value.table() else { return };
    let name = table.unique_name("clients", |name| {
        clients.iter().any(|client| client.name == name)
    });
    let key = table.required("key").and_then(|(value, text)| {
        let key = key(&value, &text)?;
        if clients.iter().any(|client| client.key == key) {
            value.report("is the key of another client too: nobody could tell them apart");
        }
        Some(key)
    });
    let allowed = table
        .get("routes")
        .and_then(|value| allowed(&value, routes));
    table.finish(|_| false);
    if let (Some(name), Some(key)) = (name, key) {
        clients.push(Account {
            name,
            key,
            routes: allowed,
        });
    }
}

/// The key as clients send it. White space around it, which a pasted line or a `.env` file with CRLF brings along,
/// can never arrive in a header.
fn key(value: &Setting, text: &Text) -> Option<Secret> {
    let key = text.content.trim();
    if key.is_empty() {
        value.report("is empty: clients need a key");
        return None;
    }
    if key.chars().any(char::is_control) {
        value.report("holds a line break or another control character");
        return None;
    }
    if let Some(fault) = keys::fault(key).or_else(|| keys::placeholder(key)) {
        value.report(fault);
        return None;
    }
    Some(Secret::new(key))
}

/// The routes that a client may use, by the names in a list.
pub(super) fn allowed(value: &Setting, routes: &[Arc<Route>]) -> Option<Vec<String>> {
    let listed = value.list()?;
    if listed.is_empty() {
        value.report("is empty: leave it out to allow every route");
    }
    // A route with an unreadable name may be the one that is meant.
    let all_named = routes.iter().all(|route| !route.name.is_empty());
    let mut names = Vec::new();
    for value in listed {
        let Some(text) = value.text() else { continue };
        if routes.iter().any(|route| route.name == text.content) {
            names.push(text.content);
        } else if all_named {
            let suggestion = did_you_mean(
                &text.content,
                routes.iter().map(|route| route.name.as_str()),
            );
            value.report(format!("unknown route {}{suggestion}", text.quoted()));
        }
    }
    Some(names)
}
