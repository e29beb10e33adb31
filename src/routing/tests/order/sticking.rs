//! Conversations that stick to a step.

use std::hash::RandomState;
use std::sync::Arc;

use crate::config::Order;
use crate::dialect::class::Class;
use crate::routing::Conversation;
use crate::routing::tests::setup::stated;

use super::ordered::*;

#[test]
fn a_conversation_goes_on_at_the_step_that_answered_it_while_that_serves() {
    for order in [Order::Listed, Order::Spread, Order::Fastest] {
        let mut ordered = Ordered::new(3, order, |route| route.sticky = STICKY);
        let (one, other) = (ordered.conversation("one"), ordered.conversation("other"));
        ordered.answered(1, Some(&one), 100);
        ordered.answered(2, Some(&other), 100);
        for _ in 0..20 {
            ordered.world.pass(200_000);
            assert_eq!(ordered.steps(Some(&one))[0], 1, "{order:?}");
            assert_eq!(ordered.steps(Some(&other))[0], 2, "{order:?}");
            ordered.answered(1, Some(&one), 100);
            ordered.answered(2, Some(&other), 100);
        }
        // It cools: the conversation is lost at once, and for good.
        let route = Arc::clone(&ordered.route);
        let failures = [0, 1].map(|step| (step, stated(Class::RateLimited, 20)));
        ordered.world.request(&route, &failures).unwrap();
        assert_ne!(ordered.steps(Some(&one))[0], 1, "{order:?}");
        ordered.world.pass(20_001);
        ordered.answered(0, Some(&one), 100);
        assert_eq!(ordered.steps(Some(&one))[0], 0, "{order:?}");
        assert_eq!(ordered.steps(Some(&other))[0], 2, "{order:?}");
    }
}

#[test]
fn a_conversation_that_was_silent_too_long_is_a_new_one() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let conversation = ordered.conversation("hi");
    ordered.answered(1, Some(&conversation), 100);
    ordered.world.pass(299_999);
    assert_eq!(ordered.steps(Some(&conversation)), [1, 0]);
    ordered.world.pass(1);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1]);
}

#[test]
fn a_full_step_loses_its_conversations() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let conversation = ordered.conversation("hi");
    ordered.answered(1, Some(&conversation), 100);
    ordered.tell_left(1, 1, 10);
    assert_eq!(ordered.steps(Some(&conversation)), [1, 0]);
    ordered.tell_left(1, 0, 10);
    assert_eq!(ordered.steps(Some(&conversation)), [0, 1]);
}

#[test]
fn other_clients_routes_and_texts_are_other_conversations() {
    let key = RandomState::new();
    let number = |client: &str, route: &str, texts: &[&str]| {
        let tell = |take: &mut dyn FnMut(&str)| {
            texts.iter().for_each(|text| take(text));
            !texts.is_empty()
        };
        Conversation::of(&key, client, route, tell).map(|it| it.fingerprint())
    };
    let one = number("home", "main", &["be brief", "hi"]);
    assert_eq!(one, number("home", "main", &["be brief", "hi"]));
    let long = "x".repeat(100_000);
    for other in [
        number("work", "main", &["be brief", "hi"]),
        number("home", "fast", &["be brief", "hi"]),
        number("home", "main", &["be briefhi"]),
        number("home", "main", &["be brief", "ho"]),
        number("home", "main", &["be brief", &long]),
        number("home", "main", &["be brief", &format!("{long}x")]),
        number("home", "main", &["be brief", &format!("{}y", &long[1..])]),
    ] {
        assert!(other.is_some() && other != one);
    }
    assert_eq!(number("home", "main", &[]), None, "no messages");
    assert_ne!(
        number("home", "main", &[&format!("{}y", &long[1..])]),
        number("home", "main", &[&long]),
        "documents under the same words"
    );
}

#[test]
fn the_conversations_are_bounded_and_the_oldest_go() {
    let mut ordered = Ordered::new(2, Order::Listed, |route| route.sticky = STICKY);
    let all: Vec<Conversation> = (0..20_000)
        .map(|number| ordered.conversation(&format!("conversation {number}")))
        .collect();
    for conversation in &all {
        ordered.answered(1, Some(conversation), 1);
    }
    let kept = ordered.orders.sticking(&ordered.route, ordered.world.now);
    assert!((3000..=3584).contains(&kept), "{kept}");
    assert!(ordered.orders.sticking_bytes() <= 384 * 1024);
    let is_kept: Vec<bool> = all
        .iter()
        .map(|conversation| ordered.steps(Some(conversation))[0] == 1)
        .collect();
    assert!(is_kept[all.len() - kept..].iter().all(|kept| *kept));
    assert!(is_kept[..all.len() - kept].iter().all(|kept| !*kept));
    // Those that are over make room for a new one.
    ordered.world.pass(300_000);
    for conversation in &all[..4000] {
        ordered.answered(1, Some(conversation), 1);
    }
    assert!(ordered.orders.sticking(&ordered.route, ordered.world.now) >= 3000);
}
