//! The way out of a relayed stream: frames as they came, with the gateway's members, or translated.

use std::time::{Duration, Instant, SystemTime};

use crate::dialect::annotation::Annotation;
use crate::dialect::class::Class;
use crate::dialect::error::ErrorBody;
use crate::dialect::translate::{Frames, Translation};
use crate::dialect::{Dialect, StreamJudge};
use crate::http::{Delivery, Gone, Stream};
use crate::json::pieces::{Piece, Pieces};
use crate::json::position;
use crate::json::spliced::Splices;
use crate::routing::Failure;
use crate::sse::{BLANK_LINE, DATA, Lines, encode_with, is_one_line};

use super::commit::rest_event;
use super::failure::class_of_flaw;

/// Bytes for the client that are gathered from the part of a stream that is here, which may be all of it. One read of a
/// stream under way comes to less. No budget is charged for them: a crowd of clients that do not read leaves as much for
/// each, and longer frames are sent from where they are.
const AT_ONCE: usize = 16 * 1024;

/// The capacity for frames that is kept while a stream waits (bytes).
const KEPT: usize = 1024;

/// The shortest time between two signs of life in a translated stream.
const PING: Duration = Duration::from_secs(10);

/// The members that the gateway writes into a stream.
pub struct Annotations<'a> {
    /// The `model` of every frame; none keeps the provider's.
    pub model: Option<&'a str>,
    /// For the first frame, as raw JSON; none where the configuration leaves it out.
    pub routing_summary: Option<&'a str>,
}

/// A client's stream, and how frames get into it.
pub struct Outlet<'a, 'c> {
    /// The client's dialect.
    dialect: &'static dyn Dialect,
    stream: Stream<'c>,
    annotations: &'a Annotations<'a>,
    translation: Option<Box<Translation>>,
    /// The most bytes that a translation may keep.
    limit: usize,
    /// No frame has been sent yet.
    first: bool,
    /// Frames of one read, written at once, or in pieces if they are many.
    frames: Frames,
}

impl<'a, 'c> Outlet<'a, 'c> {
    pub fn new(
        dialect: &'static dyn Dialect,
        stream: Stream<'c>,
        annotations: &'a Annotations<'a>,
        mut translation: Option<Box<Translation>>,
        limit: usize,
    ) -> Self {
        if let Some(translation) = &mut translation
            && let Some(summary) = annotations.routing_summary
        {
            translation.summarize(summary);
        }
        Self {
            dialect,
            stream,
            annotations,
            translation,
            limit,
            first: true,
            frames: Frames::new(dialect.frame_form()),
        }
    }

    /// Whether frames are translated.
    pub fn translates(&self) -> bool {
        self.translation.is_some()
    }

    /// The memory for what a translation keeps (bytes).
    pub fn kept(&self) -> usize {
        let translation = self.translation.as_ref();
        translation.map_or(0, |translation| translation.kept())
    }

    /// Whether the gateway has no time left for the stream.
    pub fn is_ending(&self) -> bool {
        self.stream.is_ending()
    }

    /// Passes a frame on. What the gateway writes into one has no line ends.
    ///
    /// # Errors
    /// The client is gone, or the frame cannot be said in its dialect.
    pub fn pass_on(
        &mut self,
        name: Option<&str>,
        data: &str,
        lines: Lines,
        annotation: Option<Annotation>,
    ) -> Result<(), Failure> {
        if let Some(translation) = &mut self.translation {
            let before = self.frames.text.len();
            translation.at(SystemTime::now());
            let pushed = translation.push(data, &mut self.frames);
            pushed.map_err(|flaw| Failure::new(class_of_flaw(&flaw), &flaw.to_string()))?;
            if translation.kept() > self.limit {
                let message = format!("an answer of more than {} bytes", self.limit);
                return Err(Failure::new(Class::BadResponse, &message));
            }
            if self.frames.text.len() == before {
                // The provider is at work on what the client does not see.
                translation.ping(Instant::now(), PING, &mut self.frames);
            }
            return Ok(());
        }
        // The first frame that can be written into has the summary.
        let first = annotation.is_some() && std::mem::take(&mut self.first);
        let summary = self.annotations.routing_summary.filter(|_| first);
        self.dialect.push_name(&mut self.frames.text, name, data);
        if data.len() > AT_ONCE && is_one_line(data) {
            return self.pass_on_slices(data, annotation, summary);
        }
        encode_with(&mut self.frames.text, lines, |out| match annotation {
            Some(annotation) => annotation.write(out, data, self.annotations.model, summary),
            None => out.push_str(data),
        });
        Ok(())
    }

    /// Passes on a frame that holds nothing.
    pub fn sign_of_life(&mut self) {
        match &mut self.translation {
            Some(translation) => translation.ping(Instant::now(), PING, &mut self.frames),
            None => self.frames.comment(),
        }
    }

    /// Ends an answer that is whole, with the provider's end mark where it sent one.
    ///
    /// # Errors
    /// As [`Self::pass_on`].
    pub fn finish(&mut self, mark: Option<(Option<&str>, &str)>) -> Result<(), Failure> {
        if let Some(translation) = &mut self.translation {
            translation.at(SystemTime::now());
            let finished = translation.finish(&mut self.frames);
            finished.map_err(|flaw| Failure::new(class_of_flaw(&flaw), &flaw.to_string()))?;
        } else if let Some((name, data)) = mark {
            self.pass_on(name, data, Lines::Any, None)?;
        } else if let Some(mark) = self.dialect.end_mark() {
            self.dialect.push_event(&mut self.frames.text, mark);
        }
        self.flush()
    }

    /// Tells of a break.
    pub fn break_off(&mut self, error: &ErrorBody<'_>, judge: &mut dyn StreamJudge) {
        if let Some(translation) = &mut self.translation {
            return translation.break_off(error, &mut self.frames);
        }
        let (dialect, out) = (self.dialect, &mut self.frames.text);
        let Some(events) = judge.broken(error) else {
            return dialect.push_event(out, &dialect.broken(error));
        };
        for data in events {
            dialect.push_name(out, None, &data);
            let annotation = judge.judge(&rest_event(&data)).annotation;
            encode_with(out, Lines::Any, |out| match annotation {
                Some(annotation) => annotation.write(out, &data, self.annotations.model, None),
                None => out.push_str(&data),
            });
        }
    }

    /// Sends what was gathered, if it is much.
    ///
    /// # Errors
    /// The client is gone.
    pub fn flush_if_full(&mut self) -> Result<(), Failure> {
        if self.frames.text.len() >= AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what was gathered.
    ///
    /// # Errors
    /// The client is gone.
    pub fn flush(&mut self) -> Result<(), Failure> {
        if self.frames.text.is_empty() {
            return Ok(());
        }
        let written = self.stream.write(self.frames.text.as_bytes());
        self.frames.text.clear();
        // A stream that waits keeps room for the usual event, not for the most that ever came at once.
        if self.frames.text.capacity() > KEPT {
            self.frames.text = String::new();
        }
        written.map_err(gone)
    }

    /// Ends the stream.
    pub fn close(self) -> Delivery {
        self.stream.finish()
    }

    /// Writes a frame that is larger than what is gathered, such as one with an image, without copying it.
    fn pass_on_slices(
        &mut self,
        data: &str,
        annotation: Option<Annotation>,
        summary: Option<&str>,
    ) -> Result<(), Failure> {
        self.flush()?;
        let mut splices = Splices::default();
        match annotation {
            Some(annotation) => {
                annotation.each_piece(data, self.annotations.model, summary, &mut splices);
            }
            None => splices.take(Piece::Kept(0, position(data.len()))),
        }
        let mut slices = vec![DATA];
        slices.extend(splices.slices(data));
        slices.push(BLANK_LINE);
        self.stream.write_slices(&slices).map_err(gone)
    }
}

fn gone(_: Gone) -> Failure {
    Failure::new(Class::Cancelled, "the client is gone")
}
