//! Streams that wait for their clients to read on, and the share of the workers that one client may so keep.
//!
//! A worker that streams has to wait for its client. Within `write_timeout` that is the client's right, as long as it
//! keeps no one else waiting: a client that has more than half of the workers wait for it, each for a second or more,
//! loses the stream that has waited longest whenever the workers run short.

use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The wait that any stream may have: a fast one waits for its client now and then.
const GRACE: Duration = Duration::from_secs(1);

/// A client as the share of the workers is counted by: the one that the handler has told, or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    Named(u64),
    Address(IpAddr),
}

impl Client {
    /// The client of this name. Names are the operator's choice, so a plain hash tells them apart (FNV-1a).
    pub fn named(name: &str) -> Self {
        let hashed = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::Named(hashed)
    }
}

/// The streams that wait, the longest first.
#[derive(Default)]
pub(super) struct Stalls(Mutex<Vec<Stalled>>);

struct Stalled {
    client: Client,
    since: Instant,
    socket: Arc<TcpStream>,
}

/// The wait of one stream, until it is dropped.
pub(super) struct Stall<'s> {
    stalls: &'s Stalls,
    socket: &'s Arc<TcpStream>,
}

impl Stalls {
    pub fn begin<'s>(&'s self, client: Client, socket: &'s Arc<TcpStream>) -> Stall<'s> {
        lock(&self.0).push(Stalled {
            client,
            since: Instant::now(),
            socket: Arc::clone(socket),
        });
        Stall {
            stalls: self,
            socket,
        }
    }

    /// Ends the longest wait of the client that has most, if it has more than `share` that have lasted. `true` if there was
    /// one.
    pub fn reclaim(&self, share: usize, now: Instant) -> bool {
        let mut stalled = lock(&self.0);
        if stalled.len() <= share {
            return false;
        }
        let mut counts: HashMap<Client, usize> = HashMap::new();
        let lasting = |one: &&Stalled| now.saturating_duration_since(one.since) >= GRACE;
        for one in stalled.iter().filter(lasting) {
            *counts.entry(one.client).or_default() += 1;
        }
        let greedy = counts.into_iter().max_by_key(|(_, count)| *count);
        let Some((client, _)) = greedy.filter(|(_, count)| *count > share) else {
            return false;
        };
        let Some(index) = stalled.iter().position(|one| one.client == client) else {
            return false;
        };
        let longest = stalled.remove(index);
        // Its worker sees an error, and is free.
        longest.socket.shutdown(Shutdown::Both).is_ok()
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        let mut stalled = lock(&self.stalls.0);
        stalled.retain(|one| !Arc::ptr_eq(&one.socket, self.socket));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_client_with_more_than_its_share_loses_its_longest_wait() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || {
            let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (far, Arc::new(listener.accept().unwrap().0))
        };
        let stalls = Stalls::default();
        let (greedy, modest) = (Client::named("a"), Client::named("b"));
        let (mut first, second, third) = (connect(), connect(), connect());
        let _first = stalls.begin(greedy, &first.1);
        let _second = stalls.begin(modest, &second.1);
        let later = Instant::now() + 2 * GRACE;
        assert!(!stalls.reclaim(1, later), "each has its share");
        let last = stalls.begin(greedy, &third.1);
        assert!(!stalls.reclaim(1, Instant::now()), "they have just begun");
        assert!(stalls.reclaim(1, later));
        assert_eq!(first.0.read(&mut [0]).unwrap(), 0);
        assert!(!stalls.reclaim(1, later));
        drop(last);
        assert_eq!(lock(&stalls.0).len(), 1);
    }
}
