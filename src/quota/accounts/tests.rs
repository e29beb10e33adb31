//! Accounts in virtual time.

use std::time::{Duration, Instant, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;
use crate::limits::{Limit, Money, Price, Rate, TimeZone, Unit, Window};
use crate::quota::Moment;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// 2026-11-26T12:00:00Z.
const NOON: u64 = 1_795_694_400_000;

/// A clock whose two hands move together, unless one is set.
struct Clock {
    start: Instant,
    passed: u64,
    wall: u64,
}

impl Clock {
    fn new() -> Self {
        Self {
            start: Instant::now() + Duration::from_secs(10 * 24 * 3600),
            passed: 0,
            wall: NOON,
        }
    }

    fn pass(&mut self, ms: u64) {
        self.passed += ms;
        self.wall += ms;
    }

    fn now(&self) -> Moment {
        Moment {
            now: self.start + Duration::from_millis(self.passed),
            wall: UNIX_EPOCH + Duration::from_millis(self.wall),
            shared: None,
        }
    }
}

fn limit(unit: Unit, amount: u64, window: Window) -> Limit {
    let rate = Rate { amount, window };
    Limit { unit, rate }
}

fn requests(amount: u64, window: Window) -> Limit {
    limit(Unit::Requests, amount, window)
}

const A_MINUTE: Window = Window::Sliding(Duration::from_millis(MINUTE));

fn accounts(limits: &[Limit], soft: bool) -> (Accounts, BookIndex, Clock) {
    let clock = Clock::new();
    let mut accounts = Accounts::restore(std::iter::empty(), TimeZone::Utc, clock.wall);
    let index = configure(&mut accounts, limits, soft);
    (accounts, index, clock)
}

fn configure(accounts: &mut Accounts, limits: &[Limit], soft: bool) -> BookIndex {
    let terms = Terms {
        name: "home",
        limits,
        soft,
    };
    accounts.configure(TimeZone::Utc, [terms].into_iter(), NOON)[0]
}

fn spent(input: u64, output: u64, cost: u64) -> Spent<'static> {
    Spent {
        route: "r",
        counts: true,
        input,
        output,
        cost: Money(cost),
        ..Spent::default()
    }
}

fn used(accounts: &mut Accounts, index: BookIndex, now: Moment) -> Vec<(u64, u64)> {
    let report = accounts.report(index, now).unwrap();
    let limits = report.limits.iter();
    limits.map(|limit| (limit.used, limit.reserved)).collect()
}

/// The defect of many gateways: the check sees what is settled, so that all of a burst pass.
#[test]
fn what_is_in_flight_counts() {
    for window in [A_MINUTE, Window::Day, Window::Month, Window::Total] {
        let (mut accounts, index, clock) = accounts(&[requests(10, window)], false);
        let wanted = Wanted::default();
        let admitted: Vec<Booking> = (0..200)
            .filter_map(|_| accounts.admit(index, &wanted, clock.now()).ok())
            .collect();
        assert_eq!(admitted.len(), 10, "{window}");
        for booking in admitted {
            accounts.settle(booking, &spent(1, 1, 0), clock.now().now);
        }
        assert!(accounts.admit(index, &wanted, clock.now()).is_err());
    }
}

#[test]
fn a_request_without_an_answer_gives_back_what_was_reserved() {
    for window in [A_MINUTE, Window::Day, Window::Month, Window::Total] {
        let limits = [requests(1, window), limit(Unit::Tokens, 10_000, window)];
        let (mut accounts, index, clock) = accounts(&limits, false);
        let wanted = Wanted {
            input: 100,
            has_output: true,
            ..Wanted::default()
        };
        for _ in 0..5 {
            let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
            accounts.settle(booking, &Spent::default(), clock.now().now);
        }
        assert_eq!(
            used(&mut accounts, index, clock.now()),
            [(0, 0), (0, 0)],
            "{window}"
        );
    }
}

#[test]
fn places_are_free_when_their_requests_are_over() {
    let (mut accounts, index, clock) = accounts(&[Limit::concurrent(2)], false);
    let wanted = Wanted::default();
    let first = accounts.admit(index, &wanted, clock.now()).unwrap();
    let _second = accounts.admit(index, &wanted, clock.now()).unwrap();
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!(excess.limit.unit, Unit::Concurrent);
    assert_eq!(excess.resets, Resets::In(Duration::from_secs(1)));
    accounts.settle(first, &Spent::default(), clock.now().now);
    assert!(accounts.admit(index, &wanted, clock.now()).is_ok());
}

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
fn money_is_reserved_for_the_dearest_step() {
    let price = |input, output| Price {
        input,
        output,
        cached_input: None,
    };
    let limits = [limit(Unit::Money, 1_000_000, Window::Month)];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let prices = [price(1_000_000, 1_000_000), price(2_000_000, 10_000_000)];
    let wanted = Wanted {
        input: 1000,
        max_output: Some(40_000),
        has_output: true,
        prices: &prices,
        locally: false,
    };
    let first = accounts.admit(index, &wanted, clock.now()).unwrap();
    assert_eq!(used(&mut accounts, index, clock.now()), [(0, 402_000)]);
    let _second = accounts.admit(index, &wanted, clock.now()).unwrap();
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!(excess.reserved, 804_000);
    accounts.settle(first, &spent(1000, 10, 3000), clock.now().now);
    assert_eq!(used(&mut accounts, index, clock.now()), [(3000, 402_000)]);
    assert!(accounts.admit(index, &wanted, clock.now()).is_ok());
    // What costs nothing goes on.
    let free = Wanted {
        prices: &[],
        ..wanted
    };
    for _ in 0..5 {
        assert!(accounts.admit(index, &free, clock.now()).is_ok());
    }
}

#[test]
fn a_request_larger_than_its_limit_is_told_to_wait_for_nothing() {
    let limits = [limit(Unit::Tokens, 100, Window::Day)];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let wanted = Wanted {
        input: 10,
        max_output: Some(100),
        has_output: true,
        prices: &[],
        locally: false,
    };
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!(
        (excess.used, excess.asked, excess.resets),
        (0, 110, Resets::Never)
    );
}

#[test]
fn soft_limits_are_charged_afterwards() {
    let limits = [
        limit(Unit::Tokens, 100, Window::Day),
        limit(Unit::Tokens, 100, A_MINUTE),
        requests(3, Window::Day),
    ];
    let (mut accounts, index, clock) = accounts(&limits, true);
    let wanted = Wanted {
        input: 1000,
        max_output: Some(1000),
        has_output: true,
        prices: &[],
        locally: false,
    };
    let first = accounts.admit(index, &wanted, clock.now()).unwrap();
    let second = accounts.admit(index, &wanted, clock.now()).unwrap();
    accounts.settle(first, &spent(60, 60, 0), clock.now().now);
    let excess = accounts.admit(index, &wanted, clock.now()).unwrap_err();
    assert_eq!((excess.limit.unit, excess.used), (Unit::Tokens, 120));
    accounts.settle(second, &spent(0, 0, 0), clock.now().now);
    let figures = used(&mut accounts, index, clock.now());
    assert_eq!(figures, [(120, 0), (120, 0), (2, 0)]);
}

/// Of several limits the one that lasts longest is told: after the other one the client would only be refused again.
#[test]
fn the_limit_that_lasts_longest_is_told() {
    let limits = [requests(1, A_MINUTE), requests(1, Window::Day)];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let _kept = accounts
        .admit(index, &Wanted::default(), clock.now())
        .unwrap();
    let excess = accounts
        .admit(index, &Wanted::default(), clock.now())
        .unwrap_err();
    assert_eq!(excess.limit.rate.window, Window::Day);
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

#[test]
fn the_line_with_the_smallest_share_left_is_told() {
    let limits = [
        requests(10, A_MINUTE),
        requests(100, Window::Day),
        limit(Unit::Tokens, 1000, Window::Day),
    ];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let wanted = Wanted {
        input: 100,
        ..Wanted::default()
    };
    let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
    let left = accounts.left(index, clock.now());
    let requests = left.requests.unwrap();
    assert_eq!((requests.amount, requests.left), (10, 9));
    assert_eq!(requests.reset, Duration::from_secs(60));
    assert_eq!(left.tokens.map(|tokens| tokens.left), Some(900));
    accounts.settle(booking, &Spent::default(), clock.now().now);
    let left = accounts.left(index, clock.now()).requests.unwrap();
    assert_eq!(left.left, 10);
}

#[test]
fn output_that_is_not_bounded_is_twice_the_usual_one() {
    let limits = [limit(Unit::OutputTokens, 1_000_000, Window::Day)];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let wanted = Wanted {
        has_output: true,
        ..Wanted::default()
    };
    for (output, reserved) in [(1000, 512), (0, 2000), (100_000, 1000), (0, 4096)] {
        let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
        assert_eq!(used(&mut accounts, index, clock.now())[0].1, reserved);
        accounts.settle(booking, &spent(1, output, 0), clock.now().now);
    }
}

#[test]
fn the_estimate_of_input_follows_what_comes_out() {
    let limits = [limit(Unit::InputTokens, 1_000_000, Window::Day)];
    let (mut accounts, index, clock) = accounts(&limits, false);
    let wanted = Wanted {
        input: 1000,
        ..Wanted::default()
    };
    let mut last = 0;
    for _ in 0..60 {
        let booking = accounts.admit(index, &wanted, clock.now()).unwrap();
        last = used(&mut accounts, index, clock.now())[0].1;
        accounts.settle(booking, &spent(1500, 0, 0), clock.now().now);
    }
    assert!((1470..=1500).contains(&last), "{last}");
}

fn journal(accounts: &mut Accounts, wall: u64) -> Accounts {
    let lines = accounts.all_lines();
    Accounts::restore(lines.lines().filter_map(read_line), TimeZone::Utc, wall)
}

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

#[derive(Clone, Debug)]
enum Step {
    Ask {
        input: u64,
        max_output: u64,
    },
    Answer {
        which: usize,
        input: u64,
        output: u64,
    },
    Leave {
        which: usize,
    },
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..50_u64, 1..100_u64).prop_map(|(input, max_output)| Step::Ask { input, max_output }),
        3 => (any::<usize>(), 0..50_u64, 0..100_u64)
            .prop_map(|(which, input, output)| Step::Answer { which, input, output }),
        1 => any::<usize>().prop_map(|which| Step::Leave { which }),
        2 => prop_oneof![0..100_u64, 0..2 * MINUTE, 0..13 * HOUR].prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever requests do: no more is admitted than the limits say, what is reserved is given back to the last token, and
    /// a restart knows all that was settled.
    #[test]
    fn no_window_is_exceeded(steps in prop::collection::vec(step(), 1..200)) {
        let limits = [
            requests(5, A_MINUTE),
            requests(20, Window::Day),
            limit(Unit::OutputTokens, 1000, Window::Day),
            Limit::concurrent(4),
        ];
        let (mut accounts, mut index, mut clock) = accounts(&limits, false);
        let mut open: Vec<(Booking, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Ask { input, max_output } => {
                    let wanted = Wanted { input, max_output: Some(max_output), has_output: true, prices: &[], locally: false };
                    if let Ok(booking) = accounts.admit(index, &wanted, clock.now()) {
                        open.push((booking, max_output));
                    }
                }
                Step::Answer { which, input, output } if !open.is_empty() => {
                    let (booking, most) = open.swap_remove(which % open.len());
                    let output = output.min(most);
                    accounts.settle(booking, &spent(input, output, 0), clock.now().now);
                }
                Step::Leave { which } if !open.is_empty() => {
                    let (booking, _) = open.swap_remove(which % open.len());
                    accounts.settle(booking, &Spent::default(), clock.now().now);
                }
                Step::Pass(ms) => clock.pass(ms),
                Step::Restart if open.is_empty() => {
                    accounts = journal(&mut accounts, clock.wall);
                    index = configure(&mut accounts, &limits, false);
                }
                _ => {}
            }
            let report = accounts.report(index, clock.now()).unwrap();
            for limit in &report.limits {
                prop_assert!(limit.used + limit.reserved <= limit.limit.rate.amount, "{limit:?}");
            }
        }
        for (booking, _) in open.drain(..) {
            accounts.settle(booking, &Spent::default(), clock.now().now);
        }
        let report = accounts.report(index, clock.now()).unwrap();
        prop_assert!(report.limits.iter().all(|limit| limit.reserved == 0));
    }
}
