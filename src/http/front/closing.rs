//! The ends of connections: refused, timed out, or pushed out by others.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::http::connection::Fill;
use crate::http::deadlines::Awaited;
use crate::http::refusal::Refusal;
use crate::http::response::Encoder;

use super::state::{Front, Parked};

/// The reads of one connection before the others have their turn.
pub(super) const READS_A_TURN: usize = 16;
/// The most that is read from a client that sends on after an answer that closes, so that it comes to read the answer: a
/// body with some images. It costs a copy into one buffer (bytes).
const MAX_DISCARDED: usize = 8 * 1024 * 1024;
const MAX_CLOSING: Duration = Duration::from_secs(2);
/// The time that a new connection has to send something before the next one pushes it out.
const FRESH_GRACE: Duration = Duration::from_secs(1);
/// The most that heads which are not whole take up together: all connections with a full head each would be 200 MB
/// (bytes).
const MAX_BUFFERED: usize = 16 * 1024 * 1024;

impl Front {
    pub(super) fn refuse(&mut self, parked: Parked, refusal: Refusal, now: Instant) {
        self.edge.refused(parked.connection.peer.ip(), refusal);
        let response = self.handler.refusal(refusal);
        let bytes = Encoder::for_unreadable().encode(&response, false);
        self.part(parked, &bytes, now);
    }

    /// Sends the last answer of a connection.
    pub(super) fn part(&mut self, parked: Parked, bytes: &[u8], now: Instant) {
        if parked.connection.write_now(bytes) {
            self.begin_closing(parked, now);
        } else {
            self.close(parked);
        }
    }

    /// Ends our side and waits a little for the client's: closing a socket with unread bytes sends a reset, and the
    /// client's system may throw the answer away before it is read (RFC 9112 section 9.6).
    pub(super) fn begin_closing(&mut self, mut parked: Parked, now: Instant) {
        parked.connection.buffer = Vec::new();
        if parked.connection.socket.shutdown(Shutdown::Write).is_err() {
            return self.close(parked);
        }
        parked.awaited = Awaited::Close;
        parked.deadline = now + MAX_CLOSING;
        self.discard(parked);
    }

    pub(super) fn discard(&mut self, mut parked: Parked) {
        for _ in 0..READS_A_TURN {
            let filled = parked.connection.fill_through(&mut self.scratch);
            parked.discarded += parked.connection.buffer.len();
            parked.connection.buffer.clear();
            match filled {
                Fill::Bytes if parked.discarded <= MAX_DISCARDED => {}
                Fill::Blocked => return self.park(parked),
                Fill::Bytes | Fill::End | Fill::Broken => return self.close(parked),
            }
        }
        self.park_with_more(parked);
    }

    pub(super) fn expire(&mut self, id: usize, now: Instant) {
        let Some(parked) = self.unpark(id) else {
            return;
        };
        match parked.awaited {
            Awaited::Head => self.refuse(parked, Refusal::HEAD_TIMEOUT, now),
            Awaited::FirstByte | Awaited::NextRequest | Awaited::Close => self.close(parked),
        }
    }

    /// Closes the connection that will be missed the least. `false` if all are in use.
    pub(super) fn evict(&mut self, now: Instant) -> bool {
        let fresh_since = now + self.edge.limits.head_timeout.saturating_sub(FRESH_GRACE);
        let unused = self
            .deadlines
            .oldest(Awaited::Close)
            .or_else(|| self.deadlines.oldest(Awaited::NextRequest));
        let fresh = self
            .deadlines
            .oldest(Awaited::FirstByte)
            .filter(|(deadline, _)| *deadline <= fresh_since);
        let evicted = unused.or(fresh).and_then(|(_, id)| self.unpark(id));
        evicted.map(|parked| self.close(parked)).is_some()
    }

    /// Keeps the memory of heads that are not whole within its bound, at the cost of the slowest.
    pub(super) fn bound_heads(&mut self, now: Instant) {
        while self.buffered > MAX_BUFFERED
            && let Some(parked) = self.unpark_oldest(Awaited::Head)
        {
            self.refuse(parked, Refusal::TOO_MANY_CONNECTIONS, now);
        }
    }
}
