//! The ends of connections: refused, answered for the last time, or timed out.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::http::connection::Fill;
use crate::http::outgoing::Disposition;
use crate::http::refusal::Refusal;
use crate::http::response::Encoder;

use super::state::{Front, Parked, Phase};

/// The reads of one connection before the others have their turn.
pub(super) const READS_A_TURN: usize = 16;
/// The most that is read from a client that sends on after an answer that closes, so that it comes to read the answer: a
/// body with some images. It costs a copy into one buffer (bytes).
const MAX_DISCARDED: usize = 8 * 1024 * 1024;
const MAX_CLOSING: Duration = Duration::from_secs(2);

impl Front {
    pub(super) fn refuse(&mut self, parked: Parked, refusal: Refusal, now: Instant) {
        self.edge.refused(parked.connection.peer.ip(), refusal);
        let response = self.handler.refusal(refusal, None);
        let bytes = Encoder::for_unreadable().encode(&response, false);
        self.say(parked, bytes, Disposition::Discard, now);
    }

    /// Ends our side and waits a little for the client's: closing a socket with unread bytes sends a reset, and the
    /// client's system may throw the answer away before it is read (RFC 9112 section 9.6).
    pub(super) fn begin_closing(&mut self, mut parked: Parked, now: Instant) {
        parked.connection.buffer = Vec::new();
        if parked.connection.socket.shutdown(Shutdown::Write).is_err() {
            return self.close(parked);
        }
        parked.phase = Phase::Closing { discarded: 0 };
        parked.deadline = now + MAX_CLOSING;
        self.discard(parked);
    }

    pub(super) fn discard(&mut self, mut parked: Parked) {
        for _ in 0..READS_A_TURN {
            let filled = parked.connection.fill_through(&mut self.scratch);
            let Phase::Closing { discarded } = &mut parked.phase else {
                return self.close(parked);
            };
            *discarded += parked.connection.buffer.len();
            parked.connection.buffer.clear();
            match filled {
                Fill::Bytes if *discarded <= MAX_DISCARDED => {}
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
