//! Crowds that send or read slowly, or not at all, while good clients ask: attacks that were found.

use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::{config, connections, costs_at_most, narrow, serves};
use crate::support::config::CLIENT_KEY;
use crate::support::gateway::{anonymous, chat, head};
use crate::support::process::raise_descriptor_limit;
use crate::support::{Config, Connection, Exposition, Gateway, PATIENCE, Script, Upstream, openai};

/// A key that is limited to one route.
const LIMITED: &str = "sk-of-the-limited-client";

/// The patience of a good client beside a crowd. Alone on a machine it is a matter of milliseconds; other tests run beside
/// this one, and a worker that waits for the crowd costs 10 s and more.
const BESIDE_A_CROWD: Duration = Duration::from_secs(5);

/// Ten clients on connections of their own, all at once, each of whom has its answer soon.
fn good_clients_are_served(gateway: &Gateway) {
    let mut clients = connections(gateway, 10);
    for client in &mut clients {
        client.send(chat(&openai::request("r", false)));
    }
    for client in &mut clients {
        let answer = client.response();
        assert_eq!(answer.status, 200, "{answer}");
        assert!(answer.spent < BESIDE_A_CROWD, "{answer}");
    }
    serves(gateway);
}

/// Clients that ask three times for this and read nothing.
fn deaf(gateway: &Gateway, count: usize, asked: &[u8]) -> Vec<Connection> {
    let mut crowd = connections(gateway, count);
    for connection in &mut crowd {
        set_socket_recv_buffer_size(connection.socket(), 2 << 10).unwrap();
        connection.send(asked.repeat(3));
    }
    crowd
}

/// Waits until so many answers wait for their clients. While the crowd asks, others may be told to come back.
fn await_unread(gateway: &Gateway, count: usize) {
    let began = Instant::now();
    loop {
        let metrics = gateway.get("/metrics").text();
        let busy = metrics.lines().find_map(|line| {
            let busy = line.strip_prefix("ai_gateway_connections{state=\"busy\"} ")?;
            busy.parse::<usize>().ok()
        });
        if busy >= Some(count) {
            return;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "not {count} are busy, but {busy:?}"
        );
    }
}

fn front_page() -> Vec<u8> {
    anonymous("GET", "/", &[("Accept", "text/html")], "")
}

/// 256 connections and 132 bytes each, without a key: all workers waited for room for 30 s.
#[test]
fn strangers_that_do_not_read_hold_no_worker() {
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream)
        .server("max_concurrent_requests: 16")
        .start_on(narrow());
    let crowd = deaf(&gateway, 200, &front_page());
    // Those that found all workers busy for a moment were told so.
    await_unread(&gateway, crowd.len() / 4);
    good_clients_are_served(&gateway);
    let (_, threads) = gateway.memory_and_threads();
    assert!(threads < 16 + 8, "{threads} threads");
}

/// 256 answers of 85 KB, all the same, were in memory at once.
#[test]
fn strangers_that_do_not_read_metrics_cost_no_memory() {
    let upstream = Upstream::saying("fine");
    let routes: Vec<String> = (0..20).map(|number| format!("r{number}")).collect();
    let mut config = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "one")]);
    for route in &routes {
        config = config.route(route, [("a", "one"), ("a", "two"), ("a", "three")]);
    }
    let gateway = config.start_on(narrow());
    for route in &routes {
        assert_eq!(gateway.ask(route, false).status, 200);
    }
    let text = gateway.get("/metrics").body.len();
    // On a busy machine a hundred workers are awake at once, each with its stack.
    let most = 2 * super::GROWTH;
    costs_at_most(most, &gateway, || {
        let crowd = deaf(&gateway, 256, &anonymous("GET", "/metrics", &[], ""));
        assert!(text * crowd.len() > 2 * most, "{text} bytes");
        // Those that found all workers busy for a moment were told so.
        await_unread(&gateway, crowd.len() / 2);
        good_clients_are_served(&gateway);
    });
}

/// A client with a key for one route had all workers with a head and a byte each, for up to `body_timeout`.
#[test]
fn a_limited_client_cannot_hold_all_workers_with_slow_bodies() {
    let upstream = Upstream::saying("fine");
    let keys = format!("api_keys: [{{name: limited, key: {LIMITED}, routes: [open]}}]");
    let gateway = config(&upstream)
        .route("open", [("a", "model-a")])
        .with(&keys)
        .with(&format!("api_key: {CLIENT_KEY}"))
        .server("max_concurrent_requests: 16")
        .start();
    let body = openai::request("open", false);
    let sent = anonymous(
        "POST",
        "/v1/chat/completions",
        &[("X-Api-Key", LIMITED)],
        &body,
    );
    let (first, rest) = sent.split_at(sent.len() - body.len() + 1);
    let mut crowd = connections(&gateway, 200);
    crowd
        .iter_mut()
        .for_each(|connection| connection.send(first));
    good_clients_are_served(&gateway);
    // They are slow, not wrong.
    for connection in &mut crowd {
        connection.send(rest);
        assert_eq!(connection.response().status, 200);
    }
}

/// 4,200 connections with one byte each shut everybody out, `/health` included, for 10 s.
#[test]
fn half_heads_do_not_lock_everybody_out() {
    raise_descriptor_limit();
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).server("max_connections: 600").start();
    let mut crowd = connections(&gateway, 700);
    for connection in &mut crowd {
        // Those beyond the limit are refused.
        let _ = connection.try_send("G");
    }
    // A head is anybody's for a second: only then it has to make room.
    std::thread::sleep(Duration::from_millis(1100));
    good_clients_are_served(&gateway);
}

/// With the limits as they are shipped, but for the crowd that may be larger than the machine's descriptors.
#[test]
fn crowds_of_every_kind_leave_good_clients_their_answers() {
    raise_descriptor_limit();
    let upstream = Upstream::saying("fine");
    let gateway = config(&upstream).start_on(narrow());
    good_clients_are_served(&gateway);
    let readers = deaf(&gateway, 1000, &front_page());
    let mut heads = connections(&gateway, 1000);
    let mut bodies = connections(&gateway, 1000);
    for (head, body) in heads.iter_mut().zip(&mut bodies) {
        head.send("GET /health HTTP/1.1\r\nHost: ");
        let length = [("Content-Length", "100000")];
        body.send(self::head("POST", "/v1/chat/completions", &length));
        body.send("x".repeat(1000));
    }
    await_unread(&gateway, readers.len() / 2);
    good_clients_are_served(&gateway);
    // On a busy machine up to a thousand workers are awake at once, each with its stack.
    let peak = gateway.peak_memory();
    println!("{} KiB at most", peak >> 10);
    // As much as docker-compose.yml allows.
    assert!(peak < 64 << 20, "{peak} bytes at most");
}

/// Large answers that are not read are in memory, but not without bound, and none that is read is cut for them.
#[test]
fn answers_that_are_not_read_are_cut_when_their_memory_is_needed() {
    let large = openai::answer(&"x".repeat(6 << 20));
    let upstream = Upstream::answering(move |request| {
        if request.text().contains("much") {
            Script::json(200, &large)
        } else {
            request.answer("fine")
        }
    });
    let gateway = config(&upstream)
        .server("body_memory: 16MiB")
        .start_on(narrow());
    let much = openai::request("r", false).replace(r#""hi""#, r#""much""#);
    let mut crowd = connections(&gateway, 12);
    for (index, connection) in crowd.iter_mut().enumerate() {
        set_socket_recv_buffer_size(connection.socket(), 2 << 10).unwrap();
        connection.send(chat(&much));
        await_unread(&gateway, (index + 1).min(2));
    }
    good_clients_are_served(&gateway);
    // While the crowd's answers are on their way, and not unread yet, there may be no room: that attempt fails.
    let began = Instant::now();
    loop {
        let mut reader = gateway.connect();
        reader.send(chat(&much));
        let answer = reader.response();
        if answer.status == 200 {
            assert!(answer.body.len() > 6 << 20);
            break;
        }
        assert!(
            answer.status == 502 && answer.text().contains("all the memory"),
            "{answer}"
        );
        assert!(
            began.elapsed() < PATIENCE,
            "those who read nothing make no room"
        );
    }
    gateway.wait_for_log(|line| line["msg"] == "answer not taken" && line["status"] == 499);
    good_clients_are_served(&gateway);
}

/// Streams have to wait for their clients. One client that reads none of them had all workers.
#[test]
fn a_client_that_reads_no_stream_leaves_half_of_the_workers_to_others() {
    let event = format!("data: {}\n\n", openai::text(&"x".repeat(16 << 10)));
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    let upstream = Upstream::answering(move |request| {
        if request.asks_for_a_stream() {
            Script::stream().flood(chunk.clone(), 2000)
        } else {
            request.answer("fine")
        }
    });
    let keys = format!("api_keys: [{{name: limited, key: {LIMITED}}}]");
    let gateway = config(&upstream)
        .with(&keys)
        .with(&format!("api_key: {CLIENT_KEY}"))
        .server("max_concurrent_requests: 8")
        .start_on(narrow());
    let stream = openai::request("r", true);
    let asked = anonymous(
        "POST",
        "/v1/chat/completions",
        &[("X-Api-Key", LIMITED)],
        &stream,
    );
    let mut crowd = connections(&gateway, 8);
    for (index, connection) in crowd.iter_mut().enumerate() {
        set_socket_recv_buffer_size(connection.socket(), 2 << 10).unwrap();
        connection.send(&asked);
        if index < 7 {
            upstream.wait_for_requests(index + 1);
        }
    }
    // The first to ask are told to come back, or make one stream end each.
    let began = Instant::now();
    while gateway.ask("r", false).status != 200 {
        assert!(began.elapsed() < PATIENCE, "no worker becomes free");
    }
    for _ in 0..20 {
        assert_eq!(gateway.ask("r", false).status, 200);
    }
    let metrics = Exposition::of(&gateway);
    let busy = metrics.value(r#"ai_gateway_workers{state="busy"}"#);
    assert!(busy >= 4.0, "its share is its own: {busy}");
}
