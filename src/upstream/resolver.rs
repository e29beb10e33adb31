//! The resolver: from a URL to socket addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ureq::http::Uri;

use super::call_state::CallState;
use super::error::CallError;
use super::host_names::{HostNames, Lookup, NoAddress};
use super::stats::CallCounts;

/// The resolver of literal addresses and `localhost`, and of everything else by [`HostNames`].
pub(super) struct Resolver {
    names: HostNames,
}

impl Resolver {
    pub fn new(lookup: Box<Lookup>, counts: Arc<CallCounts>) -> Self {
        Self {
            names: HostNames::new(lookup, counts),
        }
    }

    /// The addresses of the URI's host, at least one.
    pub fn resolve(&self, uri: &Uri, state: &CallState) -> Result<Vec<SocketAddr>, CallError> {
        let Some((host, port)) = server(uri) else {
            return Err(CallError::Unreachable("a URL without a host".to_owned()));
        };
        let addresses = self.addresses(host, state)?.into_iter();
        Ok(addresses
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }

    fn addresses(&self, host: &str, state: &CallState) -> Result<Vec<IpAddr>, CallError> {
        if let Some(known) = without_lookup(host) {
            return Ok(known);
        }
        // A dot at the end stays: the name is then not looked for in the search list.
        let name = host.to_ascii_lowercase();
        self.names
            .addresses(&name, state.connect_deadline, || state.check())
            .map_err(|error| match error {
                NoAddress::Failed(why) => CallError::Unreachable(format!("{name}: {why}")),
                NoAddress::Late => CallError::Timeout(state.phase),
                NoAddress::Stopped(error) => error,
            })
    }
}

/// The host of a URI as it is written there, and its port; `None` without a host.
pub(super) fn server(uri: &Uri) -> Option<(&str, u16)> {
    let usual = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    Some((uri.host()?, uri.port_u16().unwrap_or(usual)))
}

/// The addresses of a literal, and of `localhost` with all names below it, which are loopback by RFC 6761 section 6.3
/// even where there is no `/etc/hosts`. `None`: the host needs a lookup.
fn without_lookup(host: &str) -> Option<Vec<IpAddr>> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Ok(address) = bare.unwrap_or(host).parse() {
        return Some(vec![address]);
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    // Local model servers listen on IPv4 more often than on both; a refusal moves on at once.
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
