//! The health of a signal's export: losses are always counted, and a change is said in the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::collector_client::Outcome;
use super::gate::Gate;
use super::signal::Signal;
use crate::sync::lock;

/// Reasons why spans, records or points did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The gate had no room.
    QueueFull,
    /// The collector could not be reached, or refused the whole export.
    ExportFailed,
    /// The collector took the export, but not all that was in it.
    Rejected,
}

impl Loss {
    pub const ALL: [Self; 3] = [Self::QueueFull, Self::ExportFailed, Self::Rejected];

    pub fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::ExportFailed => "export_failed",
            Self::Rejected => "rejected",
        }
    }
}

/// The health of one signal's export.
#[derive(Debug)]
pub struct Health {
    signal: Signal,
    /// The address, for the log.
    collector: String,
    /// The gate in front of spans or records; of metrics it never turns any away.
    gate: Arc<Gate>,
    failed: AtomicU64,
    rejected: AtomicU64,
    state: Mutex<LastExport>,
}

#[derive(Debug, Default)]
struct LastExport {
    /// The losses at the beginning of the trouble; `None` without trouble.
    trouble: Option<u64>,
    /// All losses, and those at the gate, as of the last export.
    lost: u64,
    turned_away: u64,
}

/// A change that is worth a line in the log.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Trouble(String),
    /// The losses in between.
    Recovery(u64),
}

impl Health {
    pub fn new(signal: Signal, collector: &str, gate: Arc<Gate>) -> Self {
        Self {
            signal,
            collector: collector.to_owned(),
            gate,
            failed: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The collector's address, fit to be shown.
    pub fn collector(&self) -> &str {
        &self.collector
    }

    /// Spans, records or points that did not arrive so far.
    pub fn lost(&self, loss: Loss) -> u64 {
        match loss {
            Loss::QueueFull => self.gate.turned_away(),
            Loss::ExportFailed => self.failed.load(Ordering::Relaxed),
            Loss::Rejected => self.rejected.load(Ordering::Relaxed),
        }
    }

    /// Notes the end of an export of so many, and says so in the log if that is news.
    pub fn exported(&self, count: usize, outcome: Outcome) {
        let collector = self.collector.as_str();
        let signal = self.signal.name();
        match self.news(count as u64, outcome) {
            None => {}
            Some(News::Trouble(problem)) => log::warn!(
                signal = signal, collector = collector, error = problem.as_str();
                "telemetry does not arrive; said once, until it does"
            ),
            Some(News::Recovery(lost)) => log::info!(
                signal = signal, collector = collector, lost = lost;
                "telemetry arrives again"
            ),
        }
    }

    fn news(&self, count: u64, outcome: Outcome) -> Option<News> {
        let mut state = lock(&self.state);
        let problem = self.problem(&mut state, count, outcome);
        let lost_before = std::mem::replace(&mut state.lost, self.lost_in_all());
        match (problem, state.trouble) {
            (Some(problem), None) => {
                state.trouble = Some(lost_before);
                Some(News::Trouble(problem))
            }
            (None, Some(before)) => {
                state.trouble = None;
                Some(News::Recovery(state.lost.saturating_sub(before)))
            }
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// Counts what an export lost, and says why in the words of an operator.
    fn problem(&self, state: &mut LastExport, count: u64, outcome: Outcome) -> Option<String> {
        let turned_away = self.gate.turned_away();
        let overflowed = turned_away > std::mem::replace(&mut state.turned_away, turned_away);
        match outcome {
            Outcome::Lost(problem) => {
                self.failed.fetch_add(count, Ordering::Relaxed);
                Some(problem)
            }
            Outcome::InPart { rejected, words } => {
                self.rejected.fetch_add(rejected, Ordering::Relaxed);
                Some(format!("the collector rejects a part: {words}"))
            }
            Outcome::Arrived => {
                overflowed.then(|| "the collector is too slow: too much waits for it".to_owned())
            }
        }
    }

    fn lost_in_all(&self) -> u64 {
        Loss::ALL.into_iter().map(|loss| self.lost(loss)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::MAX_WAITING;
    use super::*;

    fn health() -> Health {
        Health::new(Signal::Traces, "http://c", Arc::default())
    }

    fn lost(problem: &str) -> Outcome {
        Outcome::Lost(problem.to_owned())
    }

    /// A collector that is down for a day must not fill the log.
    #[test]
    fn only_changes_are_news() {
        let health = health();
        assert_eq!(health.news(5, Outcome::Arrived), None);
        assert_eq!(
            health.news(5, lost("refused")),
            Some(News::Trouble("refused".to_owned()))
        );
        assert_eq!(health.news(5, lost("another reason")), None);
        assert_eq!(health.news(5, Outcome::Arrived), Some(News::Recovery(10)));
        assert_eq!(health.news(5, Outcome::Arrived), None);
        assert_eq!(health.lost(Loss::ExportFailed), 10);
    }

    #[test]
    fn what_is_rejected_in_part_is_trouble_too() {
        let health = health();
        let outcome = Outcome::InPart {
            rejected: 3,
            words: "too old".to_owned(),
        };
        let told = "the collector rejects a part: too old".to_owned();
        assert_eq!(health.news(9, outcome), Some(News::Trouble(told)));
        assert_eq!(health.lost(Loss::Rejected), 3);
        assert_eq!(health.news(9, Outcome::Arrived), Some(News::Recovery(3)));
    }

    #[test]
    fn a_full_queue_is_told_with_the_next_export() {
        let health = health();
        for _ in 0..MAX_WAITING + 7 {
            health.gate.admit(1);
        }
        let news = health.news(1, Outcome::Arrived);
        assert!(matches!(news, Some(News::Trouble(_))));
        assert_eq!(health.lost(Loss::QueueFull), 7);
        assert_eq!(health.news(1, Outcome::Arrived), Some(News::Recovery(7)));
    }
}
