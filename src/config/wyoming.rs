//! `wyoming:`, speech to text and text to speech for Home Assistant, and who may speak to it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};

use super::clients;
use super::house;
use super::listen;
use super::model::{Account, AllowedRoutes, Route};
use super::network::Network;
use super::section::{Section, Setting};
use super::suggest::did_you_mean;
use crate::secret::Secret;
use crate::text;

/// The name of the client that all callers are, in log, metrics and accounts.
pub const CLIENT: &str = "wyoming";

/// The port of speech to text in Home Assistant's own add-ons.
const PORT: u16 = 10_300;

/// The name of the services unless the file says otherwise.
const NAME: &str = "AI gateway";

/// The voice that OpenAI's models had from the beginning, and that many servers take for their own.
const VOICE: &str = "alloy";

/// The languages that OpenAI names for its transcriptions: Home Assistant offers a service only for those it lists.
const LANGUAGES: &str = "af ar az be bg bs ca cs cy da de el en es et fa fi fr gl he hi hr hu hy id is it ja kk kn ko lt \
                         lv mi mk mr ms ne nl no pl pt ro ru sk sl sr sv sw ta th tl tr uk ur vi zh";

/// The most languages and voices, and their longest name (characters): the list of them is one message.
const MOST_NAMES: usize = 200;
const LONGEST_NAME: usize = 100;

/// The bytes of the key that the process makes for itself.
const KEY_BYTES: usize = 32;

/// The services of speech, where they are turned on.
#[derive(Clone, Debug)]
pub struct Wyoming {
    pub listen: SocketAddr,
    pub name: String,
    /// The names of the routes of speech to text, and of text to speech: at least one.
    pub stt: Option<String>,
    pub tts: Option<String>,
    /// The networks of the peers. The protocol has no key.
    pub networks: Vec<Network>,
    pub languages: Vec<String>,
    /// The voices on offer; the first is that of callers who name none.
    pub voices: Vec<String>,
    /// The key of the account, which is one of [`Config::clients`](super::Config::clients). Made anew at each reading.
    pub key: Secret,
}

/// The settings of the file, with the account of the callers; `None` where the services are off.
pub(super) fn wyoming(
    root: &Section,
    routes: &[Arc<Route>],
    listen: &[SocketAddr],
    clients: &[Account],
) -> Option<(Wyoming, Account)> {
    let value = root.get("wyoming")?;
    let table = value.table()?;
    if clients.iter().any(|client| client.name == CLIENT) {
        table.report(
            "counts its callers as the client `wyoming`: call the client in `api_keys` by another name",
        );
    }
    let route = |key, endpoint| {
        let value = table.get(key)?;
        route_of(&value, routes, endpoint)
    };
    let (stt, tts) = (route("stt", "transcriptions"), route("tts", "speech"));
    if table.get("stt").is_none() && table.get("tts").is_none() {
        table.report("has neither stt nor tts: name the route of at least one");
    }
    let own = table.get("listen").and_then(|value| {
        let address = listen::address(&value)?;
        if address.port() != 0 && listen.contains(&address) {
            value.report("is an address of `listen` at the top, where HTTP is spoken");
        }
        Some(address)
    });
    let names = |key, default: &str| {
        let listed = table.get(key).map(|value| names(&value));
        let default = || default.split(' ').map(str::to_owned).collect();
        listed.unwrap_or_else(default)
    };
    let name = table.get("name").and_then(|value| {
        let text = value.filled().filter(|text| value.is_printable(text))?;
        is_short(&value, &text.content).then_some(text.content)
    });
    let networks = table.get("networks");
    let networks = networks.map_or_else(house::networks, |value| house::of_callers(&value));
    let key = key(&table);
    let allowed = [&stt, &tts].into_iter().flatten().cloned();
    let account = Account {
        routes: Some(allowed.map(AllowedRoutes::Named).collect()),
        limits: clients::account_limits(&table),
        ..Account::unlimited(CLIENT, key.clone())
    };
    let wyoming = Wyoming {
        listen: own.unwrap_or(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT)),
        name: name.unwrap_or_else(|| NAME.to_owned()),
        languages: names("languages", LANGUAGES),
        voices: names("voices", VOICE),
        networks,
        stt,
        tts,
        key,
    };
    table.finish(|_| false);
    Some((wyoming, account))
}

/// A key that is shown to no one, and good for as long as this configuration.
fn key(table: &Section) -> Secret {
    let mut bytes = [0; KEY_BYTES];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        table.report("needs random numbers for a key, and the system has none");
    }
    let mut key = String::new();
    text::push_hex(&mut key, &bytes);
    Secret::new(key)
}

/// The name of a route by its name or alias, if it serves the endpoint.
fn route_of(value: &Setting, routes: &[Arc<Route>], endpoint: &str) -> Option<String> {
    let text = value.text()?;
    if text.content.is_empty() {
        value.report("is empty: the name of a route is meant");
        return None;
    }
    let asked = text.content.as_str();
    let found = routes.iter().find(|route| {
        let mut aliases = route.aliases.iter();
        route.name == asked || aliases.any(|alias| alias.spelled() == asked)
    });
    match found {
        Some(route) if route.serves(endpoint) => return Some(route.name.to_string()),
        Some(_) => value.report(format!(
            "the route {} does not list the endpoint {endpoint}",
            text.quoted()
        )),
        // A route with an unreadable name may be the one that is meant.
        None if routes.iter().all(|route| !route.name.is_empty()) => {
            let names = routes.iter().map(|route| route.name.as_str());
            let suggestion = did_you_mean(asked, names);
            value.report(format!("unknown route {}{suggestion}", text.quoted()));
        }
        None => {}
    }
    None
}

fn names(value: &Setting) -> Vec<String> {
    let listed = value.list().unwrap_or_default();
    if listed.is_empty() && value.is_list() {
        value.report("is empty: leave it out for the built-in list");
    }
    if listed.len() > MOST_NAMES {
        value.report(format!("has more than {MOST_NAMES} entries"));
    }
    let mut names = Vec::new();
    for value in &listed {
        let Some(text) = value.filled().filter(|text| value.is_printable(text)) else {
            continue;
        };
        if is_short(value, &text.content) {
            names.push(text.content);
        }
    }
    names
}

fn is_short(value: &Setting, name: &str) -> bool {
    let is_short = name.chars().count() <= LONGEST_NAME;
    if !is_short {
        value.report(format!("is longer than {LONGEST_NAME} characters"));
    }
    is_short
}

/// The warnings about the services, a line each.
pub(super) fn warnings(wyoming: &Wyoming) -> Vec<String> {
    house::warnings(
        "wyoming",
        "the protocol has no key",
        [&wyoming.listen],
        &wyoming.networks,
    )
}
