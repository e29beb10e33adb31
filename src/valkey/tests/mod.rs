//! The link against a real server, which another client looks at too, and against what is none.

mod impostors;
mod real;
mod server;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::config::{Shared, SharedServer};
use crate::quota::portions::{Draw, Sharing, Span};
use crate::quota::server_clock::ServerClock;
use crate::routing::shared_marks::{SharedMark, SharedMarks};
use crate::sync::lock;

use super::*;

/// The longest wait for what must come. Only a failing test waits for so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn shared(server: SharedServer) -> Shared {
    Shared {
        server,
        prefix: "aigw".to_owned(),
        ca_file: None,
        sync: Duration::from_millis(50),
        timeout: Duration::from_secs(2),
        replicas: None,
    }
}

/// A replica that says what a test puts into it, and remembers what it is told.
#[derive(Default)]
struct Fake {
    says: Mutex<Says>,
    told: Mutex<Told>,
}

#[derive(Clone, Default)]
struct Says {
    marks: SharedMarks,
    learned: BTreeMap<String, String>,
    draws: Vec<LineDraw>,
    usage: Vec<Usage>,
    returns: Vec<LineDraw>,
}

#[derive(Default)]
struct Told {
    exchanges: u64,
    marks: SharedMarks,
    refuted: SharedMarks,
    learned: BTreeMap<String, String>,
    drawn: Vec<u64>,
    usage: Vec<BTreeMap<String, String>>,
    sharing: Option<Sharing>,
    members: u32,
    interrupted: u64,
    forgotten: u64,
}

impl Replica for Fake {
    fn outgoing(&self, _: &ServerClock, _: bool, _: Instant) -> Outgoing {
        let mut says = lock(&self.says);
        Outgoing {
            marks: says.marks.clone(),
            learned: std::mem::take(&mut says.learned),
            draws: std::mem::take(&mut says.draws),
            returns: Vec::new(),
            usage: std::mem::take(&mut says.usage),
            soon: None,
        }
    }

    fn incoming(&self, incoming: Incoming, _: &[LineDraw], sharing: Sharing, _: Instant) -> bool {
        let mut told = lock(&self.told);
        told.exchanges += 1;
        told.marks.extend(incoming.set);
        told.refuted.extend(incoming.refuted);
        told.learned.extend(incoming.learned.unwrap_or_default());
        told.drawn.extend(incoming.drawn);
        told.usage.extend(incoming.usage);
        told.sharing = Some(sharing);
        told.members = incoming.members;
        true
    }

    fn interrupted(&self, sharing: Sharing, forgotten: bool) {
        let mut told = lock(&self.told);
        told.sharing = Some(sharing);
        told.interrupted += 1;
        told.forgotten += u64::from(forgotten);
    }

    fn returns(&self) -> Vec<LineDraw> {
        lock(&self.says).returns.clone()
    }
}

impl Fake {
    /// Waits until it was told something.
    fn wait(&self, what: &str, is_told: impl Fn(&Told) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_told(&lock(&self.told)) {
            assert!(Instant::now() < deadline, "never told: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn say(&self, words: impl FnOnce(&mut Says)) {
        words(&mut lock(&self.says));
    }
}

fn draw(line: &str, wanted: u64, limit: u64) -> LineDraw {
    let span = Span {
        start: 1_000,
        end: 4_000_000_000_000,
    };
    LineDraw {
        line: line.to_owned(),
        draw: Draw {
            span,
            owed: 0,
            wanted,
            limit,
        },
    }
}

fn mark(until: u64, set_at: u64) -> SharedMark {
    SharedMark::parse(&format!("{until} rate_limited 1 2 {set_at}")).unwrap()
}
