//! The journal of accounts.

use super::setup::*;
use crate::limits::{TimeZone, Window};
use crate::quota::Moment;
use crate::quota::accounts::*;
use std::time::{Duration, Instant, UNIX_EPOCH};

#[test]
fn the_journal_says_all_that_was_counted() {
    let limits = [requests(10, Window::Total)];
    let (mut accounts, index, mut clock) = accounts(&limits, false);
    for day in 0..40_u64 {
        let booking = accounts.admit(index, &Wanted::default(), clock.now());
        let used = Spent {
            route: if day % 2 == 0 { "a \"b\"\n" } else { "c" },
            cached: 3,
            is_estimate: day % 3 == 0,
            ..spent(10, 20, day)
        };
        match booking {
            Ok(booking) => drop(accounts.settle(booking, &used, clock.now().now)),
            Err(_) => drop(accounts.count(index, &used, clock.wall)),
        }
        clock.pass(DAY);
    }
    let report = accounts.report(index, clock.now()).unwrap();
    assert_eq!((report.days.len(), report.months.len()), (35, 3));
    let mut restored = journal(&mut accounts, clock.wall);
    let index = configure(&mut restored, &limits, false);
    let again = restored.report(index, clock.now()).unwrap();
    assert_eq!(again.days, report.days);
    assert_eq!(again.months, report.months);
    assert_eq!(again.limits, report.limits);
    assert_eq!(again.routes, report.routes);
    assert!(!restored.has_changed());
}

#[test]
fn changes_are_told_once() {
    let (mut accounts, index, clock) = accounts(&[], false);
    assert!(
        accounts.count(index, &spent(1, 2, 3), clock.wall),
        "the first"
    );
    assert!(!accounts.count(index, &spent(1, 2, 3), clock.wall));
    let lines = accounts.changes();
    assert_eq!(
        lines,
        "{\"client\":\"home\",\"day\":\"2026-11-26\",\"requests\":2,\"input\":2,\"output\":4,\"cost\":6}\n\
         {\"client\":\"home\",\"month\":\"2026-11\",\"requests\":2,\"input\":2,\"output\":4,\"cost\":6}\n\
         {\"client\":\"home\",\"total\":true,\"requests\":2,\"input\":2,\"output\":4,\"cost\":6}\n\
         {\"client\":\"home\",\"route\":\"r\",\"month\":\"2026-11\",\"requests\":2,\"input\":2,\"output\":4,\"cost\":6}\n"
    );
    assert_eq!(accounts.changes(), "");
    assert!(
        accounts.count(index, &spent(1, 2, 3), clock.wall),
        "again the first"
    );
}

#[test]
fn damaged_lines_are_passed_over() {
    let text = "\
        {\"client\":\"home\",\"day\":\"2026-11-26\",\"requests\":5}\n\
        {\"client\":\"home\",\"day\":\"2026-11-26\",\"reque\n\
        \n\
        nonsense\n\
        {\"client\":\"home\",\"day\":\"2026-11-26\",\"requests\":\"many\"}\n\
        {\"client\":\"home\",\"day\":\"2026-13-26\",\"requests\":9}\n\
        {\"client\":\"home\",\"day\":\"2026-11\",\"requests\":9}\n\
        {\"client\":\"home\",\"requests\":9}\n\
        {\"day\":\"2026-11-26\",\"requests\":9}\n\
        {\"client\":\"home\",\"day\":\"2026-11-26\",\"requests\":7,\"new\":{}}\n\
        {\"client\":\"home\",\"month\":\"2026-11\",\"requests\":3}\n\
        {\"client\":\"home\",\"month\":\"2026-11\",\"req";
    let entries: Vec<Entry> = text.lines().filter_map(read_line).collect();
    assert_eq!(entries.len(), 3);
    let mut accounts = Accounts::restore(entries.into_iter(), TimeZone::Utc, NOON);
    let index = configure(&mut accounts, &[], false);
    let now = Moment {
        now: Instant::now(),
        wall: UNIX_EPOCH + Duration::from_millis(NOON),
        shared: None,
    };
    let report = accounts.report(index, now).unwrap();
    assert_eq!(report.days[0].used.requests, 7, "the last line wins");
    assert_eq!(report.months[0].used.requests, 3);
}
