//! One request and its answer, while a worker has the connection.

use std::io::IoSlice;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::connect_unspec;

use super::body::{Body, BodyError};
use super::edge::Edge;
use super::finishing::Finishing;
use super::places::Place;
use super::pool::Job;
use super::refusal::Refusal;
use super::response::{Asked, BodyEnd, Response};

/// How far the answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    /// Begun and not ended: a stream, or an answer that the client did not take.
    Begun(BodyEnd),
    Whole,
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The next request may come.
    Keep,
    /// All was said and read.
    Close,
    /// The client may still be sending what nobody will read. Closing now would make its system throw the answer
    /// away with a reset (RFC 9112 section 9.6).
    Discard,
}

/// The state of an exchange. It is the worker's, so that it outlives a handler that panics.
pub(super) struct Turn {
    pub job: Box<Job>,
    edge: Arc<Edge>,
    body: Body,
    pub answer: Answer,
    /// Decided when the answer's head is written, which announces it.
    keep_alive: bool,
    finishing: Finishing,
    /// The client's, while it waits for this answer.
    place: Option<Place>,
}

impl Turn {
    pub fn new(job: Box<Job>, edge: Arc<Edge>) -> Self {
        Self {
            body: Body::announced(&job.head),
            job,
            finishing: edge.pool.finishing(),
            edge,
            answer: Answer::None,
            keep_alive: false,
            place: None,
        }
    }

    /// Writes a part of the answer. Returns how many bytes were written, and whether all were.
    pub fn write(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, bool) {
        self.job.connection.write_all(slices, self.write_timeout())
    }

    /// Writes the end of the answer, as [`Self::write`] does. A client that has it is no longer being served.
    pub fn write_end(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, bool) {
        let (timeout, edge) = (self.write_timeout(), &self.edge);
        let (finishing, place) = (&mut self.finishing, &mut self.place);
        self.job
            .connection
            .write_last(slices, timeout, |may_be_last| {
                if may_be_last {
                    finishing.raise();
                    place.as_mut().map(Place::leave);
                    return;
                }
                place.as_mut().map(Place::retake);
                if let Some(job) = edge.pool.stall(finishing) {
                    edge.returns.refuse(job);
                }
            })
    }

    fn write_timeout(&self) -> Duration {
        self.edge.limits.write_timeout
    }

    /// # Errors
    /// See [`Body::check`].
    pub fn check_body(&self) -> Result<(), Refusal> {
        self.body.check(&self.job.connection)
    }

    /// Takes a place for this request, if its client needs one.
    ///
    /// # Errors
    /// The client has as many as it may.
    pub fn take_place(&mut self) -> Result<(), Refusal> {
        let peer = self.job.connection.peer.ip();
        self.place = self.edge.places.for_request(peer, &self.job.head)?;
        Ok(())
    }

    pub fn client_address(&self) -> IpAddr {
        let peer = self.job.connection.peer.ip();
        self.edge.places.client_address(peer, &self.job.head)
    }

    /// # Errors
    /// See [`Body::read`].
    pub fn read_body(&mut self) -> Result<Vec<u8>, BodyError> {
        let expects_continue = self.job.head.expects_continue;
        let limits = &self.edge.limits;
        let body = self
            .body
            .read(&mut self.job.connection, expects_continue, limits);
        // Then it was this end that stopped reading.
        body.map_err(|error| match error {
            BodyError::Malformed(_) if self.is_ending() => BodyError::Stopping,
            error => error,
        })
    }

    pub fn is_ending(&self) -> bool {
        self.edge.is_ending()
    }

    /// Decides whether the connection outlives this answer. What is left of the request is passed over if it is here
    /// already, and never waited for.
    pub fn decide_keep_alive(&mut self, end: BodyEnd) -> bool {
        self.keep_alive = self.job.head.keep_alive
            && end != BodyEnd::Close
            && !self.edge.is_stopping()
            && self.body.skip(&mut self.job.connection);
        self.keep_alive
    }

    /// Sends a whole answer. Returns how many bytes of its body were sent, and whether all of it was.
    pub fn send(&mut self, response: &Response) -> (u64, bool) {
        let end = BodyEnd::Length(response.body.len());
        let keep_alive = self.decide_keep_alive(end);
        let asked = Asked::by(&self.job.head);
        let head = asked.encode_head(&response.head, end, keep_alive);
        let body = if asked.wants_body(response.head.status) {
            response.body.as_slice()
        } else {
            &[]
        };
        let mut slices = [IoSlice::new(&head), IoSlice::new(body)];
        let (written, whole) = self.write_end(&mut slices);
        self.answer = if whole {
            Answer::Whole
        } else {
            Answer::Begun(end)
        };
        (written.saturating_sub(head.len()) as u64, whole)
    }

    /// Ends the exchange. An answer that was begun stays cut, visibly.
    pub fn end(self) -> (Box<Job>, Ending, Finishing) {
        let ending = match self.answer {
            Answer::Whole if self.keep_alive => Ending::Keep,
            Answer::Whole if self.body.is_read() && self.job.connection.buffer.is_empty() => {
                Ending::Close
            }
            Answer::Whole => Ending::Discard,
            Answer::Begun(end) => {
                // To a client that reads until the end of the connection, a FIN would say that all is well. This sends
                // a reset at once, whoever else still holds the socket (connect(2): AF_UNSPEC dissolves).
                if end == BodyEnd::Close {
                    let _ = connect_unspec(&*self.job.connection.socket);
                }
                Ending::Close
            }
            Answer::None => Ending::Close,
        };
        (self.job, ending, self.finishing)
    }
}
