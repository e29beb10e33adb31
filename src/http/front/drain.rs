//! The graceful stop: no new connections, idle ones close, and what is in flight has its time to end.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::Events;

use crate::http::Drained;
use crate::http::deadlines::Phase;

use super::Front;

/// Turns of accepting when the server stops: as many as the listeners' backlog can hold.
const LAST_ACCEPTS: usize = 64;
/// The part of the shutdown timeout that is kept for answers which did not finish to say so: a tenth, at most this.
const MOST_LAST_WORDS: Duration = Duration::from_secs(1);
/// How long handlers may take, after their clients were cut off, to notice and log it.
const EPILOGUE: Duration = Duration::from_millis(250);

/// A graceful stop under way.
pub(super) struct Drain {
    /// From then on, what is in flight ends with an error.
    end_by: Instant,
    /// From then on, it is cut off.
    stop_by: Instant,
    /// `None` before `end_by`.
    unfinished: Option<usize>,
}

impl Drain {
    fn begin(now: Instant, timeout: Duration) -> Self {
        let stop_by = now + timeout;
        Self {
            end_by: now + timeout.saturating_sub(MOST_LAST_WORDS.min(timeout / 10)),
            stop_by,
            unfinished: None,
        }
    }

    /// When something has to be done next.
    pub fn due(&self) -> Instant {
        match self.unfinished {
            None => self.end_by,
            Some(_) => self.stop_by,
        }
    }
}

impl Front {
    /// One step of a graceful stop. `Some`: it is over.
    pub(super) fn drain(&mut self, now: Instant) -> Option<Drained> {
        let mut drain = self.drain.take().unwrap_or_else(|| {
            self.take_last_requests(now);
            Drain::begin(now, self.edge.limits.shutdown_timeout)
        });
        self.close_unused();
        let nobody_left = self.busy.is_empty() && self.parked.is_empty();
        if !nobody_left && drain.unfinished.is_none() && now >= drain.end_by {
            drain.unfinished = Some(self.end_answers());
        }
        if !nobody_left && now < drain.stop_by {
            self.drain = Some(drain);
            return None;
        }
        self.cut_off();
        Some(Drained {
            unfinished: drain.unfinished.unwrap_or_default(),
        })
    }

    /// Who has connected and asked before the stop is served, also if the poll had no time to tell of them yet.
    fn take_last_requests(&mut self, now: Instant) {
        self.acceptor.all_ready();
        for _ in 0..LAST_ACCEPTS {
            self.accept(now);
        }
        self.acceptor.close();
        let waiting: Vec<usize> = self.parked.keys().copied().collect();
        for id in waiting {
            self.look_at(id, now);
        }
    }

    fn close_unused(&mut self) {
        for phase in [Phase::Fresh, Phase::Idle] {
            while let Some((connection, wait)) = self
                .deadlines
                .oldest(phase)
                .and_then(|(_, id)| self.unpark(id))
            {
                self.close(connection, wait);
            }
        }
    }

    /// Makes all answers in flight end, and tells how many they are.
    ///
    /// Closing the side we read from looks, to whoever waits for the provider and watches the client, as if the client
    /// had gone. They stop waiting, and can still write that the gateway is stopping.
    fn end_answers(&mut self) -> usize {
        self.edge.stop.set_over();
        for socket in self.busy.values() {
            // It fails for a client that is gone.
            let _ = socket.shutdown(Shutdown::Read);
        }
        self.busy.len()
    }

    fn cut_off(&mut self) {
        for socket in self.busy.values() {
            // Their workers see errors from then on.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.edge.pool.close();
        let until = Instant::now() + EPILOGUE;
        let mut events = Events::with_capacity(8);
        while !self.busy.is_empty() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            if self.poll.poll(&mut events, Some(left)).is_err() {
                return;
            }
            for handoff in self.edge.handoff.take() {
                self.busy.remove(&handoff.id());
            }
        }
    }
}
