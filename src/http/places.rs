//! How many connections and requests one client may have.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use crate::config::{self, Network};
use crate::sync::lock;

use super::forwarded::client_address;
use super::head::Head;
use super::refusal::Refusal;

/// The first bits of an IPv6 address that say whose it is: everybody has the rest for himself.
const NETWORK_OF_IPV6: u128 = !(u64::MAX as u128);

/// Places taken, by address. It holds no more addresses than there are connections and requests in flight.
type Taken = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Counts what each client has, where there is a limit.
///
/// A client that connects by itself has a place for each connection. Behind a trusted proxy connections say nothing,
/// as they are the proxy's; there each request in flight takes a place.
pub(super) struct Places {
    /// For each address.
    max: Option<usize>,
    trusted: Vec<Network>,
    taken: Taken,
}

impl Places {
    pub fn new(limits: &config::Server) -> Self {
        Self {
            max: limits.max_connections_per_ip,
            trusted: limits.trusted_proxies.clone(),
            taken: Taken::default(),
        }
    }

    pub fn client_address(&self, peer: IpAddr, head: &Head) -> IpAddr {
        client_address(peer, head, &self.trusted)
    }

    /// For a new connection. `None`: it needs none.
    ///
    /// # Errors
    /// The client has as many as it may.
    pub fn for_connection(&self, peer: IpAddr) -> Result<Option<Place>, Refusal> {
        if self.is_proxy(peer) {
            return Ok(None);
        }
        self.take(peer)
    }

    /// For a request. `None`: it needs none.
    ///
    /// # Errors
    /// The client has as many as it may.
    pub fn for_request(&self, peer: IpAddr, head: &Head) -> Result<Option<Place>, Refusal> {
        if self.max.is_none() || !self.is_proxy(peer) {
            return Ok(None);
        }
        self.take(self.client_address(peer, head))
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    fn take(&self, address: IpAddr) -> Result<Option<Place>, Refusal> {
        let Some(max) = self.max else {
            return Ok(None);
        };
        let address = counted_as(address);
        let mut taken = lock(&self.taken);
        let count = taken.get(&address).copied().unwrap_or_default();
        if count >= max {
            return Err(Refusal::TOO_MANY_OF_ONE_CLIENT);
        }
        taken.insert(address, count + 1);
        Ok(Some(Place {
            address,
            taken: Arc::clone(&self.taken),
            held: true,
        }))
    }
}

/// One of a client's places; free again when dropped.
pub(super) struct Place {
    address: IpAddr,
    taken: Taken,
    held: bool,
}

impl Place {
    /// Frees the place: the client may have its whole answer with the next write, and may ask again at once.
    pub fn leave(&mut self) {
        if !std::mem::take(&mut self.held) {
            return;
        }
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }

    /// Takes the place again, be there room or not: the client did not take its answer.
    pub fn retake(&mut self) {
        if !std::mem::replace(&mut self.held, true) {
            *lock(&self.taken).entry(self.address).or_default() += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK_OF_IPV6).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn places(max: usize) -> Places {
        Places::new(&config::Server {
            max_connections_per_ip: Some(max),
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..config::Server::default()
        })
    }

    fn connect(places: &Places, peer: &str) -> Result<Option<Place>, Refusal> {
        places.for_connection(peer.parse().unwrap())
    }

    #[test]
    fn each_client_has_its_own_places_and_gets_them_back() {
        let places = places(2);
        let (first, second) = (connect(&places, "192.0.2.1"), connect(&places, "192.0.2.1"));
        assert!(first.is_ok() && second.is_ok());
        assert!(connect(&places, "192.0.2.1").is_err());
        assert!(connect(&places, "192.0.2.2").is_ok());
        drop(first);
        assert!(connect(&places, "192.0.2.1").is_ok());
        drop(second);
        assert!(lock(&places.taken).is_empty(), "nobody is remembered");
    }

    #[test]
    fn an_ipv6_client_cannot_have_more_by_changing_its_address() {
        let places = places(1);
        let _held = connect(&places, "2001:db8:0:1::1").unwrap();
        assert!(connect(&places, "2001:db8:0:1:ffff::2").is_err());
        assert!(connect(&places, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn a_proxy_may_have_any_number_of_connections() {
        let places = places(1);
        let held: Vec<_> = (0..10).map(|_| connect(&places, "10.0.0.1")).collect();
        assert!(held.iter().all(|place| matches!(place, Ok(None))));
    }

    /// The count was looked up under one lock and raised under another.
    #[test]
    fn clients_that_connect_at_the_same_moment_stay_within_the_limit() {
        let (places, held, most) = (places(1), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100_000 {
                        if let Ok(place) = connect(&places, "192.0.2.1") {
                            most.fetch_max(held.fetch_add(1, SeqCst) + 1, SeqCst);
                            std::thread::yield_now();
                            held.fetch_sub(1, SeqCst);
                            drop(place);
                        }
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }

    #[test]
    fn a_client_that_stalls_has_its_place_again() {
        let places = places(1);
        let mut place = connect(&places, "192.0.2.1").unwrap().unwrap();
        place.leave();
        let _other = connect(&places, "192.0.2.1").unwrap();
        place.retake();
        place.leave();
        place.retake();
        assert!(connect(&places, "192.0.2.1").is_err());
        assert_eq!(lock(&places.taken).values().sum::<usize>(), 2);
    }
}
