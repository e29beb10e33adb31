//! No descriptors left.

use std::time::{Duration, Instant};

use super::{config, health, serves};
use crate::support::gateway::{chat, request};
use crate::support::standstill::spent_since;
use crate::support::{Connection, Script, Signal, Upstream, openai};

/// Whether there is an answer to it within a short time.
fn is_answered(connection: &mut Connection, sent: Vec<u8>) -> bool {
    let answered = connection.try_send(sent).is_ok();
    answered && connection.response_or_reset().is_some()
}

/// Idle connections fill the process to its limit; they give way, and everybody is served.
#[test]
fn idle_connections_make_room_for_new_ones() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start_behind("ulimit -n 64; exec \"$@\"");
    let mut idle: Vec<Connection> = Vec::new();
    for number in 0..200 {
        let mut connection = gateway.connect();
        assert!(is_answered(&mut connection, health()), "client {number}");
        idle.push(connection);
    }
    serves(&gateway);
}

/// Requests under way hold all that may be let in: each of them gets its answer, as there is a descriptor for its call,
/// the others are told to come back, and when the former have ended, everybody is served again.
#[test]
fn after_a_shortage_everybody_is_served_again() {
    let go = Signal::new();
    let answer = Script::json(200, &openai::answer("fine")).after_signal(&go);
    let upstream = Upstream::always(answer);
    let gateway = config(&upstream).start_behind("ulimit -n 64; exec \"$@\"");
    let mut held: Vec<Connection> = (0..100).map(|_| gateway.connect()).collect();
    for connection in &mut held {
        // Some are turned away already.
        let _ = connection.try_send(chat(&openai::request("r", false)));
    }
    upstream.wait_for_requests(20);
    go.give();
    let answers = held.iter_mut().map(Connection::response_or_reset);
    let statuses: Vec<u16> = answers.flatten().map(|answer| answer.status).collect();
    let served = statuses.iter().filter(|status| **status == 200).count();
    println!("{served} of 100 served, {} told", statuses.len() - served);
    assert!(served >= 20, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    drop(held);
    let released = Instant::now();
    let limit = Duration::from_secs(5);
    loop {
        let mut connection = gateway.connect();
        if is_answered(&mut connection, request("GET", "/health", &[], "")) {
            break;
        }
        assert!(spent_since(released) < limit, "it does not recover");
    }
    println!("recovered within {:?}", released.elapsed());
    serves(&gateway);
    for _ in 0..20 {
        serves(&gateway);
    }
}
