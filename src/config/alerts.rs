//! `alerts:`, the receivers of messages about what happens, and what each of them is told.

use std::sync::Arc;
use std::time::Duration;

use super::clients;
use super::keys;
use super::model::{AllowedRoutes, Route};
use super::section::{Section, Setting};
use super::url::BaseUrl;
use crate::secret::Secret;

/// The most receivers; more is a mistake of whatever wrote the file.
const MOST_RECEIVERS: usize = 32;

/// The length from which a part of an address is taken for a token, and masked wherever it occurs (bytes).
const TOKEN_LENGTH: usize = 16;

/// The server of Telegram's bots.
const TELEGRAM: &str = "https://api.telegram.org";

/// The kind of a receiver, which decides the form of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    Webhook,
    Ntfy,
    Gotify,
    Telegram,
    Slack,
    Discord,
    UptimeKuma,
}

/// The kind of an event, as the configuration and webhooks spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertEvent {
    RouteDown,
    LastStep,
    KeyRefused,
    ModelGone,
    Quota,
    Budget,
    ConfigRefused,
    Started,
    Unsafe,
    /// A test, which no configuration names.
    Test,
    /// The number of messages that were held back, which no configuration names.
    More,
}

/// A receiver of messages.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The name in the log and for `alert --test`; without one of its own that of its kind.
    pub name: String,
    pub kind: ReceiverKind,
    /// The address, without the path that its kind adds. It may hold a token.
    pub url: Secret,
    pub token: Option<Secret>,
    /// The chat of Telegram; empty for the other kinds.
    pub chat: String,
    /// The events that are told.
    pub events: Vec<AlertEvent>,
    /// The routes that are watched; `None` means all.
    pub routes: Option<Vec<AllowedRoutes>>,
    /// The time that a state of a route must last before it is told.
    pub after: Duration,
    /// The time after which a state that lasts is told again; `None` means never.
    pub repeat: Option<Duration>,
    /// The time between two pushes to Uptime Kuma.
    pub interval: Duration,
}

impl ReceiverKind {
    pub const ALL: [Self; 7] = [
        Self::Webhook,
        Self::Ntfy,
        Self::Gotify,
        Self::Telegram,
        Self::Slack,
        Self::Discord,
        Self::UptimeKuma,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy => "ntfy",
            Self::Gotify => "gotify",
            Self::Telegram => "telegram",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::UptimeKuma => "uptime_kuma",
        }
    }

    fn needs_token(self) -> bool {
        matches!(self, Self::Telegram | Self::Gotify)
    }

    /// Whether the token stands in the address alone, so that a setting of its own has no use.
    fn has_token_in_url(self) -> bool {
        matches!(self, Self::Slack | Self::Discord | Self::UptimeKuma)
    }
}

impl AlertEvent {
    pub const ALL: [Self; 9] = [
        Self::RouteDown,
        Self::LastStep,
        Self::KeyRefused,
        Self::ModelGone,
        Self::Quota,
        Self::Budget,
        Self::ConfigRefused,
        Self::Started,
        Self::Unsafe,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::RouteDown => "route_down",
            Self::LastStep => "last_step",
            Self::KeyRefused => "key_refused",
            Self::ModelGone => "model_gone",
            Self::Quota => "quota",
            Self::Budget => "budget",
            Self::ConfigRefused => "config_refused",
            Self::Started => "started",
            Self::Unsafe => "unsafe",
            Self::Test => "test",
            Self::More => "more",
        }
    }

    /// Whether the event is a state of a route, which may pass before it is worth a message.
    pub fn has_to_last(self) -> bool {
        matches!(self, Self::RouteDown | Self::LastStep)
    }
}

impl Alert {
    /// Whether a route is watched.
    pub fn watches(&self, route: &str) -> bool {
        let watched = self.routes.as_ref();
        watched.is_none_or(|watched| watched.iter().any(|entry| entry.hold(route)))
    }

    /// The texts that are masked: token and address, and what in the address looks like a token.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        let url = self.url.expose();
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let parts = path.split(['/', '?', '&', '=']).skip(1);
        let tokens = parts.filter(|part| part.len() >= TOKEN_LENGTH);
        let tokens = tokens.map(Secret::new).collect::<Vec<_>>();
        let own = self.token.iter().chain([&self.url]).cloned();
        own.chain(tokens).collect::<Vec<_>>().into_iter()
    }
}

/// The receivers; a wrong one is left out and reported.
pub(super) fn alerts(root: &Section, routes: &[Arc<Route>]) -> Vec<Alert> {
    let mut receivers: Vec<Alert> = Vec::new();
    let Some(value) = root.get("alerts") else {
        return receivers;
    };
    let listed = value.list().unwrap_or_default();
    if listed.len() > MOST_RECEIVERS {
        value.report(format!("holds more than {MOST_RECEIVERS} receivers"));
    }
    for entry in listed.iter().take(MOST_RECEIVERS) {
        receivers.extend(receiver(entry, routes, &receivers));
    }
    receivers
}

fn receiver(value: &Setting, routes: &[Arc<Route>], others: &[Alert]) -> Option<Alert> {
    let table = value.table()?;
    let kinds = ReceiverKind::ALL.map(|kind| (kind.label(), kind));
    let kind = table
        .required("kind")
        .and_then(|(value, _)| value.choice(&kinds));
    let name = name(&table, kind, others);
    let url = url(&table, kind);
    let token = table.get("token").and_then(|value| {
        if let Some(kind) = kind.filter(|kind| kind.has_token_in_url()) {
            let kind = kind.label();
            value.report(format!(
                "is of no use for {kind}: its token is a part of the url"
            ));
        }
        let token = secret(&value);
        let is_empty = token.is_none() && value.text().is_some_and(|text| text.content.is_empty());
        if is_empty && kind.is_some_and(ReceiverKind::needs_token) {
            value.report("is empty: is the variable set?");
        }
        token
    });
    if let Some(kind) = kind.filter(|kind| kind.needs_token())
        && table.get("token").is_none()
    {
        table.report(format!("token is missing: {} needs one", kind.label()));
    }
    let is = |wanted| kind.is_none_or(|kind| kind == wanted);
    let only_for = |key, wanted: ReceiverKind| {
        let value = table.get(key)?;
        if !is(wanted) {
            value.report(format!("is a setting of {} alone", wanted.label()));
        }
        Some(value)
    };
    let chat = only_for("chat", ReceiverKind::Telegram);
    if kind == Some(ReceiverKind::Telegram) && chat.is_none() {
        table.report("chat is missing: the number of a chat, or @ and the name of a channel");
    }
    let interval = only_for("interval", ReceiverKind::UptimeKuma).and_then(|v| v.timeout());
    let is_state = kind == Some(ReceiverKind::UptimeKuma);
    let not_for_states = |key| {
        let value = table.get(key)?;
        if is_state {
            value.report("is of no use for uptime_kuma, which is told the state of routes alone");
        }
        Some(value)
    };
    let events = not_for_states("events").map(|value| events(&value));
    let repeat = not_for_states("repeat").and_then(|value| value.timeout());
    let after = table.get("after").and_then(|value| value.duration());
    let watched = table
        .get("routes")
        .and_then(|value| clients::allowed(&value, routes));
    table.finish(|_| false);
    let usual_delay = if is_state { 0 } else { 30 };
    Some(Alert {
        name: name?,
        kind: kind?,
        url: url?,
        token,
        chat: chat
            .and_then(|value| value.filled())
            .map(|text| text.content)
            .unwrap_or_default(),
        events: events.unwrap_or_else(|| {
            let all = AlertEvent::ALL.into_iter();
            all.filter(|event| *event != AlertEvent::ModelGone)
                .collect()
        }),
        routes: watched,
        after: after.unwrap_or(Duration::from_secs(usual_delay)),
        repeat,
        interval: interval.unwrap_or(Duration::from_secs(60)),
    })
}

/// The name of its own, or that of its kind, with a number where others of the kind stand before it.
fn name(table: &Section, kind: Option<ReceiverKind>, others: &[Alert]) -> Option<String> {
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    if table.get("name").is_some() {
        return table.unique_name("receivers", is_taken);
    }
    let kind = kind?.label();
    let numbered = (2..).map(|number| format!("{kind}-{number}"));
    let mut names = std::iter::once(kind.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name))
}

/// The address. No message shows it, as it may hold a token.
fn url(table: &Section, kind: Option<ReceiverKind>) -> Option<Secret> {
    if kind == Some(ReceiverKind::Telegram) && table.get("url").is_none() {
        return Some(Secret::new(TELEGRAM));
    }
    let (value, text) = table.required("url")?;
    let (base, query) = match text.content.split_once('?') {
        Some((base, query)) => (base, Some(query)),
        None => (text.content.as_str(), None),
    };
    if let Err(reason) = BaseUrl::parse(base) {
        value.report(reason);
        return None;
    }
    let is_plain = |query: &str| {
        query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    };
    if !query.is_none_or(is_plain) {
        value.report("holds a space or another character that URLs do not have");
        return None;
    }
    Some(match (kind?, query) {
        // People copy the address with the query of its example.
        (ReceiverKind::UptimeKuma, _) => Secret::new(base.trim_end_matches('/')),
        (ReceiverKind::Gotify | ReceiverKind::Telegram, Some(_)) => {
            value.report("must not have a query");
            return None;
        }
        (ReceiverKind::Gotify | ReceiverKind::Telegram, None) => {
            Secret::new(base.trim_end_matches('/'))
        }
        _ => Secret::new(text.content),
    })
}

fn secret(value: &Setting) -> Option<Secret> {
    let text = value.filled()?;
    let token = text.content.trim();
    if let Some(fault) = keys::fault(token).or_else(|| keys::placeholder(token)) {
        value.report(fault);
        return None;
    }
    if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
        value.report("holds a space or another character that tokens do not have");
        return None;
    }
    Some(Secret::new(token))
}

fn events(value: &Setting) -> Vec<AlertEvent> {
    let options = AlertEvent::ALL.map(|event| (event.label(), event));
    let listed = value.list().unwrap_or_default();
    if listed.is_empty() && value.is_list() {
        value.report("is empty: leave it out for all but model_gone");
    }
    let mut events: Vec<AlertEvent> = Vec::new();
    for event in listed.iter().filter_map(|value| value.choice(&options)) {
        if !events.contains(&event) {
            events.push(event);
        }
    }
    events
}
