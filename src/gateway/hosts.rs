//! The name that a request calls the gateway by: `Host`, against `hosts` of the configuration.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::Config;
use crate::http::Head;

/// Whether a request may call the gateway by the name in its `Host`.
///
/// A page of a stranger can have its own name point at an address of the home network (DNS rebinding), and then read what
/// the gateway answers there without a key. The browser writes that name into `Host`, and nothing else; so addresses and
/// `localhost` pass always, as does a client of HTTP/1.0 without the field, which is no browser.
pub fn is_accepted(config: &Config, head: &Head) -> bool {
    if config.hosts.is_empty() {
        return true;
    }
    let Some((_, host)) = head
        .fields()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
    else {
        return true;
    };
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = name_of(host);
    is_address(name) || name.eq_ignore_ascii_case("localhost") || is_listed(config, name)
}

/// Whether the configuration lists a name.
pub fn is_listed(config: &Config, name: &str) -> bool {
    let mut listed = config.hosts.iter();
    listed.any(|host| host.eq_ignore_ascii_case(name))
}

/// The name in a `Host`, without its port and the dot at its end.
pub fn name_of(host: &str) -> &str {
    let name = without_port(host);
    name.strip_suffix('.').unwrap_or(name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let in_brackets = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match in_brackets {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_told_from_its_port() {
        for (host, name, address) in [
            ("gateway.lan", "gateway.lan", false),
            ("gateway.lan:8080", "gateway.lan", false),
            ("gateway.lan:", "gateway.lan", false),
            ("192.0.2.1:80", "192.0.2.1", true),
            ("[::1]:80", "[::1]", true),
            ("[::1]", "[::1]", true),
            ("192.0.2.1.evil.example", "192.0.2.1.evil.example", false),
            ("0x7f000001", "0x7f000001", false),
            ("", "", false),
        ] {
            assert_eq!(without_port(host), name, "{host}");
            assert_eq!(is_address(name), address, "{host}");
        }
    }
}
