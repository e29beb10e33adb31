//! A TCP connection to a provider.

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};

use crate::sync::lock;

use super::buffers::{ByteBuffers, INPUT_SMALL, INPUT_USUAL};
use super::call_state::{CallState, UNWATCHED};
use super::error::CallError;
use super::slices_left::SlicesLeft;
use super::wire::{Look, Wire};

/// The size at which gathered output is sent without waiting for more. TLS records of most requests go out together
/// that way; the memory is held only until it is sent, by a request that has as many bytes anyway (bytes).
const SEND_AT_ONCE: usize = 64 * 1024;

/// A connected TCP stream with its buffers. Nothing but [`Socket::receive_soon`] may block on it.
pub(super) struct Socket {
    descriptor: Arc<Descriptor>,
    buffers: ByteBuffers,
    /// The reason why no more can be sent. The provider may still have said why before it closed, so reading goes on.
    send_failed: Option<String>,
    /// The error behind input that is yet to be used.
    receive_failed: Option<io::Error>,
    /// The bytes are records of TLS, whose content does not show.
    carries_records: bool,
    /// The last input that was waited for came within [`UNWATCHED`].
    is_prompt: bool,
}

/// The descriptor of a socket, which [`Sockets::shut_down`] reaches from another thread.
struct Descriptor {
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

impl Socket {
    /// A socket for a stream whose reads block for [`UNWATCHED`] at most.
    pub fn new(stream: TcpStream, carries_records: bool) -> Self {
        Self {
            descriptor: Arc::new(Descriptor {
                stream,
                shut_down: AtomicBool::new(false),
            }),
            buffers: ByteBuffers::default(),
            send_failed: None,
            receive_failed: None,
            carries_records,
            is_prompt: false,
        }
    }

    /// Waits until more can be sent (backpressure). A provider that answers before it has taken the whole request (413,
    /// 401) may never take the rest (RFC 9112 section 9.5): then sending ends here.
    fn wait_for_room(&mut self, state: &mut CallState) -> Result<(), CallError> {
        let watch = !state.early_input && (state.reused || !self.carries_records);
        let interest = if watch {
            PollFlags::OUT | PollFlags::IN
        } else {
            PollFlags::OUT
        };
        let ready = state.wait_for(self.descriptor.stream.as_fd(), interest)?;
        let has_room = ready.contains(PollFlags::OUT);
        if !watch || !ready.contains(PollFlags::IN) || (has_room && !state.reused) {
            return Ok(());
        }
        self.heed_early_input(state)
    }

    /// Looks between two writes of a long request for input that it cannot have been meant for.
    fn look_at_input(&mut self, state: &mut CallState) -> Result<(), CallError> {
        if state.reused && !state.early_input && !self.carries_records && self.has_input() {
            return self.heed_early_input(state);
        }
        Ok(())
    }

    fn heed_early_input(&mut self, state: &mut CallState) -> Result<(), CallError> {
        state.early_input = true;
        if self.carries_records {
            return Ok(());
        }
        match self.early_input() {
            // This may be the second answer to the call before: nothing tells the two apart.
            EarlyInput::Begun | EarlyInput::Answer if state.reused => Err(state.unasked()),
            EarlyInput::Begun | EarlyInput::Interim => Ok(()),
            EarlyInput::Answer | EarlyInput::End => {
                self.send_failed = Some("answered before it had read the request".to_owned());
                Ok(())
            }
        }
    }

    /// Waits for input without an eye on the client. `None` when nothing has come.
    fn receive_soon(&mut self) -> Option<io::Result<usize>> {
        let received = self.receive_little(RecvFlags::empty());
        Some(received).filter(|received| !received.as_ref().is_err_and(is_passing))
    }

    fn receive_little(&mut self, flags: RecvFlags) -> io::Result<usize> {
        let mut scratch = [const { MaybeUninit::uninit() }; INPUT_SMALL];
        let (received, _) = recv(&self.descriptor.stream, &mut scratch, flags)?;
        let (received, _) = received;
        self.buffers.input_received(received, INPUT_SMALL);
        Ok(received.len())
    }

    /// Reads behind the input that is there. The outer error is that of too much of it.
    fn receive_much(&mut self) -> Result<io::Result<usize>, CallError> {
        let free = self.buffers.input_room()?;
        let received = recv(&self.descriptor.stream, free, RecvFlags::DONTWAIT);
        let received = received.map(|(read, _)| read);
        if let Ok(read) = received {
            self.buffers.input_appended(read);
        }
        Ok(received.map_err(io::Error::from))
    }

    /// Reads on behind a small read that has filled its room, as the rest of what was sent at once is there: what came
    /// together is passed on together.
    fn receive_rest(&mut self) {
        while self.buffers.is_fast() && self.buffers.input().len() < INPUT_USUAL {
            match self.receive_much() {
                Ok(Ok(1..)) => continue,
                Ok(Err(error)) if !is_passing(&error) => self.receive_failed = Some(error),
                // The end of the input is there for the next read as well.
                _ => self.buffers.input_appended(0),
            }
            return;
        }
    }

    fn send_now(&self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let nothing_else = &mut SendAncillaryBuffer::default();
        sendmsg(&self.descriptor.stream, slices, nothing_else, flags)
    }

    /// Looks for input, the end of it included, without reading it.
    fn has_input(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        recv(&self.descriptor.stream, &mut [0], flags).err() != Some(Errno::AGAIN)
    }

    /// Tells the input apart without reading it.
    fn early_input(&self) -> EarlyInput {
        const STATUS_AT: usize = "HTTP/1.1 ".len();
        let mut start = [0; STATUS_AT + 1];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(&self.descriptor.stream, &mut start, flags) {
            Ok((0, _)) | Err(_) => EarlyInput::End,
            Ok((read, _)) if read <= STATUS_AT => EarlyInput::Begun,
            Ok(_) if start.last() == Some(&b'1') => EarlyInput::Interim,
            Ok(_) => EarlyInput::Answer,
        }
    }

    /// Whether the socket has failed, or has something left to be sent: it can carry no other call.
    fn is_over(&self) -> bool {
        self.send_failed.is_some()
            || self.receive_failed.is_some()
            || !self.buffers.unsent().is_empty()
    }

    /// The end of input, which is an error after a shutdown and where the request could not be sent.
    fn end_of_input(&self, state: &CallState) -> Result<bool, CallError> {
        if self.descriptor.shut_down.load(Ordering::SeqCst) {
            return Err(state.lost("the gateway is stopping"));
        }
        match &self.send_failed {
            Some(why) => Err(state.lost(why)),
            None => Ok(false),
        }
    }
}

impl Wire for Socket {
    fn buffers(&mut self) -> &mut ByteBuffers {
        &mut self.buffers
    }

    fn send(&mut self, amount: usize, state: &mut CallState) -> Result<(), CallError> {
        self.buffers.commit(amount);
        if self.buffers.unsent().len() >= SEND_AT_ONCE {
            self.flush(state)?;
            state.partly_sent = true;
        }
        Ok(())
    }

    /// A socket that cannot send any more pretends, so that the answer is read.
    fn send_last(
        &mut self,
        head: &[u8],
        slices: &[&[u8]],
        state: &mut CallState,
    ) -> Result<(), CallError> {
        let mut left = SlicesLeft::new(head, slices);
        while self.send_failed.is_none() && !(self.buffers.unsent().is_empty() && left.is_empty()) {
            let gathered = self.buffers.unsent();
            let mut room = SlicesLeft::room();
            match self.send_now(left.fill_behind(gathered, &mut room)) {
                Ok(sent) => {
                    let of_gathered = sent.min(gathered.len());
                    self.buffers.mark_sent(of_gathered);
                    left.advance(sent - of_gathered);
                    if !left.is_empty() {
                        self.look_at_input(state)?;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_room(state)?,
                Err(error) => self.send_failed = Some(io::Error::from(error).to_string()),
            }
        }
        self.buffers.drop_output();
        Ok(())
    }

    fn flush(&mut self, state: &mut CallState) -> Result<(), CallError> {
        if self.buffers.unsent().is_empty() {
            return Ok(());
        }
        if self.carries_records && state.reused && state.partly_sent {
            state.early_input |= self.has_input();
        }
        self.send_last(&[], &[], state)
    }

    fn receive(&mut self, state: &mut CallState) -> Result<bool, CallError> {
        self.flush(state)?;
        if let Some(error) = self.receive_failed.take() {
            return Err(state.lost(error));
        }
        loop {
            // Waiting comes before the buffer is taken: thousands of calls may wait here, and each holds none.
            let awaits_little = self.buffers.awaits_little();
            let begun = Instant::now();
            // A provider that makes us wait is waited for in one piece: an end of this wait would wake the worker for nothing.
            let may_block = awaits_little && self.is_prompt && state.may_be_unwatched(begun);
            let received = match may_block.then(|| self.receive_soon()).flatten() {
                Some(received) => received,
                None => {
                    state.wait_for(self.descriptor.stream.as_fd(), PollFlags::IN)?;
                    self.is_prompt = begun.elapsed() < UNWATCHED;
                    if awaits_little {
                        self.receive_little(RecvFlags::DONTWAIT)
                    } else {
                        self.receive_much()?
                    }
                }
            };
            match received {
                Ok(0) => return self.end_of_input(state),
                Ok(_) => {
                    if awaits_little {
                        self.receive_rest();
                    }
                    return Ok(true);
                }
                Err(error) if is_passing(&error) => {}
                // A reset is never the end of a body, not even of one that the end of the connection delimits.
                Err(error) => return Err(state.lost(error)),
            }
        }
    }

    /// A socket that is over is at its end.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.buffers.input().is_empty() {
            return self.buffers.read(buf);
        }
        if self.is_over() {
            return Ok(0);
        }
        let (read, _) = recv(&self.descriptor.stream, buf, RecvFlags::DONTWAIT)?;
        Ok(read)
    }

    /// Bytes in less room than there was for them were all that had come. An end of the connection behind them shows at
    /// the look before the next call.
    fn look_behind_answer(&mut self) -> Look {
        if self.buffers.is_fast() || !self.buffers.input().is_empty() || self.is_over() {
            return self.look();
        }
        Look::Quiet
    }

    fn drop_buffers(&mut self) {
        self.buffers.drop_output();
        self.buffers.drop_empty_input();
    }
}

/// Whether a read may succeed later.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The open sockets, in use or idle.
#[derive(Default)]
pub(super) struct Sockets(Mutex<OpenSockets>);

#[derive(Default)]
struct OpenSockets {
    open: Vec<Weak<Descriptor>>,
    /// The number of sockets at which the closed ones are dropped.
    sweep_at: usize,
    shut_down: bool,
}

impl Sockets {
    /// The number below which a sweep for closed sockets does not pay.
    const FEW: usize = 64;

    pub fn register(&self, socket: &Socket) -> Result<(), CallError> {
        let mut sockets = lock(&self.0);
        if sockets.shut_down {
            return Err(CallError::Unreachable("the gateway is stopping".to_owned()));
        }
        if sockets.open.len() >= sockets.sweep_at.max(Self::FEW) {
            sockets.open.retain(|socket| socket.strong_count() > 0);
            sockets.sweep_at = sockets.open.len() * 2;
        }
        sockets.open.push(Arc::downgrade(&socket.descriptor));
        Ok(())
    }

    /// Shuts all sockets down, with what goes on over them, and takes no new ones.
    pub fn shut_down(&self) {
        let open = {
            let mut sockets = lock(&self.0);
            sockets.shut_down = true;
            std::mem::take(&mut sockets.open)
        };
        for socket in open.iter().filter_map(Weak::upgrade) {
            socket.shut_down.store(true, Ordering::SeqCst);
            // This fails when the connection is closed already, as it should be.
            let _ = socket.stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Duration;

    use super::super::error::Phase;
    use super::*;

    /// A look costs a system call a request, and a missed one gives the next call another one's answer.
    #[test]
    fn only_a_read_that_took_all_there_was_spares_the_look_behind_an_answer() {
        for (size, found) in [
            (INPUT_SMALL - 1, Look::Quiet),
            // Behind these a second read has seen that there was no more.
            (INPUT_SMALL, Look::Quiet),
            (INPUT_USUAL - 1, Look::Quiet),
            (INPUT_USUAL, Look::Unasked),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut socket = Socket::new(listener.accept().unwrap().0, false);
            let deadline = Instant::now() + Duration::from_secs(10);
            let mut state = CallState::new(deadline, deadline, None);
            state.phase = Phase::Body;
            far.write_all(&vec![b'x'; size]).unwrap();
            assert_eq!(socket.receive(&mut state), Ok(true));
            let read = socket.buffers.input().len();
            assert_eq!(read, size);
            socket.buffers.input_consume(read);
            far.write_all(b"surplus").unwrap();
            while !socket.has_input() {}
            assert_eq!(socket.look_behind_answer(), found, "{size}");
            assert_eq!(socket.look(), Look::Unasked, "{size}");
        }
    }
}
