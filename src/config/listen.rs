//! The addresses to listen on: `listen` and `port`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::section::{Section, Setting};
use super::typed_settings::parse_count;

const PORT: u16 = 8080;

/// The addresses of `listen`; else every address with the port of `port`, `$PORT` or 8080.
pub(super) fn addresses(table: &Section) -> Vec<SocketAddr> {
    let port = table.get("port");
    let Some(listen) = table.get("listen") else {
        let port = match port.and_then(|value| chosen_port(&value)) {
            Some(port) => port,
            None => port_of_environment(table).unwrap_or(PORT),
        };
        return vec![everywhere(port)];
    };
    if port.is_some() {
        listen.report("listen holds the port already: leave out `port`");
    }
    let listed = if listen.is_list() {
        listen.list().unwrap_or_default()
    } else {
        vec![listen.clone()]
    };
    if listed.is_empty() {
        listen.report("is empty: at least one address is needed");
    }
    let mut addresses = Vec::new();
    for value in &listed {
        match address(value) {
            Some(address) if addresses.contains(&address) => value.report("is given twice"),
            found => addresses.extend(found),
        }
    }
    addresses
}

/// The first address, where a file may be broken in any way: what cannot be read is passed over.
pub(super) fn likely(table: &Section) -> SocketAddr {
    let found = addresses(table).into_iter().next();
    found.unwrap_or_else(|| everywhere(port_of_environment(table).unwrap_or(PORT)))
}

/// The lines of a broken file that say where to listen: those that begin with `listen` and `port`, and what is indented
/// below them.
pub(super) fn lines(text: &str) -> String {
    let mut is_meant = false;
    let lines = text.lines().filter(|line| {
        if !line.starts_with([' ', '\t', '-', '#']) {
            is_meant = line.starts_with("listen:") || line.starts_with("port:");
        }
        is_meant
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The wildcard address of IPv6 and IPv4: the edge falls back to IPv4 where the machine has no IPv6.
fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

/// An address such as `127.0.0.1:8080`, `[::1]:8080`, `:8080` or `localhost:8080`. Port 0 lets the system choose one,
/// which tests use.
pub(super) fn address(value: &Setting) -> Option<SocketAddr> {
    let Some(text) = value.filled() else {
        value.report("must be an address such as 127.0.0.1:8080");
        return None;
    };
    let host_and_port = text
        .content
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, parse_port(port)?)));
    let address = match host_and_port {
        Some(("", port)) => Some(everywhere(port)),
        // No look-up here: the name has a fixed meaning (RFC 6761).
        Some(("localhost", port)) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        _ => text.content.parse().ok(),
    };
    if address.is_none() {
        value.report(format!(
            "{} is no address such as 127.0.0.1:8080, [::1]:8080 or :8080",
            text.quoted()
        ));
    }
    address
}

fn chosen_port(value: &Setting) -> Option<u16> {
    let text = value.filled()?;
    let port = parse_port(&text.content).filter(|port| *port > 0);
    if port.is_none() {
        value.report(format!("{} is no port from 1 to 65535", text.quoted()));
    }
    // Something wrong was given, so the environment is not asked.
    port.or(Some(PORT))
}

fn port_of_environment(table: &Section) -> Option<u16> {
    let text = table
        .environment()
        .variable("PORT")
        .filter(|text| !text.is_empty())?;
    let port = text.to_str().and_then(parse_port).filter(|port| *port > 0);
    if port.is_none() {
        table.report("the environment variable PORT is no port from 1 to 65535");
    }
    port
}

fn parse_port(text: &str) -> Option<u16> {
    parse_count(text).and_then(|port| u16::try_from(port).ok())
}
