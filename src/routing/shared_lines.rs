//! The ledger's lines between replicas: their draws, their lessons, and the ends that providers told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::ledger::Ledger;
use super::shared_marks::{Places, SharedMark, SharedMarks};
use super::target::KeyedModel;
use crate::config::Step;
use crate::dialect::class::Class;
use crate::quota::portions::{Draw, Forgotten};
use crate::quota::server_clock::ServerClock;
use crate::quota::{Demand, SharedMoment};

/// The news of lines for other replicas.
#[derive(Debug, Default)]
pub struct LineNews {
    /// The draws, by the name of the line.
    pub draws: Vec<(String, Draw)>,
    /// The lessons.
    pub lessons: BTreeMap<String, String>,
    /// The shortest window of the lines in use; `None` without one.
    pub shortest: Option<Duration>,
}

impl Ledger {
    /// Takes note of the sharing with other replicas.
    pub fn share(&mut self, shared: SharedMoment) {
        self.clock.share(Some(shared));
    }

    /// The sharing with other replicas; `None` for a gateway alone.
    pub fn shared(&self) -> Option<SharedMoment> {
        self.clock.shared()
    }

    /// Whether there is something that cannot wait since this was asked last: a portion that ran dry, or a refusal.
    pub fn take_thirst(&mut self) -> bool {
        std::mem::take(&mut self.is_thirsty)
    }

    /// Notes that a call was not made for want of a portion.
    pub(super) fn note_dry(
        &mut self,
        step: &Step,
        key: usize,
        demand: &Demand,
        is_first: bool,
        now: Instant,
    ) {
        let at = self.clock.at(now);
        let Some(quota) = self.store.quota(KeyedModel::new(step, key)) else {
            return;
        };
        let charge = quota.estimate.charge(demand);
        let lines = quota.lines.of_account.iter_mut().chain(quota.lines.own);
        for line in lines {
            self.is_thirsty |= line.note_dry(charge.amount(line.unit), is_first, at);
        }
    }

    /// The draws and lessons of all lines. `lead` is the time before a turn at which the next portion is drawn
    /// (milliseconds).
    pub fn line_news(
        &mut self,
        places: &Places,
        known: &BTreeMap<String, String>,
        lead: u64,
        now: Instant,
    ) -> LineNews {
        let at = self.clock.at(now);
        let mut news = LineNews::default();
        for (coverage, line) in self.store.all_lines_mut() {
            let place = places.name(coverage.provider, coverage.key, coverage.model);
            let Some(place) = place else {
                continue;
            };
            let name = format!("{place}|{}", line.shared_name());
            let lesson = line.lesson(known.get(&name).map(String::as_str), at);
            if let Some(lesson) = &lesson {
                line.take_lesson(lesson, now);
            }
            let window = line.w().filter(|_| line.is_shared());
            news.shortest = [news.shortest, window].into_iter().flatten().min();
            let draws = line.draws(at, lead);
            news.draws.extend(draws.map(|draw| (name.clone(), draw)));
            news.lessons.extend(lesson.map(|lesson| (name, lesson)));
        }
        news
    }

    /// The answers to draws: what the counters hold since. What was drawn in vain comes back, to be put back.
    ///
    /// # Errors
    /// The server has lost its data.
    pub fn lines_drawn(
        &mut self,
        places: &Places,
        answers: &[(&str, &Draw, u64)],
    ) -> Result<Vec<(String, Draw)>, Forgotten> {
        let mut in_vain = Vec::new();
        if answers.is_empty() {
            return Ok(in_vain);
        }
        for (coverage, line) in self.store.all_lines_mut() {
            let place = places.name(coverage.provider, coverage.key, coverage.model);
            let Some(place) = place else {
                continue;
            };
            let name = format!("{place}|{}", line.shared_name());
            for (_, draw, counter) in answers.iter().filter(|(of, ..)| *of == name) {
                let back = line.drawn(draw, *counter)?;
                in_vain.extend(back.map(|back| (name.clone(), back)));
            }
        }
        Ok(in_vain)
    }

    /// The draws under way are lost, and all that was drawn where the server has forgotten it.
    pub fn lines_interrupted(&mut self, forgotten: bool) {
        for (_, line) in self.store.all_lines_mut() {
            line.interrupted(forgotten);
        }
    }

    /// Leaves what is held to another ledger, which puts it back.
    pub fn lines_leave_held(&mut self) {
        for (_, line) in self.store.all_lines_mut() {
            line.give_back().for_each(drop);
        }
    }

    /// The draws that are held and not needed any more.
    pub fn lines_give_back(&mut self, places: &Places) -> Vec<(String, Draw)> {
        let mut returns = Vec::new();
        for (coverage, line) in self.store.all_lines_mut() {
            let place = places.name(coverage.provider, coverage.key, coverage.model);
            let Some(place) = place else {
                continue;
            };
            let name = format!("{place}|{}", line.shared_name());
            returns.extend(line.give_back().map(|draw| (name.clone(), draw)));
        }
        returns
    }

    /// Takes over what others have learned.
    pub fn take_lessons(
        &mut self,
        lessons: &BTreeMap<String, String>,
        places: &Places,
        now: Instant,
    ) {
        for (coverage, line) in self.store.all_lines_mut() {
            let place = places.name(coverage.provider, coverage.key, coverage.model);
            let name = place.map(|place| format!("{place}|{}", line.shared_name()));
            if let Some(lesson) = name.and_then(|name| lessons.get(&name)) {
                line.take_lesson(lesson, now);
            }
        }
    }

    /// The ends of full windows that providers told, as marks of their lines.
    pub fn told_ends(&self, places: &Places, clock: &ServerClock, now: Instant) -> SharedMarks {
        let lines = self.store.all_lines();
        let ends = lines.filter_map(|(coverage, line, _)| {
            let (end, set_at) = line.told_end(now)?;
            let place = places.name(coverage.provider, coverage.key, coverage.model)?;
            let mark = SharedMark {
                until: clock.ms_at(end),
                class: Class::RateLimited,
                stated: true,
                strikes: 1,
                set_at: clock.ms_at(set_at),
            };
            Some((format!("{place}|{}", line.shared_name()), mark))
        });
        ends.collect()
    }

    /// Takes over the ends that providers told others.
    pub fn take_ends(
        &mut self,
        marks: &SharedMarks,
        places: &Places,
        clock: &ServerClock,
        now: Instant,
    ) {
        if marks.is_empty() {
            return;
        }
        for (coverage, line) in self.store.all_lines_mut() {
            let place = places.name(coverage.provider, coverage.key, coverage.model);
            let name = place.map(|place| format!("{place}|{}", line.shared_name()));
            let mark = name.and_then(|name| marks.get(&name));
            let end = mark.and_then(|mark| clock.instant_of(mark.until));
            if let Some(end) = end.filter(|end| *end > now) {
                line.take_end(end);
            }
        }
    }
}
