//! A transaction: one request and its answer, while a worker has the connection.

use std::io::IoSlice;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::connect_unspec;

use crate::budget::{Budget, Charge};
use crate::freed_memory::MOST_KEPT;

use super::body::{self, BodyError};
use super::connection::{Written, write_available};
use super::content::Content;
use super::edge::Edge;
use super::fields::Fields;
use super::outgoing::{Disposition, Outgoing};
use super::permits::ClientPermit;
use super::pool::Job;
use super::refusal::Refusal;
use super::response::{BodyEnd, Encoder, Response};
use super::stalls::Client;

/// The state of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerState {
    None,
    /// Begun and not ended: a stream, or an answer that the client did not take.
    Begun(BodyEnd),
    Whole,
}

/// The transaction under way. It belongs to the worker, so that it outlives a handler that panics.
pub(super) struct Transaction {
    pub job: Box<Job>,
    edge: Arc<Edge>,
    pub answer: AnswerState,
    /// The end of a whole answer that the client's system did not take.
    rest: Option<Box<Outgoing>>,
    /// The idle timeout of the connection after this answer, `None` if it closes: decided when the answer's head is
    /// written, which announces it.
    keep_alive: Option<Duration>,
    /// Fields of the answer besides its own.
    pub fields: Fields,
    /// The client whose share of the workers this counts for, where the handler has told.
    client: Option<Client>,
}

/// The end of a transaction: the connection, and what becomes of it.
pub(super) enum Ended {
    Answered(Disposition),
    /// The front sends the rest of the answer first.
    Unsent(Box<Outgoing>),
}

impl Transaction {
    pub fn new(job: Box<Job>, edge: Arc<Edge>) -> Self {
        Self {
            job,
            edge,
            answer: AnswerState::None,
            rest: None,
            keep_alive: None,
            fields: Fields::new(),
            client: None,
        }
    }

    /// Writes a part of the answer. Returns the number of bytes written, and whether all were. Blocks while the client
    /// has to make room (at most `write_timeout` without progress, less where others wait for the worker).
    pub fn write(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, bool) {
        let (edge, connection) = (&self.edge, &self.job.connection);
        let client = self.client.unwrap_or(Client::Address(connection.client()));
        let stalled = || edge.stalls.begin(client, &connection.socket);
        connection.write_all(slices, edge.limits.write_timeout, stalled)
    }

    /// Writes the end of the answer as far as the client's system takes it. A client that has it is no longer being served.
    fn write_end(&mut self, slices: &mut [IoSlice<'_>]) -> (usize, Written) {
        let job = &mut *self.job;
        job.permit.release();
        job.client_permit.as_mut().map(ClientPermit::release);
        let mut slices = slices;
        write_available(&job.connection.socket, &mut slices)
    }

    /// Leaves the rest of the answer to the front.
    fn leave(&mut self, head: Vec<u8>, content: Content, sent: usize, charge: Option<Charge>) {
        // Content that was free while it was on its way is not free while its client leaves it unread.
        let charge = charge.filter(|charge| charge.bytes() > 0);
        let charge = charge.unwrap_or_else(|| content.charge(&self.edge.budget));
        let mut rest = Outgoing::new(head, content, sent, charge);
        // What strangers leave unread is no line of the log: they could fill it.
        let known = self.client.is_some();
        rest.request_id = known.then(|| Arc::clone(self.job.head.request_id()));
        rest.permit = self.job.client_permit.take();
        rest.permit.as_mut().map(ClientPermit::take);
        self.rest = Some(Box::new(rest));
    }

    /// Tells whose share of the workers this counts for.
    pub fn identify(&mut self, name: &str) {
        self.client = Some(Client::named(name));
    }

    /// Admits the request to its handler.
    ///
    /// # Errors
    /// The body is malformed as far as it has arrived, or the client is at its limit.
    pub fn admit(&mut self) -> Result<(), Refusal> {
        let job = &mut *self.job;
        job.body.check(&job.connection)?;
        if job.client_permit.is_none() {
            let peer = job.connection.peer.ip();
            job.client_permit = self.edge.clients.for_request(peer, &job.head)?;
        }
        Ok(())
    }

    pub fn client_address(&self) -> IpAddr {
        let peer = self.job.connection.peer.ip();
        self.edge.clients.client_address(peer, &self.job.head)
    }

    /// Takes the whole body.
    ///
    /// # Errors
    /// See [`Body::read`](super::body::Body::read).
    pub fn read_body(&mut self) -> Result<Arc<Vec<u8>>, BodyError> {
        let Job {
            connection,
            body,
            head,
            small_body,
            ..
        } = &mut *self.job;
        let body = body.read(connection, body::largest(head, &self.edge.limits))?;
        let body = Arc::new(body);
        *small_body = (body.capacity() <= MOST_KEPT).then(|| Arc::clone(&body));
        Ok(body)
    }

    pub fn budget(&self) -> &Budget {
        &self.edge.budget
    }

    pub fn is_ending(&self) -> bool {
        self.edge.is_ending()
    }

    /// Decides whether the connection outlives this answer, and returns its idle timeout if so. The rest of the request is passed over if it is here already,
    /// and never waited for.
    pub fn decide_keep_alive(&mut self, end: BodyEnd) -> Option<Duration> {
        let Job {
            connection,
            head,
            body,
            ..
        } = &mut *self.job;
        let is_kept = head.keep_alive
            && end != BodyEnd::Close
            && !self.edge.is_stopping()
            && body.skip(connection);
        self.keep_alive = is_kept.then_some(self.edge.limits.keep_alive);
        self.keep_alive
    }

    /// Sends a whole answer. Returns the number of bytes of its body that were sent or left to the front, and whether all
    /// of it was. A charge that the content has already goes with it.
    pub fn send(&mut self, response: Response, charge: Option<Charge>) -> (u64, bool) {
        let end = BodyEnd::Length(response.body.len());
        let keep_alive = self.decide_keep_alive(end);
        let encoder = Encoder::for_request(&self.job.head, &self.fields);
        let head = encoder.encode_head(&response.head, end, keep_alive);
        let content = if encoder.wants_body(response.head.status) {
            response.body
        } else {
            Content::default()
        };
        let (sent, written) = content.written_behind(&head, |slices| self.write_end(slices));
        let of_content = match written {
            Written::All | Written::Part => content.len(),
            Written::Broken => sent.saturating_sub(head.len()),
        };
        if written == Written::Part {
            self.leave(head, content, sent, charge);
        }
        let whole = written != Written::Broken;
        self.answer = if whole {
            AnswerState::Whole
        } else {
            AnswerState::Begun(end)
        };
        (of_content as u64, whole)
    }

    /// Writes the end of a stream, or leaves it to the front. `false` if the client has gone.
    pub fn finish(&mut self, head: &[u8], last: &[u8]) -> bool {
        let (sent, written) = self.write_end(&mut [IoSlice::new(head), IoSlice::new(last)]);
        if written == Written::Part {
            self.leave([head, last].concat(), Content::default(), sent, None);
        }
        if written != Written::Broken {
            self.answer = AnswerState::Whole;
        }
        written != Written::Broken
    }

    /// Ends the transaction. An answer that was begun stays cut, visibly.
    pub fn end(mut self) -> (Box<Job>, Ended) {
        let job = &mut *self.job;
        // Also of an answer that was cut, whose client may ask again.
        job.permit.release();
        job.client_permit = None;
        job.charge.shrink_to(0);
        let disposition = match self.answer {
            AnswerState::Whole if self.keep_alive.is_some() => Disposition::Keep,
            AnswerState::Whole if job.body.is_read() && job.connection.buffer.is_empty() => {
                Disposition::Close
            }
            AnswerState::Whole => Disposition::Discard,
            AnswerState::Begun(end) => {
                // To a client that reads until the end of the connection, a FIN would say that all is well. This sends
                // a reset at once, also while a call still holds the socket (connect(2): AF_UNSPEC dissolves).
                if end == BodyEnd::Close {
                    let _ = connect_unspec(&*job.connection.socket);
                }
                Disposition::Close
            }
            AnswerState::None => Disposition::Close,
        };
        let ended = match self.rest {
            Some(mut rest) => {
                rest.then = disposition;
                Ended::Unsent(rest)
            }
            None => Ended::Answered(disposition),
        };
        (self.job, ended)
    }
}
