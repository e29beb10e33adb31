//! Episodes: from what holds at a moment to what is told, once at the beginning and once at the end. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::AlertEvent;

/// The thing that an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    pub event: AlertEvent,
    pub route: Option<String>,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub client: Option<String>,
    /// The detail that tells two of the same names apart: a key, a window, a level.
    pub detail: String,
}

impl Subject {
    pub fn new(event: AlertEvent) -> Self {
        Self {
            event,
            route: None,
            provider: None,
            model: None,
            client: None,
            detail: String::new(),
        }
    }
}

/// A state that is worth a message, as it was seen at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub subject: Subject,
    /// The state is seen to hold. One that does not and is listed all the same is not over yet, but begins nothing.
    pub holds: bool,
    /// The sentence for its beginning.
    pub text: String,
    /// The sentence for its end; `None` ends silently.
    pub over: Option<String>,
    /// The routes that it concerns; `None` means the gateway.
    pub routes: Option<Vec<String>>,
}

/// A beginning, a reminder or an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub subject: Subject,
    pub began: bool,
    pub text: String,
}

/// The patience with a state, and the time between reminders of it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub after: Duration,
    pub repeat: Option<Duration>,
}

/// The states that one receiver knows of.
#[derive(Debug, Default)]
pub struct Episodes {
    known: BTreeMap<Subject, Episode>,
}

#[derive(Debug)]
struct Episode {
    since: Instant,
    /// The time of the last message; `None` while it has not lasted long enough.
    told: Option<Instant>,
    text: String,
    over: Option<String>,
}

impl Episodes {
    /// The changes since the last look. A condition that is absent is over.
    pub fn observe<'c>(
        &mut self,
        now: Instant,
        conditions: impl Iterator<Item = &'c Condition>,
        pace: Pace,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut seen: Vec<&Subject> = Vec::new();
        for condition in conditions {
            let is_begun = |episode: &Episode| episode.told.is_some();
            let is_known = self.known.get(&condition.subject).is_some_and(is_begun);
            if !condition.holds && !is_known {
                continue;
            }
            seen.push(&condition.subject);
            let episode = self.known.entry(condition.subject.clone());
            let episode = episode.or_insert_with(|| Episode {
                since: now,
                told: None,
                text: String::new(),
                over: None,
            });
            if condition.holds {
                episode.text.clone_from(&condition.text);
            }
            episode.over.clone_from(&condition.over);
            let patience = match condition.subject.event.has_to_last() {
                true => pace.after,
                false => Duration::ZERO,
            };
            let lasts = |since: Instant, span| now.saturating_duration_since(since) >= span;
            let is_due = match episode.told {
                None => lasts(episode.since, patience),
                Some(told) => pace.repeat.is_some_and(|span| lasts(told, span)),
            };
            if is_due {
                episode.told = Some(now);
                changes.push(Change {
                    subject: condition.subject.clone(),
                    began: true,
                    text: episode.text.clone(),
                });
            }
        }
        let over = self.known.iter();
        let over: Vec<Subject> = over
            .filter(|(subject, _)| !seen.contains(subject))
            .map(|(subject, _)| subject.clone())
            .collect();
        for subject in over {
            let ended = self.known.remove(&subject);
            let ended = ended.filter(|episode| episode.told.is_some());
            if let Some(text) = ended.and_then(|episode| episode.over) {
                changes.push(Change {
                    subject,
                    began: false,
                    text,
                });
            }
        }
        changes
    }

    /// The sentence of a state that was told and is not over; `None` where there is none.
    pub fn standing(&self) -> Option<&str> {
        let mut known = self.known.values();
        let told = known.find(|episode| episode.told.is_some());
        told.map(|episode| episode.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sights of a state, second by second (`x` it holds, `~` nothing says so, `.` it is over), and the messages of it,
    /// second by second (`B` began, `E` ended).
    fn told(event: AlertEvent, seen: &str, after: u64, repeat: Option<u64>) -> String {
        let start = Instant::now();
        let mut episodes = Episodes::default();
        let pace = Pace {
            after: Duration::from_secs(after),
            repeat: repeat.map(Duration::from_secs),
        };
        let looks = seen.chars().zip(0..).map(|(sign, second)| {
            let condition = Condition {
                subject: Subject::new(event),
                holds: sign == 'x',
                text: "it is".to_owned(),
                over: Some("it was".to_owned()),
                routes: None,
            };
            let now = start + Duration::from_secs(second);
            let conditions = [condition];
            let conditions = conditions.iter().filter(|_| sign != '.');
            let changes = episodes.observe(now, conditions, pace);
            match changes.as_slice() {
                [] => '.',
                [change] if change.began => 'B',
                [_] => 'E',
                more => panic!("{more:?}"),
            }
        });
        looks.collect()
    }

    #[test]
    fn each_state_is_told_once_and_at_its_end() {
        use AlertEvent::{KeyRefused, RouteDown};
        for (event, seen, after, repeat, expected) in [
            (KeyRefused, "xxxx..x.", 30, None, "B...E.BE"),
            (RouteDown, "xxxxx.", 0, None, "B....E"),
            (RouteDown, "xxxxx.", 3, None, "...B.E"),
            (RouteDown, "xx.xxx..", 3, None, "........"),
            (RouteDown, "xx~xxxx.", 3, None, "......BE"),
            (RouteDown, "x~~~.", 0, None, "B...E"),
            (RouteDown, "~~~~.", 0, None, "....."),
            (RouteDown, "xxxxxxx.", 1, Some(2), ".B.B.B.E"),
            (KeyRefused, "xx~~~~.", 0, Some(4), "B...B.E"),
        ] {
            assert_eq!(told(event, seen, after, repeat), expected, "{seen} {after}");
        }
    }

    #[test]
    fn a_silent_end_is_no_message_and_what_stands_is_known() {
        let mut episodes = Episodes::default();
        let pace = Pace {
            after: Duration::ZERO,
            repeat: None,
        };
        let condition = Condition {
            subject: Subject::new(AlertEvent::Budget),
            holds: true,
            text: "it is".to_owned(),
            over: None,
            routes: None,
        };
        let now = Instant::now();
        assert_eq!(episodes.standing(), None);
        assert_eq!(
            episodes.observe(now, [&condition].into_iter(), pace).len(),
            1
        );
        assert_eq!(episodes.standing(), Some("it is"));
        assert_eq!(episodes.observe(now, [].into_iter(), pace), []);
        assert_eq!(episodes.standing(), None);
    }
}
