//! An appended file: a journal of lines of which the last one about a thing counts. A write costs what has changed, not
//! what there is; from time to time the file is written anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::sync::{lock, wait, wait_for};
use crate::threads;

use super::write_atomically;

/// The shortest time between two writes: what a crash may cost.
const PACE: Duration = Duration::from_millis(250);

/// The time in which what was written reaches the disk: what a power cut may cost.
const SYNC: Duration = Duration::from_secs(10);

/// The wait after a write that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The size beyond which the file is written anew, or twice that of all lines, where they are more (bytes).
const LARGEST: u64 = 256 * 1024;

/// The most that is read, and the longest line of it (bytes).
const MOST_READ: u64 = 64 * 1024 * 1024;
const LONGEST_LINE: u64 = 64 * 1024;

/// The source of the lines.
pub trait Lines: Send + Sync {
    /// The lines about what has changed since this was last called; `None` where all lines are to be written.
    fn changes(&self) -> Option<String>;

    /// The lines about all that there is.
    fn all(&self) -> String;
}

/// Reads the lines of a file one by one; nothing where there is none. What is no text is passed over.
///
/// # Errors
/// The file cannot be read. The lines before are told.
pub fn read_lines(path: &Path, tell: &mut dyn FnMut(&str)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file.take(MOST_READ));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .by_ref()
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if let Ok(text) = std::str::from_utf8(&line) {
            tell(text);
        }
    }
}

/// A writer of an appended file, and its thread. The last changes are written when it is dropped.
pub struct AppendingWriter {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Default)]
struct Flags {
    dirty: bool,
    closing: bool,
}

impl AppendingWriter {
    /// Starts the writer, which writes all lines at once.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(path: PathBuf, name: &str, lines: Arc<dyn Lines>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let for_thread = Arc::clone(&state);
        let write = move || {
            let file = AppendedFile {
                path,
                lines,
                file: None,
                length: 0,
                most: LARGEST,
                unsynced: None,
                is_failing: false,
            };
            for_thread.write_when_dirty(file);
        };
        let thread = threads::start(name, 128 * 1024, write)?;
        Ok(Self {
            state,
            thread: Some(thread),
        })
    }

    /// Marks what there is as changed: a write follows (within 250 ms).
    pub fn mark_dirty(&self) {
        let mut flags = lock(&self.state.flags);
        if !flags.dirty {
            flags.dirty = true;
            self.state.changed.notify_one();
        }
    }
}

impl Drop for AppendingWriter {
    fn drop(&mut self) {
        lock(&self.state.flags).closing = true;
        self.state.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl State {
    fn write_when_dirty(&self, mut file: AppendedFile) {
        file.write();
        loop {
            // What could not be written is tried again, though nothing changes any more.
            let due = match file.is_failing {
                true => Some(Instant::now()),
                false => file.next_sync(),
            };
            let (is_last, is_dirty) = self.wait(due);
            if is_dirty || file.is_failing {
                file.write();
            }
            if is_last {
                return file.sync();
            }
            if file.next_sync().is_some_and(|due| Instant::now() >= due) {
                file.sync();
            }
            let pace = if file.is_failing { AFTER_FAILURE } else { PACE };
            self.pause(pace);
        }
    }

    /// Waits for a change, for the end, or until what was written has to reach the disk.
    fn wait(&self, due: Option<Instant>) -> (bool, bool) {
        let mut flags = lock(&self.flags);
        loop {
            let now = Instant::now();
            let left = due.map(|due| due.saturating_duration_since(now));
            if flags.dirty || flags.closing || left.is_some_and(|left| left.is_zero()) {
                return (flags.closing, std::mem::take(&mut flags.dirty));
            }
            flags = match left {
                Some(left) => wait_for(&self.changed, flags, left),
                None => wait(&self.changed, flags),
            };
        }
    }

    /// Lets changes gather; only the end does not wait.
    fn pause(&self, pace: Duration) {
        let until = Instant::now() + pace;
        let mut flags = lock(&self.flags);
        while !flags.closing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            flags = wait_for(&self.changed, flags, left);
        }
    }
}

/// The file, as far as it is written.
struct AppendedFile {
    path: PathBuf,
    lines: Arc<dyn Lines>,
    /// The file to append to; `None` where all lines have to be written first.
    file: Option<File>,
    length: u64,
    /// The size beyond which it is written anew.
    most: u64,
    /// The time of the first write that may not be on the disk yet.
    unsynced: Option<Instant>,
    is_failing: bool,
}

impl AppendedFile {
    fn next_sync(&self) -> Option<Instant> {
        self.unsynced.map(|since| since + SYNC)
    }

    /// Appends what has changed, or writes all anew.
    fn write(&mut self) {
        let changes = match &self.file {
            Some(_) if self.length <= self.most => self.lines.changes(),
            _ => None,
        };
        let written = match changes {
            Some(text) => self.append(&text),
            None => self.write_anew(),
        };
        if written.is_err() {
            // A part of a line may have been written: nothing is appended to it.
            self.file = None;
        }
        self.report(written);
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.write_all(text.as_bytes())?;
        self.length += text.len() as u64;
        if !text.is_empty() {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let text = self.lines.all();
        let is_there = fs::symlink_metadata(&self.path).is_ok();
        if text.is_empty() && !is_there {
            // There is nothing to say yet.
            return Ok(());
        }
        write_atomically(&self.path, &text)?;
        self.length = text.len() as u64;
        self.most = LARGEST.max(self.length * 2);
        self.unsynced = None;
        let options = OpenOptions::new()
            .append(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.path);
        self.file = Some(options?);
        Ok(())
    }

    fn sync(&mut self) {
        let synced = match (&self.file, self.unsynced.take()) {
            (Some(file), Some(_)) => file.sync_data(),
            _ => return,
        };
        if synced.is_err() {
            // Nobody knows what of it is there.
            self.file = None;
        }
        self.report(synced);
    }

    /// Logs a write that fails, or succeeds again, once per change: a full disk must not fill the log as well.
    fn report(&mut self, written: io::Result<()>) {
        let path = self.path.display();
        match written {
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                log::warn!(path:% = path, error:% = error; "the usage of clients cannot be written; counting goes on");
            }
            Ok(()) if self.is_failing => {
                self.is_failing = false;
                log::info!(path:% = path; "the usage of clients can be written again");
            }
            Err(_) | Ok(()) => {}
        }
    }
}
