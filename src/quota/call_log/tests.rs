use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{CallLog, EXACT, MOST};

const MINUTE: Duration = Duration::from_secs(60);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A log of one call a second, of one each, and its beginning.
fn one_a_second(calls: u64) -> (CallLog, Instant) {
    let begin = Instant::now();
    let mut log = CallLog::default();
    for second in 0..calls {
        log.add(begin + seconds(second), 1, MINUTE);
    }
    (log, begin)
}

/// Would break for everybody: calls over the limit, or a provider that rests for no reason.
#[test]
fn a_log_counts_what_began_within_the_period() {
    let (log, begin) = one_a_second(10);
    assert_eq!(log.since(begin), 10);
    assert_eq!(log.since(begin + seconds(1)), 9);
    assert_eq!(log.since(begin + seconds(9)), 1);
    assert_eq!(log.since(begin + seconds(10)), 0);
    assert_eq!(log.between(begin + seconds(2), begin + seconds(5)), 3);
    assert_eq!(
        log.first_since(begin + Duration::from_millis(3_500)),
        Some(begin + seconds(4))
    );
    assert_eq!(log.first_since(begin + seconds(10)), None);
}

#[test]
fn a_log_forgets_what_is_older_than_the_period() {
    let (mut log, begin) = one_a_second(10);
    log.add(begin + seconds(65), 1, MINUTE);
    assert_eq!(log.since(begin), 6, "from the fifth second on");
    log.forget_before(begin + seconds(65));
    assert_eq!(log.since(begin), 1);
    log.clear();
    assert_eq!(log.since(begin), 0);
}

/// Would break for everybody: a refused call that counts makes the limit look smaller each time.
#[test]
fn refused_calls_are_taken_out_and_tokens_settled() {
    let begin = Instant::now();
    let mut log = CallLog::default();
    log.add(begin, 500, MINUTE);
    log.add(begin + seconds(1), 500, MINUTE);
    log.settle(begin, 500, 120);
    assert_eq!(log.since(begin), 620);
    log.settle(begin + seconds(1), 500, 900);
    assert_eq!(log.since(begin), 1020);
    log.take_out(begin, 120);
    assert_eq!(
        (log.since(begin), log.since(begin + seconds(1))),
        (900, 900)
    );
    log.take_out(begin, 1);
    log.take_out(begin + seconds(30), 1);
    assert_eq!(
        log.since(begin),
        900,
        "of what is not there nothing can be taken"
    );
    assert_eq!(
        log.first_since(begin),
        Some(begin + seconds(1)),
        "a call of nothing is none"
    );
}

#[test]
fn the_log_names_the_call_that_has_to_give_way() {
    let (log, begin) = one_a_second(10);
    assert_eq!(log.gives_way(begin, 10), None);
    assert_eq!(log.gives_way(begin, 9), Some(begin));
    assert_eq!(log.gives_way(begin, 4), Some(begin + seconds(5)));
    assert_eq!(
        log.gives_way(begin + seconds(5), 4),
        Some(begin + seconds(5))
    );
    assert_eq!(log.gives_way(begin, 0), Some(begin + seconds(9)));
    assert_eq!(CallLog::default().gives_way(begin, 0), None);
}

/// Would break on a busy day: memory that grows with the traffic.
#[test]
fn many_calls_share_slots_and_are_never_forgotten_too_early() {
    let begin = Instant::now();
    let mut log = CallLog::default();
    let every = Duration::from_millis(7);
    for call in 0..60_000_u32 {
        let at = begin + every * call;
        log.add(at, 1, MINUTE);
        let exact = u64::from(call + 1).min(1 + 60_000 / 7);
        let counted = log.since(at.checked_sub(MINUTE).unwrap_or(begin));
        assert!(counted >= exact, "{counted} of {exact}");
        assert!(
            counted <= exact + 35,
            "a slot is 234 ms: {counted} of {exact}"
        );
        assert!(log.entries.len() <= MOST);
    }
    assert!(log.entries.len() > EXACT / 2);
    // A quiet hour, and calls are kept one by one again.
    let later = begin + every * 60_000 + seconds(3600);
    log.add(later, 1, MINUTE);
    log.add(later + Duration::from_millis(1), 1, MINUTE);
    assert_eq!(log.entries.len(), 2);
}

#[test]
fn a_log_goes_on_for_years() {
    let begin = Instant::now();
    let mut log = CallLog::default();
    for day in 0..2_000 {
        let at = begin + seconds(86_400) * day;
        log.add(at, 2, seconds(3 * 86_400));
        log.settle(at, 2, 3);
        assert_eq!(log.since(at - seconds(1)), 3, "day {day}");
    }
    assert_eq!(log.since(begin), 12);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Would break for everybody: the sum that `standing` reads is kept beside the entries.
    #[test]
    fn the_sum_is_that_of_the_entries(
        steps in prop::collection::vec((0_u64..400, 0_u64..5_000, 0_u8..6), 1..900),
        period in 1_000_u64..100_000,
    ) {
        let mut now = Instant::now();
        let mut log = CallLog::default();
        let mut calls: Vec<(Instant, u64)> = Vec::new();
        for (pause, amount, kind) in steps {
            now += Duration::from_millis(pause);
            match (kind, calls.last().copied()) {
                (0, Some((at, charged))) => {
                    log.settle(at, charged, amount);
                    calls.pop();
                }
                (1, Some((at, charged))) => {
                    log.take_out(at, charged);
                    calls.pop();
                }
                _ => {
                    log.add(now, amount, Duration::from_millis(period));
                    calls.push((now, amount));
                }
            }
            let entries: u64 = log.entries.iter().map(|entry| u64::from(entry.amount)).sum();
            prop_assert_eq!(log.sum, entries);
            prop_assert!(log.entries.len() <= MOST);
            prop_assert!(log.entries.iter().zip(log.entries.iter().skip(1)).all(|(one, next)| one.at <= next.at));
        }
    }
}

/// Would break for whoever asks once a minute for many things: the burst that filled a window counts, not all of them.
#[test]
fn the_last_burst_begins_behind_a_pause() {
    let begin = Instant::now();
    let ms = |ms| begin + Duration::from_millis(ms);
    let log = |calls: &[u64]| {
        let mut log = CallLog::default();
        for at in calls {
            log.add(ms(*at), 1, MINUTE);
        }
        log
    };
    let bursts = [0, 10, 20, 5_000, 5_010, 5_020, 5_030, 5_040];
    assert_eq!(log(&bursts).last_burst(ms(6_000)), Some(ms(5_000)));
    // By then there were four calls, and none before the first one.
    assert_eq!(log(&bursts).last_burst(ms(5_035)), None);
    assert_eq!(log(&bursts[3..]).last_burst(ms(9_000)), None);
    let (even, begin) = one_a_second(10);
    assert_eq!(even.last_burst(begin + seconds(60)), None);
    assert_eq!(CallLog::default().last_burst(begin), None);
}
