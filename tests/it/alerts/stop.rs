//! Receivers that hang, and the end of the gateway.

use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use super::{config, receiver, wait_for};
use crate::support::{Script, Upstream};

#[test]
fn a_receiver_that_hangs_delays_neither_requests_nor_the_end() {
    let there = Upstream::always(Script::default().silence());
    let upstream = Upstream::saying("fine");
    let mut gateway = config(&there, "", &[("a", &upstream)]).start();
    there.wait_for_requests(1);
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(gateway.ask("r", true).status, 200);
    let stopped = Instant::now();
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    // The call alone would take 10 s.
    let took = stopped.elapsed();
    assert!(took < Duration::from_secs(7), "{took:?}");
}

#[test]
fn what_waits_is_sent_before_the_end() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    there.then(Script::body(503, &[("Retry-After", "300")], "later"));
    let mut gateway = config(&there, "events: [started]", &[("a", &upstream)]).start();
    there.wait_for_requests(1);
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    assert_eq!(there.requests().len(), 2);
    wait_for(&there, "started", "began");
}
