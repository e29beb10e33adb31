//! Three replicas in virtual time: a server that counts, or is away, or forgets; and requests that come to any of them.

use std::collections::HashMap;
use std::ops::Range;

use super::*;

/// A server: counters by the beginning of their window.
#[derive(Default)]
struct Server {
    counters: HashMap<ServerMs, u64>,
    /// The generation of its data.
    epoch: u32,
}

struct Replica {
    portion: Portion,
    sharing: Sharing,
    /// The generation of the data as this replica knows it.
    epoch: u32,
    /// The time since which draws are made again, after data was lost.
    settled_at: ServerMs,
}

struct Course {
    limit: u64,
    window: u64,
    sync: u64,
    /// The calls sent in each window.
    sent: HashMap<ServerMs, u64>,
    refused: u64,
    server: Server,
    replicas: Vec<Replica>,
}

impl Course {
    fn new(limit: u64, window: u64, sync: u64) -> Self {
        let replica = || Replica {
            portion: Portion::default(),
            sharing: Sharing::Granted { replicas: 3 },
            epoch: 0,
            settled_at: 0,
        };
        Self {
            limit,
            window,
            sync,
            sent: HashMap::new(),
            refused: 0,
            server: Server::default(),
            replicas: (0..3).map(|_| replica()).collect(),
        }
    }

    fn line(&self, now: ServerMs) -> Limits {
        let span = Span::aligned(now, self.window, 0);
        Limits {
            limit: self.limit,
            span,
            next: span.following(),
            used: 0,
        }
    }

    /// An exchange of a replica with the server, as its thread does it.
    fn exchange(&mut self, at: usize, now: ServerMs) {
        let line = self.line(now);
        let (server, replica) = (&mut self.server, &mut self.replicas[at]);
        if replica.epoch != server.epoch {
            replica.epoch = server.epoch;
            replica.portion.forgotten();
            // By then the others have noticed as well, and have counted what they used.
            replica.settled_at = now + 2 * self.sync;
        }
        if let Sharing::Split { replicas } = replica.sharing
            && now >= replica.settled_at
        {
            replica.sharing = Sharing::Granted { replicas };
        }
        let is_settled = now >= replica.settled_at;
        let sharing = replica.sharing;
        if !is_settled {
            replica.sharing = Sharing::Split { replicas: 3 };
        }
        let lead = 2 * self.sync;
        let draws: Vec<Draw> = replica
            .portion
            .draws(&line, now, sharing, lead, true)
            .collect();
        for mut draw in draws {
            if !is_settled {
                // What is owed is counted, and no more is asked for.
                draw.wanted = 0;
            }
            let counter = server.counters.entry(draw.span.start).or_default();
            *counter += draw.amount();
            let back = replica.portion.drawn(&draw, *counter).expect("kept");
            *counter -= back.map_or(0, |back| back.amount());
        }
    }

    fn request(&mut self, at: usize, now: ServerMs) -> bool {
        let line = self.line(now);
        let replica = &mut self.replicas[at];
        let sent = replica
            .portion
            .spend(&line, 1, now, replica.sharing)
            .is_ok();
        if sent {
            *self.sent.entry(line.span.start).or_default() += 1;
        } else {
            self.refused += 1;
        }
        sent
    }

    /// Runs for some time, with a request every so many milliseconds that goes to the replicas in a fixed disorder. One
    /// that is refused wakes its replica's thread, and is tried again once (50 ms later).
    fn run(&mut self, time: Range<ServerMs>, every: u64, is_away: impl Fn(ServerMs) -> bool) {
        let (mut random, mut woken) = (7_u64, [0; 3]);
        let mut again: Vec<(ServerMs, usize)> = Vec::new();
        for now in time {
            if is_away(now) {
                for replica in &mut self.replicas {
                    replica.portion.draws_lost();
                    replica.sharing = Sharing::Split { replicas: 3 };
                }
            } else {
                for (at, woken) in woken.iter_mut().enumerate() {
                    let due = (now + at as u64 * 37).is_multiple_of(self.sync);
                    if due || (self.replicas[at].portion.is_dry() && now >= *woken) {
                        *woken = now + 5;
                        self.exchange(at, now);
                    }
                }
            }
            if now.is_multiple_of(every) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = (random >> 40) as usize % 3;
                if !self.request(at, now) {
                    again.push((now + 50, at));
                }
            }
            let due: Vec<usize> = again
                .iter()
                .filter(|(time, _)| *time == now)
                .map(|(_, at)| *at)
                .collect();
            again.retain(|(time, _)| *time != now);
            for at in due {
                self.request(at, now);
            }
        }
    }

    fn counts(&self) -> Vec<u64> {
        let mut windows: Vec<_> = self.sent.iter().collect();
        windows.sort();
        windows.into_iter().map(|(_, sent)| *sent).collect()
    }
}

const START: u64 = 1_764_000_000_000;

/// More is offered than the limit allows, and all that it allows is used: no more than two units are stranded.
#[test]
fn three_replicas_use_a_limit_up_and_never_more() {
    for (limit, window, sync) in [
        (39, 6_000, 20),
        (60, 60_000, 200),
        (200, 60_000, 1_000),
        (3, 6_000, 50),
    ] {
        let mut course = Course::new(limit, window, sync);
        let (start, every) = (START - START % window, (window / limit / 3).max(1));
        course.run(start..start + 6 * window, every, |_| false);
        let counts = course.counts();
        assert_eq!(counts.len(), 6);
        for sent in counts {
            assert!(sent <= limit, "{sent} of {limit} sent");
            assert!(sent + 2 >= limit, "{sent} of {limit} sent, {window} {sync}");
        }
    }
}

/// The calls that one replica alone could answer, three answer as well: less is offered than the limit allows.
#[test]
fn nothing_is_refused_where_there_is_room() {
    let mut course = Course::new(60, 60_000, 200);
    let start = START - START % 60_000;
    course.run(start..start + 240_000, 1_600, |_| false);
    let sent: u64 = course.counts().iter().sum();
    assert_eq!(sent, 4 * 60_000 / 1_600);
    // Each of them had a portion after one wait.
    assert!(course.refused <= 6, "{}", course.refused);
}

/// The server is away for three of nine windows.
#[test]
fn without_the_server_each_replica_keeps_to_its_share() {
    let window = 6_000;
    let start = START - START % window;
    let mut course = Course::new(39, window, 20);
    let away = start + 3 * window..start + 6 * window;
    course.run(start..start + 9 * window, 40, |now| away.contains(&now));
    for sent in course.counts() {
        assert!((36..=39).contains(&sent), "{sent}");
    }
}

/// A restart without persistence, in the midst of a window.
#[test]
fn what_the_server_forgot_is_counted_again() {
    let window = 6_000;
    let start = START - START % window;
    let mut course = Course::new(39, window, 20);
    for quarter in 0..24 {
        let from = start + quarter * window / 4;
        course.run(from..from + window / 4, 40, |_| false);
        course.server.counters.clear();
        course.server.epoch += 1;
    }
    for sent in course.counts() {
        assert!((33..=39).contains(&sent), "{sent}");
    }
}
