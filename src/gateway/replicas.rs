//! The replicas that count together: this gateway's ledger on the one side, the link to the shared server on the other.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Config, Shared};
use crate::quota::accounts::Accounts;
use crate::quota::portions::Sharing;
use crate::quota::server_clock::ServerClock;
use crate::quota::{Moment, SharedMoment};
use crate::routing::Ledger;
use crate::routing::shared_marks::{self, Places};
use crate::sync::lock;
use crate::valkey::{Incoming, LineDraw, Link, Outgoing, Replica, Stats, Usage};

use super::shared_accounts::SharedAccounts;

/// The exchanges in a window, at least: what one replica finds out the others have to know within it.
const PACES_IN_WINDOW: u32 = 120;

/// The sharing with other replicas, which outlives reloads that do not change it.
pub struct Replicas {
    shared: Shared,
    link: Link,
    side: Arc<OurSide>,
}

/// The side of this gateway.
struct OurSide {
    /// The time before a turn of windows at which the next portion is drawn (milliseconds).
    lead: u64,
    /// The number of the accounts' sharing: after a reload it may be another one, with another server.
    sharing: u64,
    /// The accounts of clients, which outlive configurations.
    accounts: Arc<SharedAccounts>,
    state: Mutex<SideState>,
}

/// The state that the link reads and writes.
struct SideState {
    config: Arc<Config>,
    ledger: Arc<Mutex<Ledger>>,
    places: Places,
    /// The draws that are put back with the next exchange.
    returns: Vec<LineDraw>,
    /// The lessons of other replicas about limits.
    lessons: BTreeMap<String, String>,
    /// That was read once. Before it, windows would be other ones than those of the others.
    is_informed: bool,
}

impl Replicas {
    /// Starts sharing. Nothing is held before the server has answered, or the first attempt has failed.
    ///
    /// # Errors
    /// The certificates cannot be read, or there is no thread, in words.
    pub fn start(
        config: &Arc<Config>,
        ledger: &Arc<Mutex<Ledger>>,
        accounts: &Arc<SharedAccounts>,
    ) -> Result<Option<Self>, String> {
        let Some(shared) = &config.shared else {
            accounts.lock().share_no_more();
            return Ok(None);
        };
        let state = SideState {
            config: Arc::clone(config),
            ledger: Arc::clone(ledger),
            places: Places::new(config, &shared.prefix),
            returns: Vec::new(),
            lessons: BTreeMap::new(),
            is_informed: false,
        };
        let replicas = shared.replicas.unwrap_or(1);
        let moment = SharedMoment {
            clock: own_clock(),
            sharing: Sharing::Granted { replicas },
        };
        lock(ledger).share(moment);
        let random = RandomState::new().hash_one(0_u8);
        let sharing = accounts.lock().share_anew(random, moment);
        accounts.changed();
        let sync = u64::try_from(shared.sync.as_millis()).unwrap_or(u64::MAX);
        let side = Arc::new(OurSide {
            lead: sync.saturating_mul(2).max(100),
            sharing,
            accounts: Arc::clone(accounts),
            state: Mutex::new(state),
        });
        let of_link: Arc<dyn Replica> = Arc::<OurSide>::clone(&side);
        Ok(Some(Self {
            shared: shared.clone(),
            link: Link::start(shared, of_link)?,
            side,
        }))
    }

    /// Starts sharing in another way than before, with a ledger that has taken over what was counted.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_anew(
        before: Option<&Self>,
        config: &Arc<Config>,
        ledger: &Arc<Mutex<Ledger>>,
        accounts: &Arc<SharedAccounts>,
    ) -> Result<Option<Self>, String> {
        let counters = |shared: &Shared| (shared.server.shown(), shared.prefix.clone());
        let before = before.map(|before| counters(&before.shared));
        let now = config.shared.as_ref().map(counters);
        let mut locked = lock(ledger);
        if before == now {
            // The same counters go on to hold what was used; what was held, the old link puts back.
            locked.lines_interrupted(false);
            locked.lines_leave_held();
        } else {
            locked.lines_interrupted(true);
        }
        drop(locked);
        Self::start(config, ledger, accounts)
    }

    /// Whether sharing as a configuration says can be started.
    ///
    /// # Errors
    /// The certificates cannot be read, in words.
    pub fn check(config: &Config) -> Result<(), String> {
        config.shared.as_ref().map_or(Ok(()), Link::check)
    }

    /// Goes on with another configuration that shares in the same way, and its ledger. False where it shares otherwise.
    pub fn attend(&self, config: &Arc<Config>, ledger: &Arc<Mutex<Ledger>>) -> bool {
        if config.shared.as_ref() != Some(&self.shared) {
            return false;
        }
        let mut state = lock(&self.side.state);
        let shared = lock(&state.ledger).shared();
        if let Some(shared) = shared {
            lock(ledger).share(shared);
        }
        state.places = Places::new(config, &self.shared.prefix);
        state.config = Arc::clone(config);
        state.ledger = Arc::clone(ledger);
        true
    }

    /// A portion ran dry: more of it is drawn at once.
    pub fn wake(&self) {
        self.link.wake();
    }

    /// Asks for an exchange and waits for its end. False when there was none in time; at once where the server is away.
    pub fn wait_for_answer(&self, timeout: Duration) -> bool {
        self.link.wait_for_answer(timeout)
    }

    /// The state of the sharing, and its counters.
    pub fn stats(&self) -> Stats {
        self.link.stats()
    }

    /// The server as it is shown, without user and password.
    pub fn server(&self) -> String {
        self.shared.server.shown()
    }

    /// Puts back what is held and ends the exchange (twice the configured timeout at most).
    pub fn close(&self) {
        self.link.close();
    }
}

impl OurSide {
    /// The accounts, as long as they are shared through this server.
    fn accounts(&self) -> Option<MutexGuard<'_, Accounts>> {
        let accounts = self.accounts.lock();
        (accounts.sharing() == self.sharing).then_some(accounts)
    }
}

impl Replica for OurSide {
    fn outgoing(&self, clock: &ServerClock, _: bool, now: Instant) -> Outgoing {
        let mut state = lock(&self.state);
        let SideState {
            ledger,
            places,
            returns,
            lessons,
            is_informed,
            ..
        } = &mut *state;
        let of_accounts = self.accounts();
        let of_accounts = of_accounts.map(|mut accounts| accounts.account_news(at(now), self.lead));
        let of_accounts = of_accounts.unwrap_or_default();
        let of_clients = of_accounts.draws.into_iter();
        let of_clients = of_clients.map(|(line, draw)| LineDraw { line, draw });
        let usage = of_accounts.sums.into_iter().map(|sum| Usage {
            window: sum.window,
            told: sum.told,
            lifetime: sum.lifetime,
        });
        if !*is_informed {
            return Outgoing {
                draws: of_clients.collect(),
                usage: usage.collect(),
                ..Outgoing::default()
            };
        }
        let mut ledger = lock(ledger);
        let mut marks = shared_marks::told(&ledger, places, clock, now);
        marks.extend(ledger.told_ends(places, clock, now));
        let news = ledger.line_news(places, lessons, self.lead, now);
        drop(ledger);
        let learned = news.lessons;
        lessons.extend(learned.clone());
        let draws = news.draws.into_iter();
        Outgoing {
            marks,
            learned,
            draws: draws
                .map(|(line, draw)| LineDraw { line, draw })
                .chain(of_clients)
                .collect(),
            returns: std::mem::take(returns),
            usage: usage.collect(),
            soon: news.shortest.map(|window| window / PACES_IN_WINDOW),
        }
    }

    fn incoming(
        &self,
        incoming: Incoming,
        draws: &[LineDraw],
        sharing: Sharing,
        now: Instant,
    ) -> bool {
        let mut state = lock(&self.state);
        let SideState {
            config,
            ledger,
            places,
            lessons,
            is_informed,
            ..
        } = &mut *state;
        let clock = incoming.clock;
        let mut ledger = lock(ledger);
        ledger.share(SharedMoment { clock, sharing });
        shared_marks::merge(&mut ledger, &incoming.set, config, places, &clock, now);
        shared_marks::refute(&mut ledger, &incoming.refuted, config, places, &clock);
        ledger.take_ends(&incoming.set, places, &clock, now);
        if let Some(learned) = incoming.learned {
            ledger.take_lessons(&learned, places, now);
            *lessons = learned;
            *is_informed = true;
        }
        let answers = draws.iter().zip(&incoming.drawn);
        let answers: Vec<_> = answers
            .map(|(LineDraw { line, draw }, counter)| (line.as_str(), draw, *counter))
            .collect();
        let of_ledger = ledger.lines_drawn(places, &answers);
        drop(ledger);
        let of_clients = self.accounts().map(|mut accounts| {
            accounts.share(SharedMoment { clock, sharing });
            accounts.take_sums(&incoming.usage, now);
            let drawn = accounts.account_drawn(&answers);
            (drawn, accounts.has_changed())
        });
        let (of_clients, has_changed) = of_clients.unwrap_or((Ok(Vec::new()), false));
        if has_changed {
            self.accounts.changed();
        }
        match (of_ledger, of_clients) {
            (Ok(of_ledger), Ok(of_clients)) => {
                let in_vain = of_ledger.into_iter().chain(of_clients);
                let in_vain = in_vain.map(|(line, draw)| LineDraw { line, draw });
                state.returns.extend(in_vain);
                true
            }
            _ => false,
        }
    }

    fn interrupted(&self, sharing: Sharing, forgotten: bool) {
        let mut state = lock(&self.state);
        // Whether they arrived is unknown; what is not put back is lost for a window.
        state.returns.clear();
        if forgotten {
            state.lessons.clear();
        }
        let mut ledger = lock(&state.ledger);
        ledger.lines_interrupted(forgotten);
        let clock = ledger
            .shared()
            .map_or_else(own_clock, |shared| shared.clock);
        ledger.share(SharedMoment { clock, sharing });
        drop(ledger);
        if let Some(mut accounts) = self.accounts() {
            accounts.share(SharedMoment { clock, sharing });
            accounts.accounts_interrupted(forgotten);
        }
    }

    fn returns(&self) -> Vec<LineDraw> {
        let mut state = lock(&self.state);
        let mut returns = std::mem::take(&mut state.returns);
        let mut given_back = lock(&state.ledger).lines_give_back(&state.places);
        if let Some(mut accounts) = self.accounts() {
            given_back.extend(accounts.accounts_give_back());
        }
        returns.extend(
            given_back
                .into_iter()
                .map(|(line, draw)| LineDraw { line, draw }),
        );
        returns
    }
}

/// This machine's clock, for as long as the server's is unknown.
fn own_clock() -> ServerClock {
    let now = Instant::now();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let us = wall.unwrap_or(Duration::ZERO).as_micros();
    ServerClock::new(now, now, u64::try_from(us).unwrap_or(0))
}

/// A moment of ours on both clocks.
fn at(now: Instant) -> Moment {
    Moment {
        now,
        wall: SystemTime::now(),
        shared: None,
    }
}
