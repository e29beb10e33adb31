//! The link: one thread with one connection, which exchanges what the replicas have to tell each other at a steady pace, and
//! at once where a portion ran dry. No request waits for it but in one bounded case.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;

use crate::config::{Shared, SharedAddress};
use crate::quota::portions::Sharing;
use crate::quota::server_clock::{ServerClock, ServerMs};
use crate::sync::{lock, wait_for};
use crate::threads;
use crate::tls::{Trusted, client_config};

use super::exchange::Exchange;
use super::fault::Fault;
use super::resp::Reply;
use super::stats::{Counts, Stats};
use super::wire::Wire;
use super::words::{Heard, Incoming, LineDraw, Outgoing};

/// The stack of the thread (bytes).
const STACK: usize = 128 * 1024;

/// The shortest time between two exchanges (5 ms).
const PACE: Duration = Duration::from_millis(5);

/// The shortest time between two exchanges for the sake of short windows (50 ms).
const SHORTEST_SYNC: Duration = Duration::from_millis(50);

/// The pauses between attempts to connect: the first, which doubles, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The side of the gateway: what it has to say, and what it does with what it is told. All of it runs on the link's thread.
pub trait Replica: Send + Sync {
    /// The words for the next exchange. While others are waited for (`settled` is false) nothing but what is owed is drawn.
    fn outgoing(&self, clock: &ServerClock, settled: bool, now: Instant) -> Outgoing;

    /// Takes in what came back, and the state of the sharing from now on. `draws` are those of the words. Whether all is as
    /// it was told before; false where the server has lost its data.
    fn incoming(
        &self,
        incoming: Incoming,
        draws: &[LineDraw],
        sharing: Sharing,
        now: Instant,
    ) -> bool;

    /// The server is away, or has to be greeted anew: what was under way is lost. It has `forgotten` all where its data are
    /// gone.
    fn interrupted(&self, sharing: Sharing, forgotten: bool);

    /// The draws that are put back at the end.
    fn returns(&self) -> Vec<LineDraw>;
}

/// The link to the server. It ends when it is closed or dropped.
pub struct Link(Arc<Inner>);

struct Inner {
    shared: Shared,
    tls: Option<Arc<ClientConfig>>,
    replica: Arc<dyn Replica>,
    flags: Mutex<Flags>,
    /// The thread has something to do.
    woken: Condvar,
    /// An exchange has ended, or the thread has.
    done: Condvar,
    counts: Counts,
}

#[derive(Default)]
struct Flags {
    wanted: bool,
    closing: bool,
    ended: bool,
    /// The number of exchanges that have begun, and of those that have ended.
    begun: u64,
    ended_exchanges: u64,
    /// The server is there.
    up: bool,
}

impl Link {
    /// Starts the thread.
    ///
    /// # Errors
    /// The certificates cannot be read, or there is no thread, in words.
    pub fn start(shared: &Shared, replica: Arc<dyn Replica>) -> Result<Self, String> {
        let inner = Arc::new(Inner {
            shared: shared.clone(),
            tls: tls_of(shared)?,
            replica,
            flags: Mutex::default(),
            woken: Condvar::new(),
            done: Condvar::new(),
            counts: Counts::new(Instant::now()),
        });
        let of_thread = Arc::clone(&inner);
        let started: io::Result<_> = threads::start("shared", STACK, move || {
            Thread::new(&of_thread).run();
            lock(&of_thread.flags).ended = true;
            of_thread.done.notify_all();
        });
        started.map_err(|error| format!("shared: {error}"))?;
        Ok(Self(inner))
    }

    /// Whether a link can be started.
    ///
    /// # Errors
    /// The certificates cannot be read, in words.
    pub fn check(shared: &Shared) -> Result<(), String> {
        tls_of(shared).map(drop)
    }

    /// Asks for an exchange at once: a portion ran dry.
    pub fn wake(&self) {
        let mut flags = lock(&self.0.flags);
        if !flags.wanted {
            flags.wanted = true;
            self.0.woken.notify_one();
        }
    }

    /// Asks for an exchange and waits for its end. False when there was none in time; at once where the server is away.
    pub fn wait_for_answer(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut flags = lock(&self.0.flags);
        flags.wanted = true;
        self.0.woken.notify_one();
        let awaited = flags.begun + 1;
        while flags.up && !flags.ended && flags.ended_exchanges < awaited {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            flags = wait_for(&self.0.done, flags, left);
        }
        flags.ended_exchanges >= awaited
    }

    /// The counters and the state.
    pub fn stats(&self) -> Stats {
        self.0.counts.read(Instant::now())
    }

    /// Puts back what is held, and ends the thread. A server that hangs holds it for no longer than a connection's timeout
    /// twice; then the thread is left behind.
    pub fn close(&self) {
        let deadline = Instant::now() + 2 * self.0.shared.timeout + PACE;
        let mut flags = lock(&self.0.flags);
        flags.closing = true;
        self.0.woken.notify_one();
        while !flags.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            flags = wait_for(&self.0.done, flags, left);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close();
    }
}

/// The state of the thread.
struct Thread<'a> {
    inner: &'a Inner,
    exchange: Exchange,
    wire: Option<Wire>,
    /// The failed attempts to connect in a row.
    failures: u32,
    /// The state that the log was told last; `None` before it was told any.
    told_up: Option<bool>,
    settled: bool,
    /// The time between two exchanges.
    sync: Duration,
}

impl<'a> Thread<'a> {
    fn new(inner: &'a Inner) -> Self {
        let Shared {
            prefix,
            replicas,
            sync,
            ..
        } = &inner.shared;
        Self {
            inner,
            exchange: Exchange::new(prefix, random(), *replicas, *sync),
            wire: None,
            failures: 0,
            told_up: None,
            settled: false,
            sync: *sync,
        }
    }

    fn run(&mut self) {
        let mut next = Instant::now();
        while self.wait_until(next) {
            let began = Instant::now();
            next = match self.turn() {
                Ok(()) => began + self.sync,
                Err(fault) => {
                    self.failed(&fault);
                    // After the pause a portion that ran dry wakes nobody: the server is away.
                    began + self.pause()
                }
            };
            let mut flags = lock(&self.inner.flags);
            flags.ended_exchanges = flags.begun;
            flags.up = self.wire.is_some();
            drop(flags);
            self.inner.done.notify_all();
        }
        self.take_leave();
    }

    /// Waits for the time of the next exchange, or until one is wanted. False at the end.
    fn wait_until(&self, next: Instant) -> bool {
        let soonest = Instant::now() + PACE;
        let mut flags = lock(&self.inner.flags);
        loop {
            let now = Instant::now();
            let is_wanted = flags.wanted && self.wire.is_some() && now >= soonest.min(next);
            if flags.closing {
                return false;
            }
            if now >= next || is_wanted {
                flags.wanted = false;
                flags.begun += 1;
                return true;
            }
            let until = match flags.wanted && self.wire.is_some() {
                true => soonest.min(next),
                false => next,
            };
            let left = until.saturating_duration_since(now);
            flags = wait_for(&self.inner.woken, flags, left);
        }
    }

    /// An exchange, after a greeting where there is no connection.
    fn turn(&mut self) -> Result<(), Fault> {
        if self.wire.is_none() {
            self.connect()?;
        }
        let now = Instant::now();
        let Some(clock) = self.exchange.clock() else {
            return Err(Fault::Closed);
        };
        let outgoing = self.inner.replica.outgoing(&clock, self.settled, now);
        let sync = self.inner.shared.sync;
        let soon = outgoing.soon.map(|soon| soon.max(SHORTEST_SYNC));
        self.sync = soon.map_or(sync, |soon| soon.min(sync));
        let (pipeline, expected) = self.exchange.speak(&outgoing, now);
        let (replies, asked, answered) = self.ask(&pipeline, expected.replies())?;
        let heard = self.exchange.hear(&expected, &replies, asked, answered)?;
        let Heard::News {
            mut incoming,
            version,
        } = heard
        else {
            return self.begin_anew();
        };
        if let Some(version) = version {
            let (pipeline, expected) = self.exchange.ask_news();
            let (replies, ..) = self.ask(&pipeline, expected.replies())?;
            self.exchange
                .hear_news(&expected, &replies, version, &mut incoming)?;
        }
        self.settled = incoming.settled;
        let sharing = self.sharing();
        let (members, clock) = (incoming.members, incoming.clock);
        let counted = incoming.drawn.iter().zip(&outgoing.draws);
        for (counter, LineDraw { draw, .. }) in counted {
            self.inner
                .counts
                .draw(*counter <= draw.limit || draw.wanted == 0);
        }
        let now = Instant::now();
        let replica = &self.inner.replica;
        if !replica.incoming(incoming, &outgoing.draws, sharing, now) {
            return self.begin_anew();
        }
        let counts = &self.inner.counts;
        counts.heard(members, self.settled, clock.ms_at(now), wall(), now);
        Ok(())
    }

    /// The server has lost its data: what was used is counted again, once all replicas know.
    fn begin_anew(&mut self) -> Result<(), Fault> {
        self.wire = None;
        self.exchange.disconnected();
        self.settled = false;
        self.exchange.forget();
        self.inner.counts.forgotten(Instant::now());
        self.inner.replica.interrupted(self.sharing(), true);
        log::warn!(server = self.inner.shared.server.shown().as_str(); "the shared server has lost its data: counting again");
        Ok(())
    }

    fn connect(&mut self) -> Result<(), Fault> {
        let Shared {
            server, timeout, ..
        } = &self.inner.shared;
        let deadline = Instant::now() + *timeout;
        self.wire = Some(Wire::open(server, self.inner.tls.as_ref(), deadline)?);
        // The machine's clock may be wrong; the server's is known from the second time on.
        let known = self.exchange.clock();
        let time = known.map_or_else(wall, |clock| clock.ms_at(Instant::now()));
        let (pipeline, expected) = self.exchange.greet(random(), time);
        let (replies, asked, answered) = self.ask(&pipeline, expected.replies())?;
        let greeting = self
            .exchange
            .greeted(&expected, &replies, asked, answered)?;
        if greeting.forgotten {
            self.inner.replica.interrupted(self.sharing(), true);
        }
        self.failures = 0;
        if self.told_up != Some(true) {
            self.told_up = Some(true);
            let (server, version) = (server.shown(), greeting.version.as_str());
            log::info!(server = server.as_str(), version = version; "the shared server answers");
        }
        self.inner.counts.connected(greeting.version);
        Ok(())
    }

    fn ask(
        &mut self,
        pipeline: &[u8],
        replies: usize,
    ) -> Result<(Vec<Reply>, Instant, Instant), Fault> {
        let wire = self.wire.as_mut().ok_or(Fault::Closed)?;
        let asked = Instant::now();
        let replies = wire.ask(pipeline, replies, asked + self.inner.shared.timeout)?;
        let answered = Instant::now();
        self.inner
            .counts
            .round_trip(answered.saturating_duration_since(asked));
        Ok((replies, asked, answered))
    }

    fn failed(&mut self, fault: &Fault) {
        let now = Instant::now();
        self.wire = None;
        self.exchange.disconnected();
        self.settled = false;
        self.failures = self.failures.saturating_add(1);
        self.inner.counts.failed(fault, now);
        self.inner.replica.interrupted(self.sharing(), false);
        if self.told_up != Some(false) {
            self.told_up = Some(false);
            let server = self.inner.shared.server.shown();
            let replicas = self.exchange.replicas();
            log::warn!(server = server.as_str(), kind = fault.kind(), error:% = fault, replicas = replicas; "the shared server is away: limits are split");
        }
    }

    /// The pause before the next attempt, of which a random part is left out, so that replicas do not come all at once.
    fn pause(&self) -> Duration {
        let factor = 1_u32
            .checked_shl(self.failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let whole = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
        let part = u32::try_from(random() % 256).unwrap_or(0);
        whole - whole / 4 * part / 255
    }

    fn sharing(&self) -> Sharing {
        let replicas = self.exchange.replicas();
        match self.settled {
            true => Sharing::Granted {
                replicas: self.exchange.members(),
            },
            false => Sharing::Split { replicas },
        }
    }

    /// Tells the server that this replica is gone, if it is there.
    fn take_leave(&mut self) {
        if self.wire.is_some() {
            let returns = self.inner.replica.returns();
            let (pipeline, expected) = self.exchange.farewell(&returns, Instant::now());
            let _ = self.ask(&pipeline, expected.replies());
        }
    }
}

/// The set-up of TLS, where the address asks for it.
fn tls_of(shared: &Shared) -> Result<Option<Arc<ClientConfig>>, String> {
    let trusted = match (&shared.server.address, &shared.ca_file) {
        (SharedAddress::Tcp { tls: true, .. }, Some(file)) => Trusted::Only(file),
        (SharedAddress::Tcp { tls: true, .. }, None) => Trusted::BuiltInAnd(None),
        _ => return Ok(None),
    };
    client_config(trusted, None).map(Some)
}

/// A number that no other replica has.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

fn wall() -> ServerMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
}
