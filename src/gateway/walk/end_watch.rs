//! The watch over the end of a stream: what counts as one, and how long to wait for it.

use std::time::{Duration, Instant};

use crate::config::Step;
use crate::dialect::StreamJudge;
use crate::gateway::finish_reasons::FinishReasons;
use crate::routing::Failure;

use super::failure::cut;

/// The wait behind the last word of an answer for more on an open connection. Some providers never close it, or send
/// signs of life for ever (bifrost's issues 6784 and 7115).
const LINGER: Duration = Duration::from_secs(2);

/// The watch over one stream.
pub struct EndWatch<'a> {
    known: &'a FinishReasons,
    step: &'a Step,
    /// An end mark came without the finish reasons that belong before it, and is held back.
    is_marked: bool,
    /// The time since when all has been said, as far as the answer tells.
    settled: Option<Instant>,
}

impl<'a> EndWatch<'a> {
    pub fn new(known: &'a FinishReasons, step: &'a Step) -> Self {
        Self {
            known,
            step,
            is_marked: false,
            settled: None,
        }
    }

    /// Takes the end mark, and tells whether the stream ends with it. One without finish reasons ends it only where the
    /// body ends too.
    ///
    /// # Errors
    /// The mark stands behind half an answer: this provider names reasons, and has not named one.
    pub fn mark(&mut self, judge: &dyn StreamJudge) -> Result<bool, Failure> {
        if judge.is_whole() {
            return Ok(true);
        }
        if judge.names_its_end() || self.known.are_sent_by(self.step) {
            return Err(cut());
        }
        self.is_marked = true;
        Ok(false)
    }

    /// Takes note of what has come; `said` tells whether some of it was more than signs of life.
    pub fn observe(&mut self, judge: &dyn StreamJudge, said: bool) {
        if !self.is_marked && !judge.is_whole() {
            self.settled = None;
        } else if said || self.settled.is_none() {
            self.settled = Some(Instant::now());
        }
    }

    /// The time until when to wait for more, at most until `latest`.
    pub fn deadline(&self, latest: Instant) -> Instant {
        let settled = self.settled.map(|since| since + LINGER);
        settled.map_or(latest, |until| until.min(latest))
    }

    /// Whether a stream whose connection is open has ended.
    pub fn is_over(&self) -> bool {
        self.settled
            .is_some_and(|since| since + LINGER <= Instant::now())
    }

    /// Whether a stream whose body has ended is whole.
    pub fn is_whole(&self, judge: &dyn StreamJudge) -> bool {
        self.is_marked || judge.is_whole()
    }

    /// Takes the stream for ended, whatever follows.
    pub fn end(&mut self) {
        self.is_marked = true;
    }

    /// Remembers how the provider ends its streams.
    pub fn remember(&self, judge: &dyn StreamJudge) {
        if judge.names_its_end() {
            self.known.seen(self.step);
        }
    }
}
