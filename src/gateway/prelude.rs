//! A stream before its commit point: everything is held back until the first content, so that a stream that begins and
//! then fails can still be replaced by the next step's.

use std::time::Instant;

use crate::dialect::chat::chunk::{Chunk, ChunkKind, Ends};
use crate::dialect::class::Class;
use crate::routing::Failure;
use crate::sse::{Event, Item};
use crate::telemetry::trace::current;
use crate::upstream::Head;

use super::events::Events;
use super::failure::{cut, failure_of, failure_of_error};
use super::trail::tell_model;

/// Events held back. Further ones without content are dropped: some providers send an empty delta for every hidden
/// reasoning token, and neither memory nor the right to fail over is given up for those.
const MOST_HELD: usize = 64;

/// Bytes of events held back.
const MOST_HELD_BYTES: usize = 256 * 1024;

/// A stream whose first content has arrived.
pub struct Opened {
    /// What was held back, with the first content last.
    pub held: Vec<Event<'static>>,
    pub events: Events,
}

/// Reads up to the first content.
///
/// # Errors
/// The failure that lets the next step try: nothing has been sent yet.
pub fn open(head: &Head, mut events: Events, deadline: Instant) -> Result<Opened, Failure> {
    let mut held = Held::default();
    let mut ends = Ends::default();
    loop {
        while let Some(item) = events
            .next_here()
            .map_err(|error| Failure::new(Class::BadResponse, &error.to_string()))?
        {
            // Comments say that the provider is at work; the client is not told, as it may yet be another one.
            let Item::Event(event) = item else { continue };
            let chunk = Chunk::inspect(&event.data);
            ends.add(chunk.ends);
            match chunk.kind {
                ChunkKind::Content => {
                    tell_model(|| chunk.model(&event.data));
                    held.events.push(event.into_owned());
                    return Ok(Opened {
                        held: held.events,
                        events,
                    });
                }
                ChunkKind::Prelude => {
                    if held.events.is_empty() {
                        current::event("prelude held", Vec::new);
                    }
                    held.hold(event);
                }
                ChunkKind::Done => return Err(nothing_said()),
                ChunkKind::Error(said) => return Err(failure_of_error(head, &said)),
                ChunkKind::NotJson(_) => {
                    return Err(Failure::new(
                        Class::BadResponse,
                        "an event of the stream is not JSON",
                    ));
                }
            }
        }
        if !events.wait(deadline).map_err(|error| failure_of(&error))? {
            return Err(if ends.are_all_there() {
                nothing_said()
            } else {
                cut()
            });
        }
    }
}

fn nothing_said() -> Failure {
    Failure::new(Class::EmptyAnswer, "the stream ended without content")
}

#[derive(Default)]
struct Held {
    events: Vec<Event<'static>>,
    bytes: usize,
}

impl Held {
    fn hold(&mut self, event: Event<'_>) {
        let bytes = self.bytes.saturating_add(event.data.len());
        if self.events.len() < MOST_HELD && bytes <= MOST_HELD_BYTES {
            self.bytes = bytes;
            self.events.push(event.into_owned());
        }
    }
}
