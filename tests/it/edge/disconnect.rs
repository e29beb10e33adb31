//! Clients that leave: nobody works for them any longer, and nobody else is blamed.

use std::time::{Duration, Instant};

use super::config;
use crate::support::gateway::{chat, head};
use crate::support::{Connection, Gateway, PATIENCE, Script, Upstream, openai};

/// 100 ms on a quiet machine.
const AT_ONCE: Duration = Duration::from_millis(500);

/// What one leaving client does, and how long until the provider notices.
fn leaves(upstream: &Upstream, request: usize, connection: Connection, with_reset: bool) {
    let left = Instant::now();
    if with_reset {
        connection.reset();
    } else {
        drop(connection);
    }
    let noticed = upstream.wait_for_abandonment(request).duration_since(left);
    println!("noticed within {noticed:?}");
    assert!(noticed < AT_ONCE, "{noticed:?}");
}

fn is_logged_as_gone(gateway: &Gateway, path: &str) {
    let line = gateway.wait_for_log(|line| line["msg"] == "request" && line["status"] == 499);
    assert_eq!(line["path"], path, "{line}");
}

#[test]
fn a_client_that_leaves_while_it_waits_ends_the_call() {
    for with_reset in [false, true] {
        let upstream = Upstream::always(Script::default().silence());
        let gateway = config(&upstream).start();
        let mut connection = gateway.connect();
        connection.send(chat(&openai::request("r", false)));
        upstream.wait_for_requests(1);
        leaves(&upstream, 0, connection, with_reset);
        is_logged_as_gone(&gateway, "/v1/chat/completions");
    }
}

/// While the provider is silent, and while it talks.
#[test]
fn a_client_that_leaves_a_stream_ends_the_call() {
    let silent = Script::stream().event(&openai::text("one")).silence();
    let talking = (0..200).fold(Script::stream(), |script, _| {
        let script = script.event(&openai::text("word"));
        script.pause(Duration::from_millis(20))
    });
    for script in [silent, talking] {
        for with_reset in [false, true] {
            let upstream = Upstream::always(script.clone());
            let gateway = config(&upstream).start();
            let mut connection = gateway.connect();
            connection.send(chat(&openai::request("r", true)));
            assert!(connection.stream().event().is_some());
            leaves(&upstream, 0, connection, with_reset);
            is_logged_as_gone(&gateway, "/v1/chat/completions");
        }
    }
}

/// The provider did nothing wrong, so the next client is not kept from it.
#[test]
fn a_provider_is_not_blamed_for_a_client_that_left() {
    let upstream = Upstream::saying("fine");
    upstream.then(Script::default().silence());
    let gateway = config(&upstream).start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", false)));
    upstream.wait_for_requests(1);
    leaves(&upstream, 0, connection, true);
    let answer = gateway.ask("r", false);
    assert_eq!(answer.status, 200, "{answer}");
}

/// Half a request is no request, and the only worker is free again.
#[test]
fn a_client_that_leaves_inside_its_body_costs_nothing() {
    for with_reset in [false, true] {
        let upstream = Upstream::saying("fine");
        let gateway = config(&upstream)
            .server("max_concurrent_requests: 1")
            .start();
        let mut connection = gateway.connect();
        let fields = [("Content-Length", "1000"), ("Expect", "100-continue")];
        connection.send(head("POST", "/v1/chat/completions", &fields));
        assert_eq!(connection.response().status, 100);
        connection.send("{");
        if with_reset {
            connection.reset();
        } else {
            drop(connection);
        }
        let ended = |line: &serde_json::Value| line["msg"] == "request";
        let line = gateway.wait_for_log(ended);
        assert!(
            [400, 499].contains(&line["status"].as_u64().unwrap_or_default()),
            "{line}"
        );
        assert_eq!(upstream.requests().len(), 0);
        // The worker has written its line, and is free as soon as it has returned.
        let deadline = Instant::now() + PATIENCE;
        while gateway.ask("r", false).status != 200 {
            assert!(Instant::now() < deadline, "the worker is not free");
        }
    }
}
