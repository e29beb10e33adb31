//! `ollama:`, the API of Ollama for clients that speak nothing else, and who may call it without a key.

use std::net::SocketAddr;
use std::sync::Arc;

use super::clients;
use super::cors;
use super::house;
use super::listen;
use super::model::{Account, Route};
use super::network::Network;
use super::section::{Section, Setting};
use crate::secret::Secret;

/// The capabilities of models that the API knows.
const CAPABILITIES: [&str; 6] = [
    "completion",
    "tools",
    "insert",
    "vision",
    "embedding",
    "thinking",
];

/// The version that the API says. VS Code refuses what is no three numbers, and anything below 0.6.4.
const VERSION: &str = "0.12.11";

/// The oldest version that VS Code takes.
const OLDEST: [u64; 3] = [0, 6, 4];

/// The name of the clients without a key in log and metrics.
const KEYLESS_NAME: &str = "ollama";

/// Ollama's API, where it is turned on.
#[derive(Clone, Debug)]
pub struct Ollama {
    /// The callers that need no key; `None` where all need one.
    pub keyless: Option<Keyless>,
    /// A further address, which serves this API alone.
    pub listen: Option<SocketAddr>,
    /// The version that clients are told.
    pub version: String,
}

/// The callers of Ollama's API that need no key.
#[derive(Clone, Debug)]
pub struct Keyless {
    pub networks: Vec<Network>,
    /// The origins of pages that may call without a key, in lower case; mostly none.
    pub origins: Vec<String>,
    /// The account that all of them share.
    pub account: Account,
}

/// The settings of the file; `None` where the API is off.
pub(super) fn ollama(
    root: &Section,
    routes: &[Arc<Route>],
    listen: &[SocketAddr],
    clients: &[Account],
) -> Option<Ollama> {
    let table = root.get("ollama")?.table()?;
    let flag = |key| table.get(key).and_then(|value| value.flag());
    let is_enabled = flag("enabled").unwrap_or(false);
    let needs_key = flag("require_key").unwrap_or(true);
    if is_enabled && !needs_key && clients.iter().any(|client| client.name == KEYLESS_NAME) {
        table.report(
            "needs no key, and clients without one are counted as `ollama`: call the client in \
             `api_keys` by another name",
        );
    }
    let keyless = Keyless {
        networks: table
            .get("networks")
            .map_or_else(house::networks, |value| house::of_callers(&value)),
        origins: table
            .get("origins")
            .map(|value| {
                let listed = cors::listed(&value);
                if listed.iter().any(|origin| origin == "*") {
                    value.report("has *: pages that need no key are listed one by one");
                }
                listed
            })
            .unwrap_or_default(),
        account: Account {
            routes: table
                .get("routes")
                .and_then(|value| clients::allowed(&value, routes)),
            limits: clients::account_limits(&table),
            ..Account::unlimited(KEYLESS_NAME, Secret::new(""))
        },
    };
    let of_its_own = table.get("listen").and_then(|value| {
        let address = listen::address(&value)?;
        if address.port() != 0 && listen.contains(&address) {
            value.report("is an address of `listen` at the top, where all endpoints are served");
        }
        Some(address)
    });
    let version = table.get("version").and_then(|value| version(&value));
    table.finish(|_| false);
    is_enabled.then(|| Ollama {
        keyless: (!needs_key).then_some(keyless),
        listen: of_its_own,
        version: version.unwrap_or_else(|| VERSION.to_owned()),
    })
}

/// `capabilities` of a route, as the API lists them; a route for nothing but embeddings has that one.
pub(super) fn capabilities(table: &Section, endpoints: Option<&[&str]>) -> Vec<&'static str> {
    let Some(value) = table.get("capabilities") else {
        let for_vectors = endpoints.is_some_and(|served| {
            let mut others = served.iter().filter(|name| **name != "ollama").peekable();
            others.peek().is_some() && others.all(|name| *name == "embeddings")
        });
        return match for_vectors {
            true => vec!["embedding"],
            false => vec!["completion", "tools"],
        };
    };
    let options = CAPABILITIES.map(|name| (name, name));
    let listed = value.list().unwrap_or_default();
    listed
        .iter()
        .filter_map(|value| value.choice(&options))
        .collect()
}

fn version(value: &Setting) -> Option<String> {
    let text = value.filled()?;
    let numbers = text.content.split('.').map(|number| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| is_number)
    });
    match numbers.collect::<Option<Vec<u64>>>().as_deref() {
        Some(numbers @ [_, _, _]) if *numbers >= OLDEST[..] => Some(text.content),
        Some([_, _, _]) => {
            value.report(format!(
                "{} is older than 0.6.4, which some clients refuse",
                text.quoted()
            ));
            None
        }
        _ => {
            value.report(format!(
                "{} is no version of three numbers such as {VERSION}",
                text.quoted()
            ));
            None
        }
    }
}

/// The warnings about the API, a line each.
pub(super) fn warnings(ollama: &Ollama, listen: &[SocketAddr]) -> Vec<String> {
    let Some(keyless) = &ollama.keyless else {
        return Vec::new();
    };
    house::warnings(
        "ollama",
        "require_key is false",
        listen.iter().chain(&ollama.listen),
        &keyless.networks,
    )
}
