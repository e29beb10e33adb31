//! Client addresses behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use crate::config::Network;

use super::head::Head;

/// The address of the client: the peer's or, behind trusted proxies, the last in `X-Forwarded-For` that is no proxy's.
///
/// Each proxy adds the address it sees to the right end of the field. So it is read from the right up to the first
/// address that is not a proxy's: whatever stands left of that was written by the client, which may write what it likes.
pub(super) fn client_address(peer: IpAddr, head: &Head, trusted: &[Network]) -> IpAddr {
    match traced(peer, head, trusted) {
        Traced::Whole(address) | Traced::Broken(address) => address,
    }
}

impl Head {
    /// The address of the client as trusted proxies tell it; `None` where the peer is none of them, or where they tell no
    /// address that can be believed.
    pub fn forwarded_address(&self, trusted: &[Network]) -> Option<IpAddr> {
        let peer = self.arrival().peer;
        let is_proxy = trusted.iter().any(|network| network.contains(peer));
        let is_told = self.fields_named("x-forwarded-for").next().is_some();
        match traced(peer, self, trusted) {
            Traced::Whole(address) if is_proxy && is_told => Some(address),
            Traced::Whole(_) | Traced::Broken(_) => None,
        }
    }
}

/// The farthest address that can be believed.
enum Traced {
    Whole(IpAddr),
    /// Behind an entry that is no address.
    Broken(IpAddr),
}

fn traced(peer: IpAddr, head: &Head, trusted: &[Network]) -> Traced {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer;
    if !is_trusted(client) {
        return Traced::Whole(client);
    }
    let mut lists: Vec<&[u8]> = head.fields_named("x-forwarded-for").collect();
    // Several fields are one list in their order (RFC 9110 section 5.3).
    while let Some(list) = lists.pop() {
        for entry in list.rsplit(|byte| *byte == b',') {
            // Behind an entry that is no address, the last proxy is as far as can be told.
            let Some(address) = address(entry.trim_ascii()) else {
                return Traced::Broken(client);
            };
            client = address;
            if !is_trusted(client) {
                return Traced::Whole(client);
            }
        }
    }
    Traced::Whole(client)
}

/// The address in an entry, with the port that some proxies add (Azure's does); `None` for anything else.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?;
    let address: Option<IpAddr> = entry.parse().ok();
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    address
        .or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::http::arrival::{Arrival, Entrance};

    /// `10.0.0.0/8` is trusted.
    fn client(peer: &str, fields: &[&str]) -> String {
        let fields: String = fields
            .iter()
            .map(|value| format!("X-Forwarded-For: {value}\r\n"))
            .collect();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = Head::parse(head.as_bytes(), &config::EdgeLimits::default()).unwrap();
        let trusted = trusted();
        client_address(peer.parse().unwrap(), &head, &trusted).to_string()
    }

    #[test]
    fn an_address_that_is_not_told_is_not_guessed() {
        for (peer, fields, expected) in [
            (
                "10.0.0.1",
                "X-Forwarded-For: 192.168.1.7\r\n",
                Some("192.168.1.7"),
            ),
            (
                "10.0.0.1",
                "X-Forwarded-For: 10.0.0.7\r\n",
                Some("10.0.0.7"),
            ),
            ("10.0.0.1", "X-Forwarded-For: unknown\r\n", None),
            ("10.0.0.1", "X-Real-IP: 192.168.1.7\r\n", None),
            ("10.0.0.1", "", None),
            ("192.168.1.1", "X-Forwarded-For: 192.168.1.7\r\n", None),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            let head = Head::parse(head.as_bytes(), &config::EdgeLimits::default()).unwrap();
            let head = head.arrived(Arrival {
                peer: peer.parse().unwrap(),
                entrance: Entrance::Main,
            });
            let told = head.forwarded_address(&trusted());
            assert_eq!(
                told,
                expected.map(|text| text.parse().unwrap()),
                "{peer} {fields}"
            );
        }
    }

    fn trusted() -> Vec<Network> {
        vec!["10.0.0.0/8".parse().unwrap()]
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        for (fields, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
            (&["198.51.100.7, 10.0.0.2,10.0.0.3"], "198.51.100.7"),
            (&["203.0.113.1", "198.51.100.7 , 10.0.0.2"], "198.51.100.7"),
            (&["198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            (&["198.51.100.7:4711"], "198.51.100.7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["::ffff:198.51.100.7"], "198.51.100.7"),
            // All are proxies: the farthest one asks for itself.
            (&["10.0.0.7, 10.0.0.2"], "10.0.0.7"),
            (&[], "10.0.0.1"),
            // A client that cannot be told counts as the proxy nearest to it.
            (&["unknown, 10.0.0.2"], "10.0.0.2"),
            (&["198.51.100.7, unknown"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["\u{e9}"], "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", fields), expected, "{fields:?}");
        }
    }
}
