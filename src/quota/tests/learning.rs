//! Lessons from refusals.

use std::time::Duration;

use super::bench::Bench;
use crate::quota::Hint;

/// A window of a minute with so many calls that fit, told by the refusal of the next.
fn window(bench: &mut Bench, calls: u64) {
    for _ in 0..calls {
        let call = bench.begin(1);
        bench.pass(100);
        bench.succeed(&call);
    }
    // A minute in all.
    bench.pass(9_940 - 100 * calls);
    bench.refused(Some(50));
    bench.pass(50_000);
}

#[test]
fn a_limit_is_learned_confirmed_and_changed() {
    let mut bench = Bench::unknown();
    for (calls, limit) in [
        (20, 20),
        // Seen once: the next one counts.
        (12, 12),
        (12, 12),
        // Less, once: another user of the account. Twice: the limit is lower.
        (6, 12),
        (12, 12),
        (6, 12),
        (6, 6),
        // More: growth adds 1, 2, 4, 8.
        (20, 21),
    ] {
        window(&mut bench, calls);
        bench.advance();
        assert_eq!(bench.limit(), Some(limit), "after {calls}");
    }
}

#[test]
fn refused_calls_and_those_of_a_window_that_is_over_do_not_count() {
    let mut bench = Bench::unknown();
    let late = bench.begin(1);
    bench.answered(3);
    bench.refused(Some(10));
    bench.pass(10_000);
    bench.advance();
    bench.refuse(&late, Some(1));
    assert_eq!(bench.label(), "open", "the refusal of an old window");
    bench.refuse(&late, Some(30));
    assert_eq!(bench.label(), "full", "but not one that names a later end");
}

#[test]
fn of_ends_in_whole_seconds_the_smallest_holds() {
    let mut bench = Bench::unknown();
    let calls = [0; 3].map(|_| bench.begin(1));
    let hint = |ms| Hint {
        wait: Some(Duration::from_millis(ms)),
        exactness: Duration::from_secs(1),
        is_of_the_day: false,
    };
    for (call, (wait, firm)) in calls.iter().zip([(9_000, 9.0), (8_500, 8.5), (9_400, 8.5)]) {
        bench.refuse_with(call, hint(wait));
        assert_eq!(bench.firm_for(), Some(firm));
    }
    let call = bench.begin(1);
    bench.refuse_with(&call, hint(60_000));
    assert_eq!(bench.firm_for(), Some(60.0), "another window altogether");
}

/// Would break for whoever shares an account: half of the limit is another's, and the declared number stays wrong.
#[test]
fn a_declared_limit_that_is_too_high_gives_way_after_two_windows() {
    let mut bench = Bench::declared(100);
    for limit in [100, 30] {
        for _ in 0..30 {
            let call = bench.begin(1);
            bench.pass(10);
            bench.succeed(&call);
        }
        bench.refused(Some(59));
        bench.pass(59_000);
        bench.advance();
        assert_eq!(bench.limit(), Some(limit));
    }
}

/// Would break for whoever pays for a higher tier: the old limit would stay for ever.
#[test]
fn a_learned_limit_is_tried_upwards() {
    let mut bench = Bench::unknown();
    for _ in 0..3 {
        window(&mut bench, 10);
    }
    assert_eq!(bench.limit(), Some(10));
    let mut most = 0;
    for _ in 0..8 {
        let mut calls = 0;
        while bench.standing().is_open() && calls < 30 {
            let call = bench.begin(1);
            bench.pass(100);
            bench.succeed(&call);
            calls += 1;
        }
        most = most.max(calls);
        bench.pass(60_000);
    }
    assert!(most >= 30, "{most}");
}

#[test]
fn tokens_are_settled_by_what_they_took() {
    use crate::limits::{TimeZone, Unit, Window};
    use crate::quota::Line;
    for window in [Window::Sliding(Duration::from_secs(60)), Window::Day] {
        let line = Line::declared(Unit::Tokens, 1000, Some(window), TimeZone::Utc);
        let mut bench = Bench::new(line);
        let call = bench.begin(700);
        bench.succeed(&call);
        bench.line.settle(&call, 200);
        assert_eq!(bench.line.used_at(bench.at()), 200);
        let call = bench.begin(300);
        bench.line.withdraw(&call);
        assert_eq!(bench.line.used_at(bench.at()), 200, "it was never counted");
        let share = bench.line.share_left(bench.at()).unwrap();
        assert!((share - 0.8).abs() < 0.001, "{share}");
    }
}
