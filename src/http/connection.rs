//! A client's connection: its socket, and the bytes read from it ahead of their use.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem::{self, MaybeUninit};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::config;

use super::arrival::{Arrival, Entrance};
use super::head::Head;
use super::permits::{ClientPermit, counted_as};
use super::refusal::Refusal;
use super::rhythm::Rhythm;
use super::strict;

/// The size of a read (bytes).
pub(super) const READ_SIZE: usize = 16 * 1024;

/// The most that is thrown away in one read (bytes).
pub(super) const DISCARD_SIZE: usize = 1024 * 1024;

/// The size of a read by a worker that waits for a head. It passes over the stack, whose pages the worker has had for the
/// request before; a buffer on the heap would cost a page for each of a thousand, and the allocator more work (bytes).
const HEAD_SIZE: usize = 4 * 1024;

/// The most that a body may have room for and not fill, as long as its request is answered: that of the head which came with
/// it (bytes).
const MOST_SPARE: usize = 1024;

/// The most of blank lines before a request: without a bound they keep a connection that never asks for anything
/// (bytes).
const MAX_BLANK: usize = 16 * 1024;

/// The result of a read that does not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// New bytes are in the buffer.
    Bytes,
    /// Nothing has arrived.
    Blocked,
    /// The client has ended its side.
    End,
    /// The connection is broken.
    Broken,
}

/// The result of writing as much as the socket takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// The client has to make room for the rest.
    Part,
    /// The connection is broken.
    Broken,
}

/// An accepted connection, owned by the front or by a worker. Dropping it ends it.
pub(super) struct Connection {
    /// A number that is never used twice in the life of a server.
    pub id: usize,
    pub peer: SocketAddr,
    /// The listener that accepted it.
    pub entrance: Entrance,
    /// Shared with calls that watch whether the client has gone.
    pub socket: Arc<TcpStream>,
    /// Bytes of the next head, body or pipelined request. Without allocation while empty and idle.
    pub buffer: Vec<u8>,
    /// The bytes of the buffer that are known not to hold the end of a head.
    scanned: usize,
    /// The bytes of blank lines since the last head.
    blank: usize,
    /// Whether the client had not ended its side when it sent the bytes that were read last; `false` also where that is
    /// not known.
    pub was_open: bool,
    pub rhythm: Rhythm,
    /// Held as long as the connection.
    pub permit: Option<ClientPermit>,
}

impl Connection {
    /// The connection of a socket, which must not block.
    pub fn new(id: usize, socket: TcpStream, peer: SocketAddr) -> Self {
        Self {
            id,
            peer,
            entrance: Entrance::Main,
            socket: Arc::new(socket),
            buffer: Vec::new(),
            scanned: 0,
            blank: 0,
            was_open: false,
            rhythm: Rhythm::default(),
            permit: None,
        }
    }

    /// The address by which the client is told from others.
    pub fn client(&self) -> IpAddr {
        counted_as(self.peer.ip())
    }

    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Reads into the buffer, up to [`READ_SIZE`].
    pub fn fill(&mut self) -> Fill {
        self.buffer.reserve(READ_SIZE);
        self.received(receive_into)
    }

    /// Reads up to [`HEAD_SIZE`] into a buffer of just the size of what arrived.
    pub fn fill_head(&mut self) -> Fill {
        let mut scratch = [const { MaybeUninit::uninit() }; HEAD_SIZE];
        self.received(|socket, buffer| {
            let (received, _) = recv(socket, &mut scratch, RecvFlags::DONTWAIT)?;
            let (read, _) = received;
            buffer.extend_from_slice(read);
            Ok(read.len())
        })
    }

    /// Reads as [`Self::fill`] does, through `scratch`, so that a connection without bytes costs no buffer.
    pub fn fill_through(&mut self, scratch: &mut Vec<u8>) -> Fill {
        self.received(|socket, buffer| {
            scratch.clear();
            scratch.reserve(READ_SIZE);
            let received = receive_into(socket, scratch)?;
            buffer.extend_from_slice(scratch);
            Ok(received)
        })
    }

    /// Reads by `read`, which appends to the buffer or to another one.
    pub fn received(
        &mut self,
        mut read: impl FnMut(&TcpStream, &mut Vec<u8>) -> Result<usize, Errno>,
    ) -> Fill {
        self.was_open = false;
        filled(|| read(&self.socket, &mut self.buffer))
    }

    /// The length of the head in the buffer, behind blank lines, which are skipped; `None` while it is not whole.
    ///
    /// # Errors
    /// Bytes that cannot become a head, or a head over its limit.
    fn scan(&mut self, limits: &config::EdgeLimits) -> Result<Option<usize>, Refusal> {
        // The first of them may have come in halves, and so have been looked at before.
        let blank = strict::blank_lines(&self.buffer);
        if blank > 0 {
            self.consume(blank);
            self.blank += blank;
        }
        if self.blank > MAX_BLANK {
            return Err(Refusal::ENDLESS_BLANK_LINES);
        }
        if self.buffer.is_empty() {
            return Ok(None);
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

    /// Takes the next head out of the buffer; `None` while it is not whole.
    ///
    /// # Errors
    /// A head that is refused; it stays in the buffer.
    pub fn next_head(&mut self, limits: &config::EdgeLimits) -> Result<Option<Head>, Refusal> {
        // Tried once: a head that comes byte by byte would be read once a byte.
        let usual = match self.scanned {
            0 => Head::usual(&self.buffer, limits),
            _ => None,
        };
        let (head, length) = match usual {
            Some(found) => found,
            None => {
                let Some(length) = self.scan(limits)? else {
                    return Ok(None);
                };
                let head = self.buffer.get(..length).unwrap_or_default();
                (Head::parse(head, limits)?, length)
            }
        };
        let head = head.arrived(Arrival {
            peer: self.peer.ip(),
            entrance: self.entrance,
        });
        self.consume(length);
        self.blank = 0;
        Ok(Some(head))
    }

    /// Drops the first bytes of the buffer.
    pub fn consume(&mut self, bytes: usize) {
        self.buffer.drain(..bytes.min(self.buffer.len()));
        self.scanned = 0;
    }

    /// Takes so many bytes out of the buffer; `None` where it has fewer. It is given away where they are all that is in it, and
    /// little more than them all that it has room for.
    pub fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let room = self.buffer.capacity();
        if self.buffer.len() == bytes && room <= bytes + MOST_SPARE {
            self.scanned = 0;
            return Some(mem::take(&mut self.buffer));
        }
        let taken = self.buffer.get(..bytes)?.to_vec();
        self.consume(bytes);
        Some(taken)
    }

    /// Frees the buffer if it is empty.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Waits until the socket is ready for `events`, or in error. `false` if the deadline came first.
    ///
    /// # Errors
    /// `poll` fails, which is not expected.
    pub fn wait(&self, events: PollFlags, deadline: Instant) -> io::Result<bool> {
        let mut watched = [PollFd::new(&*self.socket, events)];
        poll_until(&mut watched, Instant::now(), deadline)
    }

    /// Writes all, and blocks while the client has to make room. Returns the number of bytes written, and whether all were.
    ///
    /// `stall` bounds each wait for room, not their sum: a slow client is served, one that takes nothing is not.
    /// `stalled` is kept from before the first wait until all is written.
    pub fn write_all<S>(
        &self,
        mut slices: &mut [IoSlice<'_>],
        stall: Duration,
        stalled: impl Fn() -> S,
    ) -> (usize, bool) {
        let (mut total, mut waiting) = (0, None);
        loop {
            let (count, written) = write_available(&self.socket, &mut slices);
            total += count;
            match written {
                Written::All => return (total, true),
                Written::Broken => return (total, false),
                Written::Part => {}
            }
            waiting.get_or_insert_with(&stalled);
            let room = self.wait(PollFlags::OUT, Instant::now() + stall);
            if !room.unwrap_or(false) {
                return (total, false);
            }
        }
    }

    /// Writes without waiting. `false` if the socket did not take all.
    pub fn write_now(&self, bytes: &[u8]) -> bool {
        write_available(&self.socket, &mut &mut [IoSlice::new(bytes)][..]).1 == Written::All
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Before the client can see the end, and come again.
        self.permit = None;
        // Calls may still hold the socket to watch it; the client should see the end now. It may have gone already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Appends the bytes that have arrived to `buffer`, as far as it has room. Zero is the end.
pub(super) fn receive_into(socket: &TcpStream, buffer: &mut Vec<u8>) -> Result<usize, Errno> {
    let (received, _) = recv(socket, spare_capacity(buffer), RecvFlags::DONTWAIT)?;
    Ok(received)
}

/// Throws away bytes that have arrived, at most as many as `waste` has room for. The system does not copy them (tcp(7):
/// `MSG_TRUNC`).
pub(super) fn discard_arrived(socket: &TcpStream, waste: &mut [u8]) -> Fill {
    let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
    filled(|| recv(socket, &mut *waste, flags).map(|(received, _)| received))
}

/// Reads once by `read`, which returns the number of bytes.
fn filled(mut read: impl FnMut() -> Result<usize, Errno>) -> Fill {
    loop {
        return match read() {
            Ok(0) => Fill::End,
            Ok(_) => Fill::Bytes,
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Fill::Blocked,
            Err(_) => Fill::Broken,
        };
    }
}

/// Writes as much as the socket takes, in one call where it takes all. Returns the number of bytes that were taken, by
/// which the slices are advanced.
pub(super) fn write_available(
    mut socket: &TcpStream,
    slices: &mut &mut [IoSlice<'_>],
) -> (usize, Written) {
    let mut total = 0;
    loop {
        // Also skips slices that are empty, for which nothing would ever be written.
        IoSlice::advance_slices(slices, 0);
        if slices.is_empty() {
            return (total, Written::All);
        }
        match socket.write_vectored(slices) {
            Ok(0) => return (total, Written::Broken),
            Ok(count) => {
                total += count;
                IoSlice::advance_slices(slices, count);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (total, Written::Part),
            Err(_) => return (total, Written::Broken),
        }
    }
}

/// Waits until one of the descriptors is ready. `false` if the deadline came first.
///
/// # Errors
/// `poll` fails, but for interruptions.
pub(super) fn poll_until(
    watched: &mut [PollFd<'_>],
    mut now: Instant,
    deadline: Instant,
) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(now);
        // A duration beyond what the kernel counts is no deadline.
        let timeout = Timespec::try_from(left).ok();
        match poll(watched, timeout.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => now = Instant::now(),
            Err(error) => return Err(error.into()),
        }
    }
}
