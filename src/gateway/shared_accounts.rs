//! The accounts that all requests share, and the journal of them on disk. A reload keeps them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime};

use crate::config::{Account, Config};
use crate::quota::Moment;
use crate::quota::accounts::{Accounts, BookIndex, Entry, RefusalReason, Terms, read_line};
use crate::state_file::{self, AppendingWriter, Lines};
use crate::sync::lock;

/// The accounts behind their lock, which is never held during a call, and the writer of their journal.
pub struct SharedAccounts {
    accounts: Arc<Mutex<Accounts>>,
    writer: Mutex<Option<Writing>>,
}

struct Writing {
    path: PathBuf,
    writer: AppendingWriter,
}

/// The places of a configuration's clients in the accounts.
pub struct Places {
    /// In the order of the configuration, the client of callers without a key last.
    places: Vec<BookIndex>,
    limited: Vec<bool>,
}

impl SharedAccounts {
    /// The accounts that the journal tells of, if there is one. A damaged line costs itself, an unreadable file its content,
    /// neither the service.
    pub fn open(config: &Config) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        if let Some(path) = &config.accounts_file {
            let mut tell = |line: &str| entries.extend(read_line(line));
            if let Err(error) = state_file::read_lines(path, &mut tell) {
                log::warn!(path:% = path.display(), error:% = error; "the usage of clients cannot be read whole");
            }
        }
        let now = now().unix_ms();
        let accounts = Accounts::restore(entries.into_iter(), config.time_zone, now);
        Self {
            accounts: Arc::new(Mutex::new(accounts)),
            writer: Mutex::new(None),
        }
    }

    /// Takes the clients of a configuration, whose counters stay with their names, and the place of its journal.
    ///
    /// # Errors
    /// The thread that writes the journal cannot be started.
    pub fn configure(&self, config: &Config) -> std::io::Result<Places> {
        let clients = accounts_of(config);
        let terms = clients.iter().map(|account| Terms {
            name: &account.name,
            limits: &account.limits,
            soft: account.soft,
        });
        let places = self
            .lock()
            .configure(config.time_zone, terms, now().unix_ms());
        let mut writing = lock(&self.writer);
        let path = writing.as_ref().map(|writing| &writing.path);
        if path != config.accounts_file.as_ref() {
            *writing = None;
            *writing = match &config.accounts_file {
                None => None,
                Some(path) => {
                    let lines = Arc::new(Journal(Arc::clone(&self.accounts)));
                    Some(Writing {
                        path: path.clone(),
                        writer: AppendingWriter::start(path.clone(), "accounts", lines)?,
                    })
                }
            };
        }
        Ok(Places {
            places,
            limited: clients
                .iter()
                .map(|account| !account.limits.is_empty())
                .collect(),
        })
    }

    /// The accounts, locked. Blocks for as long as another request reads or writes them.
    pub fn lock(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    /// Counts a request that is refused without a look at the limits.
    pub fn refuse(&self, place: BookIndex, reason: RefusalReason) {
        self.lock().refuse(place, reason);
    }

    /// Notes the first change since the journal was written; the file follows (within 250 ms).
    pub fn changed(&self) {
        if let Some(writing) = &*lock(&self.writer) {
            writing.writer.mark_dirty();
        }
    }

    /// Writes what is not on disk yet. Blocks for as long as the disk takes.
    pub fn close(&self) {
        let writing = lock(&self.writer).take();
        // Out of the lock: this waits for the disk, and requests must not.
        drop(writing);
    }
}

impl Places {
    /// The place of a client, and whether it has limits.
    pub fn of(&self, config: &Config, client: &Account) -> (BookIndex, bool) {
        let mut clients = config.clients.iter();
        let at = clients.position(|known| std::ptr::eq(known, client));
        // The client of callers without a key is the last one.
        let at = at.unwrap_or(config.clients.len());
        let place = self.places.get(at).copied().unwrap_or_default();
        (place, self.limited.get(at).copied().unwrap_or_default())
    }

    /// The place of a client by its name; `None` of an unknown one.
    pub fn named(&self, config: &Config, name: &str) -> Option<BookIndex> {
        let at = accounts_of(config)
            .iter()
            .position(|account| account.name == name)?;
        self.places.get(at).copied()
    }
}

/// The clients of a configuration, the one that callers without a key share last.
pub fn accounts_of(config: &Config) -> Vec<&Account> {
    let keyless = config
        .ollama
        .as_ref()
        .and_then(|ollama| ollama.keyless.as_ref());
    let keyless = keyless.map(|keyless| &keyless.account);
    config.clients.iter().chain(keyless).collect()
}

/// This moment.
pub fn now() -> Moment {
    Moment {
        now: Instant::now(),
        wall: SystemTime::now(),
        shared: None,
    }
}

struct Journal(Arc<Mutex<Accounts>>);

impl Lines for Journal {
    fn changes(&self) -> Option<String> {
        let mut accounts = lock(&self.0);
        (!accounts.has_turned()).then(|| accounts.changes())
    }

    fn all(&self) -> String {
        lock(&self.0).all_lines()
    }
}
