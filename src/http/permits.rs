//! Permits: how many requests may be in flight, and how many connections and requests one client may have.

use std::collections::HashMap;
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

/// The permits held, by address. No more addresses are in it than there are connections and requests in flight.
type Held = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The permits of clients, where there is a limit.
///
/// A client that connects by itself has a permit for each connection. Behind a trusted proxy connections say nothing,
/// as they are the proxy's; there each request in flight takes a permit.
pub(super) struct ClientPermits {
    /// The most for each address; `None` is no limit.
    max: Option<usize>,
    trusted: Vec<Network>,
    held: Held,
}

impl ClientPermits {
    pub fn new(limits: &config::EdgeLimits) -> Self {
        Self {
            max: limits.max_connections_per_ip,
            trusted: limits.trusted_proxies.clone(),
            held: Held::default(),
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
        self.take(peer)
    }

    /// The permit of a request. `None` if it needs none.
    ///
    /// # Errors
    /// The client is at its limit.
    pub fn for_request(&self, peer: IpAddr, head: &Head) -> Result<Option<ClientPermit>, Refusal> {
        if self.max.is_none() || !self.is_proxy(peer) {
            return Ok(None);
        }
        self.take(self.client_address(peer, head))
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    fn take(&self, address: IpAddr) -> Result<Option<ClientPermit>, Refusal> {
        let Some(max) = self.max else {
            return Ok(None);
        };
        let address = counted_as(address);
        let mut held = lock(&self.held);
        let count = held.get(&address).copied().unwrap_or_default();
        if count >= max {
            return Err(Refusal::TOO_MANY_OF_ONE_CLIENT);
        }
        held.insert(address, count + 1);
        Ok(Some(ClientPermit {
            address,
            all: Arc::clone(&self.held),
            held: true,
        }))
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
            *lock(&self.all).entry(self.address).or_default() += 1;
        }
    }

    pub fn release(&mut self) {
        if !mem::take(&mut self.held) {
            return;
        }
        let mut all = lock(&self.all);
        if let Some(count) = all.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                all.remove(&self.address);
            }
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
        assert!(lock(&permits.held).is_empty(), "nobody is remembered");
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
        assert_eq!(lock(&permits.held).values().sum::<usize>(), 2);
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
