//! The cooldown ledger and the memory of refusals that all requests share, and their copy on disk.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Instant, SystemTime};

use crate::adapt::{Learned, Lesson};
use crate::config::{Config, Step};
use crate::routing::{Ledger, MAX_SNAPSHOT, Snapshot, StepOrders};
use crate::state_file::{self, StateWriter};
use crate::sync::lock;

use super::route_invariants::RouteInvariants;

/// The words for the process in its state file.
const RUNS: &str = "running";
const WAS_STOPPED: &str = "stopped";

/// The end of the process before this one, as its state file tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastEnd {
    /// The process was told to stop.
    Stopped,
    /// The process did not come to write anything: it was killed or crashed, or the machine went down.
    Sudden,
}

/// The ledger behind its lock, and the writer of its state file.
pub struct SharedLedger {
    ledger: Arc<Mutex<Ledger>>,
    learned: Arc<Mutex<Learned>>,
    invariants: Arc<Mutex<RouteInvariants>>,
    orders: Arc<Mutex<StepOrders>>,
    /// `None` where the state file does not tell: there was none, or a version wrote it that did not.
    last_end: Mutex<Option<LastEnd>>,
    /// The process is about to end, because it was told to.
    is_stopped: Arc<AtomicBool>,
    /// None without a state file, and after the gateway was closed.
    writer: Mutex<Option<StateWriter>>,
}

impl SharedLedger {
    /// A ledger with the content of the state file, if there is one. A damaged file costs its content, not the service.
    ///
    /// # Errors
    /// The thread that writes the file cannot be started.
    pub fn open(config: &Arc<Config>) -> std::io::Result<Self> {
        let Restored {
            ledger,
            learned,
            invariants,
            orders,
            last_end,
        } = restored(config);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let ledger = Arc::new(Mutex::new(ledger));
        let learned = Arc::new(Mutex::new(learned));
        let invariants = Arc::new(Mutex::new(invariants));
        let orders = Arc::new(Mutex::new(orders));
        let writer = match &config.state_file {
            None => None,
            Some(path) => {
                let (config, ledger) = (Arc::clone(config), Arc::clone(&ledger));
                let learned = Arc::clone(&learned);
                let invariants = Arc::clone(&invariants);
                let orders = Arc::clone(&orders);
                let is_stopped = Arc::clone(&is_stopped);
                // One for the process, so that the same knowledge is the same text and is not written again.
                let salt = random();
                // The time of writing is that of the knowledge, for the same reason.
                let last: Mutex<Option<Snapshot>> = Mutex::new(None);
                let snapshot = move || {
                    let (now, wall) = (Instant::now(), SystemTime::now());
                    let mut taken = Snapshot::take(&lock(&ledger), &config, now, wall, salt);
                    taken.learned = lock(&learned).to_values(now, wall);
                    taken.invariants = lock(&invariants).to_values();
                    taken.step_times = lock(&orders).to_values();
                    let process = match is_stopped.load(Ordering::SeqCst) {
                        true => WAS_STOPPED,
                        false => RUNS,
                    };
                    taken.process = Some(process.to_owned());
                    let mut last = lock(&last);
                    match &*last {
                        Some(last) if last.has_the_marks_of(&taken) => last.to_json(),
                        _ => last.insert(taken).to_json(),
                    }
                };
                Some(StateWriter::start(path.clone(), snapshot)?)
            }
        };
        let shared = Self {
            ledger,
            learned,
            invariants,
            orders,
            last_end: Mutex::new(last_end),
            is_stopped,
            writer: Mutex::new(writer),
        };
        if last_end == Some(LastEnd::Stopped) {
            // Else a process that is killed before its first write would have been stopped.
            shared.changed();
        }
        Ok(shared)
    }

    /// The end of the process before this one; `None` where it is not known.
    pub fn last_end(&self) -> Option<LastEnd> {
        *lock(&self.last_end)
    }

    /// The ledger, locked. Blocks for as long as another request reads or writes it.
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// The ledger, for the thread that exchanges it with other replicas.
    pub fn of_replicas(&self) -> &Arc<Mutex<Ledger>> {
        &self.ledger
    }

    /// The memory of refusals, locked. Blocks for as long as another request reads or writes it.
    pub fn learned(&self) -> MutexGuard<'_, Learned> {
        lock(&self.learned)
    }

    /// The lessons that hold for a step. Mostly nothing was learned of any, and no clock is read.
    pub fn lessons_of(&self, step: &Step) -> Vec<Lesson> {
        let learned = self.learned();
        if learned.is_empty() {
            return Vec::new();
        }
        learned.of(step, Instant::now())
    }

    /// The memory of what the answers of routes have in common, locked. Blocks for as long as another request reads or
    /// writes it.
    pub fn invariants(&self) -> MutexGuard<'_, RouteInvariants> {
        lock(&self.invariants)
    }

    /// The memory of step orders, locked. Blocks for as long as another request reads or writes it.
    pub fn orders(&self) -> MutexGuard<'_, StepOrders> {
        lock(&self.orders)
    }

    /// Notes that the ledger or the memory has changed; the file follows (within about a second).
    pub fn changed(&self) {
        if let Some(writer) = &*lock(&self.writer) {
            writer.mark_dirty();
        }
    }

    /// Takes over the ledger of another configuration, which writes no file any more from now on.
    pub fn take_over(&self, config: &Config, old: &Self, old_config: &Config) {
        // Two writers would write to one file.
        old.close();
        // What the file tells is of this process by now.
        *lock(&self.last_end) = old.last_end();
        let (now, wall) = (Instant::now(), SystemTime::now());
        let snapshot = Snapshot::take(&old.lock(), old_config, now, wall, random());
        *self.lock() = snapshot.restore(config, now, wall);
        let learned = old.learned().clone();
        *self.learned() = learned.for_configuration(config);
        let invariants = old.invariants().clone();
        *self.invariants() = invariants.for_configuration(config);
        let orders = old.orders().clone();
        *self.orders() = orders.for_configuration(config);
        self.changed();
    }

    /// Writes down that the process was told to end, with the changes that are not on disk yet. Blocks for as long as the
    /// disk takes.
    pub fn end(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.changed();
        self.close();
    }

    /// Writes the changes that are not on disk yet. Blocks for as long as the disk takes.
    pub fn close(&self) {
        let writer = lock(&self.writer).take();
        // Out of the lock: this waits for the disk, and requests must not.
        drop(writer);
    }
}

/// The content of a state file.
struct Restored {
    ledger: Ledger,
    learned: Learned,
    invariants: RouteInvariants,
    orders: StepOrders,
    last_end: Option<LastEnd>,
}

fn restored(config: &Config) -> Restored {
    let fresh = || Restored {
        ledger: Ledger::new(&config.providers),
        learned: Learned::default(),
        invariants: RouteInvariants::default(),
        orders: StepOrders::new(config, RandomState::new()),
        last_end: None,
    };
    let Some(path) = &config.state_file else {
        return fresh();
    };
    let read = state_file::read(path, MAX_SNAPSHOT as u64).map_err(|error| error.to_string());
    let snapshot = read.and_then(|text| text.as_deref().map(Snapshot::parse).transpose());
    match snapshot {
        Ok(Some(snapshot)) => {
            let (now, wall) = (Instant::now(), SystemTime::now());
            Restored {
                ledger: snapshot.restore(config, now, wall),
                learned: Learned::restore(&snapshot.learned, config, now, wall),
                invariants: RouteInvariants::restore(&snapshot.invariants, config),
                orders: StepOrders::new(config, RandomState::new())
                    .restored(&snapshot.step_times, config),
                last_end: snapshot.process.map(|process| match process.as_str() {
                    WAS_STOPPED => LastEnd::Stopped,
                    _ => LastEnd::Sudden,
                }),
            }
        }
        Ok(None) => fresh(),
        Err(error) => {
            log::warn!(path:% = path.display(), error = error.as_str(); "the state file is ignored");
            fresh()
        }
    }
}

/// Any number, another one at each call.
pub fn another() -> u64 {
    /// An odd step, so that none comes twice (Weyl; that of SplitMix64).
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    static FIRST: OnceLock<u64> = OnceLock::new();
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    FIRST
        .get_or_init(random)
        .wrapping_add(calls.wrapping_mul(STEP))
}

/// A number that no client can foresee: std seeds every `RandomState` anew.
pub fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}
