//! A client's socket and the bytes read from it ahead of their use.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::config;

use super::head::Head;
use super::places::Place;
use super::refusal::Refusal;
use super::strict;

/// Bytes read at once.
pub(super) const READ_SIZE: usize = 16 * 1024;

/// Bytes read at once by a worker that waits for a head. They pass over its stack, whose pages it has had for the request
/// before; a buffer of this size on the heap would cost a page for each of a thousand, and the allocator more work.
const HEAD_SIZE: usize = 4 * 1024;

/// Bytes of blank lines skipped before a request. Without a bound they keep a connection that never asks for anything.
const MAX_BLANK: usize = 16 * 1024;

/// What a read that does not block came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// There are new bytes in the buffer.
    Bytes,
    /// Nothing has arrived.
    Blocked,
    /// The client has ended its side.
    End,
    /// The connection is broken.
    Broken,
}

/// An accepted connection. It is owned by one thread at a time, the front or a worker; dropping it ends it.
pub(super) struct Connection {
    /// Never used twice in the life of a server.
    pub id: usize,
    pub peer: SocketAddr,
    /// Shared with those who watch whether the client hangs up.
    pub socket: Arc<TcpStream>,
    /// Bytes that belong to what comes next: a head, a body, a pipelined request. Without allocation while empty and idle.
    pub buffer: Vec<u8>,
    /// How many bytes of the buffer are known not to hold the end of a head.
    scanned: usize,
    /// Bytes of blank lines since the last head.
    blank: usize,
    /// The client had not ended its side a moment before it sent what was read last. Not known of every read.
    pub was_open: bool,
    /// Held as long as the connection.
    pub place: Option<Place>,
}

impl Connection {
    /// The socket must not block.
    pub fn new(id: usize, socket: TcpStream, peer: SocketAddr) -> Self {
        Self {
            id,
            peer,
            socket: Arc::new(socket),
            buffer: Vec::new(),
            scanned: 0,
            blank: 0,
            was_open: false,
            place: None,
        }
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads what has arrived, up to [`READ_SIZE`], into the buffer.
    pub fn fill(&mut self) -> Fill {
        self.buffer.reserve(READ_SIZE);
        self.received(receive)
    }

    /// Reads what has arrived, up to [`HEAD_SIZE`], into a buffer of just that size.
    #[inline(never)] // frames of their own keep the stack of a waiting worker small
    pub fn fill_head(&mut self) -> Fill {
        let mut scratch = [const { MaybeUninit::uninit() }; HEAD_SIZE];
        self.received(|socket, buffer| {
            let (received, _) = recv(socket, &mut scratch, RecvFlags::DONTWAIT)?;
            let (read, _) = received;
            buffer.extend_from_slice(read);
            Ok(read.len())
        })
    }

    /// As [`Self::fill`], through `scratch`, so that a connection without bytes costs no buffer.
    pub fn fill_through(&mut self, scratch: &mut Vec<u8>) -> Fill {
        self.received(|socket, buffer| {
            scratch.clear();
            scratch.reserve(READ_SIZE);
            let received = receive(socket, scratch)?;
            buffer.extend_from_slice(scratch);
            Ok(received)
        })
    }

    fn received(
        &mut self,
        mut read: impl FnMut(&TcpStream, &mut Vec<u8>) -> Result<usize, Errno>,
    ) -> Fill {
        self.was_open = false;
        loop {
            return match read(&self.socket, &mut self.buffer) {
                Ok(0) => Fill::End,
                Ok(_) => Fill::Bytes,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Fill::Blocked,
                Err(_) => Fill::Broken,
            };
        }
    }

    /// Whether the buffer holds a whole head, or one that will be refused. Skips blank lines before it.
    ///
    /// # Errors
    /// Bytes that cannot become a head, or a head over its limit.
    pub fn scan(&mut self, limits: &config::Server) -> Result<Option<usize>, Refusal> {
        // The first of them may have come in halves, and so have been looked at before.
        let blank = strict::blank_lines(&self.buffer);
        if blank > 0 {
            self.consume(blank);
            self.blank += blank;
        }
        if self.blank > MAX_BLANK {
            return Err(Refusal::ENDLESS_BLANK_LINES);
        }
        let length = strict::head_length(&self.buffer, self.scanned)?;
        if length.unwrap_or(self.buffer.len()) > limits.max_head {
            let in_request_line = !self
                .buffer
                .iter()
                .take(limits.max_head)
                .any(|byte| *byte == b'\n');
            return Err(if in_request_line {
                Refusal::TARGET_TOO_LONG
            } else {
                Refusal::HEAD_TOO_LARGE
            });
        }
        if length.is_none() {
            self.scanned = self.buffer.len();
        }
        Ok(length)
    }

    /// Takes the next head out of the buffer, if it is whole.
    ///
    /// # Errors
    /// A head that is refused; it stays in the buffer.
    pub fn next_head(&mut self, limits: &config::Server) -> Result<Option<Head>, Refusal> {
        match self.scan(limits)? {
            Some(length) => self.take_head(length, limits).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the head of this length, which [`Self::scan`] has found, out of the buffer.
    ///
    /// # Errors
    /// A head that is refused; it stays in the buffer.
    pub fn take_head(&mut self, length: usize, limits: &config::Server) -> Result<Head, Refusal> {
        let head = Head::parse(self.buffer.get(..length).unwrap_or_default(), limits)?;
        self.consume(length);
        self.blank = 0;
        Ok(head)
    }

    /// Drops the first bytes of the buffer.
    pub fn consume(&mut self, bytes: usize) {
        self.buffer.drain(..bytes.min(self.buffer.len()));
        self.scanned = 0;
    }

    /// Frees the buffer if it is empty.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Waits until the socket is ready for `events`, or in error. `false`: the deadline came first.
    ///
    /// # Errors
    /// Those of `poll`, none of which is expected.
    pub fn wait(&self, events: PollFlags, deadline: Instant) -> io::Result<bool> {
        let mut watched = [PollFd::new(&*self.socket, events)];
        poll_until(&mut watched, deadline)
    }

    /// Writes all, in one call where the socket takes it. Returns how many bytes were written, and whether all were.
    ///
    /// `stall` bounds each wait for room, not their sum: a slow client is served, one that takes nothing is not.
    pub fn write_all(&self, slices: &mut [IoSlice<'_>], stall: Duration) -> (usize, bool) {
        self.write_last(slices, stall, |_| {})
    }

    /// As [`Self::write_all`], and says before each call that it may be the last, and after it, with `false`, that it was
    /// not: the client has to make room first.
    pub fn write_last(
        &self,
        mut slices: &mut [IoSlice<'_>],
        stall: Duration,
        mut may_be_last: impl FnMut(bool),
    ) -> (usize, bool) {
        let mut written = 0;
        loop {
            // Also skips slices that are empty, for which nothing would ever be written.
            IoSlice::advance_slices(&mut slices, 0);
            if slices.is_empty() {
                return (written, true);
            }
            may_be_last(true);
            match (&*self.socket).write_vectored(slices) {
                Ok(0) => return (written, false),
                Ok(count) => {
                    written += count;
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    may_be_last(false);
                    let room = self.wait(PollFlags::OUT, Instant::now() + stall);
                    if !room.unwrap_or(false) {
                        return (written, false);
                    }
                }
                Err(_) => return (written, false),
            }
        }
    }

    /// Writes all without waiting, or not all: `false`.
    pub fn write_now(&self, bytes: &[u8]) -> bool {
        self.write_all(&mut [IoSlice::new(bytes)], Duration::ZERO).1
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Before the client can know, and come again.
        self.place = None;
        // Others may still hold the socket to watch it; the client should see the end now. It may have gone already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Appends what has arrived to `buffer`, as far as it has room. Zero is the end.
pub(super) fn receive(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<usize, Errno> {
    let (received, _) = recv(socket, spare_capacity(buffer), RecvFlags::DONTWAIT)?;
    Ok(received)
}

/// Waits until one of the descriptors is ready. `false`: the deadline came first.
///
/// # Errors
/// Those of `poll`, but for interruptions.
pub(super) fn poll_until(watched: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A duration beyond what the kernel counts is no deadline.
        let timeout = Timespec::try_from(left).ok();
        match poll(watched, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
