//! Callers of Ollama's API without a key: those of the house, where the configuration says that they need none.
//!
//! Clients of Ollama were written for a server without keys, and some cannot send one. Three ways lead strangers into a
//! house all the same: a tunnel or a proxy on the same host, behind which the whole internet looks like loopback; a web
//! page whose own name points at an address of the house (DNS rebinding); and a web page that posts to such an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{Account, Config, Keyless, PRIVATE_ENDINGS};
use crate::dialect::error::Code;
use crate::http::Head;

use super::accounts;
use super::hosts;
use super::refusal::Refusal;

/// The fields that proxies write the client's address into.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// The account of a caller who shows no known key.
///
/// # Errors
/// The caller needs a key, or showed a wrong one; or comes from where nobody may call without one.
pub fn account<'c>(config: &'c Config, head: &Head) -> Result<&'c Account, Refusal> {
    let keyless = config
        .ollama
        .as_ref()
        .and_then(|ollama| ollama.keyless.as_ref());
    let keyless = keyless.filter(|_| !accounts::shows_key(head));
    let keyless = keyless.ok_or_else(|| Refusal::unauthorized(accounts::fault(head)))?;
    match stranger(keyless, config, head) {
        None => Ok(&keyless.account),
        Some(words) => Err(Refusal::new(Code::Forbidden, words)),
    }
}

/// The reason why a caller is none of the house; `None` where it is one.
fn stranger(keyless: &Keyless, config: &Config, head: &Head) -> Option<&'static str> {
    let is_of_house = |address| {
        let mut networks = keyless.networks.iter();
        networks.any(|network| network.contains(address))
    };
    let has = |name: &str| head.fields_named(name).next().is_some();
    let is_forwarded = FORWARDED.iter().any(|name| has(name));
    let forwarded = || head.forwarded_address(&config.server.trusted_proxies);
    // A proxy writes one of the fields and passes on what its client says in the others: each has to agree.
    let is_named_otherwise = || {
        let real = head.fields_named("x-real-ip").map(|field| {
            let text = std::str::from_utf8(field).ok()?;
            text.trim().parse::<IpAddr>().ok()
        });
        let mut real = real.map(|address| address.map(|address| address.to_canonical()));
        has("forwarded") || real.any(|address| !address.is_some_and(is_of_house))
    };
    if !is_of_house(head.arrival().peer) {
        return Some("a key is needed from this address");
    }
    if is_forwarded && (is_named_otherwise() || !forwarded().is_some_and(is_of_house)) {
        return Some("a key is needed behind a proxy");
    }
    if !is_private_name(config, head) {
        return Some("a key is needed by this name of the host");
    }
    let is_foreign = |origin: &[u8]| {
        let mut origins = keyless.origins.iter();
        !origins.any(|listed| listed.as_bytes() == origin)
    };
    let from_page = head.fields_named("origin").any(is_foreign);
    from_page.then_some("a key is needed from web pages")
}

/// Whether the name in `Host` is one that no page of the internet can have.
fn is_private_name(config: &Config, head: &Head) -> bool {
    let Some(host) = head.fields_named("host").next() else {
        return false;
    };
    let name = std::str::from_utf8(host).map(hosts::name_of);
    name.is_ok_and(|name| is_private(name) || hosts::is_listed(config, name))
}

fn is_private(name: &str) -> bool {
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(address) = in_brackets {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let lower = name.to_ascii_lowercase();
    let is_label = !lower.is_empty() && !lower.contains(['.', ':']);
    let ends = |end: &&str| lower.len() > end.len() && lower.ends_with(*end);
    lower.parse::<Ipv4Addr>().is_ok() || is_label || PRIVATE_ENDINGS.iter().any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_page_of_the_internet_can_have_are_not_private() {
        for (host, expected) in [
            ("127.0.0.1:11434", true),
            ("192.168.1.5", true),
            ("[::1]:11434", true),
            ("[fe80::1]", true),
            ("localhost:11434", true),
            ("LOCALHOST", true),
            ("nas", true),
            ("nas.:80", true),
            ("ollama:11434", true),
            ("gateway.local", true),
            ("gateway.LAN:80", true),
            ("a.b.home.arpa", true),
            ("host.docker.internal:11434", true),
            ("box.tail1234.ts.net", true),
            ("evil.example", false),
            ("local.evil.example", false),
            ("evil.example.", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1.nip.io", false),
            (".local", false),
            ("", false),
            ("::1", false),
            ("[::1].evil.example", false),
            ("notlan.example:80", false),
            ("evilts.net", false),
        ] {
            assert_eq!(is_private(hosts::name_of(host)), expected, "{host}");
        }
    }
}
