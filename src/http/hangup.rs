//! Telling whether a client is still there.

use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Watches a client while its answer is in the making.
///
/// A FIN that arrives during the wait means gone, as in nginx and Go. One that was there when the watch began is that of
/// a client that half-closes after its request and still reads; then only a reset means gone.
///
/// It also goes off when the server stops and its time to finish is over ([`Exchange::is_ending`](super::Exchange::is_ending)),
/// but for a client that half-closed.
///
/// Whoever waits for something else polls this descriptor beside its own, for [`PollFlags::RDHUP`] if
/// [`Self::watches_fin`], else for nothing (errors are always reported), and asks [`Self::is_gone`] when it wakes.
#[derive(Clone, Debug)]
pub struct Hangup {
    socket: Arc<TcpStream>,
    watches_fin: bool,
}

impl Hangup {
    /// `was_open`: whoever waited for the request has seen that no FIN came with it, so there is no need to look again.
    pub(super) fn of(socket: &Arc<TcpStream>, was_open: bool) -> Self {
        Self {
            socket: Arc::clone(socket),
            watches_fin: was_open || !events(socket).contains(PollFlags::RDHUP),
        }
    }

    /// Whether a FIN means that the client has gone.
    pub fn watches_fin(&self) -> bool {
        self.watches_fin
    }

    /// Whether the client has gone. Does not block.
    pub fn is_gone(&self) -> bool {
        let events = events(&self.socket);
        events.intersects(PollFlags::ERR | PollFlags::HUP)
            || (self.watches_fin && events.contains(PollFlags::RDHUP))
    }

    /// Waits until the client has gone, which is true, or until the deadline.
    pub fn goes_before(&self, deadline: Instant) -> bool {
        let watched = if self.watches_fin {
            PollFlags::RDHUP
        } else {
            PollFlags::empty()
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap_or_default();
            let _ = poll(&mut [PollFd::new(&self.socket, watched)], Some(&timeout));
            if self.is_gone() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }
}

impl AsFd for Hangup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn events(socket: &TcpStream) -> PollFlags {
    let mut watched = [PollFd::new(socket, PollFlags::RDHUP)];
    match poll(&mut watched, Some(&Timespec::default())) {
        Ok(_) => watched.first().map_or(PollFlags::empty(), PollFd::revents),
        // Nothing is known, so nobody is given up. A later look tells.
        Err(_) => PollFlags::empty(),
    }
}
