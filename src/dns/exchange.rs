//! The exchange with the name servers: one connected UDP socket for each server, and TCP for what a datagram has no room
//! for. All waits end at a deadline.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::message::{Answer, Family, Unusable};
use super::name::Name;
use super::query::{Heard, Ids, Query};
use super::resolv_conf::ResolvConf;

/// The longest datagram that is taken. Without EDNS a server sends at most 512 bytes.
const MAX_DATAGRAM: usize = 4096;

/// The reason why a server gave no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// No word for so long.
    Silent(Duration),
    Unusable(Unusable),
    /// The socket's own error: nothing listens there, or there is no way.
    Socket(io::Error),
}

impl fmt::Display for Fault {
    /// The state of the server in words, behind its address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "did not answer in {:.1} s", time.as_secs_f64()),
            Self::Socket(error) => write!(f, "cannot be asked: {error}"),
            Self::Unusable(unusable) => match unusable {
                Unusable::Code(2) => f.write_str("could not look it up (SERVFAIL)"),
                Unusable::Code(5) => f.write_str("refuses to look it up (REFUSED)"),
                Unusable::Code(code) => write!(f, "did not look it up (response code {code})"),
                Unusable::NoRecursion => f.write_str("knows nothing of it and asks no other"),
                Unusable::Malformed => f.write_str("gave an answer that cannot be read"),
            },
        }
    }
}

/// The servers that were asked in vain, in the order of the configuration.
pub(super) type Faults = Vec<(SocketAddr, Fault)>;

/// Asks the servers for both kinds of addresses of a name, one after the other and beginning with number `first`, until
/// one has answered. All together have until the deadline, each an equal share of it at most, so that an answer of the
/// last one is not missed; the earlier ones are still listened to.
pub(super) fn ask(
    name: Name,
    conf: &ResolvConf,
    first: usize,
    deadline: Instant,
) -> Result<Answer, Faults> {
    let mut exchange = Exchange {
        query: Query::new(name),
        peers: conf
            .servers
            .iter()
            .map(|server| Peer::new(*server))
            .collect(),
        tcp_only: conf.tcp_only,
    };
    let count = exchange.peers.len();
    let turns = u32::try_from(count)
        .unwrap_or(1)
        .saturating_mul(conf.attempts);
    let left = deadline.saturating_duration_since(Instant::now());
    let share = left.checked_div(turns).unwrap_or_default();
    for turn in 0..turns as usize {
        let until = deadline.min(Instant::now() + share.min(conf.timeout));
        let Some(number) = first.wrapping_add(turn).checked_rem(count) else {
            break;
        };
        if exchange.turn(number, until) {
            break;
        }
    }
    let Exchange { query, peers, .. } = exchange;
    query.answer().ok_or_else(|| {
        let faults = peers.into_iter();
        faults.filter_map(Peer::into_fault).collect()
    })
}

/// The address that the system would send from to another; `None` without a route. Nothing is sent.
pub(super) fn source(address: IpAddr) -> Option<IpAddr> {
    // The port has no meaning here, but must not be 0 (RFC 863: discard).
    let socket = connected(SocketAddr::new(address, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

struct Exchange {
    query: Query,
    peers: Vec<Peer>,
    tcp_only: bool,
}

impl Exchange {
    /// Asks a server what is open, and listens to all that were asked. True: no other has to be asked.
    fn turn(&mut self, number: usize, until: Instant) -> bool {
        let Self {
            query,
            peers,
            tcp_only,
        } = self;
        let Some(peer) = peers.get_mut(number) else {
            return true;
        };
        if let Err(error) = peer.ask(query, *tcp_only, until) {
            peer.fault = Some(Fault::Socket(error));
            return false;
        }
        loop {
            let now = Instant::now();
            if query.is_answered() || query.grace_end().is_some_and(|end| end <= now) {
                return true;
            }
            let has_nothing_to_say = peers
                .get(number)
                .is_none_or(|peer| query.open().all(|family| peer.has_declined(family)));
            if now >= until || has_nothing_to_say {
                return false;
            }
            let until = query.grace_end().map_or(until, |end| end.min(until));
            for heard in ready(peers, until) {
                if let Some(peer) = peers.get_mut(heard) {
                    peer.listen(query, until);
                }
            }
        }
    }
}

/// A server, and what passed between it and us.
struct Peer {
    server: SocketAddr,
    /// The socket of its own with a port that the system chose at random; none before the first question, and over TCP.
    socket: Option<(UdpSocket, Ids)>,
    asked_at: Option<Instant>,
    /// The families of which it has no usable answer.
    declined: Vec<Family>,
    fault: Option<Fault>,
}

impl Peer {
    fn new(server: SocketAddr) -> Self {
        Self {
            server,
            socket: None,
            asked_at: None,
            declined: Vec::new(),
            fault: None,
        }
    }

    /// Asks what is open. A repeated question is the same message from the same port, so that an answer to either counts.
    fn ask(&mut self, query: &mut Query, tcp_only: bool, until: Instant) -> io::Result<()> {
        self.asked_at.get_or_insert_with(Instant::now);
        self.declined.clear();
        if tcp_only {
            let open: Vec<Family> = query.open().collect();
            for family in open {
                self.ask_over_tcp(query, family, until);
            }
            return Ok(());
        }
        let (socket, ids) = match self.socket.take() {
            Some(socket) => socket,
            None => (connected(self.server)?, fresh_ids()?),
        };
        for family in query.open() {
            socket.send(&query.question(ids, family))?;
        }
        self.socket = Some((socket, ids));
        Ok(())
    }

    /// Reads a datagram that has arrived.
    fn listen(&mut self, query: &mut Query, until: Instant) {
        let Some((socket, ids)) = &self.socket else {
            return;
        };
        let mut datagram = vec![0; MAX_DATAGRAM];
        let heard = match socket.recv(&mut datagram) {
            Ok(length) => {
                datagram.truncate(length);
                query.hear(&datagram, *ids, false, Instant::now())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                self.declined.extend(Family::ALL);
                self.fault = Some(Fault::Socket(error));
                return;
            }
        };
        match heard {
            Heard::Nothing | Heard::Answered => {}
            Heard::Truncated(family) => {
                // What the datagram had room for is enough if the rest does not come soon.
                let until = query.grace_end().map_or(until, |end| end.min(until));
                self.ask_over_tcp(query, family, until);
            }
            Heard::Unusable(family, unusable) => self.decline(family, Fault::Unusable(unusable)),
        }
    }

    fn ask_over_tcp(&mut self, query: &mut Query, family: Family, until: Instant) {
        let reply = fresh_ids().and_then(|ids| {
            let reply = over_tcp(self.server, &query.question(ids, family), until)?;
            Ok((ids, reply))
        });
        match reply {
            Ok((ids, reply)) => match query.hear(&reply, ids, true, Instant::now()) {
                Heard::Answered => {}
                Heard::Unusable(family, unusable) => {
                    self.decline(family, Fault::Unusable(unusable));
                }
                Heard::Nothing | Heard::Truncated(_) => {
                    self.decline(family, Fault::Unusable(Unusable::Malformed));
                }
            },
            Err(error) => self.decline(family, Fault::Socket(error)),
        }
    }

    fn decline(&mut self, family: Family, fault: Fault) {
        self.declined.push(family);
        self.fault = Some(fault);
    }

    fn has_declined(&self, family: Family) -> bool {
        self.declined.contains(&family)
    }

    /// The reason why there is no answer of this server; `None` if it was not asked.
    fn into_fault(self) -> Option<(SocketAddr, Fault)> {
        let asked_at = self.asked_at?;
        let fault = self
            .fault
            .unwrap_or_else(|| Fault::Silent(asked_at.elapsed()));
        Some((self.server, fault))
    }
}

/// The numbers of the peers that have something to read, once one has or the time is up.
fn ready(peers: &[Peer], until: Instant) -> Vec<usize> {
    let open = peers.iter().enumerate();
    let open = open.filter_map(|(number, peer)| Some((number, &peer.socket.as_ref()?.0)));
    let (numbers, mut polled): (Vec<usize>, Vec<PollFd<'_>>) = open
        .map(|(number, socket)| (number, PollFd::new(socket, PollFlags::IN)))
        .unzip();
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).unwrap_or_default();
    match poll(&mut polled, Some(&left)) {
        Ok(_) | Err(Errno::INTR) => {}
        // Out of memory for a moment.
        Err(_) => std::thread::sleep(Duration::from_millis(10)),
    }
    let polled = numbers.into_iter().zip(polled);
    polled
        .filter(|(_, fd)| !fd.revents().is_empty())
        .map(|(number, _)| number)
        .collect()
}

/// A socket that takes datagrams from a server alone: the system drops those of others.
fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn fresh_ids() -> io::Result<Ids> {
    let mut bytes = [0; 4];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system has no random numbers"))?;
    let [a, b, c, d] = bytes;
    Ok(Ids {
        v4: u16::from_be_bytes([a, b]),
        v6: u16::from_be_bytes([c, d]),
    })
}

/// Asks a question over a connection of its own: each message has its length before it (RFC 1035 section 4.2.2).
fn over_tcp(server: SocketAddr, question: &[u8], until: Instant) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&server, left(until)?)?;
    let length = u16::try_from(question.len()).unwrap_or_default();
    stream.set_write_timeout(Some(left(until)?))?;
    (&stream).write_all(&[&length.to_be_bytes(), question].concat())?;
    let mut length = [0; 2];
    read_until(&stream, &mut length, until)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    read_until(&stream, &mut reply, until)?;
    Ok(reply)
}

/// Fills a buffer by the deadline, however slowly its bytes arrive.
fn read_until(mut stream: &TcpStream, mut buffer: &mut [u8], until: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(left(until)?))?;
        let read = match stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        buffer = buffer.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}

/// The time to a deadline, which is more than none.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}
