//! The way of log lines to standard output: a bounded queue, and a thread that writes.
//!
//! A pipe takes 64 KiB; from then on a write waits for a reader, which may be a paused terminal or a log shipper in
//! trouble. Only the thread here waits for it: a line that finds no room is dropped and counted.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::sync::{lock, wait, wait_for};
use crate::threads;

/// Bounds of the queue. As much again can be under way to the reader.
const MAX_WAITING_BYTES: usize = 1024 * 1024;
const MAX_WAITING_LINES: u64 = 8192;

/// Memory that the queue and the thread keep between two writes, each (bytes).
const KEPT_BYTES: usize = 64 * 1024;

/// Rest of the thread after a write. Under load one write then takes many lines, and no worker has to wake the thread.
const REST: Duration = Duration::from_millis(5);

/// Pause before another try of a standard output that does not block, and whose reader does not read.
const RETRY: Duration = Duration::from_millis(10);

/// Bound of [`LogWriter::flush`]: a reader that does not read must not hold the end of the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

const STACK: usize = 64 * 1024;

/// The count belongs to the process's one logger, and is as global as that.
static LINES_LOST: AtomicU64 = AtomicU64::new(0);

/// Log lines that were dropped since the start: no room in the queue, or an output that failed.
pub fn lines_lost() -> u64 {
    LINES_LOST.load(Ordering::Relaxed)
}

/// The queue of lines before standard output. Clones share it.
#[derive(Clone, Default)]
pub struct LogWriter(Arc<LineQueue>);

#[derive(Default)]
struct LineQueue {
    waiting: Mutex<WaitingLines>,
    /// Signalled for a first line, and for a flush.
    wanted: Condvar,
    /// Signalled after each write.
    written: Condvar,
}

#[derive(Default)]
struct WaitingLines {
    /// Whole lines, one behind the other.
    bytes: Vec<u8>,
    lines: u64,
    /// Since the start: lines that were taken into the queue, and of these the ones that have left the thread again.
    accepted: u64,
    done: u64,
    /// The thread waits for a notification.
    is_asleep: bool,
    /// Callers of [`LogWriter::flush`] at the moment.
    flushes: usize,
}

impl LogWriter {
    /// Starts the thread that writes to standard output.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let writer = Self::default();
        let queue = Arc::clone(&writer.0);
        let write = move || queue.run(|bytes| rustix::io::write(io::stdout(), bytes));
        threads::start("log", STACK, write)?;
        Ok(writer)
    }

    /// Appends a line with its line feed, or drops and counts it. Never waits for the reader.
    pub fn push(&self, line: &[u8]) {
        let mut waiting = lock(&self.0.waiting);
        let fits = waiting.bytes.len() + line.len() <= MAX_WAITING_BYTES;
        if !fits || waiting.lines >= MAX_WAITING_LINES {
            drop(waiting);
            LINES_LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        waiting.accepted += 1;
        let wakes = std::mem::take(&mut waiting.is_asleep);
        drop(waiting);
        if wakes {
            self.0.wanted.notify_one();
        }
    }

    /// Returns when every line so far is written, or after [`FLUSH_TIMEOUT`].
    pub fn flush(&self) {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        let mut waiting = lock(&self.0.waiting);
        let last = waiting.accepted;
        waiting.flushes += 1;
        waiting.is_asleep = false;
        self.0.wanted.notify_one();
        while waiting.done < last {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = wait_for(&self.0.written, waiting, left);
        }
        waiting.flushes -= 1;
    }
}

impl LineQueue {
    fn run(&self, mut write: impl FnMut(&[u8]) -> Result<usize, Errno>) {
        let mut batch = Vec::new();
        loop {
            let lines = self.take(&mut batch);
            let unwritten = write_all(&batch, &mut write);
            let lost = memchr::memchr_iter(b'\n', unwritten).count();
            LINES_LOST.fetch_add(lost as u64, Ordering::Relaxed);
            empty(&mut batch);
            let mut waiting = lock(&self.waiting);
            waiting.done += lines;
            self.written.notify_all();
            if waiting.flushes == 0 {
                drop(wait_for(&self.wanted, waiting, REST));
            }
        }
    }

    /// Exchanges the empty batch for the lines that wait, and returns their number. Waits for a first one.
    fn take(&self, batch: &mut Vec<u8>) -> u64 {
        let mut waiting = lock(&self.waiting);
        while waiting.lines == 0 {
            waiting.is_asleep = true;
            waiting = wait(&self.wanted, waiting);
        }
        waiting.is_asleep = false;
        std::mem::swap(&mut waiting.bytes, batch);
        std::mem::take(&mut waiting.lines)
    }
}

/// Writes all bytes, or up to an error, and returns the rest (empty if there is none). A full or closed standard output
/// must not end the service.
fn write_all<'b>(
    mut bytes: &'b [u8],
    write: &mut impl FnMut(&[u8]) -> Result<usize, Errno>,
) -> &'b [u8] {
    while !bytes.is_empty() {
        match write(bytes) {
            Ok(0) => break,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    bytes
}

/// Empties the batch. The memory that a stall has made it grow to is given back.
fn empty(batch: &mut Vec<u8>) {
    batch.clear();
    if batch.capacity() > KEPT_BYTES {
        *batch = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that takes a write when the test sends a permit, and shows what it took.
    fn reader() -> (LogWriter, Sender<()>, Receiver<Vec<u8>>) {
        let writer = LogWriter::default();
        let (permit, permits) = channel();
        let (sender, taken) = channel();
        let queue = Arc::clone(&writer.0);
        thread::spawn(move || {
            queue.run(move |bytes| {
                permits.recv().map_err(|_| Errno::PIPE)?;
                let half = bytes.len().div_ceil(2);
                sender.send(bytes[..half].to_vec()).unwrap();
                Ok(half)
            });
        });
        (writer, permit, taken)
    }

    #[test]
    fn what_waits_for_a_stalled_reader_is_bounded() {
        let (writer, permit, taken) = reader();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let before = lines_lost();
        for _ in 0..3 * MAX_WAITING_BYTES / line.len() {
            writer.push(&line);
        }
        // What the thread has taken already has made room once.
        assert!(lines_lost() - before >= 1024);
        assert!(lock(&writer.0.waiting).bytes.len() <= MAX_WAITING_BYTES);
        let started = Instant::now();
        writer.flush();
        assert!(started.elapsed() >= FLUSH_TIMEOUT);
        for _ in 0..1000 {
            permit.send(()).unwrap();
        }
        writer.flush();
        let taken: usize = taken.try_iter().map(|bytes| bytes.len()).sum();
        assert_eq!(taken as u64, lock(&writer.0.waiting).done * 1024);
    }

    #[test]
    fn a_flush_returns_when_all_is_written() {
        let (writer, permit, taken) = reader();
        for _ in 0..100 {
            permit.send(()).unwrap();
        }
        for line in ["one\n", "two\n", "three\n"] {
            writer.push(line.as_bytes());
        }
        writer.flush();
        let taken: Vec<u8> = taken.try_iter().flatten().collect();
        assert_eq!(taken, b"one\ntwo\nthree\n");
    }
}
