//! The end of the process.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use super::config;
use crate::support::client::End;
use crate::support::gateway::{chat, head, request};
use crate::support::standstill::spent_since;
use crate::support::{PATIENCE, Script, Signal, Upstream, openai};

/// A deployment must not break the answers that are on their way, nor wait for connections nobody uses.
fn in_flight_answers_are_finished(kill: Kill) {
    let go = Signal::new();
    let upstream = Upstream::saying("unused");
    let whole = openai::answer("plain");
    let length = whole.len().to_string();
    upstream
        .then(
            Script::head(
                200,
                &[
                    ("Content-Type", "application/json"),
                    ("Content-Length", &length),
                ],
            )
            .await_signal(&go)
            .send(whole),
        )
        .then(
            Script::stream()
                .event(&openai::text("one"))
                .await_signal(&go)
                .event(&openai::text("two"))
                .event(&openai::stop())
                .done(),
        );
    let mut gateway = config(&upstream).start();
    let mut idle = gateway.connect();
    idle.send(request("GET", "/v1/models", &[], ""));
    assert_eq!(idle.response().status, 200);
    let mut plain = gateway.connect();
    plain.send(chat(&openai::request("r", false)));
    upstream.wait_for_requests(1);
    let mut streamed = gateway.connect();
    streamed.send(chat(&openai::request("r", true)));
    let mut stream = streamed.stream();
    assert!(stream.event().is_some());

    gateway.signal(kill);
    assert!(idle.is_closed(), "an idle connection is closed at once");
    wait_until_refused(gateway.address);
    go.give();

    let response = plain.response();
    assert_eq!(openai::content(&response.json()), "plain");
    assert_eq!(response.end, End::Complete);
    let mut rest = Vec::new();
    while let Some(event) = stream.event() {
        rest.push(event.data);
    }
    assert_eq!(rest.last().map(String::as_str), Some("[DONE]"));
    assert_eq!(stream.end, Some(End::Complete));
    assert_eq!(gateway.wait(), Some(0));
}

fn wait_until_refused(address: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "it still accepts");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sigterm_finishes_what_is_in_flight() {
    in_flight_answers_are_finished(Kill::TERM);
}

#[test]
fn sigint_finishes_what_is_in_flight() {
    in_flight_answers_are_finished(Kill::INT);
}

/// Answers that never end do not keep the service manager waiting until it kills; and their clients are told, so that
/// nobody takes half an answer for a whole one.
#[test]
fn what_does_not_finish_in_time_ends_with_an_error() {
    let upstream = Upstream::answering(|request| {
        if request.asks_for_a_stream() {
            Script::stream().event(&openai::text("one")).silence()
        } else {
            Script::default().silence()
        }
    });
    let mut gateway = config(&upstream).server("shutdown_timeout: 800ms").start();
    let mut streamed = gateway.connect();
    streamed.send(chat(&openai::request("r", true)));
    let mut stream = streamed.stream();
    assert!(stream.event().is_some());
    let mut plain = gateway.connect();
    plain.send(chat(&openai::request("r", false)));
    upstream.wait_for_requests(2);
    let mut sending = gateway.connect();
    let expecting = [("Content-Length", "9"), ("Expect", "100-continue")];
    sending.send(head("POST", "/v1/chat/completions", &expecting));
    assert_eq!(sending.response().status, 100);
    let mut half_closed = gateway.connect();
    half_closed.send_and_half_close(chat(&openai::request("r", false)));
    upstream.wait_for_requests(3);

    let begun = Instant::now();
    gateway.signal(Kill::TERM);
    let event = stream.event().expect("a last event").json();
    assert_eq!(event["error"]["code"], "OVERLOADED", "{event}");
    assert!(stream.event().is_none(), "and no [DONE]");
    assert_eq!(stream.end, Some(End::Complete));
    for connection in [&mut plain, &mut sending] {
        let response = connection.response();
        assert_eq!(response.status, 503, "{response}");
        assert_eq!(response.header("retry-after"), Some("1"), "{response}");
    }
    assert!(
        half_closed.is_closed(),
        "it cannot be told and must not hang"
    );
    assert_eq!(gateway.wait(), Some(0));
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(400),
        "it did not wait: {took:?}"
    );
    assert!(spent_since(begun) < Duration::from_secs(3), "{took:?}");
    gateway.wait_for_log(|line| line["msg"] == "stopped" && line["unfinished"] == 4);
}

/// A worker that reads what comes every few milliseconds hears of the end of the time as well, while it can still say so.
#[test]
fn a_lively_stream_ends_with_an_error_in_time() {
    let upstream = Upstream::answering(|_| {
        let moment = Duration::from_millis(10);
        (0..1000).fold(Script::stream(), |script, _| {
            script.event(&openai::text("more")).pause(moment)
        })
    });
    let mut gateway = config(&upstream).server("shutdown_timeout: 1s").start();
    let mut streamed = gateway.connect();
    streamed.send(chat(&openai::request("r", true)));
    let mut stream = streamed.stream();
    assert!(stream.event().is_some());
    gateway.signal(Kill::TERM);
    let last = std::iter::from_fn(|| stream.event()).last();
    let last = last.expect("events").json();
    assert_eq!(last["error"]["code"], "OVERLOADED", "{last}");
    assert_eq!(stream.end, Some(End::Complete));
    assert_eq!(gateway.wait(), Some(0));
}

#[test]
fn stopping_an_idle_gateway_takes_no_time() {
    let upstream = Upstream::saying("fine");
    let mut gateway = config(&upstream).start();
    assert!(gateway.is_healthy());
    let begun = Instant::now();
    gateway.signal(Kill::TERM);
    assert_eq!(gateway.wait(), Some(0));
    assert!(
        spent_since(begun) < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
