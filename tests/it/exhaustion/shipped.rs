//! The limits of the shipped unit and the shipped compose file, with the built-in settings of everything else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use super::{config, connections};
use crate::support::control_group::ControlGroup;
use crate::support::gateway::{chat, head};
use crate::support::process::raise_descriptor_limit;
use crate::support::{Connection, Gateway, PATIENCE, Script, Signal, Upstream, openai};

const UNIT: &str = include_str!("../../../systemd/ai-gateway.service");
const COMPOSE: &str = include_str!("../../../docker-compose.yml");
const MIB: usize = 1 << 20;

/// The number behind a word of a file, with the factor of its unit.
fn limit(file: &str, word: &str) -> usize {
    let mut lines = file.lines().map(str::trim);
    let value = lines.find_map(|line| line.strip_prefix(word)).unwrap();
    match value.trim().strip_suffix(['m', 'M']) {
        Some(megabytes) => megabytes.parse::<usize>().unwrap() * MIB,
        None => value.trim().parse().unwrap(),
    }
}

/// A gateway that has so much memory, in a control group where one can be made.
struct Limited {
    gateway: Gateway,
    group: Option<ControlGroup>,
    memory: usize,
}

impl Limited {
    fn new(upstream: &Upstream, memory: usize) -> Self {
        let group = ControlGroup::of_memory(memory);
        let config = config(upstream);
        let gateway = match &group {
            Some(group) => config.start_behind(&group.entering()),
            None => config
                .server(&format!("body_memory: {}", memory / 3))
                .start_behind("exec \"$@\""),
        };
        assert_eq!(gateway.ask("r", false).status, 200);
        Self {
            gateway,
            group,
            memory,
        }
    }

    /// It lives, and did not come near its limit.
    fn holds(&self) {
        assert!(self.gateway.is_healthy());
        let peak = self.gateway.peak_memory();
        println!("peak {} of {} KiB", peak >> 10, self.memory >> 10);
        assert!(peak < self.memory, "{peak} of {}", self.memory);
        let killed = self.group.as_ref().map_or(0, ControlGroup::killed);
        assert_eq!(killed, 0);
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        // The group can go when nobody is in it.
        self.gateway.signal(rustix::process::Signal::KILL);
        self.gateway.wait();
    }
}

fn of_size(bytes: usize) -> Vec<u8> {
    chat(&openai::request("r", false).replace("\"hi\"", &format!("\"{}\"", "x".repeat(bytes))))
}

/// One picture of a phone ended the container: the body was in memory twice.
#[test]
fn a_request_and_an_answer_of_20_mib_fit_the_container() {
    let large = openai::answer(&"x".repeat(20 * MIB));
    let upstream = Upstream::answering(move |request| {
        if request.text().contains("much") {
            Script::json(200, &large)
        } else {
            request.answer("fine")
        }
    });
    let container = Limited::new(&upstream, limit(COMPOSE, "mem_limit:"));
    let (idle, _) = container.gateway.memory_and_threads();
    assert_eq!(container.gateway.exchange(of_size(20 * MIB)).status, 200);
    let much = openai::request("r", false).replace(r#""hi""#, r#""much""#);
    let answer = container.gateway.exchange(chat(&much));
    assert!(
        answer.status == 200 && answer.body.len() > 20 * MIB,
        "{}",
        answer.status
    );
    let grown = container.gateway.peak_memory().saturating_sub(idle);
    assert!(grown <= 23 * MIB + 2 * MIB, "grown by {} KiB", grown >> 10);
    let length = [("Content-Length", "30000000")];
    let announced = head("POST", "/v1/chat/completions", &length);
    let too_large = container.gateway.exchange(announced);
    assert_eq!(too_large.status, 413, "{too_large}");
    container.holds();
    let (settled, _) = container.gateway.memory_and_threads();
    assert!(settled < idle + 4 * MIB, "{} KiB stay", settled >> 10);
}

/// The status of an answer.
fn status_of(gateway: &Gateway, request: &[u8]) -> u16 {
    let mut socket = TcpStream::connect(gateway.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // What is refused early is read to its end all the same, unless a busy machine lets the client rest for seconds; then the
    // answer is there, too.
    let _ = socket.write_all(request);
    let mut start = [0; "HTTP/1.1 200".len()];
    socket.read_exact(&mut start).unwrap();
    std::str::from_utf8(&start[9..]).unwrap().parse().unwrap()
}

/// Nine of them had 545 MB of the 256 that there are.
#[test]
fn requests_of_30_mb_at_once_stay_within_the_unit() {
    let upstream = Upstream::saying("fine");
    let unit = Limited::new(&upstream, limit(UNIT, "MemoryMax="));
    let request = of_size(30_000_000);
    let statuses: Vec<_> = thread::scope(|scope| {
        let asking: Vec<_> = (0..9)
            .map(|_| scope.spawn(|| status_of(&unit.gateway, &request)))
            .collect();
        let asking = asking.into_iter();
        asking.map(|asking| asking.join().unwrap()).collect()
    });
    println!("{statuses:?}");
    assert!(statuses.contains(&200), "{statuses:?}");
    let known = [200, 503];
    assert!(
        statuses.iter().all(|status| known.contains(status)),
        "{statuses:?}"
    );
    unit.holds();
    assert_eq!(
        status_of(&unit.gateway, &request),
        200,
        "the budget is free again"
    );
}

/// The shipped limits of memory that this build can be held to, after a look at those of tasks.
fn shipped() -> Vec<usize> {
    raise_descriptor_limit();
    let mut limits = Vec::new();
    for (file, tasks, memory) in [
        (UNIT, "TasksMax=", "MemoryMax="),
        (COMPOSE, "pids_limit:", "mem_limit:"),
    ] {
        let tasks = limit(file, tasks);
        assert!(tasks > 1024 + 24, "{tasks}");
        // Without optimization a worker's stack is several times as large.
        if std::env::var_os("AI_GATEWAY_BINARY").is_none() && file == COMPOSE {
            println!("skipped for the container: that takes the release build (AI_GATEWAY_BINARY)");
            continue;
        }
        limits.push(limit(file, memory));
    }
    limits
}

/// 744 of 1,000 were told to come back, where nginx serves all.
#[test]
fn a_thousand_slow_requests_at_once_are_all_served() {
    for memory in shipped() {
        let go = Signal::new();
        let waiting = go.clone();
        let upstream = Upstream::answering(move |request| {
            if request.text().contains("slow") {
                request.answer("late").after_signal(&waiting)
            } else {
                request.answer("fine")
            }
        });
        let limited = Limited::new(&upstream, memory);
        let slow = chat(&openai::request("r", false).replace(r#""hi""#, r#""slow""#));
        let mut crowd = connections(&limited.gateway, 1000);
        for connection in &mut crowd {
            connection.send(&slow);
        }
        upstream.wait_for_requests(1001);
        go.give();
        for connection in &mut crowd {
            let answer = connection.response();
            assert_eq!(answer.status, 200, "{answer}");
        }
        limited.holds();
    }
}

/// Streams took half as much again as plain requests, which the shares of the shipped limits were made for.
#[test]
fn a_thousand_streams_at_once_are_all_served() {
    for memory in shipped() {
        let go = Signal::new();
        let waiting = go.clone();
        let upstream = Upstream::answering(move |request| {
            if request.asks_for_a_stream() {
                let events = (0..5).fold(Script::stream(), |script, _| {
                    script.event(&openai::text("word "))
                });
                events.await_signal(&waiting).event(&openai::stop()).done()
            } else {
                request.answer("fine")
            }
        });
        let limited = Limited::new(&upstream, memory);
        let streamed = chat(&openai::request("r", true));
        let mut crowd = connections(&limited.gateway, 1000);
        for connection in &mut crowd {
            connection.send(&streamed);
        }
        let mut streams: Vec<_> = crowd.iter_mut().map(Connection::stream).collect();
        for stream in &mut streams {
            assert_eq!(stream.status(), 200);
            assert!(stream.event().is_some());
        }
        go.give();
        for stream in &mut streams {
            while stream.piece().is_some() {}
        }
        drop(streams);
        limited.holds();
    }
}

/// Streams whose clients do not read leave long events with the gateway: the budget is charged for those.
#[test]
fn streams_that_nobody_reads_stay_within_the_limits() {
    for memory in shipped() {
        let upstream = Upstream::answering(|request| {
            if request.asks_for_a_stream() {
                let event = format!("data: {}\n\n", openai::text(&"x".repeat(60_000)));
                let chunk = format!("{:x}\r\n{event}\r\n", event.len());
                Script::stream().flood(chunk, 200)
            } else {
                request.answer("fine")
            }
        });
        let limited = Limited::new(&upstream, memory);
        let streamed = chat(&openai::request("r", true));
        let mut crowd = connections(&limited.gateway, 200);
        for connection in &mut crowd {
            connection.send(&streamed);
        }
        // As many as there is room for begin to be sent; the others are told that there is none.
        for connection in &mut crowd {
            let status = connection.stream().status();
            assert!([200, 502, 503].contains(&status), "{status}");
        }
        limited.holds();
    }
}
