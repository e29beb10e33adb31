//! The windows of limits: their turns, clocks that are set, and other configurations.

use super::setup::*;
use crate::limits::{TimeZone, Unit, Window};
use crate::quota::Moment;
use crate::quota::accounts::*;
use std::time::{Duration, Instant, UNIX_EPOCH};

#[test]
fn a_minute_slides() {
    let (mut accounts, index, mut clock) = accounts(&[requests(2, A_MINUTE)], false);
    let wanted = Wanted::default();
    accounts.admit(index, &wanted, clock.now()).unwrap();
    clock.pass(20_000);
    accounts.admit(index, &wanted, clock.now()).unwrap();
    clock.pass(10_000);
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!(excess.resets, Resets::In(Duration::from_secs(30)));
    clock.pass(30_001);
    assert!(accounts.admit(index, &wanted, clock.now()).is_ok());
    assert!(accounts.admit(index, &wanted, clock.now()).is_err());
}

/// Usage that is known after the turn is charged to the window in which the request was let in.
#[test]
fn a_request_is_charged_to_the_windows_of_its_admission() {
    let limits = [
        limit(Unit::Tokens, 1000, Window::Day),
        limit(Unit::Tokens, 5000, Window::Month),
    ];
    let (mut accounts, index, mut clock) = accounts(&limits, false);
    clock.pass(4 * DAY + 11 * HOUR + 59 * MINUTE);
    let wanted = Wanted {
        input: 100,
        max_output: Some(100),
        has_output: true,
        prices: &[],
        locally: false,
    };
    let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
    assert_eq!(
        used(&mut accounts, index, clock.now()),
        [(0, 200), (0, 200)]
    );
    // December begins.
    clock.pass(2 * MINUTE);
    assert_eq!(used(&mut accounts, index, clock.now()), [(0, 0), (0, 0)]);
    accounts.settle(booking, &spent(90, 900, 0), clock.now().now);
    assert_eq!(used(&mut accounts, index, clock.now()), [(0, 0), (0, 0)]);
    let report = accounts.report(index, clock.now()).unwrap();
    assert_eq!(report.days[0].key.to_string(), "2026-11-30");
    assert_eq!(report.days[0].used.output, 900);
    assert_eq!(report.months[0].key.to_string(), "2026-11");
    assert!(
        report.routes.is_empty(),
        "those of the month that has ended"
    );
}

#[test]
fn a_clock_that_jumps_back_opens_no_window_again() {
    let (mut accounts, index, mut clock) = accounts(&[requests(1, Window::Day)], false);
    let wanted = Wanted::default();
    clock.pass(12 * HOUR + MINUTE);
    let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
    accounts.settle(booking, &spent(0, 0, 0), clock.now().now);
    // An hour back is yesterday.
    clock.wall -= HOUR;
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    let Resets::At(end, wait) = excess.resets else {
        panic!("{excess:?}");
    };
    assert_eq!(TimeZone::Utc.spell(end), "2026-11-28T00:00:00Z");
    assert_eq!(wait, Duration::from_millis(DAY + HOUR - MINUTE));
    clock.pass(2 * HOUR);
    assert!(accounts.admit(index, &wanted, clock.now()).is_err());
    clock.pass(DAY);
    assert!(accounts.admit(index, &wanted, clock.now()).is_ok());
}

/// A day that was begun by a clock that was ahead, as the journal tells after a restart.
#[test]
fn a_restart_with_a_clock_set_back_opens_no_window_again() {
    let line = r#"{"client":"home","day":"2026-11-27","requests":1}"#;
    let entries = || read_line(line).into_iter();
    let mut accounts = Accounts::restore(entries(), TimeZone::Utc, NOON);
    let index = configure(&mut accounts, &[requests(1, Window::Day)], false);
    let now = Moment {
        now: Instant::now(),
        wall: UNIX_EPOCH + Duration::from_millis(NOON),
        shared: None,
    };
    assert!(accounts.admit(index, &Wanted::default(), now).is_err());
    // A clock that was a year ahead is not waited for.
    let earlier = NOON - 365 * DAY;
    let mut accounts = Accounts::restore(entries(), TimeZone::Utc, earlier);
    assert_eq!(accounts.day().key.to_string(), "2025-11-26");
    let index = configure(&mut accounts, &[requests(1, Window::Day)], false);
    let now = Moment {
        wall: UNIX_EPOCH + Duration::from_millis(earlier),
        ..now
    };
    assert!(accounts.admit(index, &Wanted::default(), now).is_ok());
}

#[test]
fn counters_outlive_a_change_of_limits() {
    let (mut accounts, index, clock) =
        accounts(&[requests(3, Window::Day), requests(3, A_MINUTE)], false);
    let wanted = Wanted::default();
    for _ in 0..3 {
        let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
        accounts.settle(booking, &spent(0, 0, 0), clock.now().now);
    }
    // Below what is used.
    let lowered = configure(&mut accounts, &[requests(2, Window::Day)], false);
    assert_eq!(lowered, index);
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!((excess.used, excess.limit.rate.amount), (3, 2));
    configure(&mut accounts, &[requests(4, Window::Day)], false);
    assert!(accounts.admit(index, &wanted, clock.now()).is_ok());
    assert!(accounts.admit(index, &wanted, clock.now()).is_err());
    // A client that is gone for a while finds its counters again.
    let none: [Terms<'_>; 0] = [];
    accounts.configure(TimeZone::Utc, none.into_iter(), clock.wall);
    configure(&mut accounts, &[requests(4, Window::Day)], false);
    assert!(accounts.admit(index, &wanted, clock.now()).is_err());
}

/// A reload emptied the windows that slide: whoever reloaded often had no limit by the minute.
#[test]
fn a_minute_outlives_a_reload() {
    let (mut accounts, index, clock) = accounts(&[requests(2, A_MINUTE)], false);
    let wanted = Wanted::default();
    for _ in 0..2 {
        let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
        accounts.settle(booking, &spent(1, 1, 0), clock.now().now);
    }
    let index = configure(&mut accounts, &[requests(2, A_MINUTE)], false);
    assert!(accounts.admit(index, &wanted, clock.now()).is_err());
}
