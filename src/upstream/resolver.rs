//! The resolver: from a URL to socket addresses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ureq::http::Uri;

use crate::dns::without_lookup;

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
