//! The clients that may use the gateway: `api_key` and `api_keys` at the top.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::keys;
use super::limits::{self, Holder};
use super::model::{Account, AllowedRoutes, Route};
use super::section::{Section, Setting, Text};
use super::suggest::did_you_mean;
use crate::dialect::waits;
use crate::limits::{Limit, PeriodKey, TimeZone, UnixMs};
use crate::secret::Secret;

/// The name of the client whose key is the plain `api_key`.
const DEFAULT_NAME: &str = "default";

/// The clients, at least one: a gateway without a key would hand out the operator's provider keys.
pub(super) fn clients(root: &Section, routes: &[Arc<Route>], zone: TimeZone) -> Vec<Account> {
    let mut clients = Vec::new();
    let (one, several) = (root.get("api_key"), root.get("api_keys"));
    if one.is_none() && several.is_none() {
        root.report("api_key is missing: clients need a key, often `api_key: ${GATEWAY_API_KEY}`");
    }
    if let Some(key) = one.as_ref().and_then(|value| key(value, &value.text()?)) {
        clients.push(Account {
            admin: several.is_none(),
            ..Account::unlimited(DEFAULT_NAME, key)
        });
    }
    if let Some(value) = several {
        let listed = value.list().unwrap_or_default();
        if listed.is_empty() && value.is_list() && one.is_none() {
            value.report("is empty: clients need a key");
        }
        for value in &listed {
            add(value, routes, zone, &mut clients);
        }
    }
    clients
}

/// Adds the client of a `{name, key, ...}`.
fn add(value: &Setting, routes: &[Arc<Route>], zone: TimeZone, clients: &mut Vec<Account>) {
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
    let flag = |key| table.get(key).and_then(|value| value.flag());
    let account = Account {
        routes: table
            .get("routes")
            .and_then(|value| allowed(&value, routes)),
        limits: account_limits(&table),
        soft: flag("soft").unwrap_or(false),
        expires: table.get("expires").and_then(|value| expiry(&value, zone)),
        admin: flag("admin").unwrap_or(false),
        ..Account::unlimited("", Secret::new(""))
    };
    table.finish(|_| false);
    if let (Some(name), Some(key)) = (name, key) {
        clients.push(Account {
            name: name.into(),
            key,
            ..account
        });
    }
}

/// The limits of a client, those of money among them.
pub(super) fn account_limits(table: &Section) -> Vec<Limit> {
    let mut limits = limits::limits(table, Holder::Client);
    limits.extend(limits::budget(table));
    limits
}

/// The time from which a key is none: the end of a day in the zone of clients, or a time of RFC 3339.
fn expiry(value: &Setting, zone: TimeZone) -> Option<UnixMs> {
    let text = value.filled()?;
    let day = PeriodKey::parse(&text.content).and_then(|day| zone.end_of_day(day));
    let time = || {
        let time = waits::timestamp_at_start(&text.content)?;
        let since_1970 = time.duration_since(UNIX_EPOCH).ok()?;
        UnixMs::try_from(since_1970.as_millis()).ok()
    };
    let expiry = day.or_else(time);
    if expiry.is_none() {
        value.report(format!(
            "{} is no day such as 2027-01-31, and no time such as 2027-01-31T12:00:00Z",
            text.quoted()
        ));
    }
    expiry
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

/// The routes that a client may use, by the names in a list. A `*` at the end stands for every route whose name begins so.
pub(super) fn allowed(value: &Setting, routes: &[Arc<Route>]) -> Option<Vec<AllowedRoutes>> {
    let listed = value.list()?;
    if listed.is_empty() {
        value.report("is empty: leave it out to allow every route");
    }
    // A route with an unreadable name may be the one that is meant.
    let all_named = routes.iter().all(|route| !route.name.is_empty());
    let mut entries = Vec::new();
    for value in listed {
        let Some(text) = value.text() else { continue };
        let is_one = |entry: &AllowedRoutes| routes.iter().any(|route| entry.hold(&route.name));
        let named = AllowedRoutes::Named(text.content.clone());
        let begin = text.content.strip_suffix('*');
        let below = begin.map(|begin| AllowedRoutes::Below(begin.to_owned()));
        match [Some(named), below].into_iter().flatten().find(is_one) {
            Some(entry) => entries.push(entry),
            None if all_named && begin.is_some() => {
                value.report(format!("no route has a name like {}", text.quoted()));
            }
            None if all_named => {
                let names = routes.iter().map(|route| route.name.as_str());
                let suggestion = did_you_mean(&text.content, names);
                value.report(format!("unknown route {}{suggestion}", text.quoted()));
            }
            None => {}
        }
    }
    Some(entries)
}
