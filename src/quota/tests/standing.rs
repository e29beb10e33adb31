//! The standing of a line, row by row.

use std::time::Duration;

use super::bench::{Bench, MINUTE};
use crate::limits::{TimeZone, Unit, Window};
use crate::quota::portions::Sharing;
use crate::quota::server_clock::ServerClock;
use crate::quota::{Crowd, Hint, Line, LineReport, SharedMoment, Standing};

#[test]
fn row_1_an_end_that_was_told_is_the_beginning_of_a_window() {
    let mut bench = Bench::unknown();
    bench.answered(5);
    bench.refused(Some(10));
    assert_eq!(bench.label(), "full");
    bench.pass(10_000);
    assert_eq!(bench.label(), "open");
    assert_eq!(
        bench.line.used_at(bench.at()),
        0,
        "what is older does not count"
    );
}

#[test]
fn row_2_a_told_end_is_never_called_before() {
    let mut bench = Bench::unknown();
    bench.refused(Some(10));
    assert_eq!(bench.firm_for(), Some(10.0));
    bench.pass(9_999);
    assert_eq!(bench.label(), "full");
}

#[test]
fn row_3_a_guess_is_the_last_resort_then_one_call_finds_out() {
    let mut bench = Bench::unknown();
    bench.refused(None);
    // 5 s, and no call in the first eighth of them.
    assert_eq!(bench.label(), "soft");
    let Standing::Soft { from, until } = bench.standing() else {
        panic!("{:?}", bench.standing());
    };
    assert_eq!(until - bench.now, Duration::from_secs(5));
    assert_eq!(from - bench.now, Duration::from_secs(5) / 8);
    bench.pass(5_000);
    assert_eq!(bench.label(), "probe");
    let probe = bench.begin(1);
    assert_eq!(bench.standing(), Standing::Held { is_full: true });
    bench.pass(60);
    bench.refuse(&probe, None);
    let Standing::Soft { until, .. } = bench.standing() else {
        panic!("{:?}", bench.standing());
    };
    assert_eq!(
        until - bench.now,
        Duration::from_secs(10),
        "strikes double it"
    );
}

#[test]
fn row_4_what_answers_told_to_be_left_counts_with_the_calls_that_are_out() {
    let mut bench = Bench::unknown();
    bench.answered(1);
    bench.tell(2, 10, 30);
    assert_eq!(bench.label(), "open");
    bench.begin(1);
    bench.begin(1);
    assert_eq!(bench.firm_for(), Some(30.0));
    bench.pass(30_000);
    assert_eq!(bench.label(), "open", "a fresh window of ten");
    for _ in 0..10 {
        bench.begin(1);
    }
    assert_eq!(bench.label(), "probe", "and then one that finds out");
}

#[test]
fn row_4_a_declared_limit_is_kept_whatever_is_told_to_be_left() {
    let mut bench = Bench::declared(2);
    bench.answered(2);
    bench.tell(100, 200, 30);
    assert_eq!(bench.label(), "full");
}

#[test]
fn row_4_a_bucket_is_empty_for_a_drop_and_not_until_it_is_full() {
    let mut bench = Bench::unknown();
    // 100 a minute: one every 0.6 s.
    for left in [90, 80, 70] {
        bench.answered(1);
        bench.tell(left, 100, (100 - left) * 6 / 10);
    }
    assert_eq!(bench.line.w(), Some(Duration::from_secs(60)));
    bench.tell(0, 100, 60);
    assert_eq!(bench.firm_for(), Some(0.6));
    bench.pass(600);
    assert_eq!(bench.label(), "open");
}

#[test]
fn row_5_a_crowd_goes_slow_where_nothing_is_known() {
    let mut bench = Bench::unknown();
    for (in_flight, peak, label) in [
        (7, 0, "open"),
        (8, 0, "slow"),
        (15, 8, "open"),
        (16, 8, "slow"),
    ] {
        bench.in_flight = in_flight;
        bench.peak = peak;
        assert_eq!(bench.label(), label, "{in_flight} {peak}");
    }
}

#[test]
fn row_6_a_declared_window_slides() {
    let mut bench = Bench::declared(3);
    bench.answered(3);
    assert_eq!(bench.label(), "full");
    // The first call was 3 s ago; windows are taken to be 0.1 s longer than they are.
    assert_eq!(bench.firm_for(), Some(57.1));
    bench.pass(57_101);
    assert_eq!(bench.label(), "open");
}

#[test]
fn row_6_a_call_that_is_larger_than_the_limit_is_the_providers_to_refuse() {
    let line = Line::declared(Unit::Tokens, 1000, Some(MINUTE), TimeZone::Utc);
    let mut bench = Bench::new(line);
    assert_eq!(bench.line.standing(&bench.ask(5000)), Standing::Open);
    bench.begin(600);
    assert!(matches!(
        bench.line.standing(&bench.ask(500)),
        Standing::Firm { .. }
    ));
    assert_eq!(bench.line.standing(&bench.ask(400)), Standing::Open);
}

#[test]
fn row_7_while_one_finds_out_the_others_are_held() {
    let mut bench = Bench::unknown();
    bench.answered(3);
    bench.refused(Some(10));
    bench.pass(10_000);
    bench.answered(3);
    assert_eq!((bench.limit(), bench.label()), (Some(3), "probe"));
    let probe = bench.begin(1);
    assert_eq!(bench.standing(), Standing::Held { is_full: false });
    bench.pass(200);
    bench.succeed(&probe);
    assert_eq!(bench.limit(), Some(4), "one more fits");
}

#[test]
fn row_7_a_probe_that_nobody_refuses_was_accepted() {
    let mut bench = Bench::unknown();
    bench.answered(3);
    bench.refused(Some(10));
    bench.pass(10_000);
    bench.answered(3);
    bench.begin(1);
    bench.pass(300);
    assert_eq!(bench.standing(), Standing::Held { is_full: false });
    bench.pass(1);
    assert_eq!(
        bench.label(),
        "probe",
        "answers take long, refusals do not: the next one"
    );
}

#[test]
fn row_8_bursts_on_the_minute_are_let_through_until_one_is_refused() {
    let mut bench = Bench::declared(10);
    for _ in 0..10 {
        bench.begin(1);
    }
    assert_eq!(bench.label(), "full");
    // On the minute: all of them are free in 0.1 s.
    bench.pass(60_000);
    assert_eq!(bench.label(), "soft");
    let call = bench.begin(1);
    assert_eq!(
        bench.standing(),
        Standing::Held { is_full: true },
        "one at a time"
    );
    bench.pass(60);
    bench.refuse(&call, Some(1));
    bench.pass(1_000);
    for _ in 0..10 {
        bench.begin(1);
    }
    bench.pass(60_000);
    assert_eq!(bench.label(), "full", "never again");
}

#[test]
fn row_9_and_10_a_learned_limit_is_firm_only_where_its_window_was_told() {
    let mut bench = Bench::unknown();
    // Three windows of a minute, each with three calls.
    for _ in 0..3 {
        bench.answered(3);
        bench.refused(Some(57));
        bench.pass(57_000);
    }
    bench.answered(3);
    assert_eq!(bench.limit(), Some(3));
    assert_eq!(bench.label(), "full");
    // The last 15 % of a minute.
    bench.pass(49_000);
    assert_eq!(bench.label(), "soft");
}

#[test]
fn places_are_closed_while_all_are_taken() {
    let line = Line::declared(Unit::Concurrent, 2, Some(Window::AtOnce), TimeZone::Utc);
    let mut bench = Bench::new(line);
    for (in_flight, label) in [(0, "open"), (1, "open"), (2, "closed"), (3, "closed")] {
        bench.in_flight = in_flight;
        assert_eq!(bench.label(), label, "{in_flight}");
    }
}

/// Would break for a provider with few places: three gateways would take three times as many as it has.
#[test]
fn replicas_share_places() {
    for (places, replicas, open) in [(6, 3, 2), (4, 3, 1), (2, 3, 1), (4, 1, 4)] {
        for sharing in [Sharing::Granted { replicas }, Sharing::Split { replicas }] {
            let window = Some(Window::AtOnce);
            let line = Line::declared(Unit::Concurrent, places, window, TimeZone::Utc);
            let mut bench = Bench::new(line);
            let clock = ServerClock::new(bench.now, bench.now, 0);
            bench.shared = Some(SharedMoment { clock, sharing });
            let label = |bench: &mut Bench, in_flight| {
                bench.in_flight = in_flight;
                bench.label()
            };
            assert_eq!(label(&mut bench, open - 1), "open", "{places} {sharing:?}");
            assert_eq!(label(&mut bench, open), "closed", "{places} {sharing:?}");
            let crowd = Crowd {
                own: open,
                ..Crowd::default()
            };
            let report = LineReport::of(&bench.line, true, crowd, bench.at());
            assert_eq!(report.remaining, Some(0));
            let said = format!("limit: all {open} requests at once are out");
            assert_eq!(report.to_string(), said);
        }
    }
}

/// Would break for users of Gemini: the day turns at midnight in California, whatever the wait says.
#[test]
fn a_day_that_is_used_up_stays_so_until_it_ends_but_for_a_call_each_hour() {
    let line = Line::found(Unit::Requests, Some(Window::Day), TimeZone::Pacific);
    let mut bench = Bench::new(line);
    let call = bench.begin(1);
    bench.pass(60);
    bench.refuse_with(
        &call,
        Hint {
            wait: Some(Duration::from_secs(18)),
            is_of_the_day: true,
            ..Hint::default()
        },
    );
    // 10:00 in California.
    let hours = bench.firm_for().unwrap() / 3600.0;
    assert!((13.99..14.0).contains(&hours), "{hours}");
    bench.pass(3_600_000);
    assert_eq!(bench.label(), "probe");
    let probe = bench.begin(1);
    assert_eq!(bench.label(), "full");
    bench.pass(60);
    bench.refuse_with(
        &probe,
        Hint {
            is_of_the_day: true,
            ..Hint::default()
        },
    );
    assert_eq!(bench.label(), "full");
    bench.pass(13 * 3_600_000);
    assert_eq!(bench.label(), "open");
}

/// Would break for users of Groq and Cerebras: they refuse what might not fit.
#[test]
fn what_has_to_fit_is_held_against_what_was_told_to_be_left() {
    let line = Line::found(Unit::Tokens, None, TimeZone::Utc);
    let mut bench = Bench::new(line);
    let call = bench.begin(100);
    bench.succeed(&call);
    bench.tell(3_000, 6_000, 30);
    for (amount, reserve, is_open) in [
        (500, 0, true),
        (500, 2_900, true),
        (500, 3_100, false),
        (3_100, 0, false),
    ] {
        let ask = crate::quota::Ask {
            reserve,
            ..bench.ask(amount)
        };
        assert_eq!(
            bench.line.standing(&ask).is_open(),
            is_open,
            "{amount} {reserve}"
        );
    }
}
