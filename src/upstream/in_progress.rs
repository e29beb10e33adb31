//! The call that this thread is making.
//!
//! A pooled connection outlives the calls that use it, and one of ureq's transports has no way to ask which call it serves.
//! As a call runs on one thread from its start to its end, what the transport must know stands in a thread-local that
//! a [`Scope`] sets for the time of the call, and again for each read of its body.

use std::cell::RefCell;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::client_socket::ClientSocket;

use super::error::{CallError, Phase};

/// What a transport needs to know of the call it serves.
pub(super) struct InProgress {
    /// The end of everything.
    pub deadline: Instant,
    /// The end of resolving, connecting and negotiating TLS; not after `deadline`.
    pub connect_deadline: Instant,
    pub phase: Phase,
    pub client: Option<ClientSocket>,
    /// The connection has served another call before, whose answer may still have a second one behind it.
    pub reused: bool,
    /// A byte of the answer has arrived.
    answered: bool,
    /// Bytes were there that this call had not asked for.
    unasked: bool,
    /// The bytes on the socket belong to TLS, so they are not yet bytes of an answer.
    under_tls: bool,
}

impl InProgress {
    pub fn new(phase: Phase, deadline: Instant, client: Option<ClientSocket>) -> Self {
        Self {
            deadline,
            connect_deadline: deadline,
            phase,
            client,
            reused: false,
            answered: phase == Phase::Body,
            unasked: false,
            under_tls: false,
        }
    }

    /// The downstream client, to be polled.
    fn client(&self) -> Option<PollFd<'_>> {
        self.client.as_ref().map(ClientSocket::poll_fd)
    }

    fn limit(&self) -> Instant {
        if self.phase.is_connecting() {
            self.connect_deadline
        } else {
            self.deadline
        }
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub phase: Phase,
    pub answered: bool,
    pub unasked: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<InProgress>> = const { RefCell::new(None) };
}

/// A call is in progress on this thread until this is dropped.
pub(super) struct Scope {
    outer: Option<InProgress>,
}

impl Scope {
    pub fn enter(call: InProgress) -> Self {
        Self {
            outer: CURRENT.replace(Some(call)),
        }
    }

    pub fn progress(&self) -> Progress {
        read(|call| Progress {
            phase: call.phase,
            answered: call.answered,
            unasked: call.unasked,
        })
        .unwrap_or(Progress {
            phase: Phase::Resolve,
            answered: false,
            unasked: false,
        })
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.outer.take());
    }
}

fn read<T>(f: impl FnOnce(&InProgress) -> T) -> Option<T> {
    CURRENT.with_borrow(|call| call.as_ref().map(f))
}

fn change(f: impl FnOnce(&mut InProgress)) {
    CURRENT.with_borrow_mut(|call| {
        if let Some(call) = call {
            f(call);
        }
    });
}

/// The connection being made has come to this phase.
pub(super) fn enter_phase(phase: Phase) {
    change(|call| call.phase = phase);
}

/// There is a connection, and the request comes next. Whatever has been received up to here (from a proxy, say) was no
/// answer to it.
pub(super) fn sending() {
    change(|call| {
        call.phase = Phase::Send;
        call.answered = false;
    });
}

/// All has been sent, input is what is missing.
pub(super) fn receiving() {
    change(|call| {
        if call.phase == Phase::Send {
            call.phase = Phase::FirstByte;
        }
    });
}

/// Bytes have arrived.
pub(super) fn received() {
    change(|call| call.answered |= !call.under_tls);
}

/// Runs `f`, which moves TLS records instead of plain bytes.
pub(super) fn under_tls<T>(f: impl FnOnce() -> T) -> T {
    change(|call| call.under_tls = true);
    let result = f();
    change(|call| call.under_tls = false);
    result
}

pub(super) fn is_under_tls() -> bool {
    read(|call| call.under_tls).unwrap_or(false)
}

pub(super) fn is_reused() -> bool {
    read(|call| call.reused).unwrap_or(false)
}

/// Bytes are there before the request has been sent whole, over a connection that has served another call before.
pub(super) fn unasked() -> CallError {
    change(|call| call.unasked = true);
    CallError::Unreachable("the provider sent what was not asked for".to_owned())
}

/// The end of resolving and connecting. Without a call there is no time at all.
pub(super) fn connect_deadline() -> Instant {
    read(|call| call.connect_deadline).unwrap_or_else(Instant::now)
}

/// The connection broke: whether an answer had begun decides whose fault that is.
pub(super) fn lost(why: &dyn std::fmt::Display) -> CallError {
    let answered = read(|call| call.answered && !call.phase.is_connecting()).unwrap_or(false);
    if answered {
        CallError::BadResponse(format!("the connection broke inside the answer: {why}"))
    } else {
        CallError::Unreachable(why.to_string())
    }
}

/// Waits until `fd` is ready, and says for what. Fails when the call's time is up or the client is gone.
pub(super) fn wait_for(fd: BorrowedFd<'_>, interest: PollFlags) -> Result<PollFlags, CallError> {
    with_call(|call| {
        let upstream = PollFd::from_borrowed_fd(fd, interest);
        let Some(client) = call.client() else {
            let mut polled = [upstream];
            poll_until(&mut polled, call, None)?;
            let [upstream] = polled;
            return Ok(upstream.revents());
        };
        let mut polled = [client, upstream];
        poll_until(&mut polled, call, None)?;
        let [client, upstream] = polled;
        still_there(&client)?;
        Ok(upstream.revents())
    })
}

/// Waits until one of `fds` is ready or `wake_at` has come, and says for what each is ready, in their order.
/// Fails when the call's time is up or the client is gone.
pub(super) fn wait_any<'a>(
    fds: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
    wake_at: Option<Instant>,
) -> Result<Vec<PollFlags>, CallError> {
    with_call(|call| {
        let upstream = fds
            .into_iter()
            .map(|(fd, interest)| PollFd::from_borrowed_fd(fd, interest));
        // The client stands last, so that the rest keeps its order.
        let mut polled: Vec<PollFd<'_>> = upstream.chain(call.client()).collect();
        poll_until(&mut polled, call, wake_at)?;
        if call.client.is_some()
            && let Some(client) = polled.pop()
        {
            still_there(&client)?;
        }
        Ok(polled.iter().map(PollFd::revents).collect())
    })
}

fn with_call<T>(f: impl FnOnce(&InProgress) -> Result<T, CallError>) -> Result<T, CallError> {
    let no_call = || CallError::Unreachable("no call is in progress".to_owned());
    CURRENT.with_borrow(|call| call.as_ref().map_or_else(|| Err(no_call()), f))
}

fn still_there(client: &PollFd<'_>) -> Result<(), CallError> {
    if client.revents().is_empty() {
        Ok(())
    } else {
        Err(CallError::Cancelled)
    }
}

/// Fails when the call's time is up or the client is gone, without waiting.
pub(super) fn check() -> Result<(), CallError> {
    wait_any([], Some(Instant::now())).map(drop)
}

/// Returns when something is ready or at `wake_at`; fails at the call's limit.
fn poll_until(
    fds: &mut [PollFd<'_>],
    call: &InProgress,
    wake_at: Option<Instant>,
) -> Result<(), CallError> {
    loop {
        let now = Instant::now();
        let Some(left) = remaining(call.limit(), now) else {
            return Err(CallError::Timeout(call.phase));
        };
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

fn remaining(limit: Instant, now: Instant) -> Option<Duration> {
    limit
        .checked_duration_since(now)
        .filter(|left| !left.is_zero())
}
