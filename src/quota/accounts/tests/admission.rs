//! The admission of requests, and what is reserved for them.

use super::setup::*;
use crate::limits::{Limit, Price, Unit, Window};
use crate::quota::accounts::*;
use std::time::Duration;

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
