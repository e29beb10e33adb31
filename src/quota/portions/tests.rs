//! Portions against a counter on a server that orders all draws.

use proptest::prelude::*;

use super::*;

const GRANTED: Sharing = Sharing::Granted { replicas: 2 };
const SPLIT: Sharing = Sharing::Split { replicas: 2 };
const MINUTE: u64 = 60_000;

fn line(limit: u64, now: ServerMs) -> Limits {
    let span = Span::aligned(now, MINUTE, 0);
    Limits {
        limit,
        span,
        next: span.following(),
        used: 0,
    }
}

fn draws(portion: &mut Portion, line: &Limits, now: ServerMs) -> Vec<Draw> {
    portion.draws(line, now, GRANTED, 400, true).collect()
}

/// The first call finds nothing held back; it is refused once, and a portion is there for the next ones.
#[test]
fn nothing_is_spent_that_was_not_granted() {
    let (now, mut portion) = (10 * MINUTE + 1000, Portion::default());
    let line = line(40, now);
    assert_eq!(portion.spend(&line, 1, now, GRANTED), Err(Dry));
    assert!(portion.is_dry());
    let [draw] = draws(&mut portion, &line, now)[..] else {
        panic!("one draw");
    };
    assert_eq!((draw.owed, draw.wanted), (0, 10));
    assert_eq!(draws(&mut portion, &line, now), [], "one at a time");
    // Others have drawn 33 before.
    let back = portion.drawn(&draw, 43).unwrap().unwrap();
    assert_eq!((back.amount(), portion.left(&line, GRANTED)), (3, 7));
    for _ in 0..7 {
        assert_eq!(portion.spend(&line, 1, now, GRANTED), Ok(()));
    }
    assert_eq!(portion.spend(&line, 1, now, GRANTED), Err(Dry));
    // Used up by all; one look a second whether something was put back.
    assert_eq!(draws(&mut portion, &line, now), []);
    let look = draws(&mut portion, &line, now + 1000);
    assert_eq!(look.iter().map(Draw::amount).collect::<Vec<_>>(), [0]);
}

#[test]
fn the_next_windows_portion_is_drawn_before_the_turn_by_lines_in_use() {
    let end = 11 * MINUTE;
    let mut portion = Portion::default();
    let line = line(40, end - 1000);
    portion.charge(&line, 1, end - 1000);
    let first = draws(&mut portion, &line, end - 1000);
    assert_eq!(first.len(), 1);
    portion.drawn(&first[0], first[0].amount()).unwrap();
    assert_eq!(draws(&mut portion, &line, end - 401), []);
    let ahead = draws(&mut portion, &line, end - 400);
    assert_eq!(
        ahead.iter().map(|draw| draw.span.start).collect::<Vec<_>>(),
        [end]
    );
    // A call at the turn may arrive after it: before the next portion is there, it is not sent.
    assert_eq!(portion.spend(&line, 1, end - 5, GRANTED), Err(Dry));
    portion.drawn(&ahead[0], 10).unwrap();
    assert_eq!(portion.spend(&line, 1, end - 5, GRANTED), Ok(()));
    let next = super::tests::line(40, end);
    assert_eq!(portion.left(&next, GRANTED), 9);
    assert_eq!(portion.drawn_by_all(&next), Some(10));
}

#[test]
fn a_small_limit_is_not_held_back_by_those_who_do_not_use_it() {
    let now = 10 * MINUTE;
    for (limit, drawn) in [(15, 0), (16, 1)] {
        let drew = draws(&mut Portion::default(), &line(limit, now), now);
        assert_eq!(drew.iter().map(Draw::amount).sum::<u64>(), drawn, "{limit}");
    }
}

/// Own use is known before anything was drawn: after a restart, or after time without the server.
#[test]
fn what_was_used_without_the_server_is_counted_afterwards() {
    let (now, mut portion) = (10 * MINUTE, Portion::default());
    let line = Limits {
        used: 5,
        ..line(40, now)
    };
    for _ in 0..15 {
        assert_eq!(portion.spend(&line, 1, now, SPLIT), Ok(()));
    }
    assert_eq!(
        portion.spend(&line, 1, now, SPLIT),
        Err(Dry),
        "the half of it"
    );
    let [draw] = draws(&mut portion, &line, now)[..] else {
        panic!("one draw");
    };
    assert_eq!((draw.owed, draw.wanted), (20, 5));
    portion.drawn(&draw, 25).unwrap();
    assert_eq!(portion.left(&line, GRANTED), 5);
    // The server was emptied: a counter below what was drawn here tells, and all of it is owed again.
    portion.spend(&line, 4, now, GRANTED).unwrap();
    let [draw] = draws(&mut portion, &line, now)[..] else {
        panic!("one draw");
    };
    assert_eq!(portion.drawn(&draw, draw.amount()), Err(Forgotten));
    portion.forgotten();
    assert_eq!(portion.left(&line, GRANTED), 0);
    let draw = draws(&mut portion, &line, now)[0];
    assert_eq!(draw.owed, 24);
}

/// Would break at the moment in which the server goes away: what others had drawn of the window would be sent twice.
#[test]
fn what_others_have_drawn_of_a_window_is_not_split_again() {
    let now = 10 * MINUTE;
    let line = line(40, now);
    for (others, left) in [(0, 18), (20, 9), (38, 0)] {
        let mut portion = Portion::default();
        portion.charge(&line, 2, now);
        let [draw] = draws(&mut portion, &line, now)[..] else {
            panic!("one draw");
        };
        let draw = Draw { wanted: 0, ..draw };
        portion.drawn(&draw, 2 + others).unwrap();
        portion.draws_lost();
        // The half of what nobody had drawn: the other has as much.
        assert_eq!(portion.left(&line, SPLIT), left, "{others} drawn by others");
        portion.forgotten();
        assert_eq!(portion.left(&line, SPLIT), left, "{others} and forgotten");
        let next = super::tests::line(40, now + MINUTE);
        assert_eq!(portion.left(&next, SPLIT), 20, "the next window is split");
    }
}

/// Tokens are charged before by an estimate, and settled after.
#[test]
fn a_charge_is_corrected_in_its_window_only() {
    let now = 11 * MINUTE - 10;
    let (line, next) = (line(1000, now), line(1000, now + 20));
    let mut portion = Portion::default();
    portion.charge(&line, 100, now);
    portion.settle(now, 100, 30);
    let owed: Vec<u64> = portion
        .draws(&line, now, GRANTED, 400, true)
        .map(|draw| draw.owed)
        .collect();
    assert_eq!(owed, [30, 30], "both windows at the turn");
    portion.settle(now - 10 * MINUTE, 30, 0);
    let owed: Vec<u64> = draws(&mut portion, &next, now + 20)
        .iter()
        .map(|draw| draw.owed)
        .collect();
    assert_eq!(owed, [] as [u64; 0], "on its way");
}

#[test]
fn what_is_left_at_the_end_is_put_back() {
    let (now, mut portion) = (10 * MINUTE, Portion::default());
    let line = line(40, now);
    portion.charge(&line, 1, now);
    let draw = draws(&mut portion, &line, now)[0];
    portion.drawn(&draw, draw.amount()).unwrap();
    portion.spend(&line, 1, now, GRANTED).unwrap();
    let held = portion.left(&line, GRANTED);
    let back: Vec<u64> = portion.give_back().map(|draw| draw.amount()).collect();
    assert_eq!((back, portion.left(&line, GRANTED)), (vec![held], 0));
}

#[derive(Clone, Debug)]
enum Event {
    Spend(usize, u64),
    Draw(usize),
    Answer(usize),
    Lose(usize),
    PutBack(usize),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Event> {
    let who = 0..3_usize;
    prop_oneof![
        4 => (who.clone(), 1..4_u64).prop_map(|(who, amount)| Event::Spend(who, amount)),
        3 => who.clone().prop_map(Event::Draw),
        3 => who.clone().prop_map(Event::Answer),
        1 => who.clone().prop_map(Event::Lose),
        1 => who.prop_map(Event::PutBack),
        2 => (0..30_000_u64).prop_map(Event::Pass),
    ]
}

proptest! {
    /// Whatever the order of calls, draws, answers and losses is: in no window is more sent than the limit.
    #[test]
    fn the_sum_of_all_replicas_never_exceeds_the_limit(
        limit in 1..60_u64,
        course in proptest::collection::vec(events(), 1..300),
    ) {
        let sharing = Sharing::Granted { replicas: 3 };
        let mut portions: [Portion; 3] = Default::default();
        let mut under_way: [Vec<(Draw, u64)>; 3] = Default::default();
        let mut counters = std::collections::HashMap::<ServerMs, u64>::new();
        let mut sent = std::collections::HashMap::<ServerMs, u64>::new();
        let mut now = 10 * MINUTE;
        for event in course {
            let line = line(limit, now);
            match event {
                Event::Spend(who, amount) => {
                    if portions[who].spend(&line, amount, now, sharing).is_ok() {
                        *sent.entry(line.span.start).or_default() += amount;
                    }
                }
                Event::Draw(who) => {
                    for draw in portions[who].draws(&line, now, sharing, 400, true) {
                        let counter = counters.entry(draw.span.start).or_default();
                        *counter += draw.amount();
                        under_way[who].push((draw, *counter));
                    }
                }
                Event::Answer(who) => {
                    for (draw, counter) in under_way[who].drain(..) {
                        if let Some(back) = portions[who].drawn(&draw, counter).unwrap() {
                            *counters.entry(back.span.start).or_default() -= back.amount();
                        }
                    }
                }
                Event::Lose(who) => {
                    under_way[who].clear();
                    portions[who].draws_lost();
                }
                Event::PutBack(who) => {
                    for back in portions[who].give_back() {
                        *counters.entry(back.span.start).or_default() -= back.amount();
                    }
                }
                Event::Pass(time) => now += time,
            }
        }
        for (window, sent) in sent {
            prop_assert!(sent <= limit, "{sent} of {limit} in {window}");
        }
    }
}
