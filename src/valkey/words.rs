//! The words that this replica and the server exchange.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::quota::portions::Draw;
use crate::quota::server_clock::ServerClock;
use crate::routing::shared_marks::SharedMarks;

/// The words of this replica to the server, for one exchange.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The marks that hold here.
    pub marks: SharedMarks,
    /// The lessons about limits that are better than those of others.
    pub learned: BTreeMap<String, String>,
    pub draws: Vec<LineDraw>,
    /// The draws that are put back.
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
