//! The facts that alerts are made of, as requests and reloads tell them: a few words under a lock, which the thread of
//! alerts reads. Nothing of it exists without `alerts:`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::{Config, ReceiverKind};
use crate::dialect::class::Class;
use crate::routing::{StepReport, Verdict};
use crate::sync::lock;

/// The results of messages, as the metric's label has them.
pub const RESULTS: [&str; 4] = ["sent", "failed", "dropped", "held_back"];

/// The end of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertResult {
    Sent,
    /// The receiver refused it, or was tried in vain.
    Failed,
    /// The queue was full.
    Dropped,
    /// The receiver had its messages of the hour.
    HeldBack,
}

/// A route as its last requests left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteFacts {
    /// Requests in a row that no step answered.
    pub failed_in_a_row: u32,
    /// The step that served the last answer; `None` before the first.
    pub served_by: Option<usize>,
    /// The classes of the last failure, by step.
    pub classes: Vec<(usize, Class)>,
}

/// All that was told. Names are those of the configuration, so there are few.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub routes: BTreeMap<String, RouteFacts>,
    /// Providers, and the indexes of keys that they refused.
    pub refused_keys: BTreeSet<(String, usize)>,
    /// Providers, and models that they did not know when called.
    pub unknown_models: BTreeSet<(String, String)>,
    /// The first line of the problems of the configuration that was refused last; `None` once one was taken.
    pub refused_config: Option<String>,
}

/// The facts behind their lock, and the bell that wakes the thread of alerts.
#[derive(Default)]
pub struct AlertFacts {
    told: Mutex<Told>,
    bell: Mutex<Bell>,
    rung: Condvar,
    counts: [[AtomicU64; RESULTS.len()]; ReceiverKind::ALL.len()],
}

/// The state of the thread.
#[derive(Default)]
struct Bell {
    has_news: bool,
    runs: bool,
    stop_by: Option<Instant>,
}

impl AlertFacts {
    /// An attempt answers a request of a route.
    pub fn answered(&self, route: &str, report: &StepReport) {
        let mut told = lock(&self.told);
        let of_route = route_facts(&mut told, route);
        let before = (of_route.failed_in_a_row > 0, of_route.served_by);
        of_route.failed_in_a_row = 0;
        of_route.served_by = Some(report.step_index);
        of_route.classes.clear();
        let mut is_news = before != (false, Some(report.step_index));
        if !told.refused_keys.is_empty() {
            let key = (report.provider().to_owned(), report.key_index.unwrap_or(0));
            is_news |= told.refused_keys.remove(&key);
        }
        if !told.unknown_models.is_empty() {
            let model = (report.provider().to_owned(), report.model().to_owned());
            is_news |= told.unknown_models.remove(&model);
        }
        drop(told);
        if is_news {
            self.ring();
        }
    }

    /// An attempt failed.
    pub fn attempt_failed(&self, report: &StepReport, class: Class) {
        let is_news = match class {
            Class::Unauthorized => {
                let key = (report.provider().to_owned(), report.key_index.unwrap_or(0));
                lock(&self.told).refused_keys.insert(key)
            }
            Class::ModelNotFound => {
                let model = (report.provider().to_owned(), report.model().to_owned());
                lock(&self.told).unknown_models.insert(model)
            }
            _ => false,
        };
        if is_news {
            self.ring();
        }
    }

    /// No step answered a request of a route. A request that is itself at fault says nothing of the route.
    pub fn exhausted(&self, route: &str, verdict: &Verdict, reports: &[StepReport]) {
        if [400, 413, 499].contains(&verdict.status) {
            return;
        }
        let mut told = lock(&self.told);
        let of_route = route_facts(&mut told, route);
        of_route.failed_in_a_row = of_route.failed_in_a_row.saturating_add(1);
        let classes = reports.iter();
        let classes = classes.filter_map(|report| Some((report.step_index, report.class?)));
        of_route.classes = classes.collect();
        drop(told);
        self.ring();
    }

    /// A provider lists a model.
    pub fn listed(&self, provider: &str, model: &str) {
        let mut told = lock(&self.told);
        let known = |(of, name): &(String, String)| of != provider || name != model;
        told.unknown_models.retain(known);
    }

    /// A configuration was refused, or taken.
    pub fn reloaded(&self, problem: Option<&str>) {
        let first = problem.and_then(|problem| problem.lines().next());
        lock(&self.told).refused_config = first.map(str::to_owned);
        self.ring();
    }

    /// Another configuration holds. What is told of keys that it has exchanged is forgotten.
    pub fn follow(&self, old: &Config, new: &Config) {
        let key = |config: &Config, name: &str, index: usize| {
            let mut providers = config.providers.iter();
            let provider = providers.find(|provider| provider.name == name)?;
            provider.keys.get(index).cloned()
        };
        let mut told = lock(&self.told);
        told.refused_keys
            .retain(|(name, index)| key(old, name, *index) == key(new, name, *index));
        told.routes.retain(|name, _| {
            new.routes
                .iter()
                .any(|route| noted_name(&route.name) == name)
        });
    }

    /// The facts of this moment.
    pub fn told(&self) -> Told {
        lock(&self.told).clone()
    }

    pub fn count(&self, kind: ReceiverKind, result: AlertResult) {
        let counts = self.counts.get(kind as usize);
        if let Some(count) = counts.and_then(|counts| counts.get(result as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The numbers of messages by kind of receiver, in the order of [`RESULTS`].
    pub fn counts(&self) -> impl Iterator<Item = (ReceiverKind, [u64; RESULTS.len()])> {
        let counts = self.counts.iter();
        let counts = counts.map(|row| row.each_ref().map(|count| count.load(Ordering::Relaxed)));
        ReceiverKind::ALL.into_iter().zip(counts)
    }

    /// Claims the part of the thread; false where there is one.
    pub fn begin(&self) -> bool {
        let mut bell = self.bell();
        bell.stop_by.is_none() && !std::mem::replace(&mut bell.runs, true)
    }

    /// The thread has ended.
    pub fn end(&self) {
        self.bell().runs = false;
        self.rung.notify_all();
    }

    /// Waits for news. The time at which all must be over comes back, once there is one.
    pub fn wait(&self, timeout: Duration) -> Option<Instant> {
        let bell = self.bell();
        let is_quiet = |bell: &mut Bell| !bell.has_news && bell.stop_by.is_none();
        let waited = self.rung.wait_timeout_while(bell, timeout, is_quiet);
        let (mut bell, _) = waited.unwrap_or_else(PoisonError::into_inner);
        bell.has_news = false;
        bell.stop_by
    }

    /// Asks the thread to send what is queued and to end, and waits for it, for so long at most.
    pub fn close(&self, patience: Duration) {
        let mut bell = self.bell();
        bell.stop_by = Some(Instant::now() + patience);
        self.rung.notify_all();
        let waited = self
            .rung
            .wait_timeout_while(bell, patience, |bell| bell.runs);
        drop(waited);
    }

    /// Whether [`Self::close`] was called.
    pub fn is_stopping(&self) -> bool {
        self.bell().stop_by.is_some()
    }

    fn ring(&self) {
        self.bell().has_news = true;
        self.rung.notify_all();
    }

    fn bell(&self) -> MutexGuard<'_, Bell> {
        lock(&self.bell)
    }
}

/// The name under which the facts of a route stand: as the log cuts it.
pub fn noted_name(route: &str) -> &str {
    crate::text::cut(route, 200)
}

fn route_facts<'t>(told: &'t mut Told, route: &str) -> &'t mut RouteFacts {
    // The usual case makes no name.
    if !told.routes.contains_key(route) {
        told.routes.insert(route.to_owned(), RouteFacts::default());
    }
    told.routes.entry(route.to_owned()).or_default()
}
