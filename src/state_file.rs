//! The state file: the memory of the gateway over a restart. Reads are bounded, writes are atomic and happen at most
//! once a second on a thread of their own, so that no request ever waits for a disk.

mod appended;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::sync::{lock, wait};
use crate::threads;

pub use appended::{AppendingWriter, Lines, read_lines};

/// The shortest time between two writes.
const PACE: Duration = Duration::from_secs(1);

/// Reads a state file of at most `limit` bytes; `None` when there is none.
///
/// # Errors
/// When it cannot be read, or is larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(limit + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limit {
        return Err(io::Error::other(
            "the file is larger than any this gateway writes",
        ));
    }
    Ok(Some(text))
}

/// A writer of the state, at most once a second, and once more when it is dropped.
pub struct StateWriter {
    shared: Arc<WriterState>,
    thread: Option<JoinHandle<()>>,
}

struct WriterState {
    flags: Mutex<Flags>,
    changed: Condvar,
}

#[derive(Default)]
struct Flags {
    dirty: bool,
    closing: bool,
}

impl StateWriter {
    /// Starts the writer. `snapshot` gives the text to write; it is called on the writer's thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        path: PathBuf,
        snapshot: impl Fn() -> String + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(WriterState {
            flags: Mutex::default(),
            changed: Condvar::new(),
        });
        let for_thread = Arc::clone(&shared);
        let write = move || for_thread.write_when_dirty(&path, &snapshot);
        let thread = threads::start("state", 128 * 1024, write)?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Marks the state as changed: a write follows.
    pub fn mark_dirty(&self) {
        let mut flags = self.shared.flags();
        if !flags.dirty {
            flags.dirty = true;
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for StateWriter {
    fn drop(&mut self) {
        self.shared.flags().closing = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl WriterState {
    fn flags(&self) -> MutexGuard<'_, Flags> {
        lock(&self.flags)
    }

    fn write_when_dirty(&self, path: &Path, snapshot: &dyn Fn() -> String) {
        let mut failing = false;
        // Most changes are answers that change nothing here: they must not wear out a flash disk.
        let mut on_disk = None;
        loop {
            let mut flags = self.flags();
            while !flags.dirty && !flags.closing {
                flags = wait(&self.changed, flags);
            }
            let last = flags.closing;
            let dirty = std::mem::take(&mut flags.dirty);
            drop(flags);
            if dirty {
                let text = snapshot();
                if on_disk.as_ref() != Some(&text) {
                    let written = write_atomically(path, &text);
                    on_disk = written.is_ok().then_some(text);
                    report(path, written, &mut failing);
                }
            }
            if last {
                return;
            }
            // A change in the meantime waits; only the end of the gateway does not.
            let flags = self.flags();
            let _ = self
                .changed
                .wait_timeout_while(flags, PACE, |flags| !flags.closing);
        }
    }
}

/// Logs a write that fails, or succeeds again, once per change: a full disk must not fill the log as well.
fn report(path: &Path, written: io::Result<()>, failing: &mut bool) {
    match written {
        Err(error) if !*failing => {
            *failing = true;
            log::warn!(path:% = path.display(), error:% = error; "the state file cannot be written");
        }
        Ok(()) if *failing => {
            *failing = false;
            log::info!(path:% = path.display(); "the state file can be written again");
        }
        Err(_) | Ok(()) => {}
    }
}

/// Writes the file so that a reader, or a crash, sees the old one or the new one, never a part. The new one is created, and
/// not opened: another user of the directory may have put a link there, to a file that only we may write.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("ai-gateway-state-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_was_marked_is_written_at_the_latest_at_the_end() {
        let folder = folder("end");
        let path = folder.join("state.json");
        let writer = StateWriter::start(path.clone(), || "{\"a\":1}".to_owned()).unwrap();
        writer.mark_dirty();
        drop(writer);
        assert_eq!(read(&path, 100).unwrap().as_deref(), Some("{\"a\":1}"));
        assert!(!folder.join("state.json.new").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = folder("link");
        let (path, victim) = (folder.join("state.json"), folder.join("victim"));
        for target in [&victim, &folder.join("absent")] {
            fs::write(&victim, "precious").unwrap();
            std::os::unix::fs::symlink(target, folder.join("state.json.new")).unwrap();
            write_atomically(&path, "{}").unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
            assert_eq!(read(&path, 100).unwrap().as_deref(), Some("{}"));
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert!(!folder.join("absent").exists());
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let folder = folder("clean");
        let path = folder.join("state.json");
        drop(StateWriter::start(path.clone(), String::new).unwrap());
        assert_eq!(read(&path, 100).unwrap(), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_same_again_is_not_written_again() {
        let folder = folder("same");
        let path = folder.join("state.json");
        let (asked, asking) = std::sync::mpsc::channel();
        let writer = StateWriter::start(path.clone(), move || {
            let _ = asked.send(());
            "{}".to_owned()
        })
        .unwrap();
        writer.mark_dirty();
        asking.recv().unwrap();
        writer.mark_dirty();
        asking.recv().unwrap();
        // The first one is on disk by now, as both are made by the same thread.
        fs::remove_file(&path).unwrap();
        drop(writer);
        assert_eq!(read(&path, 100).unwrap(), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_no_state_is_not_swallowed() {
        let folder = folder("large");
        let path = folder.join("state.json");
        fs::write(&path, "x".repeat(101)).unwrap();
        assert!(read(&path, 100).is_err());
        assert_eq!(read(&path, 101).unwrap().unwrap().len(), 101);
        fs::remove_dir_all(folder).unwrap();
    }
}
