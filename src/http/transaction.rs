//! A transaction: one request and its answer, while a worker has the connection.

use std::io::IoSlice;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::connect_unspec;

use super::body::{Body, BodyError};
use super::connection::LastWrite;
use super::edge::Edge;
use super::permits::ClientPermit;
use super::pool::Job;
use super::refusal::Refusal;
use super::response::{BodyEnd, Encoder, Response};

/// The state of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerState {
    None,
    /// Begun and not ended: a stream, or an answer that the client did not take.
    Begun(BodyEnd),
    Whole,
}

/// The disposition of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disposition {
    /// The next request may come.
    Keep,
    /// All was said and read.
    Close,
    /// The client may still be sending what will not be read. Closing now would make its system throw the answer away with
    /// a reset (RFC 9112 section 9.6).
    Discard,
}

/// The transaction under way. It belongs to the worker, so that it outlives a handler that panics.
pub(super) struct Transaction {
    pub job: Box<Job>,
    edge: Arc<Edge>,
    body: Body,
    pub answer: AnswerState,
    /// Decided when the answer's head is written, which announces it.
    keep_alive: bool,
    /// Held while the client waits for this answer.
    client_permit: Option<ClientPermit>,
}

impl Transaction {
    pub fn new(job: Box<Job>, edge: Arc<Edge>) -> Self {
        Self {
            body: Body::announced(&job.head),
            job,
            edge,
            answer: AnswerState::None,
            keep_alive: false,
            client_permit: None,
        }
    }

    /// Writes a part of the answer. Returns the number of bytes written, and whether all were.
    pub fn write(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, bool) {
        self.job.connection.write_all(slices, self.write_timeout())
    }

    /// Writes the end of the answer, as [`Self::write`] does. A client that has it is no longer being served.
    pub fn write_end(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, bool) {
        let (timeout, edge) = (self.write_timeout(), &self.edge);
        let client_permit = &mut self.client_permit;
        let Job {
            connection, permit, ..
        } = &mut *self.job;
        connection.write_last(slices, timeout, |write| match write {
            LastWrite::Begins => {
                permit.release();
                client_permit.as_mut().map(ClientPermit::release);
            }
            LastWrite::Stalls => {
                client_permit.as_mut().map(ClientPermit::take);
                if let Some(job) = edge.pool.stall(permit) {
                    edge.handoff.refuse(job);
                }
            }
        })
    }

    fn write_timeout(&self) -> Duration {
        self.edge.limits.write_timeout
    }

    /// Admits the request to its handler.
    ///
    /// # Errors
    /// The body is malformed as far as it has arrived, or the client is at its limit.
    pub fn admit(&mut self) -> Result<(), Refusal> {
        let Job {
            connection, head, ..
        } = &*self.job;
        self.body.check(connection)?;
        self.client_permit = self.edge.clients.for_request(connection.peer.ip(), head)?;
        Ok(())
    }

    pub fn client_address(&self) -> IpAddr {
        let peer = self.job.connection.peer.ip();
        self.edge.clients.client_address(peer, &self.job.head)
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// See [`Body::read`].
    pub fn read_body(&mut self) -> Result<Vec<u8>, BodyError> {
        let expects_continue = self.job.head.expects_continue;
        let limits = &self.edge.limits;
        let body = self
            .body
            .read(&mut self.job.connection, expects_continue, limits);
        // The front has then closed the side we read from.
        body.map_err(|error| match error {
            BodyError::Malformed(_) if self.is_ending() => BodyError::Stopping,
            error => error,
        })
    }

    pub fn is_ending(&self) -> bool {
        self.edge.is_ending()
    }

    /// Decides whether the connection outlives this answer. The rest of the request is passed over if it is here already,
    /// and never waited for.
    pub fn decide_keep_alive(&mut self, end: BodyEnd) -> bool {
        self.keep_alive = self.job.head.keep_alive
            && end != BodyEnd::Close
            && !self.edge.is_stopping()
            && self.body.skip(&mut self.job.connection);
        self.keep_alive
    }

    /// Sends a whole answer. Returns the number of bytes of its body that were sent, and whether all of it was.
    pub fn send(&mut self, response: &Response) -> (u64, bool) {
        let end = BodyEnd::Length(response.body.len());
        let keep_alive = self.decide_keep_alive(end);
        let encoder = Encoder::for_request(&self.job.head);
        let head = encoder.encode_head(&response.head, end, keep_alive);
        let body = if encoder.wants_body(response.head.status) {
            response.body.as_slice()
        } else {
            &[]
        };
        let mut slices = [IoSlice::new(&head), IoSlice::new(body)];
        let (written, whole) = self.write_end(&mut slices);
        self.answer = if whole {
            AnswerState::Whole
        } else {
            AnswerState::Begun(end)
        };
        (written.saturating_sub(head.len()) as u64, whole)
    }

    /// Ends the transaction. An answer that was begun stays cut, visibly.
    pub fn end(mut self) -> (Box<Job>, Disposition) {
        // Also of an answer that was cut, whose client may ask again.
        self.job.permit.release();
        let disposition = match self.answer {
            AnswerState::Whole if self.keep_alive => Disposition::Keep,
            AnswerState::Whole if self.body.is_read() && self.job.connection.buffer.is_empty() => {
                Disposition::Close
            }
            AnswerState::Whole => Disposition::Discard,
            AnswerState::Begun(end) => {
                // To a client that reads until the end of the connection, a FIN would say that all is well. This sends
                // a reset at once, also while a call still holds the socket (connect(2): AF_UNSPEC dissolves).
                if end == BodyEnd::Close {
                    let _ = connect_unspec(&*self.job.connection.socket);
                }
                Disposition::Close
            }
            AnswerState::None => Disposition::Close,
        };
        (self.job, disposition)
    }
}
