//! How connections end: refused, timed out, or pushed out.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::http::connection::{Connection, Fill};
use crate::http::deadlines::Phase;
use crate::http::refusal::Refusal;
use crate::http::response::Asked;

use super::{Front, READS_A_TURN, Wait};

/// What is taken from a client that sends on after an answer that closes, so that it can come to read the answer: a
/// body with some images. It costs a copy into one buffer.
const MAX_DISCARDED: usize = 8 * 1024 * 1024;
const MAX_CLOSING: Duration = Duration::from_secs(2);
/// A new connection is not pushed out by the next one before it had this long to send something.
const FRESH_GRACE: Duration = Duration::from_secs(1);

impl Front {
    pub(super) fn refuse(
        &mut self,
        connection: Connection,
        wait: Wait,
        refusal: Refusal,
        now: Instant,
    ) {
        log::debug!(
            "refused {}: {} {}",
            connection.peer,
            refusal.status(),
            refusal.message
        );
        self.edge.counts.refused(refusal);
        let bytes = Asked::unknown().encode(&self.handler.refusal(refusal), false);
        self.part(connection, wait, &bytes, now);
    }

    /// Sends the last answer of a connection.
    pub(super) fn part(&mut self, connection: Connection, wait: Wait, bytes: &[u8], now: Instant) {
        if connection.write_now(bytes) {
            self.begin_closing(connection, wait, now);
        } else {
            self.close(connection, wait);
        }
    }

    /// Ends our side and waits a little for the client's: closing a socket with unread bytes sends a reset, and the
    /// client's system may throw the answer away before it is read (RFC 9112 section 9.6).
    pub(super) fn begin_closing(
        &mut self,
        mut connection: Connection,
        mut wait: Wait,
        now: Instant,
    ) {
        connection.buffer = Vec::new();
        if connection.socket.shutdown(Shutdown::Write).is_err() {
            return self.close(connection, wait);
        }
        wait.phase = Phase::Closing;
        wait.deadline = now + MAX_CLOSING;
        self.discard(connection, wait);
    }

    pub(super) fn discard(&mut self, mut connection: Connection, mut wait: Wait) {
        for _ in 0..READS_A_TURN {
            let filled = connection.fill_through(&mut self.scratch);
            wait.discarded += connection.buffer.len();
            connection.buffer.clear();
            match filled {
                Fill::Bytes if wait.discarded <= MAX_DISCARDED => {}
                Fill::Blocked => return self.park(connection, wait),
                Fill::Bytes | Fill::End | Fill::Broken => return self.close(connection, wait),
            }
        }
        self.again.insert(connection.id);
        self.park(connection, wait);
    }

    pub(super) fn expire(&mut self, id: usize, now: Instant) {
        let Some((connection, wait)) = self.unpark(id) else {
            return;
        };
        match wait.phase {
            Phase::Head => self.refuse(connection, wait, Refusal::HEAD_TIMEOUT, now),
            Phase::Fresh | Phase::Idle | Phase::Closing => self.close(connection, wait),
        }
    }

    /// Closes the connection that will be missed the least. `false`: all are in use.
    pub(super) fn evict(&mut self, now: Instant) -> bool {
        let fresh_since = now + self.edge.limits.head_timeout.saturating_sub(FRESH_GRACE);
        let unused = self
            .deadlines
            .oldest(Phase::Closing)
            .or_else(|| self.deadlines.oldest(Phase::Idle));
        let fresh = self
            .deadlines
            .oldest(Phase::Fresh)
            .filter(|(deadline, _)| *deadline <= fresh_since);
        let evicted = unused.or(fresh).and_then(|(_, id)| self.unpark(id));
        evicted
            .map(|(connection, wait)| self.close(connection, wait))
            .is_some()
    }
}
