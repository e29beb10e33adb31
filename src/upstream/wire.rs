//! The way of a connection's bytes, with or without TLS.

use std::io;

use super::buffers::ByteBuffers;
use super::call_state::CallState;
use super::error::CallError;

/// A wire: a socket, or TLS over another wire. Its limits are those of the call that uses it, whose state each wait is
/// given.
pub(super) trait Wire: Send {
    fn buffers(&mut self) -> &mut ByteBuffers;

    /// Takes the first `amount` bytes of the output as the next ones to send. They are gathered, and leave at the
    /// latest when input is waited for.
    fn send(&mut self, amount: usize, state: &mut CallState) -> Result<(), CallError>;

    /// Sends the gathered output, a head and the slices behind it, which are not copied where that can be spared.
    fn send_last(
        &mut self,
        head: &[u8],
        slices: &[&[u8]],
        state: &mut CallState,
    ) -> Result<(), CallError>;

    /// Sends the gathered output.
    fn flush(&mut self, state: &mut CallState) -> Result<(), CallError>;

    /// Waits for more input. False at the end of input.
    fn receive(&mut self, state: &mut CallState) -> Result<bool, CallError>;

    /// Reads without blocking, as a non-blocking socket does.
    fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Hands the memory of empty buffers back.
    fn drop_buffers(&mut self);

    /// Looks for input without blocking, between two calls. One system call, unless records of TLS are there. Only a
    /// quiet wire can carry another call.
    fn look(&mut self) -> Look {
        match self.read_now(&mut [0]) {
            Ok(0) => Look::Closed,
            Ok(_) => Look::Unasked,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Look::Quiet,
            Err(_) => Look::Closed,
        }
    }

    /// Looks for input behind an answer that has been read to its end. Costs no system call where the last read has seen
    /// already that there was no more.
    fn look_behind_answer(&mut self) -> Look {
        self.look()
    }
}

/// The state of a wire between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Open, without input.
    Quiet,
    /// Input is there that no request had asked for.
    Unasked,
    Closed,
}
