//! The exchange of this replica with the server, without a socket: pipelines of commands, and the meaning of replies.
//!
//! All commands are of Redis 2.6.12. Nothing is asked of the server but to count and to keep: no scripts, no transactions, no
//! subscriptions. What is told apart by an *epoch* is whether the server still has the data of before: a text that the
//! first replica writes, and that is gone with them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::quota::server_clock::{ClockReadings, ServerClock, ServerMs};
use crate::routing::shared_marks::{SharedMark, SharedMarks};

use super::fault::Fault;
use super::pipeline::{Expected, Kind, Pipeline, matched};
use super::reply_values::{MISFIT, number, optional_number, table_of_texts, text, version_of};
use super::resp::Reply;
use super::words::{Greeting, Heard, Incoming};

mod speech;

/// The age at which a replica's last sign of life is too old (milliseconds). With slow exchanges it is longer.
const DEAD: u64 = 6_000;

/// The longest time that a replica waits for others after data were lost, or after the server was away: by then they have
/// counted again what they used (milliseconds). It is the longest pause between two attempts to connect, and some more.
const SETTLING: u64 = 6_000;

/// The state of the exchange, which outlives connections.
#[derive(Debug)]
pub struct Exchange {
    prefix: String,
    /// This replica among the others.
    member: String,
    /// The number of replicas by the configuration.
    replicas: Option<u32>,
    dead: u64,
    readings: ClockReadings,
    clock: Option<ServerClock>,
    epoch: Option<String>,
    /// The version of marks and lessons that was read.
    version: Option<i64>,
    /// The marks that the server has, as far as is known.
    marks: SharedMarks,
    /// The places of the marks that this replica has told last.
    held: BTreeSet<String>,
    members: u32,
    /// The others that are waited for; `None` when all have counted what they used.
    settling: Option<Settling>,
    heartbeat_at: Option<Instant>,
}

/// The wait for other replicas, after the server was away or has lost its data.
#[derive(Clone, Copy, Debug)]
struct Settling {
    since: ServerMs,
    awaited: u32,
    /// The replicas that have shown life since.
    back: u32,
}

impl Exchange {
    /// `random` tells this replica from the others; `replicas` and `sync` are the configuration's.
    pub fn new(prefix: &str, random: u64, replicas: Option<u32>, sync: Duration) -> Self {
        let sync = u64::try_from(sync.as_millis()).unwrap_or(u64::MAX);
        Self {
            prefix: prefix.to_owned(),
            member: format!("{random:016x}"),
            replicas,
            dead: DEAD.max(sync.saturating_mul(4)),
            readings: ClockReadings::default(),
            clock: None,
            epoch: None,
            version: None,
            marks: SharedMarks::new(),
            held: BTreeSet::new(),
            members: 0,
            settling: None,
            heartbeat_at: None,
        }
    }

    /// The server's clock; `None` before it was read.
    pub fn clock(&self) -> Option<ServerClock> {
        self.clock
    }

    /// The replicas among which limits are split while the server is away.
    pub fn replicas(&self) -> u32 {
        self.replicas.unwrap_or(self.members).max(1)
    }

    /// The replicas that showed life lately (at least 1).
    pub fn members(&self) -> u32 {
        self.members.max(1)
    }

    /// The first words of a connection.
    pub fn greet(&self, random: u64, wall: ServerMs) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        pipeline.say(Kind::Time, &[b"TIME"]);
        pipeline.say(Kind::Info, &[b"INFO", b"server"]);
        // The time in it is that of a clock of ours, and is only compared where the server's is unknown to others.
        let epoch = format!("{random:016x} {wall}");
        let key = self.key("e");
        pipeline.say(Kind::Done, &[b"SET", &key, epoch.as_bytes(), b"NX"]);
        pipeline.say(Kind::Epoch, &[b"GET", &key]);
        pipeline.end()
    }

    /// # Errors
    /// The replies are not those to a greeting.
    pub fn greeted(
        &mut self,
        expected: &Expected,
        replies: &[Reply],
        asked: Instant,
        answered: Instant,
    ) -> Result<Greeting, Fault> {
        let (mut version, mut epoch) = (String::new(), None);
        for (kind, reply) in matched(expected, replies)? {
            match kind {
                Kind::Time => self.read_clock(reply, asked, answered)?,
                Kind::Info => version = version_of(reply),
                Kind::Epoch => epoch = text(reply)?,
                _ => {}
            }
        }
        let clock = self.clock.ok_or(MISFIT)?;
        let known = self.epoch.take();
        let forgotten = known.is_some() && known != epoch;
        let now = clock.ms_at(answered);
        let made = epoch
            .as_ref()
            .and_then(|epoch| epoch.split(' ').nth(1)?.parse().ok());
        let is_young = made.is_some_and(|made: ServerMs| now.abs_diff(made) < SETTLING);
        // Whoever was connected before has used something that was not counted, and so have the others.
        if known.is_some() || is_young {
            self.settling = Some(Settling {
                since: now,
                awaited: self.replicas(),
                back: 0,
            });
        }
        self.epoch = epoch;
        Ok(Greeting { version, forgotten })
    }

    /// # Errors
    /// The replies are not those to these words.
    pub fn hear(
        &mut self,
        expected: &Expected,
        replies: &[Reply],
        asked: Instant,
        answered: Instant,
    ) -> Result<Heard, Fault> {
        let (mut drawn, mut usage) = (Vec::new(), Vec::new());
        let (mut epoch, mut told) = (None, 0);
        let mut version = 0;
        for (kind, reply) in matched(expected, replies)? {
            match kind {
                Kind::Time => self.read_clock(reply, asked, answered)?,
                Kind::Epoch => epoch = text(reply)?,
                Kind::Version => version = optional_number(reply)?,
                Kind::Told => {
                    told += 1;
                    version = version.max(number(reply)? - told);
                }
                Kind::Drawn => drawn.push(u64::try_from(number(reply)?).unwrap_or(0)),
                Kind::Usage => usage.push(table_of_texts(reply)?),
                Kind::Members => self.members = u32::try_from(number(reply)?).unwrap_or(u32::MAX),
                Kind::Back => {
                    let back = u32::try_from(number(reply)?).unwrap_or(u32::MAX);
                    self.settling = self.settling.map(|settling| Settling { back, ..settling });
                }
                _ => {}
            }
        }
        let clock = self.clock.ok_or(MISFIT)?;
        if epoch.is_none() || epoch != self.epoch {
            return Ok(Heard::Forgotten);
        }
        self.settle(clock.ms_at(answered));
        let is_new = self.version != Some(version);
        // What this replica has told itself it need not read.
        self.version = Some(version + told).filter(|_| !is_new);
        Ok(Heard::News {
            incoming: Incoming {
                clock,
                members: self.members.max(1),
                settled: self.settling.is_none(),
                set: SharedMarks::new(),
                refuted: SharedMarks::new(),
                learned: None,
                drawn,
                usage,
            },
            version: is_new.then_some(version + told),
        })
    }

    /// The question for the marks and lessons of all replicas.
    pub fn ask_news(&self) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        pipeline.say(Kind::Marks, &[b"HGETALL", &self.key("m")]);
        pipeline.say(Kind::Learned, &[b"HGETALL", &self.key("n")]);
        pipeline.end()
    }

    /// Takes in the marks and lessons of all replicas, of this version.
    ///
    /// # Errors
    /// The replies are not those to the question.
    pub fn hear_news(
        &mut self,
        expected: &Expected,
        replies: &[Reply],
        version: i64,
        incoming: &mut Incoming,
    ) -> Result<(), Fault> {
        for (kind, reply) in matched(expected, replies)? {
            match kind {
                Kind::Marks => {
                    let spelled = table_of_texts(reply)?.into_iter();
                    let marks: SharedMarks = spelled
                        .filter_map(|(place, mark)| Some((place, SharedMark::parse(&mark)?)))
                        .collect();
                    incoming.set = marks
                        .iter()
                        .filter(|(place, mark)| self.marks.get(*place) != Some(mark))
                        .map(|(place, mark)| (place.clone(), *mark))
                        .collect();
                    let known = std::mem::replace(&mut self.marks, marks);
                    let gone = known.into_iter();
                    incoming.refuted = gone
                        .filter(|(place, _)| !self.marks.contains_key(place))
                        .collect();
                }
                Kind::Learned => incoming.learned = Some(table_of_texts(reply)?),
                _ => {}
            }
        }
        self.version = Some(version);
        Ok(())
    }

    /// The connection is gone, and with it what was known of the server's marks.
    pub fn disconnected(&mut self) {
        (self.version, self.heartbeat_at) = (None, None);
        self.marks.clear();
        self.held.clear();
    }

    /// The server's data are gone, whatever it says of their epoch.
    pub fn forget(&mut self) {
        self.epoch = Some(String::new());
    }

    /// Ends the wait for the others when all are back, or one of them does not come.
    fn settle(&mut self, now: ServerMs) {
        self.settling = self.settling.filter(|settling| {
            // The first sign of life of a replica follows what it owes.
            let missing = settling.back < settling.awaited;
            missing && now.saturating_sub(settling.since) < SETTLING
        });
    }

    fn read_clock(
        &mut self,
        reply: &Reply,
        asked: Instant,
        answered: Instant,
    ) -> Result<(), Fault> {
        let Reply::Array(parts) = reply else {
            return Err(MISFIT);
        };
        let mut parts = parts.iter().map(|part| match part {
            Reply::Bulk(bytes) => str::from_utf8(bytes).ok()?.parse::<u64>().ok(),
            _ => None,
        });
        let (Some(Some(seconds)), Some(Some(us))) = (parts.next(), parts.next()) else {
            return Err(MISFIT);
        };
        let us = seconds
            .checked_mul(1_000_000)
            .and_then(|all| all.checked_add(us));
        let reading = ServerClock::new(asked, answered, us.ok_or(MISFIT)?);
        self.clock = Some(self.readings.add(reading));
        Ok(())
    }

    fn key(&self, rest: &str) -> Vec<u8> {
        format!("{}:{rest}", self.prefix).into_bytes()
    }
}
