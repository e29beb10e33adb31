//! A connection: events in and out, within their bounds.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budget::{Budget, Charge};
use crate::client_socket::ClientSocket;
use crate::dialect::wyoming::event::{Event, EventLine, MAX_LINE, event};

use super::fault::Fault;

/// The bytes of one read.
const AT_ONCE: usize = 16 * 1024;

/// The time that a peer may refuse to take any more.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time for which a peer that was told of a fault may go on sending what is thrown away: a reset before it has read
/// would hide the reason. And the most of it (bytes).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 8 * 1024 * 1024;

pub struct Connection {
    socket: Arc<TcpStream>,
    /// The bytes that came and belong to no event that was read.
    buffer: Vec<u8>,
    charge: Charge,
}

impl Connection {
    pub fn new(socket: Arc<TcpStream>, budget: &Budget) -> Self {
        // They fail for a socket that is gone, which the first read tells.
        let _ = socket.set_write_timeout(Some(WRITE_TIMEOUT));
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            buffer: Vec::new(),
            charge: budget.empty(),
        }
    }

    /// The next event. It has to be whole within `patience`.
    ///
    /// # Errors
    /// The peer has gone, is idle, says what is no event, or more than an event may be.
    pub fn next(&mut self, patience: Duration) -> Result<Event, Fault> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        let end = loop {
            let unseen = self.buffer.get(seen..).unwrap_or_default();
            if let Some(at) = unseen.iter().position(|byte| *byte == b'\n') {
                break seen + at;
            }
            seen = self.buffer.len();
            if seen > MAX_LINE {
                return Err(Fault::Gone);
            }
            self.fill(deadline)?;
        };
        let line = self.buffer.get(..end).filter(|line| line.len() <= MAX_LINE);
        let line = line.and_then(EventLine::read).ok_or(Fault::Gone)?;
        let of_data = end + 1;
        let of_payload = of_data + line.data_length;
        let whole = of_payload + line.payload_length;
        while self.buffer.len() < whole {
            self.fill(deadline)?;
        }
        let part = |from, to| self.buffer.get(from..to).unwrap_or_default().to_vec();
        let (data, payload) = (part(of_data, of_payload), part(of_payload, whole));
        let event = line.with(data, payload).ok_or(Fault::Gone)?;
        self.buffer.drain(..whole.min(self.buffer.len()));
        if self.buffer.is_empty() {
            // An idle connection keeps nothing.
            self.buffer = Vec::new();
        }
        self.charge.uncover(self.buffer.len());
        Ok(event)
    }

    /// Sends an event. Blocks while the peer does not read (at most [`WRITE_TIMEOUT`] without any progress).
    ///
    /// # Errors
    /// The peer has gone.
    pub fn send(&self, kind: &str, data: &str, payload: &[u8]) -> Result<(), Fault> {
        let bytes = event(kind, data, payload);
        (&*self.socket).write_all(&bytes).map_err(|_| Fault::Gone)
    }

    /// The socket as a call watches it for this peer.
    pub fn watch(&self) -> ClientSocket {
        ClientSocket::new(&self.socket, false)
    }

    /// Closes the connection so that what was sent arrives.
    pub fn linger(self) {
        let until = Instant::now() + LINGER;
        let mut scrap = vec![0; AT_ONCE];
        let mut left = LINGER_BYTES;
        let mut open = self.socket.shutdown(Shutdown::Write).is_ok();
        while open && left > 0 {
            let read = self.read(&mut scrap, until).unwrap_or(0);
            left = left.saturating_sub(read);
            open = read > 0;
        }
    }

    /// Reads what has come, or waits for it.
    fn fill(&mut self, deadline: Instant) -> Result<(), Fault> {
        let filled = self.buffer.len();
        if !self.charge.cover(filled + AT_ONCE) {
            return Err(Fault::Gone);
        }
        self.buffer.resize(filled + AT_ONCE, 0);
        let room = self.buffer.get_mut(filled..).unwrap_or_default();
        let read = read(&self.socket, room, deadline);
        self.buffer.truncate(filled + read.unwrap_or(0));
        match read {
            None | Some(0) => Err(Fault::Gone),
            Some(_) => Ok(()),
        }
    }

    fn read(&self, room: &mut [u8], deadline: Instant) -> Option<usize> {
        read(&self.socket, room, deadline)
    }
}

/// The bytes of one read; `None` where none came in time, or the socket failed.
fn read(socket: &TcpStream, room: &mut [u8], deadline: Instant) -> Option<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return None;
    }
    socket.set_read_timeout(Some(left)).ok()?;
    let mut socket = socket;
    socket.read(room).ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair(budget: &Budget) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Arc::new(listener.accept().unwrap().0);
        (Connection::new(socket, budget), peer)
    }

    const SOON: Duration = Duration::from_millis(50);
    const LATE: Duration = Duration::from_secs(10);

    /// A peer that says nothing, and one that never ends what it says.
    #[test]
    fn an_event_has_its_time() {
        for begun in [
            "",
            "{\"type\":",
            "{\"type\":\"x\",\"payload_length\":5}\nabcd",
        ] {
            let (mut connection, mut peer) = pair(&Budget::unlimited());
            peer.write_all(begun.as_bytes()).unwrap();
            assert!(connection.next(SOON).is_err(), "{begun}");
        }
    }

    /// What is in memory is counted, and given back with the event.
    #[test]
    fn events_are_charged_for_while_they_come() {
        let budget = Budget::new(400_000, || {});
        let (mut connection, mut peer) = pair(&budget);
        let mut send = |length: usize| {
            let line = format!("{{\"type\":\"x\",\"payload_length\":{length}}}\n");
            peer.write_all(line.as_bytes()).unwrap();
            let payload = vec![7; length];
            let mut peer = peer.try_clone().unwrap();
            std::thread::spawn(move || peer.write_all(&payload));
        };
        send(300_000);
        assert_eq!(connection.next(LATE).unwrap().payload.len(), 300_000);
        assert_eq!(budget.used(), 0);
        send(500_000);
        assert!(connection.next(LATE).is_err());
        drop(connection);
        assert_eq!(budget.used(), 0);
    }
}
