//! The buffers of one connection, which hold memory only while there are bytes in them.

use std::io::{self, Read};

use super::error::CallError;

/// The size of a read from a sender that is not fast. Events of a stream and most answers' heads fit. It passes over the
/// stack, whose pages the worker has had for other things before, into an input of just the size of what arrived (bytes).
pub(super) const INPUT_SMALL: usize = 2 * 1024;

/// The capacity of an empty input that is kept for what is waited for: the usual event's (bytes).
const INPUT_KEPT: usize = 1024;

/// The first size of the input of a fast sender (bytes).
const INPUT_FIRST: usize = 4 * 1024;

/// The size of the input above which it grows only when a head needs it: one TLS record, one full read (bytes).
pub(super) const INPUT_USUAL: usize = 16 * 1024;

/// The bound of unconsumed input. Heads over 64 KiB are refused where they are read; this bounds lines of chunk sizes
/// and trailers (bytes).
const INPUT_MAX: usize = 80 * 1024;

/// The room for output. It must hold the longest line of a head (bytes).
const OUTPUT_STEP: usize = 16 * 1024;

/// Input and output of a connection.
///
/// ureq's `LazyBuffers` hold what they once allocated, so each idle connection keeps 24 KiB and more. These hand
/// everything back: the output once it is sent, the input when it has been consumed and more is waited for, unless its
/// sender is fast.
#[derive(Default)]
pub(super) struct ByteBuffers {
    /// Unconsumed bytes are `input[start..end]`, free room comes after.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// False when the last reader took nothing: it needs more input than there is.
    progress: bool,
    /// The last bytes filled all the room that there was for them.
    is_fast: bool,
    /// Unsent bytes are `output[sent..pending]`, free room comes after.
    output: Vec<u8>,
    sent: usize,
    pending: usize,
}

impl ByteBuffers {
    /// Takes the first `amount` bytes of what [`ByteBuffers::output`] offered as the next ones to send.
    pub fn commit(&mut self, amount: usize) {
        self.pending = self.output.len().min(self.pending.saturating_add(amount));
    }

    /// The bytes that are still to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.output.get(self.sent..self.pending).unwrap_or_default()
    }

    pub fn mark_sent(&mut self, amount: usize) {
        self.sent = self.pending.min(self.sent.saturating_add(amount));
    }

    /// Gives the output's memory back, unsent bytes included.
    pub fn drop_output(&mut self) {
        self.output = Vec::new();
        self.sent = 0;
        self.pending = 0;
    }

    /// Gives the input's memory back if nothing in it is left to consume.
    pub fn drop_empty_input(&mut self) {
        if self.start == self.end {
            self.input = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }

    fn make_room(&mut self) {
        let was_full = self.end == self.input.len();
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Full although the rest was moved to the front: a long head. Full before that: a fast sender.
        let most = if self.end == self.input.len() {
            INPUT_MAX
        } else if was_full && self.input.len() < INPUT_USUAL {
            INPUT_USUAL
        } else {
            return;
        };
        let doubled = self.input.len().saturating_mul(2);
        self.input.resize(doubled.max(INPUT_FIRST).min(most), 0);
    }

    /// Room for the next bytes to send ([`OUTPUT_STEP`]).
    pub fn output(&mut self) -> &mut [u8] {
        let wanted = self.pending.saturating_add(OUTPUT_STEP);
        if self.output.len() < wanted {
            self.output.resize(wanted, 0);
        }
        self.output.get_mut(self.pending..).unwrap_or_default()
    }

    /// The bytes that have been received and not been consumed.
    pub fn input(&self) -> &[u8] {
        self.input.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether the next bytes are to come in a small read: the sender is not fast, and the input is empty. Its memory is
    /// given back then, but for little.
    pub fn awaits_little(&mut self) -> bool {
        if self.is_fast || self.start < self.end {
            return false;
        }
        if self.input.capacity() > INPUT_KEPT {
            self.drop_empty_input();
        }
        (self.start, self.end) = (0, 0);
        true
    }

    /// Takes bytes that were received by a read with room for so many.
    pub fn input_received(&mut self, bytes: &[u8], room: usize) {
        self.input.truncate(self.end);
        self.input.extend_from_slice(bytes);
        self.end = self.input.len();
        self.progress |= !bytes.is_empty();
        self.is_fast = bytes.len() == room;
    }

    /// Room for bytes that arrive; never empty.
    ///
    /// # Errors
    /// `BadResponse` when [`INPUT_MAX`] bytes are waiting to be consumed.
    pub fn input_room(&mut self) -> Result<&mut [u8], CallError> {
        self.make_room();
        match self.input.get_mut(self.end..) {
            Some(free) if !free.is_empty() => Ok(free),
            _ => Err(CallError::BadResponse(
                "a line that does not end".to_owned(),
            )),
        }
    }

    /// Takes the first bytes of [`ByteBuffers::input_room`] as received.
    pub fn input_appended(&mut self, amount: usize) {
        self.end = self.input.len().min(self.end.saturating_add(amount));
        self.progress |= amount > 0;
        self.is_fast = self.end == self.input.len();
    }

    /// Gives the input away, all of which is taken as read by that.
    pub fn take_input(&mut self) -> Vec<u8> {
        let mut input = std::mem::take(&mut self.input);
        input.truncate(self.end);
        input.drain(..self.start.min(input.len()));
        (self.start, self.end) = (0, 0);
        self.progress = true;
        input
    }

    /// Whether the last bytes filled all the room that there was for them.
    pub fn is_fast(&self) -> bool {
        self.is_fast
    }

    /// Takes the first bytes of the input as read. 0 tells that more are needed.
    pub fn input_consume(&mut self, amount: usize) {
        self.progress = amount > 0;
        self.start = self.end.min(self.start.saturating_add(amount));
    }

    /// Whether there is input that the last reader has not seen.
    pub fn can_use_input(&self) -> bool {
        self.start < self.end && self.progress
    }

    /// Moves as much input to `buf` as there is and fits.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.input().read(buf)?;
        self.input_consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffers: &mut ByteBuffers, bytes: &[u8]) -> usize {
        let Ok(free) = buffers.input_room() else {
            return 0;
        };
        let taken = free.len().min(bytes.len());
        free[..taken].copy_from_slice(&bytes[..taken]);
        buffers.input_appended(taken);
        taken
    }

    /// An endless line that is never consumed must not take the memory of the machine.
    #[test]
    fn unconsumed_input_stops_growing() {
        let mut buffers = ByteBuffers::default();
        let mut total = 0;
        loop {
            let taken = receive(&mut buffers, &[b'a'; 10_000]);
            if taken == 0 {
                break;
            }
            total += taken;
        }
        assert!((64 * 1024..128 * 1024).contains(&total), "{total}");
        buffers.input_consume(1);
        assert_eq!(receive(&mut buffers, b"bb"), 1);
    }

    /// A byte lost or doubled when the rest moves to the front would corrupt an answer.
    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut buffers = ByteBuffers::default();
        let sent: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let (mut at, mut got) = (0, Vec::new());
        while got.len() < sent.len() {
            let part = &sent[at..sent.len().min(at + 3_333)];
            at += receive(&mut buffers, part);
            let used = buffers.input().len() * 2 / 3 + 1;
            let used = used.min(buffers.input().len());
            got.extend_from_slice(&buffers.input()[..used]);
            buffers.input_consume(used);
        }
        assert_eq!(got, sent);
        assert!(
            buffers.input.len() <= INPUT_USUAL,
            "{}",
            buffers.input.len()
        );
    }

    /// A stream that waits holds what it has not used, and nothing else; a fast sender fills larger buffers.
    #[test]
    fn a_waiting_connection_holds_only_what_is_unused() {
        let mut buffers = ByteBuffers::default();
        assert!(buffers.awaits_little());
        buffers.input_received(b"event", INPUT_SMALL);
        assert!(!buffers.awaits_little(), "there is something left");
        buffers.input_consume(2);
        assert_eq!(receive(&mut buffers, b"s"), 1);
        assert_eq!(buffers.input(), b"ents");
        buffers.input_consume(4);
        assert!(buffers.awaits_little());
        assert!(buffers.input.capacity() <= INPUT_KEPT && buffers.input().is_empty());
        buffers.input_received(&[b'x'; INPUT_SMALL], INPUT_SMALL);
        buffers.input_consume(INPUT_SMALL);
        assert!(!buffers.awaits_little(), "it is fast");
        assert!(buffers.input_room().unwrap().len() >= INPUT_FIRST);
    }

    /// Input that the last reader took nothing of is not all that there is once more has come.
    #[test]
    fn more_input_can_be_used() {
        let mut buffers = ByteBuffers::default();
        buffers.input_received(b"5\r", INPUT_SMALL);
        buffers.input_consume(0);
        assert!(!buffers.can_use_input());
        receive(&mut buffers, b"\n");
        assert!(buffers.can_use_input());
    }

    #[test]
    fn input_that_is_given_away_is_what_was_not_read() {
        let mut buffers = ByteBuffers::default();
        buffers.input_received(b"headbody", INPUT_SMALL);
        buffers.input_consume(4);
        assert_eq!(buffers.take_input(), b"body");
        assert!(buffers.input().is_empty() && buffers.awaits_little());
        buffers.input_received(b"next", INPUT_SMALL);
        assert_eq!(
            (buffers.input(), buffers.can_use_input()),
            (&b"next"[..], true)
        );
        // Room behind what has arrived is not given away as if it were.
        buffers.input_consume(4);
        receive(&mut buffers, b"more");
        assert_eq!(buffers.take_input(), b"more");
    }

    /// Thousands of idle connections must cost nothing but their sockets.
    #[test]
    fn an_idle_connection_holds_no_buffer() {
        let mut buffers = ByteBuffers::default();
        buffers.output();
        buffers.commit(10);
        assert_eq!(buffers.unsent().len(), 10);
        buffers.mark_sent(10);
        buffers.drop_output();
        receive(&mut buffers, b"answer");
        buffers.input_consume(6);
        buffers.drop_empty_input();
        assert_eq!(
            (buffers.input.capacity(), buffers.output.capacity()),
            (0, 0)
        );
    }
}
