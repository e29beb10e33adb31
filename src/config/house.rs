//! The networks of a house: whoever is in them may call without a key, where the configuration says so.

use std::net::SocketAddr;

use super::network::{Network, networks as read};
use super::section::Setting;

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

/// The networks unless the file says otherwise.
pub(super) fn networks() -> Vec<Network> {
    let networks = OF_A_HOUSE.iter();
    networks.filter_map(|text| text.parse().ok()).collect()
}

/// Networks of callers without a key, none of which is larger than a house has.
pub(super) fn of_callers(value: &Setting) -> Vec<Network> {
    let networks = read(value);
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

/// The warnings about a service without a key, a line each: where it listens, and whom it lets in. `section` is that of
/// the file, `keyless` the reason why there is no key.
pub(super) fn warnings<'a>(
    section: &str,
    keyless: &str,
    listen: impl IntoIterator<Item = &'a SocketAddr>,
    callers: &[Network],
) -> Vec<String> {
    let mut house = networks();
    // The addresses of Tailscale (RFC 6598) are no others' than the operator's.
    house.extend("100.64.0.0/10".parse::<Network>());
    let of_house = |address| house.iter().any(|network| network.contains(address));
    let public = listen.into_iter().filter(|address| {
        let ip = address.ip().to_canonical();
        !ip.is_unspecified() && !of_house(ip)
    });
    let mut told: Vec<String> = public
        .map(|address| {
            format!(
                "{section}: {keyless}, and {address} is an address of the internet: `networks` alone keeps strangers out"
            )
        })
        .collect();
    let strange = callers.iter().any(|network| {
        let known = |within: &Network| within.holds(network);
        !house.iter().any(known)
    });
    if strange {
        told.push(format!(
            "{section}: `networks` holds addresses of the internet, whose clients need no key"
        ));
    }
    told
}
