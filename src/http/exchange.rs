//! The handler's view of a request and its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::budget::{Budget, Charge};
use crate::client_socket::ClientSocket;

use super::body::BodyError;
use super::head::Head;
use super::response::{Delivery, Response, ResponseHead};
use super::stream::{Gone, Stream};
use super::transaction::{AnswerState, Transaction};

/// A request with a whole head, to be answered once. Dropped without an answer, it is answered 500.
pub struct Exchange<'t> {
    transaction: &'t mut Transaction,
}

impl<'t> Exchange<'t> {
    pub(super) fn new(transaction: &'t mut Transaction) -> Self {
        Self { transaction }
    }

    pub fn head(&self) -> &Head {
        &self.transaction.job.head
    }

    pub fn request_id(&self) -> &Arc<str> {
        self.transaction.job.head.request_id()
    }

    /// The address of the client, also behind trusted proxies. An IPv4 address that is mapped into IPv6 is shown as IPv4.
    pub fn client_address(&self) -> IpAddr {
        self.transaction.client_address()
    }

    /// The time at which the head was whole.
    pub fn received(&self) -> Instant {
        self.transaction.job.received
    }

    /// Tells the client's name, by which its share of the workers is counted; its address stands for it else.
    pub fn identify(&mut self, name: &str) {
        self.transaction.identify(name);
    }

    /// Takes the whole body, which has arrived already. An empty one is returned without a body, and the second time (at
    /// most `max_body` bytes, `max_upload` of a form).
    ///
    /// # Errors
    /// See [`BodyError`]. An answer can still be sent; the connection closes after it.
    pub fn read_body(&mut self) -> Result<Arc<Vec<u8>>, BodyError> {
        self.transaction.read_body()
    }

    /// Whether the server stops and its time to finish is over. The [`ClientSocket`] has gone off then, although the client
    /// may be there: it is to be told now that there will be no answer.
    pub fn is_ending(&self) -> bool {
        self.transaction.is_ending()
    }

    /// The budget of memory, for all that the answer may take up.
    pub fn budget(&self) -> &Budget {
        self.transaction.budget()
    }

    /// The client's socket, to be watched from after the body was read.
    pub fn client_socket(&self) -> ClientSocket {
        let connection = &self.transaction.job.connection;
        ClientSocket::new(&connection.socket, connection.was_open)
    }

    /// Sends a whole answer. Does not wait for the client: the front sends what its system does not take at once.
    pub fn send(self, response: Response) -> Delivery {
        self.send_charged(response, None)
    }

    /// The same with content that the budget is charged for: the charge goes with what the client's system does not take
    /// at once.
    pub fn send_charged(self, response: Response, charge: Option<Charge>) -> Delivery {
        let status = response.head.status;
        let (bytes, complete) = self.transaction.send(response, charge);
        Delivery {
            status,
            complete,
            bytes,
        }
    }

    /// Begins an answer whose length is not known. Its head goes out with the first write, unless another one went out
    /// with a sign of life.
    pub fn stream(self, head: ResponseHead) -> Stream<'t> {
        if self.has_begun() {
            Stream::resumed(self.transaction, head.status)
        } else {
            Stream::begin(self.transaction, head, None)
        }
    }

    /// Begins an answer of a known length (bytes), which is written in pieces.
    pub fn stream_of(self, head: ResponseHead, length: u64) -> Stream<'t> {
        Stream::begin(self.transaction, head, Some(length))
    }

    /// Sends a piece of a stream whose first words are yet to come; before the first one goes its head.
    ///
    /// # Errors
    /// The client has gone, or took nothing for too long.
    pub fn send_sign_of_life(&mut self, head: ResponseHead, piece: &[u8]) -> Result<(), Gone> {
        let mut stream = if self.has_begun() {
            Stream::resumed(self.transaction, head.status)
        } else {
            Stream::begin(self.transaction, head, None)
        };
        stream.write(piece)
    }

    /// Whether the head of a stream has been sent.
    pub fn has_begun(&self) -> bool {
        matches!(self.transaction.answer, AnswerState::Begun(_))
    }
}
