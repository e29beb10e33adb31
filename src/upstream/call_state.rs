//! The state of one call, a value that everything on the call's way is passed: its deadlines, its phase, and the client
//! that it works for. All waits for a socket are here: for the provider's and the client's at once.

use std::fmt::Display;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::client_socket::ClientSocket;

use super::error::{CallError, Phase};

/// The longest wait for the provider alone, and the age of a look at the client from which on each wait is for both. A
/// provider that speaks again and again, as in a stream, is mostly waited for by a read that blocks: with a wait for both
/// sockets, and a read behind it, an event costs a tenth more of the processor.
pub(super) const UNWATCHED: Duration = Duration::from_millis(100);

/// The state of one call, from the look-up of the name to the end of the answer's body.
pub(super) struct CallState {
    /// The end of the phase, but for those that make the connection.
    pub deadline: Instant,
    /// The end of resolving, connecting and negotiating TLS; not after `deadline`.
    pub connect_deadline: Instant,
    pub phase: Phase,
    pub client: Option<ClientSocket>,
    /// The last time that the client was known to be there.
    pub client_seen: Instant,
    /// The connection has served another call before, whose answer may still have a second one behind it.
    pub reused: bool,
    /// A part of the request has left, and another is still to come.
    pub partly_sent: bool,
    /// Input was there before the request had been sent whole.
    pub early_input: bool,
    /// The input held bytes that this call had not asked for.
    pub unasked: bool,
    /// Bytes of the answer have arrived.
    pub answered: bool,
}

impl CallState {
    pub fn new(deadline: Instant, connect_deadline: Instant, client: Option<ClientSocket>) -> Self {
        Self {
            deadline,
            connect_deadline: connect_deadline.min(deadline),
            phase: Phase::Resolve,
            client,
            client_seen: Instant::now(),
            reused: false,
            partly_sent: false,
            early_input: false,
            unasked: false,
            answered: false,
        }
    }

    /// The error of a call that goes wrong now: the answer's, once there are bytes of one, else the connection's.
    pub fn failed(&self, why: impl Display) -> CallError {
        if self.answered && !self.phase.is_connecting() {
            CallError::BadResponse(why.to_string())
        } else {
            CallError::Unreachable(why.to_string())
        }
    }

    /// The error of a connection that broke.
    pub fn lost(&self, why: impl Display) -> CallError {
        match self.failed(why) {
            CallError::BadResponse(why) => {
                CallError::BadResponse(format!("the connection broke inside the answer: {why}"))
            }
            unreachable => unreachable,
        }
    }

    /// The error of input that ended before the answer did.
    pub fn ended(&self) -> CallError {
        self.failed(match self.phase {
            Phase::Body => "the connection was closed inside the body",
            _ if self.answered => "the connection was closed inside the head",
            _ => "the connection was closed without an answer",
        })
    }

    /// The error of a used connection with input on it that came before the request had been sent whole.
    pub fn unasked(&mut self) -> CallError {
        self.unasked = true;
        CallError::Unreachable("the provider sent what was not asked for".to_owned())
    }

    /// Whether a read may block for [`UNWATCHED`]: the client was there a moment ago, and no time ends before it does,
    /// nor soon after: the kernel's ticks make a read's timeout some milliseconds longer.
    pub fn may_be_unwatched(&self, now: Instant) -> bool {
        let seen = || now.saturating_duration_since(self.client_seen) < UNWATCHED;
        !self.phase.is_connecting()
            && self.deadline.saturating_duration_since(now) > 2 * UNWATCHED
            && (self.client.is_none() || seen())
    }

    /// Waits until `fd` is ready, and returns for what.
    ///
    /// # Errors
    /// `Timeout` at the end of the phase, `Cancelled` when the client is gone.
    pub fn wait_for(
        &mut self,
        fd: BorrowedFd<'_>,
        interest: PollFlags,
    ) -> Result<PollFlags, CallError> {
        let upstream = PollFd::from_borrowed_fd(fd, interest);
        let Some(client) = self.client() else {
            let mut polled = [upstream];
            self.poll_until(&mut polled, None)?;
            let [upstream] = polled;
            return Ok(upstream.revents());
        };
        let mut polled = [client, upstream];
        self.poll_until(&mut polled, None)?;
        let [client, upstream] = polled;
        still_there(&client)?;
        let ready = upstream.revents();
        self.client_seen = Instant::now();
        Ok(ready)
    }

    /// Waits until one of `fds` is ready or `wake_at` has come, and returns for what each is ready, in their order.
    ///
    /// # Errors
    /// As [`CallState::wait_for`].
    pub fn wait_any<'a>(
        &self,
        fds: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
        wake_at: Option<Instant>,
    ) -> Result<Vec<PollFlags>, CallError> {
        let upstream = fds
            .into_iter()
            .map(|(fd, interest)| PollFd::from_borrowed_fd(fd, interest));
        // The client stands last, so that the rest keeps its order.
        let mut polled: Vec<PollFd<'_>> = upstream.chain(self.client()).collect();
        self.poll_until(&mut polled, wake_at)?;
        if self.client.is_some()
            && let Some(client) = polled.pop()
        {
            still_there(&client)?;
        }
        Ok(polled.iter().map(PollFd::revents).collect())
    }

    /// Fails when the call's time is up or the client is gone. Does not wait.
    pub fn check(&self) -> Result<(), CallError> {
        self.wait_any([], Some(Instant::now())).map(drop)
    }

    /// The downstream client, to be polled.
    fn client(&self) -> Option<PollFd<'_>> {
        self.client.as_ref().map(ClientSocket::poll_fd)
    }

    /// Returns when a descriptor is ready or at `wake_at`; fails at the end of the phase.
    fn poll_until(
        &self,
        fds: &mut [PollFd<'_>],
        wake_at: Option<Instant>,
    ) -> Result<(), CallError> {
        let limit = if self.phase.is_connecting() {
            self.connect_deadline
        } else {
            self.deadline
        };
        loop {
            let now = Instant::now();
            let left = limit.saturating_duration_since(now);
            if left.is_zero() {
                return Err(CallError::Timeout(self.phase));
            }
            let nap = wake_at.map_or(left, |at| left.min(at.saturating_duration_since(now)));
            // Far more than any deadline; it only keeps the conversion from failing.
            let nap = Timespec::try_from(nap.min(Duration::from_secs(86_400))).unwrap_or_default();
            match poll(fds, Some(&nap)) {
                Ok(0) if wake_at.is_some_and(|at| at <= Instant::now()) => return Ok(()),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(CallError::Unreachable(format!("poll: {error}"))),
            }
        }
    }
}

fn still_there(client: &PollFd<'_>) -> Result<(), CallError> {
    if client.revents().is_empty() {
        Ok(())
    } else {
        Err(CallError::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class decides whether a provider is cooled down, so a wrong one benches a healthy provider.
    #[test]
    fn a_failure_is_the_answers_only_once_there_is_one() {
        let now = Instant::now();
        let mut state = CallState::new(now, now, None);
        for (phase, answered, is_the_answers) in [
            (Phase::Connect, true, false),
            (Phase::Send, false, false),
            (Phase::FirstByte, false, false),
            (Phase::FirstByte, true, true),
            (Phase::Body, true, true),
        ] {
            (state.phase, state.answered) = (phase, answered);
            for error in [state.failed("why"), state.lost("why"), state.ended()] {
                let found = matches!(error, CallError::BadResponse(_));
                assert_eq!(found, is_the_answers, "{phase:?} {error}");
            }
        }
    }

    /// Past its deadline a call would end late, and without a look at the client it would go on for nobody.
    #[test]
    fn a_read_may_block_only_for_a_moment() {
        let now = Instant::now();
        let millis = Duration::from_millis;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let client = ClientSocket::new(&std::sync::Arc::new(far), true);
        for (phase, left, unseen, with, without) in [
            (Phase::FirstByte, 5000, 0, true, true),
            (Phase::Body, 5000, 50, true, true),
            (Phase::Body, 5000, 150, false, true),
            (Phase::Body, 150, 0, false, false),
            (Phase::Connect, 5000, 0, false, false),
            (Phase::Tls, 5000, 0, false, false),
        ] {
            let mut state = CallState::new(now + millis(left), now + millis(left), None);
            state.phase = phase;
            state.client_seen = now.checked_sub(millis(unseen)).unwrap();
            let may = state.may_be_unwatched(now);
            assert_eq!(may, without, "{phase:?} {left}");
            state.client = Some(client.clone());
            let may = state.may_be_unwatched(now);
            assert_eq!(may, with, "{phase:?} {left} {unseen}");
        }
    }
}
