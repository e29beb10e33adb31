//! The end of the process.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal as Kill;

use super::config;
use crate::support::client::End;
use crate::support::gateway::{chat, request};
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

/// An answer that never ends does not keep the service manager waiting until it kills.
#[test]
fn stopping_takes_no_longer_than_its_timeout() {
    let upstream = Upstream::always(Script::stream().event(&openai::text("one")).silence());
    let mut gateway = config(&upstream).server("shutdown_timeout: 300ms").start();
    let mut connection = gateway.connect();
    connection.send(chat(&openai::request("r", true)));
    let mut stream = connection.stream();
    assert!(stream.event().is_some());
    let begun = Instant::now();
    gateway.signal(Kill::TERM);
    gateway.wait();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(
        took >= Duration::from_millis(250),
        "it did not wait: {took:?}"
    );
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
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}
