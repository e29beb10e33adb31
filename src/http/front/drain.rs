//! The graceful stop: no new connections, idle ones close, and what is in flight has its time to end.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::Events;

use crate::http::body::BodyError;
use crate::http::deadlines::Awaited;
use crate::http::stop::Drained;

use super::state::Front;

/// The most of the shutdown timeout, a tenth else, that is kept for unfinished answers to say so.
const MOST_LAST_WORDS: Duration = Duration::from_secs(1);
/// The least, but for half of the timeout: a worker that reads from a lively provider looks at its client, and so hears of
/// the end, within a fifth of a second.
const LEAST_LAST_WORDS: Duration = Duration::from_millis(250);
/// The time that handlers have, after their clients were cut off, to notice and log it.
const EPILOGUE: Duration = Duration::from_millis(250);

/// A graceful stop under way.
pub(super) struct Drain {
    /// The time from which requests in flight end with an error.
    end_by: Instant,
    /// The time from which they are cut off.
    stop_by: Instant,
    /// The number of answers that were told to end; `None` before `end_by`.
    unfinished: Option<usize>,
}

impl Drain {
    pub fn begin(now: Instant, timeout: Duration) -> Self {
        let last_words = (timeout / 10).clamp(LEAST_LAST_WORDS, MOST_LAST_WORDS);
        Self {
            end_by: now + timeout.saturating_sub(last_words.min(timeout / 2)),
            stop_by: now + timeout,
            unfinished: None,
        }
    }

    /// The time of the next step.
    pub fn due(&self) -> Instant {
        match self.unfinished {
            None => self.end_by,
            Some(_) => self.stop_by,
        }
    }
}

impl Front {
    /// Goes on with a graceful stop. `None` until it is over.
    pub(super) fn go_on(&mut self, drain: &mut Drain, now: Instant) -> Option<Drained> {
        self.close_unused();
        let is_empty = self.busy.is_empty() && self.parked.is_empty();
        if !is_empty && drain.unfinished.is_none() && now >= drain.end_by {
            drain.unfinished = Some(self.end_answers(now));
        }
        if !is_empty && now < drain.stop_by {
            return None;
        }
        self.cut_off();
        Some(Drained {
            unfinished: drain.unfinished.unwrap_or_default(),
        })
    }

    fn close_unused(&mut self) {
        for awaited in [Awaited::FirstByte, Awaited::NextRequest] {
            while let Some(parked) = self.unpark_oldest(awaited) {
                self.close(parked);
            }
        }
    }

    /// Makes all answers in flight end, and returns how many they are.
    ///
    /// Closing the side we read from looks, to a call that waits for the provider and watches the client, as if the
    /// client had gone. It ends, and the handler can still write that the gateway is stopping.
    fn end_answers(&mut self, now: Instant) -> usize {
        let mut sending = Vec::new();
        while let Some(parked) = self.unpark_oldest(Awaited::Body) {
            sending.push(parked);
        }
        let reading = self.deadlines.count(Awaited::Room);
        let unfinished = self.busy.len() + sending.len() + reading;
        for parked in sending {
            self.fail_body(parked, BodyError::Stopping, now);
        }
        self.edge.stop.set_over();
        for socket in self.busy.values() {
            // It fails for a client that has gone.
            let _ = socket.shutdown(Shutdown::Read);
        }
        unfinished
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
