//! Replicas in the endurance benchmark: each with a ledger of its own, and a server that is a table, which they exchange with
//! every 20 ms (of windows of 6 s: as 200 ms of a minute), and within 5 ms where a portion ran dry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::{ALL, Ms, Run, scenario};
use crate::config::{Config, Provider, Route};
use crate::quota::SharedMoment;
use crate::quota::portions::Sharing;
use crate::quota::server_clock::ServerClock;
use crate::routing::Ledger;
use crate::routing::shared_marks::{self, Places, SharedMarks};

const SYNC: Ms = 20;
const PACE: Ms = 5;

/// The time before a turn at which the next portion is drawn.
const LEAD: u64 = 100;

/// The gateways, one of which each request goes to.
pub struct Replicas {
    replicas: Vec<Replica>,
    server: Option<Server>,
}

struct Replica {
    ledger: Ledger,
    next_exchange: Ms,
    /// The lessons and marks of the server as this one knows them, and the places of the marks that it has told last.
    lessons: BTreeMap<String, String>,
    marks: SharedMarks,
    held: BTreeSet<String>,
}

struct Server {
    config: Config,
    places: Places,
    clock: ServerClock,
    counters: HashMap<(String, u64), u64>,
    marks: SharedMarks,
    lessons: BTreeMap<String, String>,
}

impl Replicas {
    /// A gateway alone.
    pub fn alone(providers: &[Arc<Provider>]) -> Self {
        Self {
            replicas: vec![Replica::new(providers)],
            server: None,
        }
    }

    /// Three that share, or each with its third.
    fn three(route: &Arc<Route>, begin: Instant, shares: bool) -> Self {
        let steps = route.steps.iter();
        let providers: Vec<Arc<Provider>> = steps.map(|step| Arc::clone(&step.provider)).collect();
        let config = super::super::setup::config(providers.clone(), vec![Arc::clone(route)]);
        let server = Server {
            places: Places::new(&config, "test"),
            config,
            // Its windows begin when they like.
            clock: ServerClock::new(begin, begin, 1_790_000_002_345_000),
            counters: HashMap::new(),
            marks: SharedMarks::new(),
            lessons: BTreeMap::new(),
        };
        let mut replicas: Vec<Replica> = (0..3).map(|_| Replica::new(&providers)).collect();
        for (index, replica) in replicas.iter_mut().enumerate() {
            replica.next_exchange = index as u64 * 7;
            let sharing = match shares {
                true => Sharing::Granted { replicas: 3 },
                false => Sharing::Split { replicas: 3 },
            };
            let clock = server.clock;
            replica.ledger.share(SharedMoment { clock, sharing });
        }
        Self {
            replicas,
            server: shares.then_some(server),
        }
    }

    pub fn ledger_of(&mut self, request: usize) -> &mut Ledger {
        &mut self.replica_of(request).ledger
    }

    fn replica_of(&mut self, request: usize) -> &mut Replica {
        let spread = (request as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let count = self.replicas.len() as u64;
        &mut self.replicas[(spread % count) as usize]
    }

    /// Brings the exchange of a replica forward whose portion ran dry.
    pub fn heed_thirst(&mut self, request: usize, at: Ms) {
        let replica = self.replica_of(request);
        if replica.ledger.take_thirst() {
            replica.next_exchange = replica.next_exchange.min(at + PACE);
        }
    }

    pub fn exchange_until(&mut self, at: Ms, begin: Instant) {
        let Some(server) = &mut self.server else {
            return;
        };
        while let Some(due) = self
            .replicas
            .iter_mut()
            .filter(|replica| replica.next_exchange <= at)
            .min_by_key(|replica| replica.next_exchange)
        {
            let now = begin + std::time::Duration::from_millis(due.next_exchange);
            server.exchange(due, now);
            due.next_exchange += SYNC;
        }
    }
}

impl Replica {
    fn new(providers: &[Arc<Provider>]) -> Self {
        Self {
            ledger: Ledger::new(providers),
            next_exchange: 0,
            lessons: BTreeMap::new(),
            marks: SharedMarks::new(),
            held: BTreeSet::new(),
        }
    }
}

impl Server {
    /// An exchange, as the thread of the sharing and its gateway do it.
    fn exchange(&mut self, replica: &mut Replica, now: Instant) {
        let Self {
            config,
            places,
            clock,
            ..
        } = self;
        let ledger = &mut replica.ledger;
        let mut told = shared_marks::told(ledger, places, clock, now);
        told.extend(ledger.told_ends(places, clock, now));
        let news = ledger.line_news(places, &replica.lessons, LEAD, now);
        replica.lessons.extend(news.lessons.clone());
        self.lessons.extend(news.lessons);
        for (place, mark) in &told {
            if replica
                .marks
                .get(place)
                .is_none_or(|known| known.until + 100 < mark.until)
            {
                self.marks.insert(place.clone(), *mark);
                replica.marks.insert(place.clone(), *mark);
            }
        }
        let server_now = clock.ms_at(now);
        for place in &replica.held {
            let is_held = self
                .marks
                .get(place)
                .is_some_and(|mark| mark.until > server_now);
            if is_held && !told.contains_key(place) {
                self.marks.remove(place);
                replica.marks.remove(place);
            }
        }
        replica.held = told.into_keys().collect();
        let mut answers = Vec::new();
        for (line, draw) in &news.draws {
            let counter = self
                .counters
                .entry((line.clone(), draw.span.start))
                .or_default();
            *counter += draw.amount();
            answers.push((line.as_str(), draw, *counter));
        }
        let known = std::mem::replace(&mut replica.marks, self.marks.clone());
        let set = self
            .marks
            .iter()
            .filter(|(place, mark)| known.get(*place) != Some(mark));
        let set: SharedMarks = set.map(|(place, mark)| (place.clone(), *mark)).collect();
        let gone = known
            .into_iter()
            .filter(|(place, _)| !self.marks.contains_key(place));
        shared_marks::merge(ledger, &set, config, places, clock, now);
        shared_marks::refute(ledger, &gone.collect(), config, places, clock);
        ledger.take_ends(&set, places, clock, now);
        if replica.lessons != self.lessons {
            ledger.take_lessons(&self.lessons, places, now);
            replica.lessons = self.lessons.clone();
        }
        for (line, back) in ledger.lines_drawn(places, &answers).unwrap() {
            *self.counters.get_mut(&(line, back.span.start)).unwrap() -= back.amount();
        }
    }
}

/// The mean score of three replicas over several seeds, over the whole run.
fn mean(name: &str, declared: bool, shares: bool) -> f64 {
    const SEEDS: u64 = 3;
    let scores = (1..=SEEDS).map(|seed| {
        let mut run = Run::new(scenario(name, 6, None), declared, seed);
        run.replicas = Replicas::three(&run.route, run.begin, shares);
        run.run().whole
    });
    scores.sum::<f64>() / SEEDS as f64
}

/// The mean over all scenarios, with the scores for a failing test to show.
fn mean_of_all(declared: bool, shares: bool) -> (f64, Vec<(&'static str, f64)>) {
    let scores: Vec<(&str, f64)> = ALL
        .into_iter()
        .map(|name| (name, mean(name, declared, shares)))
        .collect();
    let sum: f64 = scores.iter().map(|(_, score)| score).sum();
    (sum / scores.len() as f64, scores)
}

/// Would break for everybody who runs several gateways: together they would be worse than one.
#[test]
fn three_replicas_share_what_is_declared() {
    let (mean, scores) = mean_of_all(true, true);
    assert!(mean >= 98.5, "{mean} {scores:?}");
}

/// The design's own simulation has 96.8. Here each takes the calls of the others for as many as its own, and so learns a limit that
/// is off by a few; the bursts of the first windows pay for it (83.5 of 93.0).
#[test]
fn three_replicas_share_what_they_learn() {
    let (mean, scores) = mean_of_all(false, true);
    assert!(mean >= 93.5, "{mean} {scores:?}");
}

/// Would break at those whose server is away.
#[test]
fn three_replicas_with_a_third_each_lose_little() {
    let (mean, scores) = mean_of_all(true, false);
    assert!(mean >= 97.0, "{mean} {scores:?}");
}
