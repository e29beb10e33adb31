//! Replicas that share the accounts of clients through a server, in virtual time: the server is a table of counters and one
//! of sums.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::limits::{Limit, Money, Rate, TimeZone, Unit, Window};
use crate::quota::portions::{Draw, Sharing};
use crate::quota::server_clock::ServerClock;
use crate::quota::{Moment, SharedMoment};

/// 2026-11-26T12:00:00Z.
const NOON: u64 = 1_795_694_400_000;

#[derive(Default)]
struct Server {
    counters: BTreeMap<(String, u64), u64>,
    sums: BTreeMap<String, BTreeMap<String, String>>,
}

struct World {
    start: Instant,
    passed: u64,
    server: Server,
    limits: Vec<Limit>,
    replicas: Vec<Replica>,
}

struct Replica {
    accounts: Accounts,
    index: BookIndex,
    returns: Vec<(String, Draw)>,
}

fn limit(unit: Unit, amount: u64, window: Window) -> Limit {
    let rate = Rate { amount, window };
    Limit { unit, rate }
}

fn requests(amount: u64) -> Limit {
    limit(Unit::Requests, amount, Window::Day)
}

impl World {
    fn new(replicas: usize, limits: &[Limit]) -> Self {
        let mut world = Self {
            start: Instant::now() + Duration::from_secs(10 * 24 * 3600),
            passed: 0,
            server: Server::default(),
            limits: limits.to_vec(),
            replicas: Vec::new(),
        };
        for number in 0..replicas {
            let replica = world.replica(number, "");
            world.replicas.push(replica);
        }
        // All have said that they are there.
        world.exchange_all();
        world
    }

    /// A replica that begins with this journal.
    fn replica(&self, number: usize, journal: &str) -> Replica {
        let entries = journal.lines().filter_map(read_line);
        let mut accounts = Accounts::restore(entries, TimeZone::Utc, self.now().unix_ms());
        let index = self.configure(&mut accounts);
        let granted = Sharing::Granted { replicas: 1 };
        accounts.share_anew(number as u64 + self.passed * 1000, self.moment(granted));
        Replica {
            accounts,
            index,
            returns: Vec::new(),
        }
    }

    fn configure(&self, accounts: &mut Accounts) -> BookIndex {
        let terms = Terms {
            name: "home",
            limits: &self.limits,
            soft: false,
        };
        accounts.configure(TimeZone::Utc, [terms].into_iter(), NOON)[0]
    }

    /// The clock of the gateways is an hour behind the server's.
    fn now(&self) -> Moment {
        Moment {
            now: self.start + Duration::from_millis(self.passed),
            wall: UNIX_EPOCH + Duration::from_millis(NOON + self.passed - 3_600_000),
            shared: None,
        }
    }

    fn moment(&self, sharing: Sharing) -> SharedMoment {
        let now = self.now().now;
        SharedMoment {
            clock: ServerClock::new(now, now, (NOON + self.passed) * 1000),
            sharing,
        }
    }

    /// An exchange of a replica with the server.
    fn exchange(&mut self, at: usize) {
        let granted = Sharing::Granted {
            replicas: self.replicas.len() as u32,
        };
        self.exchange_as(at, granted);
    }

    fn exchange_as(&mut self, at: usize, sharing: Sharing) {
        let (now, moment) = (self.now(), self.moment(sharing));
        let replica = &mut self.replicas[at];
        replica.accounts.share(moment);
        let news = replica.accounts.account_news(now, 400);
        let mut answers = Vec::new();
        for (line, draw) in &news.draws {
            let key = (line.clone(), draw.span.start);
            let counter = self.server.counters.entry(key).or_default();
            *counter += draw.amount();
            answers.push((line.as_str(), draw, *counter));
        }
        for (line, draw) in std::mem::take(&mut replica.returns) {
            *self
                .server
                .counters
                .get_mut(&(line, draw.span.start))
                .unwrap() -= draw.amount();
        }
        let mut sums = Vec::new();
        for sum in &news.sums {
            let of_window = self.server.sums.entry(sum.window.clone()).or_default();
            of_window.extend(sum.told.clone());
            sums.push(of_window.clone());
        }
        replica.accounts.take_sums(&sums, now.now);
        let in_vain = replica.accounts.account_drawn(&answers).unwrap();
        replica.returns.extend(in_vain);
    }

    fn exchange_all(&mut self) {
        // The first reads what the second one needs.
        for _ in 0..3 {
            for at in 0..self.replicas.len() {
                self.exchange(at);
            }
            // The sums of others are read every two seconds.
            self.passed += 1100;
        }
    }

    /// A request at a replica, which waits for as many exchanges as there may be in its time.
    fn ask(&mut self, at: usize) -> Result<Booking, Excess> {
        for _ in 0..8 {
            match self.admit(at, false) {
                Err(excess) if excess.is_dry => self.exchange(at),
                admitted => return admitted,
            }
        }
        self.admit(at, true)
    }

    fn admit(&mut self, at: usize, locally: bool) -> Result<Booking, Excess> {
        let now = self.now();
        let replica = &mut self.replicas[at];
        let wanted = Wanted {
            input: 100,
            locally,
            ..Wanted::default()
        };
        replica.accounts.admit(replica.index, &wanted, now)
    }

    fn settle(&mut self, at: usize, booking: Booking) {
        let spent = Spent {
            route: "r",
            counts: true,
            input: 90,
            cost: Money(5),
            ..Spent::default()
        };
        let now = self.now().now;
        self.replicas[at].accounts.settle(booking, &spent, now);
    }

    /// So many requests, one after the other, at replicas in turn; the number of those that were admitted.
    fn flood(&mut self, requests: usize, first: usize) -> usize {
        let mut passed = 0;
        for number in 0..requests {
            let at = (first + number) % self.replicas.len();
            if let Ok(booking) = self.ask(at) {
                self.settle(at, booking);
                passed += 1;
            }
            self.passed += 50;
        }
        passed
    }

    fn used(&mut self, at: usize) -> u64 {
        let now = self.now();
        let replica = &mut self.replicas[at];
        let report = replica.accounts.report(replica.index, now).unwrap();
        report.limits[0].used
    }

    /// The replica is killed, and begins again with what the journal says.
    fn restart(&mut self, at: usize, journal: &str) {
        self.replicas[at] = self.replica(at, journal);
    }
}

/// Would break for whoever runs three gateways: each had the whole budget.
#[test]
fn replicas_share_a_day_to_the_last_request() {
    for replicas in 1..=4 {
        let mut world = World::new(replicas, &[requests(10)]);
        assert_eq!(world.flood(60, 0), 10, "{replicas}");
        world.exchange_all();
        for at in 0..replicas {
            assert_eq!(world.used(at), 10, "{replicas}");
        }
    }
}

/// All of the crowd comes to one of them.
#[test]
fn a_replica_alone_may_use_all_of_it() {
    let mut world = World::new(3, &[requests(10)]);
    let passed = (0..20).filter(|_| world.ask(1).is_ok()).count();
    assert_eq!(passed, 10);
    let excess = world.ask(1).unwrap_err();
    assert_eq!((excess.reserved, excess.is_dry), (10, false));
    let excess = world.ask(2).unwrap_err();
    assert_eq!((excess.used, excess.is_dry), (10, false));
}

#[test]
fn tokens_and_months_and_minutes_are_shared_as_well() {
    for (line, passes) in [
        (limit(Unit::Tokens, 1000, Window::Month), 11),
        (limit(Unit::InputTokens, 1000, Window::Total), 11),
        (
            limit(
                Unit::Requests,
                10,
                Window::Sliding(Duration::from_secs(3600)),
            ),
            10,
        ),
    ] {
        let mut world = World::new(2, &[line]);
        let passed = world.flood(60, 0) as u64;
        // Requests take less than they were reserved for, which is given back.
        assert!(
            (passes - 1..=passes).contains(&passed),
            "{line:?}: {passed}"
        );
    }
}

/// A restart finds what it used before in the counters, and does not count it again.
#[test]
fn a_restart_counts_nothing_twice_and_forgets_nothing() {
    for has_journal in [true, false] {
        let mut world = World::new(2, &[requests(20)]);
        assert_eq!(world.flood(8, 0), 8);
        world.exchange_all();
        let journal = match has_journal {
            true => world.replicas[0].accounts.all_lines(),
            false => String::new(),
        };
        // What it held is put back, as at every orderly end.
        for (line, draw) in world.replicas[0].accounts.accounts_give_back() {
            let counter = world.server.counters.get_mut(&(line, draw.span.start));
            *counter.unwrap() -= draw.amount();
        }
        world.restart(0, &journal);
        world.exchange_all();
        assert_eq!(world.used(0), 8);
        let more = world.flood(60, 0);
        assert_eq!(more, 12, "{has_journal}");
        world.exchange_all();
        assert_eq!(world.used(1), 20);
    }
}

/// A crash cost the journal its last line; the server still has it.
#[test]
fn the_server_tells_what_a_crash_has_cost() {
    let mut world = World::new(2, &[requests(20)]);
    assert_eq!(world.flood(4, 0), 4);
    let journal = world.replicas[0].accounts.all_lines();
    assert_eq!(world.flood(4, 0), 4);
    world.exchange_all();
    world.restart(0, &journal);
    world.exchange_all();
    assert_eq!(world.used(0), 8);
    assert!(
        world.replicas[0]
            .accounts
            .all_lines()
            .contains("\"requests\":4")
    );
}

/// `FLUSHALL`, or a restart without persistence.
#[test]
fn a_server_that_has_forgotten_is_told_again() {
    let mut world = World::new(2, &[requests(20)]);
    assert_eq!(world.flood(8, 0), 8);
    world.exchange_all();
    world.server = Server::default();
    for at in 0..2 {
        world.replicas[at].accounts.accounts_interrupted(true);
        world.replicas[at].returns.clear();
    }
    // First all count what they used; nothing is granted meanwhile.
    for at in 0..2 {
        world.exchange_as(at, Sharing::Split { replicas: 2 });
    }
    world.exchange_all();
    assert_eq!(world.flood(60, 0), 12);
    world.exchange_all();
    assert_eq!((world.used(0), world.used(1)), (20, 20));
}

/// It has forgotten while a replica was down.
#[test]
fn a_restart_after_the_server_has_forgotten_counts_what_it_used() {
    let mut world = World::new(2, &[requests(20)]);
    assert_eq!(world.flood(8, 0), 8);
    world.exchange_all();
    let journal = world.replicas[0].accounts.all_lines();
    world.server = Server::default();
    world.replicas[1].accounts.accounts_interrupted(true);
    world.replicas[1].returns.clear();
    world.exchange_as(1, Sharing::Split { replicas: 1 });
    world.restart(0, &journal);
    world.exchange_all();
    assert_eq!(world.flood(60, 0), 12);
}

/// While the server is away each keeps to its share of what was left.
#[test]
fn what_was_left_is_split_while_the_server_is_away() {
    let mut world = World::new(2, &[requests(20)]);
    assert_eq!(world.flood(8, 0), 8);
    world.exchange_all();
    let split = world.moment(Sharing::Split { replicas: 2 });
    for at in 0..2 {
        world.replicas[at].accounts.share(split);
        world.replicas[at].accounts.accounts_interrupted(false);
    }
    let passed: Vec<usize> = (0..2)
        .map(|at| {
            let asked = (0..30).filter_map(|_| world.admit(at, false).ok());
            asked.count()
        })
        .collect();
    // 12 were left; of what the others drew each knows as much as at its own last draw: a portion may be missing.
    assert!(passed.iter().sum::<usize>() <= 12 + 2, "{passed:?}");
    assert!(passed.iter().all(|passed| *passed >= 4), "{passed:?}");
    // Back: first all count what they used, then what is left is shared.
    for at in 0..2 {
        world.exchange_as(at, Sharing::Split { replicas: 2 });
    }
    world.exchange_all();
    let rest = 12_usize.saturating_sub(passed.iter().sum());
    assert_eq!(world.flood(30, 0), rest);
}

/// A limit that is set in the midst of a day holds for what was used of it before.
#[test]
fn a_new_limit_counts_what_was_used_before() {
    let mut world = World::new(2, &[]);
    assert_eq!(world.flood(8, 0), 8);
    world.exchange_all();
    world.limits = vec![requests(10)];
    for at in 0..2 {
        let mut accounts = world.replicas[at].accounts.clone();
        world.configure(&mut accounts);
        world.replicas[at].accounts = accounts;
    }
    world.exchange_all();
    assert_eq!(world.flood(30, 0), 2);
}

/// The day is that of the server: the gateways' clocks are an hour behind.
#[test]
fn a_day_turns_for_all_at_once() {
    let mut world = World::new(2, &[requests(4)]);
    assert_eq!(world.flood(20, 0), 4);
    // 23:30 here, and half past midnight there.
    world.passed = 12 * 3_600_000 + 1_800_000;
    world.exchange_all();
    assert_eq!(world.flood(20, 0), 4);
    let now = world.now();
    let replica = &mut world.replicas[0];
    let report = replica.accounts.report(replica.index, now).unwrap();
    assert_eq!(report.days[0].key.to_string(), "2026-11-27");
}
