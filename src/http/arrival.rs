//! The way by which a request came in.

use std::net::{IpAddr, Ipv6Addr};

/// The socket that a request came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The address at the other end of the connection, which may be a proxy's.
    pub peer: IpAddr,
    pub entrance: Entrance,
}

/// The listener that a connection was accepted at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// A listener for all requests.
    Main,
    /// The listener at which the handler answers some requests only.
    Side,
}

impl Default for Arrival {
    /// The arrival of a request that came by no connection.
    fn default() -> Self {
        Self {
            peer: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            entrance: Entrance::Main,
        }
    }
}
