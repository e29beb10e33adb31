//! The downstream client's socket, as everything that works for the client watches it.

use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The socket of a client that waits for its answer, and whether a FIN on it means that the client has gone.
///
/// A FIN that arrives during the wait means gone, as in nginx and Go. One that was there when the watch began is that of
/// a client that half-closes after its request and still reads; then only a reset means gone.
///
/// The watch goes off as well when the server shuts the socket down because the time for its stop is over, but for a
/// client that had half-closed.
#[derive(Clone, Debug)]
pub struct ClientSocket {
    socket: Arc<TcpStream>,
    watches_fin: bool,
}

impl ClientSocket {
    /// Begins the watch. `was_open`: no FIN came with the request, which saves a look at the socket.
    pub fn new(socket: &Arc<TcpStream>, was_open: bool) -> Self {
        Self {
            socket: Arc::clone(socket),
            watches_fin: was_open || !events(socket).contains(PollFlags::RDHUP),
        }
    }

    /// The socket to be polled beside another descriptor. Whatever event it reports means that the client has gone;
    /// errors and hang-ups are always reported.
    pub fn poll_fd(&self) -> PollFd<'_> {
        let interest = if self.watches_fin {
            PollFlags::RDHUP
        } else {
            PollFlags::empty()
        };
        PollFd::from_borrowed_fd(self.socket.as_fd(), interest)
    }

    /// Whether the client has gone. Does not block.
    pub fn is_gone(&self) -> bool {
        let events = events(&self.socket);
        events.intersects(PollFlags::ERR | PollFlags::HUP)
            || (self.watches_fin && events.contains(PollFlags::RDHUP))
    }

    /// Blocks until the client has gone (`true`) or the deadline has passed.
    pub fn goes_before(&self, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap_or_default();
            let _ = poll(&mut [self.poll_fd()], Some(&timeout));
            if self.is_gone() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }
}

fn events(socket: &TcpStream) -> PollFlags {
    let mut watched = [PollFd::new(socket, PollFlags::RDHUP)];
    match poll(&mut watched, Some(&Timespec::default())) {
        Ok(_) => watched.first().map_or(PollFlags::empty(), PollFd::revents),
        // An unknown state gives no client up: a later look tells.
        Err(_) => PollFlags::empty(),
    }
}
