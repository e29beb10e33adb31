//! Clients that send or read as slowly as they can.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::{config, connections, costs_little, deaf, serves};
use crate::support::gateway::{chat, head};
use crate::support::process::has_time;
use crate::support::{Connection, Script, Upstream, openai};

const HEAD: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.test\r\nX-Api-Key: ";

/// 300 heads and 100 bodies, a byte a second each.
fn bytes_drip(seconds: usize) {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start();
    let mut heads = connections(&gateway, 300);
    let mut bodies = connections(&gateway, 100);
    for connection in &mut bodies {
        let fields = [("Content-Length", "1000")];
        connection.send(head("POST", "/v1/chat/completions", &fields));
    }
    let begun = Instant::now();
    for second in 0..seconds {
        for connection in &mut heads {
            // Refused after a while.
            let _ = connection.try_send(&HEAD[second..=second]);
        }
        for connection in &mut bodies {
            let _ = connection.try_send("x");
        }
        serves(&gateway);
        let next = begun + Duration::from_secs(second as u64 + 1);
        // These clients are slow, that is the point.
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    assert_eq!(upstream.requests().len(), seconds);
    let (memory, threads) = gateway.memory_and_threads();
    println!("{} KiB, {threads} threads", memory >> 10);
    assert!(threads < 110, "slow heads hold threads: {threads}");
    if seconds > 10 {
        for connection in &mut heads {
            assert_eq!(connection.response().status, 408);
        }
    }
}

#[test]
fn slow_heads_and_bodies_keep_nobody_from_an_answer() {
    bytes_drip(2);
}

#[test]
fn slow_heads_and_bodies_are_given_up_in_time() {
    if has_time() {
        bytes_drip(12);
    }
}

/// Who holds no key is answered before the body is read, whatever its length: nothing of it takes up memory or a worker.
#[test]
fn bodies_without_a_key_are_never_read() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 1")
        .start();
    costs_little(&gateway, || {
        for framing in [
            "Content-Length: 30000000",
            "Transfer-Encoding: chunked",
            "Content-Length: 30000000\r\nExpect: 100-continue",
        ] {
            let mut clients = connections(&gateway, 100);
            for connection in &mut clients {
                let sent = format!(
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: wrong\r\n{framing}\r\n\r\n1"
                );
                connection.send(sent);
                let response = connection.response();
                assert_eq!(response.status, 401, "{response}");
                assert_eq!(response.header("connection"), Some("close"), "{response}");
            }
            serves(&gateway);
        }
    });
}

/// Answers that nobody reads are held for `write_timeout`, not for ever.
#[test]
fn readers_that_never_read_are_given_up() {
    let upstream = Upstream::answering(|request| {
        if request.text().contains("much") {
            Script::json(200, &openai::answer(&"x".repeat(6 << 20)))
        } else {
            request.answer("fine")
        }
    });
    let gateway = config(&upstream).server("write_timeout: 1s").start();
    let much = openai::request("r", false).replace(r#""hi""#, r#""much""#);
    let mut clients: Vec<Connection> = (0..4).map(|_| deaf(&gateway)).collect();
    for connection in &mut clients {
        connection.send(chat(&much));
    }
    upstream.wait_for_requests(4);
    serves(&gateway);
    let given_up = Cell::new(0);
    gateway.wait_for_log(|line| {
        given_up.set(given_up.get() + usize::from(line["status"] == 499));
        given_up.get() == 4
    });
    serves(&gateway);
}
