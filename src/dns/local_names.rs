//! The addresses of a host that need no lookup.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of a literal, and of `localhost` with all names below it, which are loopback by RFC 6761 section 6.3
/// even where there is no `/etc/hosts`. `None`: the host needs a lookup.
pub fn without_lookup(host: &str) -> Option<Vec<IpAddr>> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse() {
        return Some(vec![address]);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    // Local servers listen on IPv4 more often than on both; a refusal moves on at once.
    is_local.then(|| vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty chroot has no `/etc/hosts`, and a DNS server asked for `localhost` may say anything.
    #[test]
    fn local_names_and_literals_need_no_lookup() {
        let both = Some("127.0.0.1 ::1");
        for (host, expected) in [
            ("127.0.0.1", Some("127.0.0.1")),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("localhost", both),
            ("LocalHost.", both),
            ("ollama.localhost", both),
            ("notlocalhost", None),
            ("localhost.example.com", None),
            ("api.example.com", None),
        ] {
            let expected = expected.map(|text| -> Vec<IpAddr> {
                text.split(' ')
                    .map(|address| address.parse().unwrap())
                    .collect()
            });
            assert_eq!(without_lookup(host), expected, "{host}");
        }
    }
}
