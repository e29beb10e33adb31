//! The ends of connections: refused, answered for the last time, or timed out.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::http::asked::Asked;
use crate::http::connection::{Fill, discard_arrived};
use crate::http::deadlines::Awaited;
use crate::http::outgoing::Disposition;
use crate::http::refusal::Refusal;
use crate::http::request_id;
use crate::http::response::Encoder;

use super::state::{Front, Parked, Phase};

/// The reads of one connection before the others have their turn.
pub(super) const READS_A_TURN: usize = 16;
/// The time that a client which has stopped sending has to end its side (nginx's `lingering_timeout`).
const QUIET: Duration = Duration::from_secs(5);
/// The time that a client which goes on sending has while the server stops: its end does not wait for a body that is thrown
/// away.
const LINGERING_AT_STOP: Duration = Duration::from_secs(2);
/// The part of all connections that may linger at once.
const SHARE_OF_LINGERING: usize = 4;

impl Front {
    pub(super) fn refuse(&mut self, parked: Parked, refusal: Refusal, now: Instant) {
        self.edge.refused(parked.connection.peer.ip(), refusal);
        let Parked { connection, .. } = &parked;
        let id = request_id::fresh();
        let asked = Asked::in_part(&connection.buffer, connection.entrance, &id);
        let response = self.handler.refusal(refusal, &asked);
        let bytes = Encoder::for_unreadable(&id).encode(&response, None);
        self.say(parked, bytes, Disposition::Discard, now);
    }

    /// Ends our side, and throws away what the client still sends until it ends its own (lingering close): closing a socket
    /// with unread bytes sends a reset, and the client's system may throw the answer away before it is read (RFC 9112
    /// section 9.6). Many clients write all of a request before they read, so the bound is one of time, and of the number
    /// of connections, and not of bytes.
    pub(super) fn begin_closing(&mut self, mut parked: Parked, now: Instant) {
        parked.connection.buffer = Vec::new();
        if parked.connection.socket.shutdown(Shutdown::Write).is_err() {
            return self.close(parked);
        }
        let most = (self.edge.limits.max_connections / SHARE_OF_LINGERING).max(1);
        while self.deadlines.count(Awaited::Close) >= most
            && let Some(lingering) = self.longest_lingering().and_then(|id| self.unpark(id))
        {
            self.close(lingering);
        }
        let until = now + self.edge.limits.linger_timeout;
        parked.phase = Phase::Closing { until };
        parked.deadline = now + QUIET;
        self.discard(parked, now);
    }

    /// Throws away what has arrived, in one read, so that a client that sends without end costs the others little.
    pub(super) fn discard(&mut self, mut parked: Parked, now: Instant) {
        let Phase::Closing { until } = &mut parked.phase else {
            return self.close(parked);
        };
        if self.edge.is_stopping() {
            *until = (*until).min(now + LINGERING_AT_STOP);
        }
        match discard_arrived(&parked.connection.socket, &mut self.waste) {
            Fill::Bytes => {
                parked.deadline = (now + QUIET).min(*until);
                self.park_with_more(parked);
            }
            Fill::Blocked => {
                parked.deadline = parked.deadline.min(*until);
                self.park(parked);
            }
            Fill::End | Fill::Broken => self.close(parked),
        }
    }

    pub(super) fn expire(&mut self, id: usize, now: Instant) {
        let Some(parked) = self.unpark(id) else {
            return;
        };
        match parked.phase {
            Phase::Head => self.refuse(parked, Refusal::HEAD_TIMEOUT, now),
            Phase::Body(_) => {
                let error = Self::lateness(&parked, now);
                self.fail_body(parked, error, now);
            }
            Phase::Writing(_) => self.cut(parked),
            Phase::FirstByte | Phase::NextRequest | Phase::Closing { .. } => self.close(parked),
        }
    }
}
