//! A stream after its commit point: events go to the client as they arrive, and whatever goes wrong is said at the end.

use std::time::{Duration, Instant};

use crate::dialect::chat::chunk::{Chunk, ChunkKind, DONE, Ends, Usage};
use crate::dialect::class::Class;
use crate::dialect::error::{Code, ErrorBody, type_of};
use crate::http::{Gone, Stream};
use crate::routing::Failure;
use crate::secret::Redactor;
use crate::sse::{Event, Item, encode, encode_with};

use super::content::Transcript;
use super::events::Events;
use super::failure::{cut, failure_of, failure_of_late_error};
use super::prelude::Opened;
use super::reply::STOPPING;

/// How long the end of an answer may take after its `[DONE]`, for the connection's sake: it can be used again only when
/// it was read to the end, and that usually came with the last event.
const TAIL: Duration = Duration::from_millis(50);

/// Bytes for the client that are gathered from what is here of a stream, which may be all of it. One read of a stream
/// under way comes to less.
const AT_ONCE: usize = 64 * 1024;

/// What is put into a stream.
pub struct Marks<'a> {
    /// The `model` of every chunk; `None` keeps the provider's.
    pub model: Option<&'a str>,
    /// Goes into the first event, as raw JSON.
    pub routing_summary: &'a str,
}

/// How a stream ended.
pub struct Relayed {
    pub usage: Option<Usage>,
    /// What went wrong after the commit point, if the client was told so, or is gone (`Class::Cancelled`).
    pub failure: Option<Failure>,
    /// As it was given, with what the stream said.
    pub transcript: Option<Transcript>,
    /// The gateway had no time left for it, and said so.
    pub stopped: bool,
}

/// Relays an opened stream to its end. `stall` bounds every wait for the provider.
pub fn relay(
    opened: Opened,
    stream: Stream<'_>,
    marks: &Marks<'_>,
    stall: Duration,
    redactor: &Redactor,
    transcript: Option<Transcript>,
) -> Relayed {
    let Opened { held, mut events } = opened;
    let mut relay = Relay {
        stream,
        marks,
        first: true,
        ends: Ends::default(),
        usage: None,
        transcript,
        out: String::new(),
    };
    let failure = relay.run(held, &mut events, stall).err();
    let Relay {
        mut stream,
        usage,
        transcript,
        ..
    } = relay;
    let cancelled = failure
        .as_ref()
        .is_some_and(|failure| failure.class == Class::Cancelled);
    let stopped = cancelled && stream.is_ending();
    match &failure {
        None => {
            // The client has its `[DONE]`. The connection is read to its end first, so that a client's next request
            // finds it in the pool.
            read_tail(&mut events);
            stream.finish();
        }
        Some(_) if cancelled && !stopped => {}
        Some(failure) => {
            let event = if stopped {
                stopping_event()
            } else {
                error_event(failure, redactor)
            };
            let mut out = String::new();
            encode(&mut out, &event);
            if stream.write(out.as_bytes()).is_ok() {
                stream.finish();
            }
        }
    }
    Relayed {
        usage,
        failure,
        transcript,
        stopped,
    }
}

struct Relay<'a, 'c> {
    stream: Stream<'c>,
    marks: &'a Marks<'a>,
    /// No event has been sent yet.
    first: bool,
    /// Whether an end without `[DONE]` is complete.
    ends: Ends,
    usage: Option<Usage>,
    transcript: Option<Transcript>,
    /// Events of one read, written at once, or in pieces if they are many.
    out: String,
}

/// Whether more is to come.
#[derive(PartialEq, Eq)]
enum Next {
    More,
    Done,
}

impl Relay<'_, '_> {
    fn run(
        &mut self,
        held: Vec<Event<'static>>,
        events: &mut Events,
        stall: Duration,
    ) -> Result<(), Failure> {
        for event in held {
            self.take(event)?;
        }
        loop {
            let next = self.take_here(events);
            // What came before a failure is the client's.
            self.flush()?;
            if next? == Next::Done {
                return Ok(());
            }
            if !events
                .wait(Instant::now() + stall)
                .map_err(|error| failure_of(&error))?
            {
                return self.end();
            }
        }
    }

    fn take_here(&mut self, events: &mut Events) -> Result<Next, Failure> {
        loop {
            if self.out.len() >= AT_ONCE {
                self.flush()?;
            }
            let item = events
                .next_here()
                .map_err(|error| Failure::new(Class::BadResponse, &error.to_string()))?;
            match item {
                None => return Ok(Next::More),
                Some(Item::Comment(_)) => self.out.push_str(":\n\n"),
                Some(Item::Event(event)) => {
                    if self.take(event)? == Next::Done {
                        return Ok(Next::Done);
                    }
                }
            }
        }
    }

    fn take(&mut self, event: Event<'_>) -> Result<Next, Failure> {
        let chunk = Chunk::inspect(&event.data);
        self.ends.add(chunk.ends);
        self.usage = chunk.usage.or(self.usage);
        if let Some(transcript) = &mut self.transcript {
            transcript.push(&event.data);
        }
        match &chunk.kind {
            ChunkKind::Content | ChunkKind::Prelude => {
                let summary = std::mem::take(&mut self.first).then_some(self.marks.routing_summary);
                encode_with(&mut self.out, |out| {
                    chunk.write(out, &event.data, self.marks.model, summary);
                });
                Ok(Next::More)
            }
            ChunkKind::Done => {
                encode(&mut self.out, DONE);
                Ok(Next::Done)
            }
            ChunkKind::Error(said) => Err(failure_of_late_error(said)),
            ChunkKind::NotJson(_) => Err(Failure::new(
                Class::BadResponse,
                "an event of the stream is not JSON",
            )),
        }
    }

    /// The provider closed without `[DONE]`: complete only if it said why it stopped.
    fn end(&mut self) -> Result<(), Failure> {
        if !self.ends.are_all_there() {
            return Err(cut());
        }
        encode(&mut self.out, DONE);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = self.stream.write(self.out.as_bytes());
        self.out.clear();
        written.map_err(|Gone| Failure::new(Class::Cancelled, "the client is gone"))
    }
}

/// Reads what follows `[DONE]`, so that the connection can be used again.
fn read_tail(events: &mut Events) {
    let deadline = Instant::now() + TAIL;
    while let Ok(true) = events.wait(deadline) {
        while let Ok(Some(_)) = events.next_here() {}
    }
}

fn error_event(failure: &Failure, redactor: &Redactor) -> String {
    let message = redactor.redact(&format!("the stream broke: {}", failure.message));
    let body = ErrorBody {
        message: &message,
        kind: type_of(502),
        param: None,
        code: failure.class.label(),
        details: None,
    };
    String::from_utf8(body.to_json()).unwrap_or_default()
}

fn stopping_event() -> String {
    let body = ErrorBody::new(Code::Overloaded, STOPPING);
    String::from_utf8(body.to_json()).unwrap_or_default()
}
