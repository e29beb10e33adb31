//! Rounds: every contestant in turn, again and again, so that a slower minute of the machine is everybody's.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::load::{End, Load, Outcome};
use crate::process::Process;
use crate::servers::Server;
use crate::streams::Streams;

/// A server under measurement and the request that it gets.
pub struct Contestant<'c> {
    pub address: SocketAddr,
    /// The process whose processor time counts. `None` for the provider, a thread of the bench itself.
    pub process: Option<&'c Process>,
    pub request: Vec<u8>,
}

/// Rounds of plain requests.
pub struct Plain {
    pub connections: usize,
    pub rounds: u32,
    pub duration: Duration,
}

/// Medians over the rounds, sums of what went wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub a_second: f64,
    /// Processor time of one request or event (microseconds).
    pub cpu: f64,
    /// Median latency; `p99` is the one that 99 of 100 do not exceed (microseconds).
    pub p50: f64,
    pub p99: f64,
    pub wrong: Wrong,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Wrong {
    pub errors: u64,
    pub starved: usize,
}

impl Plain {
    pub fn run(&self, contestants: &[Contestant<'_>]) -> io::Result<Vec<Summary>> {
        in_turn(contestants, self.rounds, |contestant| {
            let before = contestant.cpu();
            let load = Load {
                address: contestant.address,
                request: &contestant.request,
                connections: self.connections,
                end: End::After(self.duration),
            };
            let mut outcome = load.run()?;
            let cpu = contestant.cpu() - before;
            Ok(Summary {
                a_second: outcome.a_second(),
                cpu: microseconds(cpu) / outcome.answers as f64,
                p50: microseconds(quantile(&mut outcome.latencies, 0.5)),
                p99: microseconds(quantile(&mut outcome.latencies, 0.99)),
                wrong: Wrong::of(&outcome),
            })
        })
    }
}

/// Rounds of streams: `p50` is the time to the first event, `p99` that of the lags, `a_second` counts events.
pub struct Streamed {
    pub streams: usize,
    pub events: u32,
    pub rounds: u32,
}

impl Streamed {
    pub fn run(&self, contestants: &[Contestant<'_>]) -> io::Result<Vec<Summary>> {
        in_turn(contestants, self.rounds, |contestant| {
            let before = contestant.cpu();
            let streams = Streams {
                address: contestant.address,
                request: &contestant.request,
                count: self.streams,
                begin_within: Duration::from_secs(1),
                events: self.events,
            };
            let mut outcome = streams.run()?;
            let cpu = contestant.cpu() - before;
            let events = outcome.lags.len() as f64;
            Ok(Summary {
                a_second: events / (f64::from(self.events) / 50.0),
                cpu: microseconds(cpu) / events,
                p50: microseconds(quantile(&mut outcome.first, 0.5)),
                p99: microseconds(quantile(&mut outcome.lags, 0.99)),
                wrong: Wrong {
                    errors: outcome.errors,
                    starved: 0,
                },
            })
        })
    }
}

impl<'c> Contestant<'c> {
    pub fn new(server: &'c Server, request: Vec<u8>) -> Self {
        Self {
            address: server.address,
            process: Some(&server.process),
            request,
        }
    }

    fn cpu(&self) -> Duration {
        self.process.map(Process::cpu).unwrap_or_default()
    }
}

fn in_turn(
    contestants: &[Contestant<'_>],
    rounds: u32,
    mut run: impl FnMut(&Contestant<'_>) -> io::Result<Summary>,
) -> io::Result<Vec<Summary>> {
    let mut rows: Vec<Vec<Summary>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds as usize {
        // Nobody is always the first.
        for turn in 0..contestants.len() {
            let who = (round + turn) % contestants.len();
            rows[who].push(run(&contestants[who])?);
        }
    }
    Ok(rows.iter().map(|row| of_medians(row)).collect())
}

fn of_medians(row: &[Summary]) -> Summary {
    let column = |value: fn(&Summary) -> f64| median(row.iter().map(value).collect());
    Summary {
        a_second: column(|round| round.a_second),
        cpu: column(|round| round.cpu),
        p50: column(|round| round.p50),
        p99: column(|round| round.p99),
        wrong: row
            .iter()
            .fold(Wrong::default(), |sum, round| sum + round.wrong),
    }
}

impl Wrong {
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            errors: outcome.errors,
            starved: outcome.starved,
        }
    }
}

impl std::ops::Add for Wrong {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            errors: self.errors + other.errors,
            starved: self.starved + other.starved,
        }
    }
}

/// Median, of an even number the mean of the two in the middle. 0 if there are no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (
        values.get(values.len().saturating_sub(1) / 2),
        values.get(values.len() / 2),
    ) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => 0.0,
    }
}

/// Value that this share of all does not exceed. Zero if there are no values.
pub fn quantile(values: &mut [Duration], share: f64) -> Duration {
    values.sort_unstable();
    let place = (values.len() as f64 * share).ceil() as usize;
    values
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

pub fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
