//! What is said about health while the process ends.

use rustix::process::Signal as Kill;

use super::config;
use crate::support::gateway::{anonymous, chat};
use crate::support::{Gateway, Signal, Upstream, openai};

fn status_of(gateway: &Gateway, path: &str) -> u16 {
    gateway.exchange(anonymous("GET", path, &[], "")).status
}

#[test]
fn a_gateway_that_serves_is_alive_and_ready_for_whoever_asks() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(status_of(&gateway, path), 200, "{path}");
        let head = gateway.exchange(anonymous("POST", path, &[], ""));
        assert_eq!(head.status, 405, "{path}");
    }
}

/// A load balancer must hear of the end before connections are refused.
#[test]
fn readiness_goes_first_and_all_is_served_until_the_delay_is_over() {
    let upstream = Upstream::saying("fine");
    let mut gateway = config(&upstream).server("shutdown_delay: 2s").start();
    gateway.signal(Kill::TERM);
    while status_of(&gateway, "/readyz") == 200 {}
    assert_eq!(status_of(&gateway, "/readyz"), 503);
    for path in ["/livez", "/health"] {
        assert_eq!(status_of(&gateway, path), 200, "{path}");
    }
    assert_eq!(gateway.ask("r", false).status, 200);
    assert_eq!(gateway.wait(), Some(0));
}

/// Full is not ready, and not dead either.
#[test]
fn a_full_gateway_is_alive_and_not_ready() {
    let go = Signal::new();
    let upstream = Upstream::saying_after("late", &go);
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 1")
        .start();
    let mut busy = gateway.connect();
    busy.send(chat(&openai::request("r", false)));
    upstream.wait_for_requests(1);
    assert_eq!(status_of(&gateway, "/readyz"), 503);
    assert_eq!(status_of(&gateway, "/livez"), 200);
    go.give();
    assert_eq!(busy.response().status, 200);
}
