//! Host names and their addresses: remembered, refreshed in the background, and kept when DNS fails.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::sync::{lock, wait_for};
use crate::threads;

use super::stats::CallCounts;

/// The age up to which an address is used without a new lookup (60 s). The TTL of its record does not count: an address that
/// went out of use refuses, and the next is tried.
const FRESH: Duration = Duration::from_secs(60);

/// The time past [`FRESH`] for which a stale address is used while the lookup that refreshes it runs in the background
/// (stale-while-revalidate, 5 minutes).
const USABLE: Duration = Duration::from_secs(300);

/// The longest wait of a call for a lookup when older addresses are known, which are used after it (1 s).
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause after a failed lookup: with older addresses known (10 s), and without (1 s).
const RETRY_REFRESH: Duration = Duration::from_secs(10);
const RETRY_UNKNOWN: Duration = Duration::from_secs(1);

/// The bound of the table of names. Configurations name a few dozen providers at most (256 names).
const MAX_NAMES: usize = 256;

/// The bound of concurrent lookups: each has a thread, as it serves all who ask for its name, and goes on when the call that
/// began it has gone (8 threads).
const MAX_LOOKUPS: usize = 8;

/// The bound of addresses kept for a name (16).
const MAX_ADDRESSES: usize = 16;

/// The stack of a lookup's thread (bytes).
const LOOKUP_STACK: usize = 64 * 1024;

/// The interval at which a call that waits for a lookup checks its client's socket (25 ms).
const GLANCE: Duration = Duration::from_millis(25);

/// The lookup of a name's addresses: the system's, or a script's in tests. Blocks for a bounded time.
pub(super) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The reason why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAddress<E> {
    /// The lookup failed.
    Failed(String),
    /// The deadline passed before the lookup ended.
    Late,
    /// The caller's own check failed.
    Stopped(E),
}

/// The names that have been looked up, and the threads that look them up.
pub(super) struct HostNames {
    lookups: Arc<Lookups>,
}

struct Lookups {
    lookup: Box<Lookup>,
    counts: Arc<CallCounts>,
    table: Mutex<NameTable>,
    /// A lookup has ended.
    changed: Condvar,
}

#[derive(Default)]
struct NameTable {
    names: HashMap<String, KnownName>,
    running: usize,
}

struct KnownName {
    addresses: Vec<IpAddr>,
    /// The time of the lookup that found `addresses`.
    found_at: Instant,
    last_used: Instant,
    /// The beginning of the lookup under way.
    looking_since: Option<Instant>,
    /// The error of the last lookup, and the time before which it is not repeated.
    failure: Option<(String, Instant)>,
}

impl HostNames {
    pub fn new(lookup: Box<Lookup>, counts: Arc<CallCounts>) -> Self {
        Self {
            lookups: Arc::new(Lookups {
                lookup,
                counts,
                table: Mutex::default(),
                changed: Condvar::new(),
            }),
        }
    }

    /// The addresses of `name`, at least one. Blocks while a lookup is under way, and calls `check` meanwhile (every
    /// [`GLANCE`]): its failure ends the wait.
    pub fn addresses<E>(
        &self,
        name: &str,
        deadline: Instant,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Vec<IpAddr>, NoAddress<E>> {
        let mut table = self.lookups.lock();
        loop {
            let now = Instant::now();
            table.remember(name, now);
            let has_room = table.running < MAX_LOOKUPS;
            let Some(known) = table.names.get_mut(name) else {
                return Err(NoAddress::Failed("too many names".to_owned()));
            };
            known.last_used = now;
            if known.wants_lookup(now) && has_room {
                known.looking_since = Some(now);
                table.running = table.running.saturating_add(1);
                self.lookups.spawn_lookup(name, &mut table, now);
                continue;
            }
            if let Some(verdict) = known.verdict(now) {
                if verdict.is_ok() && known.is_old(now) {
                    self.lookups.counts.stale_answer();
                }
                return verdict.map_err(NoAddress::Failed);
            }
            let Some(left) = deadline
                .checked_duration_since(now)
                .filter(|d| !d.is_zero())
            else {
                return Err(NoAddress::Late);
            };
            table = wait_for(&self.lookups.changed, table, left.min(GLANCE));
            check().map_err(NoAddress::Stopped)?;
        }
    }
}

impl KnownName {
    fn unknown(now: Instant) -> Self {
        Self {
            addresses: Vec::new(),
            found_at: now,
            last_used: now,
            looking_since: None,
            failure: None,
        }
    }

    fn wants_lookup(&self, now: Instant) -> bool {
        let old = self.addresses.is_empty() || self.is_old(now);
        let failed = self.failure.as_ref().is_some_and(|(_, until)| now < *until);
        old && !failed && self.looking_since.is_none()
    }

    fn is_old(&self, now: Instant) -> bool {
        now.duration_since(self.found_at) >= FRESH
    }

    /// The addresses that a caller gets now, or the error. `None`: the lookup is to be waited for.
    fn verdict(&self, now: Instant) -> Option<Result<Vec<IpAddr>, String>> {
        if self.addresses.is_empty() {
            let failed = self.failure.as_ref().filter(|(_, until)| now < *until);
            return failed.map(|(why, _)| Err(why.clone()));
        }
        let usable = now.duration_since(self.found_at) < FRESH + USABLE;
        // The wait counts from the lookup's start, so that an outage costs one call a second and not every call.
        let looking = self
            .looking_since
            .is_some_and(|since| now.duration_since(since) < PATIENCE);
        (usable || !looking).then(|| Ok(self.addresses.clone()))
    }

    fn found(&mut self, result: io::Result<Vec<IpAddr>>, now: Instant) {
        self.looking_since = None;
        let why = match result {
            Ok(mut addresses) if !addresses.is_empty() => {
                addresses.truncate(MAX_ADDRESSES);
                self.addresses = addresses;
                self.found_at = now;
                self.failure = None;
                return;
            }
            Ok(_) => "the host has no address".to_owned(),
            Err(error) => error.to_string(),
        };
        let pause = if self.addresses.is_empty() {
            RETRY_UNKNOWN
        } else {
            RETRY_REFRESH
        };
        self.failure = Some((why, now + pause));
    }
}

impl NameTable {
    /// Makes room for `name`; in a full table the name used least recently is evicted.
    fn remember(&mut self, name: &str, now: Instant) {
        if self.names.contains_key(name) {
            return;
        }
        if self.names.len() >= MAX_NAMES {
            let idle = self
                .names
                .iter()
                .filter(|(_, known)| known.looking_since.is_none());
            let oldest = idle.min_by_key(|(_, known)| known.last_used);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&oldest);
            }
        }
        self.names.insert(name.to_owned(), KnownName::unknown(now));
    }

    fn finish(&mut self, name: &str, result: io::Result<Vec<IpAddr>>, now: Instant) {
        self.running = self.running.saturating_sub(1);
        if let Some(known) = self.names.get_mut(name) {
            known.found(result, now);
        }
    }
}

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, NameTable> {
        lock(&self.table)
    }

    fn spawn_lookup(self: &Arc<Self>, name: &str, table: &mut NameTable, now: Instant) {
        let (lookups, owned) = (Arc::clone(self), name.to_owned());
        let thread = threads::start("resolve", LOOKUP_STACK, move || {
            let result = (lookups.lookup)(&owned);
            if !matches!(&result, Ok(addresses) if !addresses.is_empty()) {
                lookups.counts.dns_failure();
            }
            lookups.lock().finish(&owned, result, Instant::now());
            lookups.changed.notify_all();
        });
        if let Err(error) = thread {
            self.counts.dns_failure();
            table.finish(name, Err(error), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    const OLD: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

    fn dns_is_down() -> io::Result<Vec<IpAddr>> {
        Err(io::Error::other("DNS is down"))
    }

    /// A caller comes every second after a name was found, and each lookup since has failed.
    #[test]
    fn an_outage_of_dns_does_not_touch_names_already_known() {
        let found_at = Instant::now();
        let mut name = KnownName::unknown(found_at);
        name.found(Ok(OLD.to_vec()), found_at);
        let (mut lookups, mut waits) = (0, 0);
        for second in 0..100_000 {
            let now = found_at + Duration::from_secs(second);
            if name.wants_lookup(now) {
                lookups += 1;
                name.looking_since = Some(now);
            }
            match name.verdict(now) {
                Some(addresses) => assert_eq!(addresses.unwrap(), OLD),
                None => waits += 1,
            }
            // A lookup that fails takes five seconds.
            if name
                .looking_since
                .is_some_and(|since| now >= since + Duration::from_secs(5))
            {
                name.found(dns_is_down(), now);
            }
        }
        assert!((6_000..8_000).contains(&lookups), "{lookups}");
        // Only the call that starts a lookup waits, for a second, and not while the addresses are young.
        assert!(waits <= lookups, "{waits}");
    }

    #[test]
    fn a_name_that_does_not_exist_is_asked_for_once_a_second() {
        let start = Instant::now();
        let mut name = KnownName::unknown(start);
        assert!(name.wants_lookup(start) && name.verdict(start).is_none());
        name.found(dns_is_down(), start);
        let soon = start + RETRY_UNKNOWN / 2;
        assert!(!name.wants_lookup(soon));
        assert_eq!(name.verdict(soon), Some(Err("DNS is down".to_owned())));
        assert!(name.wants_lookup(start + RETRY_UNKNOWN));
    }

    fn ask(
        names: &HostNames,
        name: &str,
        patience: Duration,
    ) -> Result<Vec<IpAddr>, NoAddress<Infallible>> {
        names.addresses(name, Instant::now() + patience, || Ok(()))
    }

    /// Stale addresses keep the service up, and its operator should know that they do.
    #[test]
    fn addresses_past_their_age_are_used_and_counted() {
        let counts = Arc::new(CallCounts::default());
        let names = HostNames::new(Box::new(|_| Ok(OLD.to_vec())), Arc::clone(&counts));
        let patience = Duration::from_secs(10);
        assert_eq!(ask(&names, "host", patience).unwrap(), OLD);
        assert_eq!(counts.read().stale_answers, 0);
        let aged = Instant::now().checked_sub(2 * FRESH).unwrap();
        let mut table = names.lookups.lock();
        let known = table.names.get_mut("host").unwrap();
        known.found_at = aged;
        known.failure = Some(("DNS is down".to_owned(), Instant::now() + patience));
        drop(table);
        assert_eq!(ask(&names, "host", patience).unwrap(), OLD);
        assert_eq!(counts.read().stale_answers, 1);
    }

    /// Each lookup has a thread.
    #[test]
    fn lookups_that_hang_do_not_pile_up() {
        let running = Arc::new(AtomicUsize::new(0));
        let (counter, (never, hang)) = (Arc::clone(&running), std::sync::mpsc::channel::<()>());
        let hang = Arc::new(Mutex::new(hang));
        let names = HostNames::new(
            Box::new(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = hang.lock().map(|hang| hang.recv());
                dns_is_down()
            }),
            Arc::default(),
        );
        let names = &names;
        thread::scope(|scope| {
            for n in 0..3 * MAX_LOOKUPS {
                scope.spawn(move || {
                    let late = ask(names, &format!("host{n}"), Duration::from_millis(200));
                    assert_eq!(late, Err(NoAddress::Late));
                });
            }
        });
        assert_eq!(running.load(Ordering::SeqCst), MAX_LOOKUPS);
        drop(never);
    }

    #[test]
    fn names_are_forgotten_when_there_are_too_many() {
        let names = HostNames::new(Box::new(|_| Ok(OLD.to_vec())), Arc::default());
        for n in 0..MAX_NAMES + 10 {
            let found = ask(&names, &format!("host{n}"), Duration::from_secs(10));
            assert_eq!(found.unwrap(), OLD);
            assert_eq!(ask(&names, "used", Duration::from_secs(10)).unwrap(), OLD);
        }
        let table = names.lookups.lock();
        assert_eq!(table.names.len(), MAX_NAMES);
        assert!(table.names.contains_key("used") && !table.names.contains_key("host0"));
        assert_eq!(table.running, 0);
    }
}
