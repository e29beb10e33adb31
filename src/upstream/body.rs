//! The answer's body.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::budget::Charge;

use super::call_state::CallState;
use super::connection::Connection;
use super::error::{CallError, Phase};
use super::exchange::AfterHead;
use super::pool::ConnectionPool;
use super::unread_body::UnreadBody;

/// The time that an answer waits for memory, and that between two looks for it. It is longer than the second for which
/// other answers may be left unread before they make room.
const PATIENCE: Duration = Duration::from_secs(2);
const GLANCE: Duration = Duration::from_millis(10);

/// The bytes of an answer after its head. Dropping it before its end closes the connection.
pub struct Body {
    /// `None` at the body's end.
    unread: Option<Arriving>,
    state: CallState,
    /// The length of `Content-Length` (bytes). `None`: the body has another framing.
    announced: Option<u64>,
    /// The first error, which every further read gives: bytes behind it are no body any more.
    failed: Option<CallError>,
}

/// A body on its way, and the pool that its connection goes to afterwards.
struct Arriving {
    unread: UnreadBody,
    connection: Box<Connection>,
    pool: Arc<ConnectionPool>,
}

impl Body {
    /// On the heap: a body is handed on through many frames, and those are the memory that a waiting worker takes.
    pub(super) fn new(
        rest: AfterHead,
        connection: Box<Connection>,
        pool: &Arc<ConnectionPool>,
        state: CallState,
    ) -> Box<Self> {
        let unread = match rest {
            AfterHead::Body(unread) => Some(Arriving {
                unread,
                connection,
                pool: Arc::clone(pool),
            }),
            AfterHead::Nothing { reusable } => {
                if reusable {
                    pool.put(connection, Instant::now());
                }
                None
            }
        };
        Box::new(Self {
            announced: unread.as_ref().and_then(|body| body.unread.announced()),
            unread,
            state,
            failed: None,
        })
    }

    /// The announced length (bytes). `None`: the body has another framing.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The most that the next read gives, as far as bytes have arrived (bytes). Blocks as [`Self::read`] does, so that
    /// room for a read is needed only behind it. At the body's end it is 0, as the next read is.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn arrived(&mut self, deadline: Instant) -> Result<usize, CallError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let Some(body) = &mut self.unread else {
            return Ok(0);
        };
        self.state.phase = Phase::Body;
        self.state.deadline = deadline;
        match body
            .unread
            .await_bytes(&mut body.connection, &mut self.state)
        {
            Ok(()) => Ok(body.connection.wire.buffers().input().len()),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Reads as much of the body as is there, and blocks until the deadline if there is none. `Ok(0)` is the complete
    /// end by the body's framing; `buf` must not be empty.
    ///
    /// # Errors
    /// As [`Self::hand_on`].
    pub fn read(&mut self, buf: &mut [u8], deadline: Instant) -> Result<usize, CallError> {
        let mut filled = 0;
        self.hand_on(buf.len(), deadline, &mut |bytes| {
            if let Some(room) = buf.get_mut(filled..filled + bytes.len()) {
                room.copy_from_slice(bytes);
                filled += bytes.len();
            }
        })
    }

    /// Reads behind the bytes that are there, at most so many; false at the body's end.
    ///
    /// # Errors
    /// As [`Self::hand_on`].
    pub fn read_behind(
        &mut self,
        bytes: &mut Vec<u8>,
        most: usize,
        deadline: Instant,
    ) -> Result<bool, CallError> {
        if bytes.capacity() == 0
            && let Some(body) = &mut self.unread
            && let Some(arrived) = body.unread.take_arrived(&mut body.connection, most)
        {
            *bytes = arrived;
            if body.unread.is_complete() {
                self.end();
            }
            return Ok(true);
        }
        let read = self.hand_on(most, deadline, &mut |read| bytes.extend_from_slice(read))?;
        Ok(read > 0)
    }

    /// Hands on as much of the body as is there, in pieces of at most so many bytes together, and blocks until the deadline
    /// if there is none. `Ok(0)` is the complete end by the body's framing; `most` must not be 0.
    ///
    /// # Errors
    /// `Cancelled` when the client is gone, `Timeout(Body)`, or `BadResponse` for a body that is cut or malformed.
    /// Behind a timeout the body may be read on, with another deadline; after any other error every further read gives the
    /// same one.
    pub fn hand_on(
        &mut self,
        most: usize,
        deadline: Instant,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<usize, CallError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let Some(body) = &mut self.unread else {
            return Ok(0);
        };
        self.state.phase = Phase::Body;
        self.state.deadline = deadline;
        let Arriving {
            unread, connection, ..
        } = body;
        match unread.read(connection, most, &mut self.state, take) {
            Ok(read) => {
                if read == 0 || unread.is_complete() {
                    self.end();
                }
                Ok(read)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn fail(&mut self, error: CallError) -> CallError {
        // A stream's reader looks up from its wait now and then: no byte is lost by that.
        if matches!(error, CallError::Timeout(_)) {
            return error;
        }
        self.unread = None;
        self.failed.insert(error).clone()
    }

    /// Raises a charge to that of a buffer of so many bytes. Blocks while others have all the memory (at most
    /// [`PATIENCE`]): answers that their clients do not read make room meanwhile.
    ///
    /// # Errors
    /// `BadResponse` where there is no room, `Cancelled` when the client is gone.
    pub fn make_room(&self, charge: &mut Charge, bytes: usize) -> Result<(), CallError> {
        if charge.cover(bytes) {
            return Ok(());
        }
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            charge.want();
            self.state.wait_any([], Some(Instant::now() + GLANCE))?;
            if charge.cover(bytes) {
                return Ok(());
            }
        }
        Err(CallError::no_memory())
    }

    /// Whether the body has been read to its complete end.
    fn has_ended(&self) -> bool {
        self.unread.is_none() && self.failed.is_none()
    }

    fn end(&mut self) {
        if let Some(body) = self.unread.take()
            && let Arriving {
                unread,
                connection,
                pool,
            } = body
            && unread.leaves_reusable()
        {
            pool.put(connection, Instant::now());
        }
    }

    /// The whole body, up to a limit (bytes).
    ///
    /// # Errors
    /// As [`Body::read`]; more than `limit` bytes, announced or received, are a `BadResponse`. No more than `limit`
    /// bytes and one read are ever held.
    #[expect(clippy::boxed_local, reason = "a body is handed on in its box")]
    pub fn read_to_end(
        mut self: Box<Self>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, CallError> {
        self.read_all(Vec::new(), limit, deadline, None)
    }

    /// The whole body, of which the first bytes were read before; else as [`Body::read_to_end`]. The budget is charged for
    /// it as it grows.
    ///
    /// # Errors
    /// As [`Body::read_to_end`]; a body without room in the budget is a `BadResponse`.
    #[expect(clippy::boxed_local, reason = "a body is handed on in its box")]
    pub fn read_rest(
        mut self: Box<Self>,
        begun: Vec<u8>,
        limit: usize,
        deadline: Instant,
        charge: &mut Charge,
    ) -> Result<Vec<u8>, CallError> {
        self.read_all(begun, limit, deadline, Some(charge))
    }

    /// A buffer above the allocator's threshold grows by moving its pages: what is not filled of it takes no memory.
    fn read_all(
        &mut self,
        begun: Vec<u8>,
        limit: usize,
        deadline: Instant,
        mut charge: Option<&mut Charge>,
    ) -> Result<Vec<u8>, CallError> {
        let too_big = || CallError::BadResponse(format!("a body of more than {limit} bytes"));
        let announced = self.announced.map(usize::try_from);
        if announced.is_some_and(|length| length.is_ok_and(|length| length > limit)) {
            return Err(too_big());
        }
        if let (Some(charge), Some(Ok(length))) = (&mut charge, announced) {
            // All of it, or nothing: answers that wait for one another with a half each would all fail.
            self.make_room(charge, length)?;
        }
        let mut bytes = begun;
        if let Some(Ok(length)) = announced {
            bytes.reserve_exact(length.saturating_sub(bytes.len()));
        }
        loop {
            if bytes.len() > limit {
                return Err(too_big());
            }
            if self.has_ended() {
                return Ok(bytes);
            }
            // The end shows in a byte's room.
            let arrived = self.arrived(deadline)?.max(1);
            if let Some(charge) = &mut charge {
                self.make_room(charge, bytes.len().saturating_add(arrived))?;
            }
            self.read_behind(&mut bytes, arrived, deadline)?;
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("announced", &self.announced)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
