//! A stream for a client that asked for none: its frames are put together into one answer.

use std::time::{Duration, Instant};

use crate::budget::Charge;
use crate::dialect::{Dialect, FrameKind, StreamJudge};
use crate::routing::Failure;
use crate::sse::Item;
use crate::upstream::{CallError, Head};

use super::commit::{broken_frame, rest_event, too_large, unusable};
use super::end_watch::EndWatch;
use super::failure::{failure_of, failure_of_error, failure_of_flaw};
use super::frames::Frames;

/// A stream to be put together.
pub struct Gathering<'a> {
    pub dialect: &'a dyn Dialect,
    pub frames: Box<Frames>,
    pub judge: Box<dyn StreamJudge>,
    pub watch: EndWatch<'a>,
    /// For the first content, or for the whole answer.
    pub deadline: Instant,
    /// The longest gap behind the first content; none where the whole answer has a deadline.
    pub stall: Option<Duration>,
    /// The bound of all data (bytes).
    pub limit: usize,
    /// The charge for the answer in the making.
    pub charge: Charge,
}

/// The answer that a stream makes.
pub struct Gathered {
    pub text: String,
    pub judge: Box<dyn StreamJudge>,
    /// The stream came to its end; else it was cut.
    pub is_whole: bool,
    pub charge: Charge,
}

impl Gathering<'_> {
    /// Reads a stream to its end. Blocks.
    ///
    /// # Errors
    /// The stream broke; one that is cut is put together as far as it came.
    pub fn gather(mut self, head: &Head) -> Result<Gathered, Failure> {
        let mut assembler = self.dialect.assemble();
        let (mut bytes, mut has_content) = (0_usize, false);
        let is_whole = loop {
            let mut said = false;
            let mut has_ended = false;
            while let Some(item) = self.frames.next_here().map_err(too_large)? {
                let Item::Event(event) = item else { continue };
                let judged = self.judge.judge(&event);
                match judged.kind {
                    FrameKind::Content | FrameKind::Reasoning => {
                        (said, has_content) = (true, true);
                    }
                    FrameKind::Prelude | FrameKind::Opening => {}
                    FrameKind::Heartbeat => continue,
                    FrameKind::End => {
                        has_ended = self.watch.mark(&*self.judge)?;
                        if has_ended {
                            break;
                        }
                        continue;
                    }
                    FrameKind::Error(said) => return Err(failure_of_error(head, *said)),
                    FrameKind::Broken(_) => return Err(broken_frame()),
                    FrameKind::Unusable(reason) => return Err(unusable(&reason)),
                }
                let data = judged.mended.as_deref().unwrap_or(&event.data);
                bytes = bytes.saturating_add(data.len());
                if bytes > self.limit {
                    let message = format!("a body of more than {} bytes", self.limit);
                    return Err(failure_of(&CallError::BadResponse(message)));
                }
                // It is in memory twice when it is written.
                if !self.charge.cover(bytes.saturating_mul(2)) {
                    return Err(failure_of(&CallError::no_memory()));
                }
                let pushed = assembler.push(data);
                pushed.map_err(|flaw| failure_of_flaw(head, flaw))?;
            }
            if has_ended {
                break true;
            }
            self.watch.observe(&*self.judge, said);
            let latest = match self.stall {
                Some(stall) if has_content => Instant::now() + stall,
                _ => self.deadline,
            };
            match self.frames.wait(self.watch.deadline(latest)) {
                Ok(true) => {}
                Ok(false) => break self.watch.is_whole(&*self.judge),
                Err(CallError::Timeout(_)) if self.watch.is_over() => break true,
                Err(error) => return Err(failure_of(&error)),
            }
        };
        self.watch.remember(&*self.judge);
        if let Some(rest) = self.judge.rest() {
            self.judge.judge(&rest_event(&rest));
            let pushed = assembler.push(&rest);
            pushed.map_err(|flaw| failure_of_flaw(head, flaw))?;
        }
        let text = assembler.finish();
        self.charge.uncover(text.capacity());
        Ok(Gathered {
            text,
            charge: self.charge,
            judge: self.judge,
            is_whole,
        })
    }
}
