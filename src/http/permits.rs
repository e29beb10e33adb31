//! Permits: how many requests may be in flight, and how many connections and requests one client may have.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::config::{self, Network};
use crate::sync::lock;

use super::forwarded::client_address;
use super::head::Head;
use super::refusal::Refusal;

/// The number of requests in flight, which is that of the permits held.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// A permit that is not held yet.
    pub fn permit(&self) -> Permit {
        Permit {
            in_flight: self.clone(),
            held: false,
        }
    }
}

/// The permit of one request to be in flight; released when dropped. Without a lock, as every answer would take it.
pub(super) struct Permit {
    in_flight: InFlight,
    held: bool,
}

impl Permit {
    /// Takes the permit, within the limit or not.
    pub fn take(&mut self) {
        if !mem::replace(&mut self.held, true) {
            self.in_flight.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub fn release(&mut self) {
        if mem::take(&mut self.held) {
            self.in_flight.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release();
    }
}

/// The bits of an IPv6 address that tell clients apart: each has the other 64 for itself.
const NETWORK_OF_IPV6: u128 = !(u64::MAX as u128);

/// The part of all connections that one client may have where no limit is configured.
const DEFAULT_SHARE: usize = 4;

/// The permits held, by address. No more addresses are in it than there are connections and requests in flight.
#[derive(Default)]
struct PermitCounts {
    of: HashMap<IpAddr, usize>,
    /// The same in the order of their numbers.
    ranked: BTreeSet<(usize, IpAddr)>,
}

type Held = Arc<Mutex<PermitCounts>>;

/// The permits of clients, and their limits.
///
/// A client that connects by itself has a permit for each connection. Behind a trusted proxy connections say nothing,
/// as they are the proxy's; there each request in flight takes a permit.
pub(super) struct ClientPermits {
    /// The most for each address; `None` where none is configured.
    max: Option<usize>,
    /// The most connections for each address else, but loopback's: programs on the same machine look like one client.
    default_max: usize,
    trusted: Vec<Network>,
    connections: Held,
    requests: Held,
}

impl ClientPermits {
    pub fn new(limits: &config::EdgeLimits) -> Self {
        Self {
            max: limits.max_connections_per_ip,
            default_max: (limits.max_connections / DEFAULT_SHARE).max(1),
            trusted: limits.trusted_proxies.clone(),
            connections: Held::default(),
            requests: Held::default(),
        }
    }

    pub fn client_address(&self, peer: IpAddr, head: &Head) -> IpAddr {
        client_address(peer, head, &self.trusted)
    }

    /// The permit of a new connection. `None` if it needs none.
    ///
    /// # Errors
    /// The client is at its limit.
    pub fn for_connection(&self, peer: IpAddr) -> Result<Option<ClientPermit>, Refusal> {
        if self.is_proxy(peer) {
            return Ok(None);
        }
        let max = match self.max {
            Some(max) => max,
            None if peer.is_loopback() => usize::MAX,
            None => self.default_max,
        };
        take(&self.connections, counted_as(peer), max).map(Some)
    }

    /// The permit of a request. `None` if it needs none.
    ///
    /// # Errors
    /// The client is at its limit.
    pub fn for_request(&self, peer: IpAddr, head: &Head) -> Result<Option<ClientPermit>, Refusal> {
        let Some(max) = self.max.filter(|_| self.is_proxy(peer)) else {
            return Ok(None);
        };
        let address = counted_as(self.client_address(peer, head));
        take(&self.requests, address, max).map(Some)
    }

    /// The clients with the most connections, but for proxies, and those that have one only (at most `count`).
    pub fn busiest(&self, count: usize) -> Vec<IpAddr> {
        let held = lock(&self.connections);
        let ranked = held.ranked.iter().rev().take(count);
        let several = ranked.take_while(|(connections, _)| *connections > 1);
        several.map(|(_, address)| *address).collect()
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

fn take(held: &Held, address: IpAddr, max: usize) -> Result<ClientPermit, Refusal> {
    let mut counts = lock(held);
    if counts.of(address) >= max {
        return Err(Refusal::TOO_MANY_OF_ONE_CLIENT);
    }
    counts.change(address, 1);
    Ok(ClientPermit {
        address,
        all: Arc::clone(held),
        held: true,
    })
}

impl PermitCounts {
    fn of(&self, address: IpAddr) -> usize {
        self.of.get(&address).copied().unwrap_or_default()
    }

    fn change(&mut self, address: IpAddr, by: isize) {
        let count = self.of(address);
        let changed = count.saturating_add_signed(by);
        self.ranked.remove(&(count, address));
        if changed == 0 {
            self.of.remove(&address);
        } else {
            self.of.insert(address, changed);
            self.ranked.insert((changed, address));
        }
    }
}

/// The permit of a client for one connection or request; released when dropped.
pub(super) struct ClientPermit {
    address: IpAddr,
    all: Held,
    held: bool,
}

impl ClientPermit {
    /// Takes the permit again, within the limit or not: the client did not take its answer.
    pub fn take(&mut self) {
        if !mem::replace(&mut self.held, true) {
            lock(&self.all).change(self.address, 1);
        }
    }

    pub fn release(&mut self) {
        if mem::take(&mut self.held) {
            lock(&self.all).change(self.address, -1);
        }
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        self.release();
    }
}

/// The address that a client is counted by: of IPv6 its network.
pub(super) fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_OF_IPV6).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn permits(max: usize) -> ClientPermits {
        ClientPermits::new(&config::EdgeLimits {
            max_connections_per_ip: Some(max),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..config::EdgeLimits::default()
        })
    }

    fn connect(permits: &ClientPermits, peer: &str) -> Result<Option<ClientPermit>, Refusal> {
        permits.for_connection(peer.parse().unwrap())
    }

    #[test]
    fn each_client_has_its_own_permits_and_gets_them_back() {
        let permits = permits(2);
        let (first, second) = (
            connect(&permits, "192.0.2.1"),
            connect(&permits, "192.0.2.1"),
        );
        assert!(first.is_ok() && second.is_ok());
        assert!(connect(&permits, "192.0.2.1").is_err());
        assert!(connect(&permits, "192.0.2.2").is_ok());
        drop(first);
        assert!(connect(&permits, "192.0.2.1").is_ok());
        drop(second);
        assert!(
            lock(&permits.connections).of.is_empty(),
            "nobody is remembered"
        );
    }

    #[test]
    fn an_ipv6_client_cannot_have_more_by_changing_its_address() {
        let permits = permits(1);
        let _held = connect(&permits, "2001:db8:0:1::1").unwrap();
        assert!(connect(&permits, "2001:db8:0:1:ffff::2").is_err());
        assert!(connect(&permits, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn a_proxy_may_have_any_number_of_connections() {
        let permits = permits(1);
        let held: Vec<_> = (0..10).map(|_| connect(&permits, "10.0.0.1")).collect();
        assert!(held.iter().all(|permit| matches!(permit, Ok(None))));
    }

    #[test]
    fn without_a_limit_of_its_own_a_stranger_may_have_a_quarter_of_all_connections() {
        let permits = ClientPermits::new(&config::EdgeLimits {
            max_connections: 8,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..config::EdgeLimits::default()
        });
        for (peer, most) in [
            ("192.0.2.1", 2),
            ("2001:db8::1", 2),
            ("127.0.0.1", 100),
            ("::1", 100),
            ("10.0.0.1", 100),
        ] {
            let held: Vec<_> = (0..100)
                .map_while(|_| connect(&permits, peer).ok())
                .collect();
            assert_eq!(held.len(), most, "{peer}");
        }
    }

    #[test]
    fn the_busiest_clients_come_first_and_those_with_one_connection_are_not_among_them() {
        let permits = permits(10);
        let mut held = Vec::new();
        for (peer, count) in [("192.0.2.1", 2), ("192.0.2.2", 3), ("192.0.2.3", 1)] {
            held.extend((0..count).map(|_| connect(&permits, peer)));
        }
        held.extend((0..9).map(|_| connect(&permits, "10.0.0.1")));
        let addresses = |names: &[&str]| -> Vec<IpAddr> {
            names.iter().map(|name| name.parse().unwrap()).collect()
        };
        let both = addresses(&["192.0.2.2", "192.0.2.1"]);
        assert_eq!(permits.busiest(9), both);
        assert_eq!(permits.busiest(1), both[..1]);
        held.drain(2..5);
        assert_eq!(permits.busiest(9), addresses(&["192.0.2.1"]));
    }

    /// The count was looked up under one lock and raised under another.
    #[test]
    fn clients_that_connect_at_the_same_moment_stay_within_the_limit() {
        let (permits, held, most) = (permits(1), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100_000 {
                        if let Ok(permit) = connect(&permits, "192.0.2.1") {
                            most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                            std::thread::yield_now();
                            held.fetch_sub(1, SeqCst);
                            drop(permit);
                        }
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }

    #[test]
    fn a_client_that_stalls_has_its_permit_again() {
        let permits = permits(1);
        let mut permit = connect(&permits, "192.0.2.1").unwrap().unwrap();
        permit.release();
        let _other = connect(&permits, "192.0.2.1").unwrap();
        permit.take();
        permit.release();
        permit.take();
        assert!(connect(&permits, "192.0.2.1").is_err());
        assert_eq!(lock(&permits.connections).of.values().sum::<usize>(), 2);
    }

    #[test]
    fn a_permit_counts_once_and_while_it_is_held() {
        let in_flight = InFlight::default();
        let mut permit = in_flight.permit();
        assert_eq!(in_flight.count(), 0);
        permit.take();
        permit.take();
        assert_eq!(in_flight.count(), 1);
        permit.release();
        permit.release();
        assert_eq!(in_flight.count(), 0);
        permit.take();
        drop(permit);
        assert_eq!(in_flight.count(), 0);
    }
}
