//! What this replica and the server say to each other, without a socket: pipelines of commands, and the meaning of replies.
//!
//! All commands are of Redis 2.6.12. Nothing is asked of the server but to count and to keep: no scripts, no transactions, no
//! subscriptions. What is told apart by an *epoch* is whether the server still has the data of before: a text that the
//! first replica writes, and that is gone with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::quota::portions::Draw;
use crate::quota::server_clock::{ClockReadings, ServerClock, ServerMs};
use crate::routing::shared_marks::{SharedMark, SharedMarks};

use super::fault::Fault;
use super::resp::{Reply, command};

/// The time between two signs of life (2 s).
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The age at which a replica's last sign of life is too old (milliseconds). With slow exchanges it is longer.
const DEAD: u64 = 6_000;

/// The longest time that a replica waits for others after data were lost, or after the server was away: by then they have
/// counted again what they used (milliseconds). It is the longest pause between two attempts to connect, and some more.
const SETTLING: u64 = 6_000;

/// The lifetime of a counter beyond two of its windows (milliseconds).
const GRACE: u64 = 60_000;

/// The age at which a mark that is over is dropped from the server (milliseconds).
const OVER: u64 = 60_000;

/// A difference of deadlines that is none: two readings of a clock differ (milliseconds).
const SLACK: u64 = 100;

/// The largest number that is added to a counter: far from what its 64 bits hold, whatever is added after it.
const MOST: u64 = i64::MAX as u64 / 1024;

/// The words of this replica to the server, for one exchange.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The marks that hold here.
    pub marks: SharedMarks,
    /// What was learned of limits, where it is better than what others have told.
    pub learned: BTreeMap<String, String>,
    pub draws: Vec<LineDraw>,
    /// What is put back.
    pub returns: Vec<LineDraw>,
    pub usage: Vec<Usage>,
    /// The time until the next exchange, where windows are so short that it has to come sooner than configured.
    pub soon: Option<Duration>,
}

/// A draw on a line's counter.
#[derive(Clone, Debug)]
pub struct LineDraw {
    /// The name of the line between replicas.
    pub line: String,
    pub draw: Draw,
}

/// An account's use of a window: what this replica has used is told, and what all have used is asked for.
///
/// A replica tells its whole sum under its own name, and not what came since: telling it again after an answer that was lost
/// changes nothing, and a server that has lost its data is told all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The name of the client and the window between replicas.
    pub window: String,
    /// The name of this replica's account, and its sum; `None` where the server has it.
    pub told: Option<(String, String)>,
    /// The time for which it is kept from now on (milliseconds).
    pub lifetime: u64,
}

/// The server's words, from one exchange.
#[derive(Debug)]
pub struct Incoming {
    pub clock: ServerClock,
    /// The replicas that showed life lately, this one among them.
    pub members: u32,
    /// Whether portions may be drawn: all replicas have counted what they used.
    pub settled: bool,
    /// Marks that others have set.
    pub set: SharedMarks,
    /// Marks that others have refuted.
    pub refuted: SharedMarks,
    /// All that was learned, where something of it is new.
    pub learned: Option<BTreeMap<String, String>>,
    /// The counters after the draws, in their order.
    pub drawn: Vec<u64>,
    /// The sums of all replicas in the windows that were asked for, in their order.
    pub usage: Vec<BTreeMap<String, String>>,
}

/// The first words of a connection have been answered.
#[derive(Debug)]
pub struct Greeting {
    /// The server's version in its own words.
    pub version: String,
    /// The data of before are gone: all use of current windows is to be counted again.
    pub forgotten: bool,
}

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

/// The replies that a pipeline waits for, in their order.
#[derive(Debug, Default)]
pub struct Expected {
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Time,
    Info,
    Epoch,
    Version,
    /// The version after this replica has told something.
    Told,
    Drawn,
    Usage,
    Marks,
    Learned,
    Members,
    /// The replicas that have shown life since this one came back.
    Back,
    /// Nothing of it matters but that it is no error.
    Done,
}

/// A pipeline in the making.
struct Pipeline {
    bytes: Vec<u8>,
    expected: Expected,
}

impl Expected {
    pub fn replies(&self) -> usize {
        self.kinds.len()
    }
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

    /// The words of an exchange.
    pub fn speak(&mut self, outgoing: &Outgoing, now: Instant) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        let server_now = self.clock.map_or(0, |clock| clock.ms_at(now));
        pipeline.say(Kind::Time, &[b"TIME"]);
        pipeline.say(Kind::Epoch, &[b"GET", &self.key("e")]);
        pipeline.say(Kind::Version, &[b"GET", &self.key("v")]);
        for LineDraw { line, draw } in &outgoing.draws {
            self.add(
                &mut pipeline,
                Kind::Drawn,
                b"INCRBY",
                line,
                draw,
                server_now,
            );
        }
        for LineDraw { line, draw } in &outgoing.returns {
            self.add(&mut pipeline, Kind::Done, b"DECRBY", line, draw, server_now);
        }
        for usage in &outgoing.usage {
            let key = self.key(&format!("a:{}", usage.window));
            if let Some((replica, sum)) = &usage.told {
                pipeline.say(
                    Kind::Done,
                    &[b"HSET", &key, replica.as_bytes(), sum.as_bytes()],
                );
                expire(&mut pipeline, &key, usage.lifetime);
            }
            pipeline.say(Kind::Usage, &[b"HGETALL", &key]);
        }
        // The marks are told once those of the others are known: what is missing there may have been refuted.
        if self.version.is_some() {
            self.tell(&mut pipeline, outgoing, server_now);
        }
        let is_due = |at: Instant| now.saturating_duration_since(at) >= HEARTBEAT;
        // Who waits for others is waited for by them.
        if self.settling.is_some() || self.heartbeat_at.is_none_or(is_due) {
            self.heartbeat_at = Some(now);
            self.show_life(&mut pipeline, server_now);
        }
        pipeline.end()
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

    /// The last words of this replica: what it does not need any more, and that it is gone.
    pub fn farewell(&self, returns: &[LineDraw], now: Instant) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        let server_now = self.clock.map_or(0, |clock| clock.ms_at(now));
        for LineDraw { line, draw } in returns {
            self.add(&mut pipeline, Kind::Done, b"DECRBY", line, draw, server_now);
        }
        pipeline.say(
            Kind::Done,
            &[b"ZREM", &self.key("r"), self.member.as_bytes()],
        );
        pipeline.end()
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

    fn tell(&mut self, pipeline: &mut Pipeline, outgoing: &Outgoing, now: ServerMs) {
        let key = self.key("m");
        let mut is_new = false;
        for (place, mark) in &outgoing.marks {
            let known = self.marks.get(place);
            if known.is_some_and(|known| known.until.saturating_add(SLACK) >= mark.until) {
                continue;
            }
            let spelled = mark.spelled();
            pipeline.say(
                Kind::Done,
                &[b"HSET", &key, place.as_bytes(), spelled.as_bytes()],
            );
            self.marks.insert(place.clone(), *mark);
            is_new = true;
        }
        let held = &self.held;
        self.marks.retain(|place, mark| {
            let is_over = mark.until <= now;
            // Others may mark what is not configured here.
            let is_refuted =
                !is_over && held.contains(place) && !outgoing.marks.contains_key(place);
            if is_refuted || now.saturating_sub(mark.until) > OVER {
                pipeline.say(Kind::Done, &[b"HDEL", &key, place.as_bytes()]);
                is_new |= is_refuted;
                return false;
            }
            true
        });
        self.held = outgoing.marks.keys().cloned().collect();
        let key = self.key("n");
        for (line, lesson) in &outgoing.learned {
            pipeline.say(
                Kind::Done,
                &[b"HSET", &key, line.as_bytes(), lesson.as_bytes()],
            );
            is_new = true;
        }
        if is_new {
            pipeline.say(Kind::Told, &[b"INCR", &self.key("v")]);
        }
    }

    fn show_life(&self, pipeline: &mut Pipeline, now: ServerMs) {
        let key = self.key("r");
        let (dead, now) = (now.saturating_sub(self.dead).to_string(), now.to_string());
        pipeline.say(
            Kind::Done,
            &[b"ZADD", &key, now.as_bytes(), self.member.as_bytes()],
        );
        pipeline.say(
            Kind::Done,
            &[b"ZREMRANGEBYSCORE", &key, b"-inf", dead.as_bytes()],
        );
        pipeline.say(Kind::Members, &[b"ZCARD", &key]);
        if let Some(settling) = self.settling {
            let since = settling.since.to_string();
            pipeline.say(Kind::Back, &[b"ZCOUNT", &key, since.as_bytes(), b"+inf"]);
        }
    }

    fn add(
        &self,
        pipeline: &mut Pipeline,
        kind: Kind,
        verb: &[u8],
        line: &str,
        draw: &Draw,
        now: ServerMs,
    ) {
        let key = self.key(&format!("l:{line}:{}", draw.span.start));
        let amount = draw.amount().min(MOST).to_string();
        pipeline.say(kind, &[verb, &key, amount.as_bytes()]);
        let length = draw.span.length();
        let left = draw.span.end.saturating_sub(now);
        // All time has no end.
        if draw.span.end < ServerMs::MAX {
            expire(
                pipeline,
                &key,
                left.saturating_add(length).saturating_add(GRACE),
            );
        }
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

/// The outcome of an exchange.
#[derive(Debug)]
pub enum Heard {
    News {
        incoming: Incoming,
        /// The version of marks and lessons that is to be read, where others have told something.
        version: Option<i64>,
    },
    /// The server has lost its data since the greeting: the connection has to begin anew.
    Forgotten,
}

const MISFIT: Fault = Fault::Protocol("a reply does not fit what was asked");

impl Pipeline {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            expected: Expected::default(),
        }
    }

    fn say(&mut self, kind: Kind, words: &[&[u8]]) {
        command(&mut self.bytes, words);
        self.expected.kinds.push(kind);
    }

    fn end(self) -> (Vec<u8>, Expected) {
        (self.bytes, self.expected)
    }
}

fn expire(pipeline: &mut Pipeline, key: &[u8], lifetime: u64) {
    let lifetime = lifetime.min(MOST).to_string();
    pipeline.say(Kind::Done, &[b"PEXPIRE", key, lifetime.as_bytes()]);
}

/// The replies with what they answer.
fn matched<'a>(
    expected: &'a Expected,
    replies: &'a [Reply],
) -> Result<impl Iterator<Item = (Kind, &'a Reply)>, Fault> {
    if expected.kinds.len() != replies.len() {
        return Err(MISFIT);
    }
    let refusal = replies
        .iter()
        .zip(&expected.kinds)
        .find_map(|(reply, kind)| match reply {
            // A user of an access control list may not be allowed to ask for the version.
            Reply::Error(_) if *kind == Kind::Info => None,
            Reply::Error(words) => Some(words.clone()),
            _ => None,
        });
    match refusal {
        Some(words) => Err(Fault::Refused(words)),
        None => Ok(expected.kinds.iter().copied().zip(replies)),
    }
}

fn number(reply: &Reply) -> Result<i64, Fault> {
    match reply {
        Reply::Integer(number) => Ok(*number),
        _ => Err(MISFIT),
    }
}

/// The number in a text; zero for one that is absent.
fn optional_number(reply: &Reply) -> Result<i64, Fault> {
    match text(reply)? {
        None => Ok(0),
        Some(digits) => digits.parse().map_err(|_| MISFIT),
    }
}

fn text(reply: &Reply) -> Result<Option<String>, Fault> {
    match reply {
        Reply::Nil => Ok(None),
        Reply::Bulk(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        _ => Err(MISFIT),
    }
}

fn table_of_texts(reply: &Reply) -> Result<BTreeMap<String, String>, Fault> {
    let Reply::Array(members) = reply else {
        return Err(MISFIT);
    };
    let pairs = members.chunks(2).map(|pair| match pair {
        [Reply::Bulk(name), Reply::Bulk(value)] => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Ok((text(name), text(value)))
        }
        _ => Err(MISFIT),
    });
    pairs.collect()
}

/// The version that the server tells of itself, Valkey's own where it has one; empty where it tells none.
fn version_of(reply: &Reply) -> String {
    let Reply::Bulk(bytes) = reply else {
        return String::new();
    };
    let info = String::from_utf8_lossy(bytes);
    let find = |name: &str, field: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(field))?;
        let version: String = line.trim().chars().take(40).collect();
        Some(format!("{name} {version}"))
    };
    let valkey = find("Valkey", "valkey_version:");
    valkey
        .or_else(|| find("Redis", "redis_version:"))
        .unwrap_or_default()
}
