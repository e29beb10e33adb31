//! One request and the head of its answer over a connection: the bytes between ureq-proto's protocol and the wire.
//!
//! ureq's own loop around the same protocol keeps all of its states in one frame of 14 KB on the stack of every waiting
//! worker; here each state has gone when the next one waits.

use ureq::http::{HeaderMap, Request, Response, header};
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call as Protocol, RecvBodyResult, RecvResponseResult, SendRequestResult};

use super::call_state::CallState;
use super::connection::Connection;
use super::error::CallError;

/// The bound of an answer's head (bytes). The number of its fields is bounded by ureq-proto (128).
const MAX_HEAD: usize = 64 * 1024;

/// The rest of an answer behind its head.
pub(super) enum AfterHead {
    Body(Box<UnreadBody>),
    Nothing { reusable: bool },
}

/// A body that has not been read to its end.
pub(super) struct UnreadBody {
    protocol: Protocol<RecvBody>,
    /// Its head gives two framings.
    is_ambiguous: bool,
}

/// Puts the request on its way. `head_size` is an upper bound of its head (bytes).
pub(super) fn send(
    connection: &mut Connection,
    request: Request<()>,
    head_size: usize,
    body: &[&[u8]],
    state: &mut CallState,
) -> Result<(), CallError> {
    let protocol = Protocol::new(request);
    let mut protocol = protocol.map_err(|error| violated(error, state))?.proceed();
    connection.wire.buffers().expect_output(head_size);
    while !protocol.can_proceed() {
        let written = protocol.write(connection.wire.buffers().output());
        let amount = written.map_err(|error| violated(error, state))?;
        connection.wire.send(amount, state)?;
    }
    match protocol.proceed().map_err(|error| violated(error, state))? {
        Some(SendRequestResult::RecvResponse(_)) => Ok(()),
        Some(SendRequestResult::SendBody(mut protocol)) => {
            // The announced length, checked before anything of the body is sent.
            let checked = protocol.consume_direct_write(body.iter().map(|slice| slice.len()).sum());
            checked.map_err(|error| violated(error, state))?;
            connection.wire.send_last(body, state)
        }
        // `Call` drops the field `Expect`, so no call comes here.
        Some(SendRequestResult::Await100(_)) | None => Err(state.failed(unexpected())),
    }
}

/// Waits for the head of the answer. Interim answers (1xx) are passed over.
pub(super) fn receive(
    connection: &mut Connection,
    state: &mut CallState,
) -> Result<(Response<()>, AfterHead), CallError> {
    loop {
        let progress = connection.await_input(state)?;
        let head = read_head(connection);
        if let Some(head) = head.map_err(|error| state.failed(error))? {
            return Ok(head);
        }
        if !progress {
            return Err(state.ended());
        }
    }
}

/// An error of the protocol, with the words that ureq has for it.
fn violated(error: ureq_proto::Error, state: &CallState) -> CallError {
    state.failed(ureq::Error::from(error))
}

/// The head of the answer if it is all there. `None`: more input is needed, or one more interim answer is out of its
/// way.
fn read_head(
    connection: &mut Connection,
) -> Result<Option<(Response<()>, AfterHead)>, ureq::Error> {
    let mut protocol = awaiting()?;
    match parse_head(connection, &mut protocol)? {
        Some(response) => {
            let is_ambiguous = gives_two_framings(response.headers());
            Ok(Some((response, rest(protocol, is_ambiguous)?)))
        }
        None => Ok(None),
    }
}

fn parse_head(
    connection: &mut Connection,
    protocol: &mut Protocol<RecvResponse>,
) -> Result<Option<Response<()>>, ureq::Error> {
    let input = connection.wire.buffers().input();
    let (read, response) = protocol.try_response(input, false)?;
    let size = if response.is_some() {
        read
    } else {
        input.len()
    };
    if size > MAX_HEAD {
        return Err(ureq::Error::LargeResponseHeader(size, MAX_HEAD));
    }
    connection.wire.buffers().input_consume(read);
    Ok(response)
}

/// Whether an answer has both `Content-Length` and `Transfer-Encoding`, of which the second counts. Where another reader on
/// the way goes by the first, what follows is not the answer to our next request (RFC 9112 section 6.3: the connection
/// ends with such a message).
fn gives_two_framings(fields: &HeaderMap) -> bool {
    fields.contains_key(header::CONTENT_LENGTH) && fields.contains_key(header::TRANSFER_ENCODING)
}

fn rest(
    protocol: Box<Protocol<RecvResponse>>,
    is_ambiguous: bool,
) -> Result<AfterHead, ureq::Error> {
    Ok(match protocol.proceed() {
        Some(RecvResponseResult::RecvBody(protocol)) => AfterHead::Body(Box::new(UnreadBody {
            protocol,
            is_ambiguous,
        })),
        Some(RecvResponseResult::Redirect(protocol)) => AfterHead::Nothing {
            reusable: !protocol.must_close_connection() && !is_ambiguous,
        },
        Some(RecvResponseResult::Cleanup(protocol)) => AfterHead::Nothing {
            reusable: !protocol.must_close_connection() && !is_ambiguous,
        },
        None => return Err(unexpected()),
    })
}

/// The protocol at the point where an answer is awaited. Answers to GET and POST are read alike (RFC 9112 section 6.3),
/// so it is not the request that has been sent: of that nothing is kept while thousands of calls may wait.
fn awaiting() -> Result<Box<Protocol<RecvResponse>>, ureq::Error> {
    let mut protocol = Protocol::new(Request::new(()))?.proceed();
    protocol.write(&mut [0; 64])?;
    match protocol.proceed()? {
        Some(SendRequestResult::RecvResponse(protocol)) => Ok(Box::new(protocol)),
        _ => Err(unexpected()),
    }
}

/// A state of the protocol that the calls of this client do not come to.
fn unexpected() -> ureq::Error {
    ureq::Error::Other("a request of a kind that is not sent".into())
}

impl UnreadBody {
    /// The announced length of the body (bytes). `None`: it has another framing.
    pub fn announced(&self) -> Option<u64> {
        match self.protocol.body_mode() {
            BodyMode::LengthDelimited(length) => Some(length),
            BodyMode::NoBody | BodyMode::Chunked | BodyMode::CloseDelimited => None,
        }
    }

    /// Reads as much of the body as is there, or waits for it. 0 is the complete end.
    pub fn read(
        &mut self,
        connection: &mut Connection,
        buf: &mut [u8],
        state: &mut CallState,
    ) -> Result<usize, CallError> {
        while !self.is_complete() {
            let progress = connection.await_input(state)?;
            let read = self.protocol.read(connection.wire.buffers().input(), buf);
            let (read, written) = read.map_err(|error| violated(error, state))?;
            connection.wire.buffers().input_consume(read);
            if written > 0 {
                return Ok(written);
            }
            if !progress {
                return self.end_of_input(state);
            }
        }
        Ok(0)
    }

    /// Whether the connection has come to where the next answer begins, and may be used for it.
    pub fn leaves_reusable(self) -> bool {
        self.is_complete()
            && !self.is_ambiguous
            && match self.protocol.proceed() {
                Some(RecvBodyResult::Cleanup(protocol)) => !protocol.must_close_connection(),
                Some(RecvBodyResult::Redirect(protocol)) => !protocol.must_close_connection(),
                None => false,
            }
    }

    fn is_complete(&self) -> bool {
        self.protocol.body_mode() != BodyMode::CloseDelimited && self.protocol.can_proceed()
    }

    /// The end of the body at the end of the input. Some servers close right behind the last chunk, without the empty
    /// line after it; RFC 9112 section 8 asks for the chunk only.
    fn end_of_input(&self, state: &CallState) -> Result<usize, CallError> {
        if self.protocol.body_mode() == BodyMode::CloseDelimited || self.protocol.is_ended_chunked()
        {
            Ok(0)
        } else {
            Err(state.ended())
        }
    }
}
