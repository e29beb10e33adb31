//! The part of a line that survives a restart.

use std::time::Duration;

use super::bench::Bench;
use crate::limits::{TimeZone, Unit, Window};
use crate::quota::{KeptLine, Line};

fn restarted(bench: &Bench, line: Line, milliseconds: u64) -> Bench {
    let kept = bench.line.keep(bench.at()).expect("it is worth keeping");
    let text = serde_json::to_string(&kept).unwrap();
    let kept: KeptLine = serde_json::from_str(&text).unwrap();
    let mut after = Bench::new(line);
    after.wall = bench.wall + Duration::from_millis(milliseconds);
    assert_eq!(kept.unit(), Some(after.line.unit));
    assert_eq!(kept.window(), Some(after.line.window));
    let at = after.at();
    after.line.restore(&kept, at, None);
    after
}

#[test]
fn a_learned_limit_and_its_end_survive() {
    let mut bench = Bench::unknown();
    for _ in 0..3 {
        bench.answered(5);
        bench.refused(Some(55));
        bench.pass(55_000);
    }
    bench.answered(5);
    bench.refused(Some(40));
    let unknown = || Line::found(Unit::Requests, None, TimeZone::Utc);
    let mut after = restarted(&bench, unknown(), 10_000);
    assert_eq!((after.limit(), after.firm_for()), (Some(5), Some(30.0)));
    after.pass(30_000);
    after.answered(5);
    assert_eq!(after.label(), "full", "the length of the window, too");
    let later = restarted(&bench, unknown(), 50_000);
    assert_eq!(later.label(), "open");
}

/// Would break for users of a daily quota: each restart would be a new day.
#[test]
fn the_count_of_a_day_survives_until_it_is_over() {
    let declared = || Line::declared(Unit::Requests, 5, Some(Window::Day), TimeZone::Utc);
    let mut bench = Bench::new(declared());
    bench.answered(5);
    assert_eq!(bench.label(), "full");
    let after = restarted(&bench, declared(), 60_000);
    assert_eq!((after.line.used_at(after.at()), after.label()), (5, "full"));
    let tomorrow = restarted(&bench, declared(), 7 * 3_600_000);
    assert_eq!(
        (tomorrow.line.used_at(tomorrow.at()), tomorrow.label()),
        (0, "open")
    );
}

#[test]
fn nothing_is_kept_of_a_line_that_knows_nothing() {
    let mut bench = Bench::unknown();
    bench.answered(5);
    assert_eq!(bench.line.keep(bench.at()), None);
}
