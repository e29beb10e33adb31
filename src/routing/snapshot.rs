//! A snapshot of the ledger, which survives a restart or a reload.
//!
//! It holds no secret: a key is its index in the list and a salted hash, so that a changed list of keys does not
//! inherit cooldowns. The hash is 64 bits of std's SipHash: enough to tell keys of one provider apart, and nothing to
//! get a random key back from. Its algorithm may change with the compiler; then the keys' marks are forgotten, which
//! costs a call each.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{Config, Provider};

use super::ledger::Ledger;
use super::mark::Mark;
use super::snapshot_lines::{self, TargetEntry};
use super::target::Coverage;
use crate::dialect::class::Class;
use crate::dialect::waits::LONGEST;
use crate::quota::Moment;

/// The longest state file (bytes); a longer one is damaged.
pub const MAX_SNAPSHOT: usize = 4 * 1024 * 1024;

const VERSION: u32 = 1;

/// The ledger's marks with wall-clock deadlines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    salt: u64,
    /// The time of writing (milliseconds since 1970); older versions write none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written_ms: Option<u64>,
    /// The state of the process that wrote it, in a word; older versions write none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The marks, each a value of its own, so that a damaged entry does not cost the others.
    marks: Vec<Value>,
    /// The lessons of providers' refusals, which are another room's: kept as they come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Value>,
    /// The invariants of routes' answers, which are another room's, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<Value>,
    /// The lessons about limits, and the counts of days and months.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<Value>,
    /// The times of steps, by which routes order them: kept as they come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_times: Vec<Value>,
    /// All that is counted, for a reload only. Every answer changes it, so the file would be written again and again,
    /// and a minute is soon over.
    #[serde(skip)]
    targets: Vec<TargetEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct MarkEntry {
    provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    class: String,
    /// The stated deadline (milliseconds since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stated_until_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guessed_until_ms: Option<u64>,
    strikes: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KeyIdentity {
    pub index: usize,
    pub hash: u64,
}

impl Snapshot {
    /// A snapshot of the ledger at `now`, which is `wall` on the wall clock. `salt` is any random number, new for each
    /// snapshot or not.
    pub fn take(
        ledger: &Ledger,
        config: &Config,
        now: Instant,
        wall: SystemTime,
        salt: u64,
    ) -> Self {
        let clock = Clock {
            now,
            wall,
            written: None,
        };
        let marks = ledger
            .marks()
            .filter(|(_, mark)| mark.cooling(now).is_some());
        let entries =
            marks.filter_map(|(coverage, mark)| entry(coverage, mark, config, &clock, salt));
        Self {
            version: VERSION,
            salt,
            written_ms: clock.wall_ms_of(now),
            process: None,
            marks: entries
                .filter_map(|entry| serde_json::to_value(entry).ok())
                .collect(),
            learned: Vec::new(),
            invariants: Vec::new(),
            lines: snapshot_lines::to_values(
                ledger,
                config,
                Moment {
                    now,
                    wall,
                    shared: None,
                },
                salt,
            ),
            step_times: Vec::new(),
            targets: snapshot_lines::targets(ledger, config, salt),
        }
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// The text is no state file of this version: the reason in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let snapshot: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match snapshot.version {
            VERSION => Ok(snapshot),
            other => Err(format!("version {other} is unknown")),
        }
    }

    /// Whether another snapshot has the same marks, lessons and times, of a process in the same state, whenever it was
    /// taken.
    pub fn has_the_marks_of(&self, other: &Self) -> bool {
        let learned = (&self.learned, &self.invariants) == (&other.learned, &other.invariants);
        let counted = (&self.lines, &self.step_times) == (&other.lines, &other.step_times);
        learned
            && counted
            && self.process == other.process
            && (self.salt, &self.marks) == (other.salt, &other.marks)
    }

    pub fn to_json(&self) -> String {
        // Strings and numbers always serialize; the empty object is for the type checker.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// A ledger for this configuration. Entries that are damaged, expired, or about something that is not configured
    /// (any more) are left out.
    pub fn restore(&self, config: &Config, now: Instant, wall: SystemTime) -> Ledger {
        let clock = Clock {
            now,
            wall,
            written: self.written_ms,
        };
        let mut ledger = Ledger::new(&config.providers);
        for value in &self.marks {
            if let Ok(entry) = MarkEntry::deserialize(value)
                && let Some(coverage) = coverage(
                    &entry.provider,
                    entry.key.as_ref(),
                    entry.model.as_deref(),
                    config,
                    self.salt,
                )
                && let Some(mark) = mark(&entry, &clock)
            {
                ledger.restore(coverage, mark);
            }
        }
        let at = Moment {
            now,
            wall,
            shared: None,
        };
        if self.targets.is_empty() {
            let written = (self.salt, self.written_ms);
            snapshot_lines::restore(&mut ledger, &self.lines, config, at, written);
        }
        snapshot_lines::take_over(&mut ledger, &self.targets, config, self.salt);
        ledger.keep_time(now, || wall);
        ledger.with_its_units()
    }
}

/// A moment on both clocks.
struct Clock {
    now: Instant,
    wall: SystemTime,
    /// The time at which the deadlines were written down (milliseconds since 1970).
    written: Option<u64>,
}

impl Clock {
    fn wall_ms_of(&self, at: Instant) -> Option<u64> {
        let wall = self.wall + at.checked_duration_since(self.now)?;
        u64::try_from(wall.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// The instant of a wall-clock time; `None` for the past. The wall clock may have been set back since, so no wait is
    /// longer than it was when it was written down, nor than 24 h.
    fn instant_of(&self, milliseconds: u64) -> Option<Instant> {
        let at = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))?;
        let left = at.duration_since(self.wall).ok()?.min(LONGEST);
        let left = match self.written {
            Some(written) => left.min(Duration::from_millis(milliseconds.checked_sub(written)?)),
            None => left,
        };
        (!left.is_zero()).then(|| self.now + left)
    }
}

fn entry(
    coverage: Coverage<'_>,
    mark: &Mark,
    config: &Config,
    clock: &Clock,
    salt: u64,
) -> Option<MarkEntry> {
    let provider = config.providers.get(coverage.provider)?;
    let key = coverage.key.map(|index| KeyIdentity {
        index,
        hash: key_hash(provider, index, salt),
    });
    let wall = |at: Option<Instant>| at.and_then(|at| clock.wall_ms_of(at));
    Some(MarkEntry {
        provider: provider.name.clone(),
        key,
        model: coverage.model.map(str::to_owned),
        class: mark.class.label().to_owned(),
        stated_until_ms: wall(mark.stated_until),
        guessed_until_ms: wall(mark.guessed_until),
        strikes: mark.strikes,
    })
}

/// The coverage of the same provider, key and model in this configuration; `None` where it has them no more.
pub(super) fn coverage<'a>(
    provider: &str,
    key: Option<&KeyIdentity>,
    model: Option<&str>,
    config: &'a Config,
    salt: u64,
) -> Option<Coverage<'a>> {
    let provider = config
        .providers
        .iter()
        .find(|candidate| candidate.name == provider)?;
    let key = match key {
        None => None,
        Some(key) if key_hash(provider, key.index, salt) == key.hash => Some(key.index),
        Some(_) => return None,
    };
    let model = match model {
        None => None,
        Some(model) => {
            let steps = config.routes.iter().flat_map(|route| &route.steps);
            let mut of_provider = steps.filter(|step| step.provider.index == provider.index);
            Some(of_provider.find(|step| step.model == model)?.model.as_str())
        }
    };
    Some(Coverage {
        provider: provider.index,
        key,
        model,
    })
}

fn mark(entry: &MarkEntry, clock: &Clock) -> Option<Mark> {
    let instant = |at: Option<u64>| at.and_then(|at| clock.instant_of(at));
    let mut mark = Mark::new(Class::from_label(&entry.class)?, entry.strikes, clock.now);
    mark.stated_until = instant(entry.stated_until_ms);
    mark.guessed_until = instant(entry.guessed_until_ms);
    mark.cooling(clock.now).map(|_| mark)
}

/// The salted hash of a key; of a provider without keys, the hash of none.
pub(super) fn key_hash(provider: &Provider, index: usize, salt: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    provider
        .keys
        .get(index)
        .map(|key| key.expose())
        .hash(&mut hasher);
    hasher.finish()
}
