//! Sums over hours and days, of routes and of steps: what cumulative counters have grown by since they were looked at last
//! belongs to the hour of that look. Nothing is counted on a request's way.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::telemetry::metrics::{Counted, Totals};

/// The hours and the days that are kept, the current ones among them.
const HOURS: u64 = 24;
const DAYS: u64 = 30;

const HOUR_MS: u64 = 60 * 60 * 1000;
const HOURS_OF_DAY: u64 = 24;

/// The longest file (bytes). What was active last comes first.
pub const MAX_FILE: usize = 256 * 1024;

/// The version of the file's form.
const VERSION: u32 = 1;

/// The sums of an hour or a day: answered, failed, fallbacks, input and output tokens, cost, milliseconds of
/// answers.
pub type Tally = [u64; 7];

/// The sums of all routes and steps.
#[derive(Debug, Default)]
pub struct Sums {
    series: Vec<Series>,
    /// The latest hour that was counted in (hours since 1970). A clock that goes back adds to it.
    hour: u64,
}

/// The sums of a route, or of a step's provider and model within it.
#[derive(Debug, Default)]
struct Series {
    route: String,
    provider: String,
    model: String,
    /// The counters at the last look.
    seen: Tally,
    hours: Periods,
    days: Periods,
}

/// Tallies by the number of their hour or day, in order; those in which nothing happened are absent.
type Periods = VecDeque<(u64, Tally)>;

/// The form of the file.
#[derive(Default, Deserialize, Serialize)]
struct SavedSums {
    version: u32,
    hour: u64,
    series: Vec<SavedSeries>,
}

/// Route, provider and model (both empty for the route itself), hours, days.
type SavedSeries = (String, String, String, Periods, Periods);

impl Sums {
    /// The sums of a file; none where it is damaged, or of a later version.
    pub fn read(text: &str) -> Self {
        let saved: SavedSums = serde_json::from_str(text).unwrap_or_default();
        if saved.version != VERSION {
            return Self::default();
        }
        let series = saved.series.into_iter();
        Self {
            hour: saved.hour,
            series: series
                .map(|(route, provider, model, hours, days)| Series {
                    route,
                    provider,
                    model,
                    seen: Tally::default(),
                    hours,
                    days,
                })
                .collect(),
        }
    }

    /// The content of the file (at most [`MAX_FILE`]).
    pub fn to_json(&self) -> String {
        let mut newest: Vec<&Series> = self.series.iter().collect();
        newest.sort_by_key(|series| std::cmp::Reverse(series.days.back().map(|(day, _)| *day)));
        let mut left = MAX_FILE.saturating_sub(256);
        let fits = newest.into_iter().take_while(|series| {
            let needed = series.longest_text();
            let fits = needed <= left;
            left = left.saturating_sub(needed);
            fits
        });
        let saved = SavedSums {
            version: VERSION,
            hour: self.hour,
            series: fits.map(Series::saved).collect(),
        };
        serde_json::to_string(&saved).unwrap_or_default()
    }

    /// The hour of a time of the wall clock; never one before the latest.
    pub fn hour_at(&self, unix_ms: u64) -> u64 {
        (unix_ms / HOUR_MS).max(self.hour)
    }

    /// The time until the next hour begins (milliseconds).
    pub fn until_turn(&self, unix_ms: u64) -> u64 {
        ((self.hour_at(unix_ms) + 1) * HOUR_MS).saturating_sub(unix_ms)
    }

    /// Adds what counters have grown by since the last look to the hour of that look, and begins the hour of now. To be
    /// called at each turn of an hour, and before each reading.
    pub fn fold(
        &mut self,
        unix_ms: u64,
        each_total: impl FnOnce(&mut dyn FnMut(Counted<'_>, Totals)),
    ) {
        let now = self.hour_at(unix_ms);
        let hour = if self.hour == 0 { now } else { self.hour };
        each_total(&mut |counted, totals| {
            let series = self.series_of(counted);
            series.add(hour, tally(totals));
        });
        self.hour = now;
        for series in &mut self.series {
            series.forget_before(now);
        }
        self.series
            .retain(|series| !series.days.is_empty() || series.seen != Tally::default());
    }

    fn series_of(&mut self, counted: Counted<'_>) -> &mut Series {
        let found = self.series.iter().position(|series| series.is_of(counted));
        let at = found.unwrap_or_else(|| {
            let (provider, model) = counted.target.unwrap_or_default();
            self.series.push(Series {
                route: counted.route.to_owned(),
                provider: provider.to_owned(),
                model: model.to_owned(),
                ..Series::default()
            });
            self.series.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed there")]
        &mut self.series[at]
    }

    /// The last 24 hours of a route or a step, the current one last.
    pub fn hours(&self, counted: Counted<'_>) -> [Tally; HOURS as usize] {
        let mut hours = [Tally::default(); HOURS as usize];
        let found = self.series.iter().find(|series| series.is_of(counted));
        for (hour, tally) in found.into_iter().flat_map(|series| &series.hours) {
            let age = self.hour.saturating_sub(*hour);
            let place = (HOURS - 1)
                .checked_sub(age)
                .and_then(|at| usize::try_from(at).ok());
            if let Some(place) = place.and_then(|at| hours.get_mut(at)) {
                *place = *tally;
            }
        }
        hours
    }

    /// The sum of the last 24 hours of a route or a step.
    pub fn of_a_day(&self, counted: Counted<'_>) -> Tally {
        let mut sum = Tally::default();
        for hour in self.hours(counted) {
            add(&mut sum, hour);
        }
        sum
    }
}

impl Series {
    fn is_of(&self, counted: Counted<'_>) -> bool {
        let (provider, model) = counted.target.unwrap_or_default();
        self.route == counted.route && self.provider == provider && self.model == model
    }

    fn add(&mut self, hour: u64, totals: Tally) {
        // Counters that have shrunk belong to a route that was taken out of the configuration and put in again.
        let is_anew = totals.iter().zip(&self.seen).any(|(now, seen)| now < seen);
        let seen = if is_anew { Tally::default() } else { self.seen };
        let mut grown = totals;
        for (grown, seen) in grown.iter_mut().zip(seen) {
            *grown -= seen;
        }
        self.seen = totals;
        if grown == Tally::default() {
            return;
        }
        for (periods, number) in [
            (&mut self.hours, hour),
            (&mut self.days, hour / HOURS_OF_DAY),
        ] {
            match periods.back_mut() {
                Some((last, tally)) if *last >= number => add(tally, grown),
                _ => periods.push_back((number, grown)),
            }
        }
    }

    fn forget_before(&mut self, now: u64) {
        let is_old = |periods: &Periods, first: u64| {
            periods.front().is_some_and(|(number, _)| *number < first)
        };
        while is_old(&self.hours, (now + 1).saturating_sub(HOURS)) {
            self.hours.pop_front();
        }
        while is_old(&self.days, (now / HOURS_OF_DAY + 1).saturating_sub(DAYS)) {
            self.days.pop_front();
        }
    }

    fn saved(&self) -> SavedSeries {
        (
            self.route.clone(),
            self.provider.clone(),
            self.model.clone(),
            self.hours.clone(),
            self.days.clone(),
        )
    }

    /// The bytes of its text in the file, at most: names may have to be escaped, and a number has 20 digits.
    fn longest_text(&self) -> usize {
        let names = self.route.len() + self.provider.len() + self.model.len();
        let tallies = self.hours.iter().chain(&self.days);
        let digits = |number: &u64| 2 + number.checked_ilog10().unwrap_or(0) as usize;
        let text = tallies
            .map(|(number, tally)| 8 + digits(number) + tally.iter().map(digits).sum::<usize>());
        32 + 6 * names + text.sum::<usize>()
    }
}

fn tally(totals: Totals) -> Tally {
    [
        totals.answered,
        totals.failed,
        totals.fallbacks,
        totals.input_tokens,
        totals.output_tokens,
        totals.cost,
        totals.answer_ms,
    ]
}

fn add(sum: &mut Tally, more: Tally) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = sum.saturating_add(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R: Counted<'_> = Counted {
        route: "r",
        target: None,
    };

    fn answered(count: u64) -> Totals {
        Totals {
            answered: count,
            ..Totals::default()
        }
    }

    fn fold(sums: &mut Sums, hour: u64, count: u64) {
        sums.fold(hour * HOUR_MS + 5, |take| take(R, answered(count)));
    }

    fn hours(sums: &Sums) -> Vec<u64> {
        sums.hours(R).iter().map(|tally| tally[0]).collect()
    }

    #[test]
    fn growth_belongs_to_the_hour_of_the_look_before() {
        let mut sums = Sums::default();
        fold(&mut sums, 1000, 0);
        fold(&mut sums, 1001, 5);
        fold(&mut sums, 1003, 7);
        fold(&mut sums, 1003, 10);
        let hours = hours(&sums);
        assert_eq!(hours[20..], [5, 2, 0, 3]);
        assert_eq!(sums.of_a_day(R)[0], 10);
    }

    #[test]
    fn what_is_a_day_old_is_no_hour_and_what_is_a_month_old_no_day() {
        let mut sums = Sums::default();
        fold(&mut sums, 24_000, 0);
        fold(&mut sums, 24_001, 4);
        fold(&mut sums, 24_024, 4);
        assert_eq!(sums.of_a_day(R)[0], 0);
        assert_eq!(sums.series[0].days.len(), 1);
        fold(&mut sums, 24_000 + 24 * 30, 4);
        assert_eq!(sums.series[0].days.len(), 0);
    }

    /// A battery that is empty, a time server that is wrong.
    #[test]
    fn a_clock_that_goes_back_adds_to_the_current_hour() {
        let mut sums = Sums::default();
        fold(&mut sums, 1000, 0);
        fold(&mut sums, 10, 3);
        fold(&mut sums, 10, 4);
        assert_eq!(hours(&sums)[23], 4);
        assert_eq!(sums.until_turn(10 * HOUR_MS), 991 * HOUR_MS);
    }

    #[test]
    fn a_restart_goes_on_where_the_file_ends() {
        let mut sums = Sums::default();
        fold(&mut sums, 1000, 0);
        fold(&mut sums, 1000, 6);
        let mut again = Sums::read(&sums.to_json());
        assert_eq!(hours(&again)[23], 6);
        fold(&mut again, 1001, 0);
        fold(&mut again, 1001, 2);
        assert_eq!(hours(&again)[22..], [6, 2]);
    }

    #[test]
    fn a_damaged_file_costs_its_content() {
        for text in ["", "{", "[]", r#"{"version":9,"hour":1,"series":[]}"#] {
            assert_eq!(Sums::read(text).hour, 0, "{text}");
        }
    }

    #[test]
    fn counters_that_begin_anew_count_from_nothing() {
        let mut sums = Sums::default();
        fold(&mut sums, 1000, 9);
        fold(&mut sums, 1000, 2);
        assert_eq!(sums.of_a_day(R)[0], 11);
    }

    /// A hundred routes with long names over a month.
    #[test]
    fn the_file_is_bounded_and_keeps_what_was_active_last() {
        let mut sums = Sums::default();
        let names: Vec<String> = (0..200)
            .map(|number| format!("route-{number:0>60}"))
            .collect();
        for hour in 0..24 * 30 {
            sums.fold((24_000 + hour) * HOUR_MS, |take| {
                for (number, route) in names.iter().enumerate() {
                    let is_quiet = number == 0 && hour > 24 * 20;
                    let count = if is_quiet { 24 * 20 } else { hour };
                    let totals = Totals {
                        answered: count * 1_000_000,
                        cost: count * 1_000_000_000,
                        ..Totals::default()
                    };
                    take(
                        Counted {
                            route,
                            target: None,
                        },
                        totals,
                    );
                }
            });
        }
        let text = sums.to_json();
        assert!(text.len() <= MAX_FILE, "{}", text.len());
        assert!(text.len() > MAX_FILE / 2, "{}", text.len());
        let kept = Sums::read(&text);
        assert!(kept.series.iter().all(|series| series.route != names[0]));
    }
}
