//! The history: the last requests, the last failure of each step, and sums over hours and days. A reload keeps it; a
//! restart keeps the sums.
//!
//! The journal tells of each request once, at its end, and gives away what it holds of it anyway. The sums are made of the
//! instruments' counters at each turn of an hour, so that no request pays for them, and no request wears a flash card.

mod last_errors;
mod record;
mod ring;
mod sums;
mod trail;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use crate::config::Config;
use crate::state_file::{self, StateWriter};
use crate::sync::lock;
use crate::telemetry::metrics::Metrics;

pub use last_errors::{LastError, LastErrors};
pub use record::{Filter, Record, unix_ms};
pub use sums::Sums;

use ring::Ring;
use sums::MAX_FILE;

/// The name of the file with the sums, beside the state file.
const FILE: &str = "history.json";

/// The history of one gateway.
pub struct History {
    ring: Mutex<Ring>,
    /// The records to keep.
    most: AtomicUsize,
    pub errors: LastErrors,
    sums: Arc<Mutex<Sums>>,
    /// The end of the hour that is counted in.
    turn: Mutex<Instant>,
    writer: Mutex<Option<Writing>>,
}

struct Writing {
    path: PathBuf,
    writer: StateWriter,
}

impl History {
    /// The history that the file of sums tells of, if there is one. A damaged file costs its content, not the service.
    pub fn open(config: &Config) -> Self {
        let mut sums = Sums::default();
        if let Some(path) = path_of(config) {
            match state_file::read(&path, MAX_FILE as u64) {
                Ok(text) => sums = text.as_deref().map(Sums::read).unwrap_or_default(),
                Err(error) => {
                    log::warn!(path:% = path.display(), error:% = error; "the sums of hours and days cannot be read");
                }
            }
        }
        let left = sums.until_turn(unix_ms(SystemTime::now()));
        Self {
            ring: Mutex::default(),
            most: AtomicUsize::new(config.history),
            errors: LastErrors::default(),
            sums: Arc::new(Mutex::new(sums)),
            turn: Mutex::new(Instant::now() + Duration::from_millis(left)),
            writer: Mutex::new(None),
        }
    }

    /// Takes another configuration: its bound, its steps, and the place of its file.
    ///
    /// # Errors
    /// The thread that writes the file cannot be started.
    pub fn configure(&self, config: &Config) -> std::io::Result<()> {
        self.most.store(config.history, Ordering::Relaxed);
        self.errors.keep(config);
        let path = path_of(config);
        let mut writing = lock(&self.writer);
        if writing.as_ref().map(|writing| &writing.path) != path.as_ref() {
            *writing = None;
            if let Some(path) = path {
                let sums = Arc::clone(&self.sums);
                let snapshot = move || lock(&sums).to_json();
                let writer = StateWriter::start(path.clone(), snapshot)?;
                *writing = Some(Writing { path, writer });
            }
        }
        Ok(())
    }

    /// Whether records are kept.
    pub fn is_kept(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 0
    }

    /// Takes the record of a request that has ended.
    pub fn add(&self, mut record: Record) {
        let most = self.most.load(Ordering::Relaxed);
        let size = record.bound();
        let record = Arc::new(record);
        let gone = lock(&self.ring).add(record, size, most);
        // Out of the lock.
        drop(gone);
    }

    /// The records that pass, the newest first, as JSON.
    pub fn records(&self, filter: &Filter, limit: usize) -> String {
        let passing: Vec<Arc<Record>> = {
            let ring = lock(&self.ring);
            let passing = ring.newest().filter(|record| record.passes(filter));
            passing.take(limit).map(Arc::clone).collect()
        };
        // Out of the lock: every request that ends takes it.
        let mut out = String::from("{\"object\":\"list\",\"data\":[");
        for (place, record) in passing.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            record.push_json(&mut out);
        }
        out.push_str("]}");
        out
    }

    /// Closes the hour, if it is over. To be called before anything is counted: what was counted until now belongs to it.
    pub fn turn(&self, now: Instant, metrics: &Metrics) {
        let mut turn = lock(&self.turn);
        if now >= *turn {
            *turn = now + self.fold(metrics);
            drop(turn);
            if let Some(writing) = &*lock(&self.writer) {
                writing.writer.mark_dirty();
            }
        }
    }

    /// Adds what was counted to the sums. The time until the hour ends comes back.
    fn fold(&self, metrics: &Metrics) -> Duration {
        let now = unix_ms(SystemTime::now());
        let mut sums = lock(&self.sums);
        sums.fold(now, |take| metrics.each_total(take));
        Duration::from_millis(sums.until_turn(now))
    }

    /// The sums until now.
    pub fn sums(&self, metrics: &Metrics) -> MutexGuard<'_, Sums> {
        self.fold(metrics);
        lock(&self.sums)
    }

    /// Writes the sums that are not on disk yet. Blocks for as long as the disk takes.
    pub fn close(&self, metrics: &Metrics) {
        self.fold(metrics);
        let writing = lock(&self.writer).take();
        if let Some(writing) = &writing {
            writing.writer.mark_dirty();
        }
        // Out of the lock: this waits for the disk, and requests must not.
        drop(writing);
    }
}

fn path_of(config: &Config) -> Option<PathBuf> {
    let beside = config.state_file.as_ref()?;
    Some(beside.with_file_name(FILE))
}
