//! `ollama:`, the API of Ollama for clients that speak nothing else, and who may call it without a key.

use std::net::SocketAddr;
use std::sync::Arc;

use super::clients;
use super::cors;
use super::listen;
use super::model::{Account, Route};
use super::network::{Network, networks};
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

/// The networks of a house: loopback, private and link-local addresses.
const OF_A_HOUSE: [&str; 8] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// The shortest prefixes of networks whose clients need no key, of IPv4 and IPv6: a shorter one is no network of a house
/// (bits).
const SHORTEST_PREFIXES: (u32, u32) = (8, 7);

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
) -> Option<Ollama> {
    let table = root.get("ollama")?.table()?;
    let flag = |key| table.get(key).and_then(|value| value.flag());
    let is_enabled = flag("enabled").unwrap_or(false);
    let needs_key = flag("require_key").unwrap_or(true);
    let keyless = Keyless {
        networks: table
            .get("networks")
            .map_or_else(of_a_house, |value| of_callers(&value)),
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

fn of_a_house() -> Vec<Network> {
    let networks = OF_A_HOUSE.iter();
    networks.filter_map(|text| text.parse().ok()).collect()
}

/// Networks of callers without a key, none of which is larger than a house has.
fn of_callers(value: &Setting) -> Vec<Network> {
    let networks = networks(value);
    if networks.iter().any(|network| {
        let (ipv4, ipv6) = SHORTEST_PREFIXES;
        network.prefix() < if network.is_ipv4() { ipv4 } else { ipv6 }
    }) {
        let (ipv4, ipv6) = SHORTEST_PREFIXES;
        value.report(format!(
            "has a prefix shorter than /{ipv4} (IPv4) or /{ipv6} (IPv6): most of the internet would need no key"
        ));
    }
    networks
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
    let mut house = of_a_house();
    // The addresses of Tailscale (RFC 6598) are no others' than the operator's.
    house.extend("100.64.0.0/10".parse::<Network>());
    let of_house = |address| house.iter().any(|network| network.contains(address));
    let addresses = listen.iter().chain(&ollama.listen);
    let public = addresses.filter(|address| {
        let ip = address.ip().to_canonical();
        !ip.is_unspecified() && !of_house(ip)
    });
    let mut told: Vec<String> = public
        .map(|address| {
            format!(
                "ollama: require_key is false, and {address} is an address of the internet: `networks` alone keeps \
                 strangers out"
            )
        })
        .collect();
    let strange = keyless.networks.iter().any(|network| {
        let known = |within: &Network| within.holds(network);
        !house.iter().any(known)
    });
    if strange {
        told.push(
            "ollama: `networks` holds addresses of the internet, whose clients need no key"
                .to_owned(),
        );
    }
    told
}
