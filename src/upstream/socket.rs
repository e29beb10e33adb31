//! The transport: one TCP connection to a provider.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use rustix::event::PollFlags;
use rustix::net::{RecvFlags, recv};
use ureq::unversioned::transport::{Buffers, NextTimeout, ShutdownHandle, Transport};

use super::buffers::ByteBuffers;
use super::connection::Look;
use super::error::CallError;
use super::in_progress;

/// Bytes to gather before they are sent without waiting for more. TLS records of most requests go out together that way;
/// the memory is held only until it is sent, by a request that has as many bytes anyway.
const SEND_AT_ONCE: usize = 64 * 1024;

/// A connected, non-blocking TCP stream with its buffers.
///
/// ureq's own timeouts are never set, so its `NextTimeout` says nothing: all limits are those of the call in progress.
pub(super) struct Socket {
    shared: Arc<Shared>,
    buffers: ByteBuffers,
    /// Why no more can be sent. The provider may still have said why before it closed, so reading goes on.
    send_failed: Option<String>,
    /// The provider's bytes are watched for a final answer while it does not take ours.
    watch_early_answer: bool,
}

/// What [`Sockets::shut_down`](super::dialer::Sockets::shut_down) reaches from another thread.
struct Shared {
    stream: TcpStream,
    /// Without this the end of input after a shutdown would pass for the end of a close-delimited body.
    shut_down: AtomicBool,
}

/// Input that is there before the request has been sent whole.
enum EarlyInput {
    /// Too few bytes to tell.
    Begun,
    /// `HTTP/1.1 1xx`.
    Interim,
    Answer,
    End,
}

impl ShutdownHandle for Shared {
    fn shutdown(&self) {
        self.shut_down.store(true, Ordering::SeqCst);
        // It fails when the connection is closed already, which is what was wanted.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Socket {
    /// `stream` must be non-blocking.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            shared: Arc::new(Shared {
                stream,
                shut_down: AtomicBool::new(false),
            }),
            buffers: ByteBuffers::default(),
            send_failed: None,
            watch_early_answer: true,
        }
    }

    pub fn expect_output(&mut self, bytes: usize) {
        self.buffers.expect_output(bytes);
    }

    /// Reads what is there, without waiting for more. A connection that has something left to be sent is at its end.
    pub fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.buffers.input().is_empty() {
            let read = self.buffers.input().read(buf)?;
            self.buffers.input_consume(read);
            return Ok(read);
        }
        if self.send_failed.is_some() || !self.buffers.unsent().is_empty() {
            return Ok(0);
        }
        let mut stream = &self.shared.stream;
        stream.read(buf)
    }

    pub fn drop_buffers(&mut self) {
        self.buffers.drop_output();
        self.buffers.drop_empty_input();
    }

    pub fn shutdown_handle(&self) -> Weak<dyn ShutdownHandle> {
        let weak: Weak<Shared> = Arc::downgrade(&self.shared);
        weak
    }

    /// Sends what has been gathered, and these bytes behind it, which are not copied for that. After a broken connection it
    /// pretends, so that the answer is read.
    pub fn flush_with(&mut self, mut last: &[u8]) -> Result<(), CallError> {
        while self.send_failed.is_none() && !(self.buffers.unsent().is_empty() && last.is_empty()) {
            let mut stream = &self.shared.stream;
            let gathered = self.buffers.unsent();
            match stream.write_vectored(&[IoSlice::new(gathered), IoSlice::new(last)]) {
                Ok(sent) => {
                    let of_gathered = sent.min(gathered.len());
                    self.buffers.mark_sent(of_gathered);
                    last = last.get(sent - of_gathered..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_for_room()?,
                Err(error) => self.send_failed = Some(error.to_string()),
            }
        }
        self.buffers.drop_output();
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CallError> {
        self.flush_with(&[])
    }

    /// Waits until more can be sent. A provider that answers before it has taken the whole request (413, 401) may never
    /// take the rest (RFC 9112 section 9.5): then sending ends here.
    fn wait_for_room(&mut self) -> Result<(), CallError> {
        let watch = self.watch_early_answer && !in_progress::is_under_tls();
        let interest = if watch {
            PollFlags::OUT | PollFlags::IN
        } else {
            PollFlags::OUT
        };
        let ready = in_progress::wait_for(self.shared.stream.as_fd(), interest)?;
        let reused = in_progress::is_reused();
        if watch && ready.contains(PollFlags::IN) && (reused || !ready.contains(PollFlags::OUT)) {
            match self.early_input() {
                // It may be the second answer to the call before: nothing tells the two apart.
                EarlyInput::Begun | EarlyInput::Answer if reused => {
                    return Err(in_progress::unasked());
                }
                EarlyInput::Begun | EarlyInput::Interim => self.watch_early_answer = false,
                EarlyInput::Answer | EarlyInput::End => {
                    self.send_failed = Some("answered before it had read the request".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Looks at the input without reading it.
    fn early_input(&self) -> EarlyInput {
        const STATUS_AT: usize = "HTTP/1.1 ".len();
        let mut start = [0; STATUS_AT + 1];
        match recv(&self.shared.stream, &mut start, RecvFlags::PEEK) {
            Ok((0, _)) | Err(_) => EarlyInput::End,
            Ok((read, _)) if read <= STATUS_AT => EarlyInput::Begun,
            Ok(_) if start.last() == Some(&b'1') => EarlyInput::Interim,
            Ok(_) => EarlyInput::Answer,
        }
    }

    /// The end of input, which is not always what it seems.
    fn end_of_input(&self) -> Result<bool, CallError> {
        if self.shared.shut_down.load(Ordering::SeqCst) {
            return Err(in_progress::lost(&"the gateway is stopping"));
        }
        match &self.send_failed {
            Some(why) => Err(in_progress::lost(why)),
            None => Ok(false),
        }
    }

    fn receive(&mut self) -> Result<bool, CallError> {
        self.flush()?;
        in_progress::receiving();
        loop {
            // Waiting comes before the buffer is taken: thousands of calls may wait here, and each holds none.
            in_progress::wait_for(self.shared.stream.as_fd(), PollFlags::IN)?;
            let free = self.buffers.input_append_buf();
            if free.is_empty() {
                return Err(CallError::BadResponse(
                    "a line that does not end".to_owned(),
                ));
            }
            let mut stream = &self.shared.stream;
            match stream.read(free) {
                Ok(0) => return self.end_of_input(),
                Ok(read) => {
                    self.buffers.input_appended(read);
                    in_progress::received();
                    return Ok(true);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // A reset is never the end of a body, not even of one that the end of the connection delimits.
                Err(error) => return Err(in_progress::lost(&error)),
            }
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Gathers; what is gathered goes out when there is much of it, or when an answer is waited for.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.buffers.commit(amount);
        if self.buffers.unsent().len() >= SEND_AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        Ok(self.receive()?)
    }

    /// Whether the connection can take another call: nothing waits to be sent or read, and the provider has not closed.
    fn is_open(&mut self) -> bool {
        Look::of(self.read_now(&mut [0])) == Look::Quiet
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.shared.stream).finish()
    }
}
